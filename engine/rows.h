// The rows of the store's tables other than user keys. Each struct has one encode and one decode;
// engine/DESIGN.md, "Tables", shows them.
#pragma once

#include <cairn/options.h>
#include <cairn/types.h>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/checksum.h"
#include "kv/environment.h"
#include "pitr/change_log.h"

namespace cairn {

inline constexpr std::uint32_t kStoreFormatVersion = 1;
inline constexpr std::size_t kObjectNameBytesMax =
    500;  ///< Class number and name are one LMDB key.
inline constexpr std::size_t kClassNameBytesMax = 256;
/// When a space was dropped that was made for a restore and that no commit has entered (yet).
/// Nothing can be dropped by a root's first commit.
inline constexpr Lsn kNeverEntered{1};

/// How far the store is: the row that ends a round (I6).
struct StoreState {
  Lsn lsn;                           ///< Every commit up to here is in the store, none after it.
  UnixMillis time;                   ///< Of that commit.
  std::uint64_t journalSegment = 1;  ///< The first segment a recovery needs.
  ObjectNumber nextObject{1};
  SpaceId nextSpace{1};
  ClassNumber nextClass{1};
  pitr::ChangeLogEnd changes;  ///< Where the change log of completed rounds ends.
  Lsn historyLsn;          ///< States from here on can be brought back: older history was dropped.
  UnixMillis historyTime;  ///< Of that commit.

  [[nodiscard]] std::string encode() const;
  static StoreState decode(std::string_view bytes);
  /// nullopt in a store that never completed a round. Throws: kForeign for a newer format.
  static std::optional<StoreState> load(const kv::ReadAccess& store);
  void save(kv::WriteTransaction& transaction) const;
};

struct ClassRow {
  Backend backend = Backend::kSqlite;
  std::string name;  ///< Empty: the class was deleted.

  [[nodiscard]] std::string encode() const;
  static ClassRow decode(std::string_view bytes);
};

struct ObjectRow {
  SpaceId
      space;  ///< Zero: the object has no data; it was deleted, and its history may still be there.
  ClassNumber classNumber;
  Lsn created;
  std::string name;
  std::string armed;         ///< What to restore when the next session begins; empty: nothing.
  std::string locationHint;  ///< That the object was created with.

  [[nodiscard]] std::string encode() const;
  static ObjectRow decode(std::string_view bytes);
};

struct SpaceRow {
  ObjectNumber object;
  Lsn created;  ///< Zero: no commit has entered it.
  Lsn dropped;  ///< Zero while the object is pointed at it.
  UnixMillis droppedTime;
  Lsn lastLsn;  ///< Of the last commit in it.
  std::uint64_t kvKeys = 0;
  std::uint64_t kvBytes = 0;  ///< Keys and values.
  std::uint32_t sqlPages = 0;
  bool keepsHistory = false;  ///< Digests are kept only together with history.
  Lsn historyFrom;  ///< History was switched on here; zero: it was on from the beginning. Digests
                    ///< of a space whose history began later lack the keys and pages it held by
                    ///< then, but still prove restores.
  Hash128 dataDigest;   ///< Of keys and pages as of the last round.
  Hash128 alarmDigest;  ///< Of the object's alarms while it is pointed here.

  [[nodiscard]] Hash128 digest() const {
    Hash128 sum = dataDigest;
    return sum += alarmDigest;
  }

  [[nodiscard]] std::string encode() const;
  static SpaceRow decode(std::string_view bytes);
};

struct SegmentRow {
  Lsn lastLsn;
  UnixMillis lastTime;
  std::uint64_t bytes = 0;

  [[nodiscard]] std::string encode() const;
  static SegmentRow decode(std::string_view bytes);
};

struct LabelRow {
  Lsn lsn;
  UnixMillis made;

  [[nodiscard]] std::string encode() const;
  static LabelRow decode(std::string_view bytes);
};

struct ReceiptRow {
  UnixMillis time;
  Lsn before;  ///< The object's last commit before the restore: the state that undoing it brings
               ///< back.
  Lsn target;
  Lsn armed;         ///< The commit that armed it; zero: it was asked for directly.
  std::string what;  ///< As in the commit record.

  [[nodiscard]] std::string encode() const;
  static ReceiptRow decode(std::string_view bytes);
};

// Keys.
[[nodiscard]] std::string nameKey(ClassNumber classNumber, std::string_view name);
/// Big-endian time that sorts, then the numbers.
[[nodiscard]] std::string timeKey(UnixMillis time, std::uint64_t number);
[[nodiscard]] std::string labelKey(ObjectNumber object, std::string_view label);

}  // namespace cairn
