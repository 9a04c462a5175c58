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

namespace cairn {

inline constexpr std::uint32_t kStoreFormatVersion = 1;
inline constexpr std::size_t kObjectNameBytesMax =
    500;  ///< Class number and name are one LMDB key.
inline constexpr std::size_t kClassNameBytesMax = 256;

/// How far the store is: the row that ends a round (I6).
struct StoreState {
  Lsn lsn;                           ///< Every commit up to here is in the store, none after it.
  UnixMillis time;                   ///< Of that commit.
  std::uint64_t journalSegment = 1;  ///< The first segment a recovery needs.
  ObjectNumber nextObject{1};
  SpaceId nextSpace{1};
  ClassNumber nextClass{1};
  std::uint64_t changesEnd = 0;  ///< Change-log bytes that belong to completed rounds.

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

  [[nodiscard]] std::string encode() const;
  static ObjectRow decode(std::string_view bytes);
};

struct SpaceRow {
  ObjectNumber object;
  Lsn created;
  Lsn dropped;  ///< Zero while the object is pointed at it.
  UnixMillis droppedTime;
  Lsn lastLsn;  ///< Of the last commit in it.
  std::uint64_t kvKeys = 0;
  std::uint64_t kvBytes = 0;  ///< Keys and values.
  std::uint32_t sqlPages = 0;
  Hash128 digest;  ///< Of its state as of the last round.

  [[nodiscard]] std::string encode() const;
  static SpaceRow decode(std::string_view bytes);
};

// Keys.
[[nodiscard]] std::string nameKey(ClassNumber classNumber, std::string_view name);
/// Big-endian time that sorts, then the numbers.
[[nodiscard]] std::string timeKey(UnixMillis time, std::uint64_t number);

}  // namespace cairn
