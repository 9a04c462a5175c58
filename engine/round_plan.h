// What a round is going to do, worked out from its commit records and the store as it is before.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alarms/alarm_table.h"
#include "engine/base/commit_record.h"
#include "engine/rows.h"
#include "kv/environment.h"

namespace cairn {

struct KvChange {
  std::string_view key;
  std::string_view value;
  std::string_view before;  ///< What the key held before this change, if `existed`.
  bool erased = false;
  bool existed = false;
  bool last = false;  ///< No later change of the round touches the key.
};

struct PageChange {
  std::uint32_t page = 0;
  std::uint64_t checksum = 0;
  std::string_view delta;
};

struct AlarmChange {
  std::string_view name;
  std::optional<alarms::Alarm> before;
};

/// A commit's part in its space.
struct CommitPlan {
  Lsn lsn;
  UnixMillis time;
  std::size_t kvBegin = 0;
  std::size_t kvEnd = 0;
  std::size_t pagesBegin = 0;
  std::size_t pagesEnd = 0;
  bool resized = false;
  std::uint32_t pagesBefore = 0;  ///< If `resized`.
  std::uint32_t pagesAfter = 0;
  std::optional<SpaceId>
      pointedBefore;  ///< The object came to this space with this commit, from that one.
  std::optional<Lsn> restored;
  std::vector<AlarmChange> alarms;
  Hash128 alarmDigestBefore;
  Hash128 alarmDigest;  ///< After the commit.
};

struct SpacePlan {
  std::vector<CommitPlan> commits;
  std::vector<KvChange> kv;            ///< In the order of commits.
  std::vector<std::uint32_t> kvByKey;  ///< Indexes of `kv`, by key, oldest first.
  std::vector<PageChange> pages;       ///< In the order of commits.
  SpaceRow row;                        ///< As the round leaves it.
  std::uint32_t filePages = 0;         ///< Before the round.
  bool isNew = false;
};

struct ObjectPlan {
  ObjectRow row;
  bool created = false;
};

struct Pointing {
  ObjectNumber object;
  Lsn lsn;
  UnixMillis time;
  SpaceId before;
  SpaceId after;
};

struct RoundPlan {
  std::map<SpaceId, SpacePlan> spaces;
  std::map<ObjectNumber, ObjectPlan> objects;
  std::vector<Pointing> pointings;
  std::map<ClassNumber, ClassRow> classes;
  std::map<std::pair<ObjectNumber, std::string_view>, std::optional<alarms::Alarm>> alarms;
  std::vector<std::pair<std::string, std::optional<LabelRow>>> labels;  ///< By key of the table.
  std::vector<std::pair<std::string, ReceiptRow>> receipts;
  StoreState next;  ///< Only the next numbers.
};

/// Throws: kDamaged for records that do not decode or do not fit the store.
[[nodiscard]] RoundPlan planRound(const kv::ReadAccess& store,
                                  const std::vector<RecordRef>& records, const StoreState& before,
                                  bool history);

}  // namespace cairn
