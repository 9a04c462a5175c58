// A checkpoint round: brings the store from one LSN to a later one. A function of the store and of
// the commits in between, and of nothing else: a round of a running engine and the one that ends a
// recovery are the same code.
//
// Order of writes (engine/DESIGN.md has what each crash in between leaves):
//   1 change log: the undo of every commit        (I4: durable before anything below)
//   2 scratch: the new images of SQLite pages     (I5: durable before step 3)
//   3 SQLite files, in place
//   4 LMDB: one transaction, which ends the round (I6)
// Recycling the journal (step 5) is the caller's.
#pragma once

#include <cairn/clock.h>
#include <cairn/types.h>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm_table.h"
#include "engine/base/commit_record.h"
#include "engine/rows.h"
#include "kv/environment.h"
#include "sql_frontend/page_files.h"
#include "sql_frontend/scratch.h"

namespace cairn {

/// The stores a round writes. Only rounds do (I3).
struct Stores {
  kv::Environment& lmdb;
  sql::PageFiles& pages;
  sql::Scratch& scratch;
};

class Round {
 public:
  struct Result {
    StoreState state;
    std::uint64_t keysWritten = 0;
    std::uint64_t pagesWritten = 0;
    std::uint64_t scratchBytes = 0;
  };

  /// `records`: every commit after the store's LSN up to `cut`, in LSN order.
  Round(Stores stores, const std::vector<RecordRef>& records, Lsn cut);

  /// `pagesDone`: SQLite files already hold the round's pages, from a complete scratch that a crash
  /// left behind. `journalSegment`: what a recovery will need once this round is done.
  Result run(const StoreState& before, std::uint64_t journalSegment, bool pagesDone);

 private:
  struct KvChange {
    std::string_view key;
    std::string_view value;
    bool erased;
  };
  struct PageChange {
    std::uint32_t page;
    std::uint32_t sequence;  ///< Order within the space.
    std::uint64_t checksum;
    std::string_view delta;
    Lsn lsn;
  };
  struct Cut {
    std::uint32_t sequence;
    std::uint32_t pages;
  };
  struct ObjectPlan {
    ObjectRow row;
    bool created = false;
  };
  struct SpacePlan {
    std::vector<KvChange> kv;  ///< By key, oldest first.
    std::vector<PageChange> pages;
    std::vector<Cut> cuts;
    bool pagesResized = false;
    std::uint32_t pageCount = 0;
    SpaceRow row;
    bool isNew = false;
  };

  void plan(const kv::ReadAccess& store);
  void planRecord(const RecordRef& record, const kv::ReadAccess& store);
  SpacePlan& planOf(SpaceId space, const kv::ReadAccess& store);
  ObjectPlan& objectOf(ObjectNumber object, const kv::ReadAccess& store);
  void accountKeys(const kv::ReadAccess& store, SpaceId space, SpacePlan& plan);
  void writePages();
  void writePagesOf(SpaceId space, SpacePlan& plan, sql::Scratch::Writer& out);
  void writeLmdb(kv::WriteTransaction& transaction, const StoreState& state);
  void writeKeys(kv::WriteTransaction& transaction, SpaceId space, const SpacePlan& plan);
  void writeObjects(kv::WriteTransaction& transaction);
  void writeAlarms(kv::WriteTransaction& transaction);

  Stores stores_;
  const std::vector<RecordRef>& records_;
  Lsn cut_;
  std::map<SpaceId, SpacePlan> spaces_;
  std::map<ObjectNumber, ObjectPlan> objects_;
  struct Pointing {
    ObjectNumber object;
    Lsn lsn;
    UnixMillis time;
    SpaceId before;
    SpaceId after;
  };
  std::vector<Pointing> pointings_;
  std::map<ClassNumber, ClassRow> classes_;
  std::map<std::pair<ObjectNumber, std::string_view>, std::optional<alarms::Alarm>> alarms_;
  StoreState state_;
  Result result_;
};

}  // namespace cairn
