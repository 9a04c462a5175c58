// How the store's keys are laid out (engine/DESIGN.md, "Tables"). Numbers are big-endian: byte
// order is number order.
//
// A user's key of up to kInlineKeyBytes stands behind its space as it is. LMDB's limit is 511
// bytes, so a longer key is stored as its first kInlineKeyBytes and a hash of the whole; the value
// then holds full keys and values, as entries of one bucket. Keys that share such a prefix stand
// together, right behind the prefix itself, so only within that group is the store's order not the
// keys' order: StoreCursor sorts groups as it meets them.
#pragma once

#include <cairn/types.h>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/checksum.h"
#include "engine/base/coding.h"
#include "engine/base/mutant.h"
#include "kv/environment.h"

namespace cairn::kv {

inline constexpr std::size_t kSpaceBytes = 8;
inline constexpr std::size_t kKeyHashBytes = 16;
inline constexpr std::size_t kInlineKeyBytes = kStoreKeyBytesMax - kSpaceBytes - kKeyHashBytes;

/// A key built in place, without allocation.
class StoreKey {
 public:
  StoreKey(SpaceId space, std::string_view key) {
    storeBigEndian64(bytes_, space.value());
    std::size_t direct = key.size() <= kInlineKeyBytes ? key.size() : kInlineKeyBytes;
    if (direct > 0) std::memcpy(bytes_ + kSpaceBytes, key.data(), direct);
    size_ = kSpaceBytes + direct;
    if (key.size() > kInlineKeyBytes) {
      // The broken engine's hashes meet, or no campaign would see a bucket with two keys.
      Hash128 hash = mutantActive(Mutant::kLongKeyBucketLost) ? Hash128{} : hash128(key);
      storeBigEndian64(bytes_ + size_, hash.high);
      storeBigEndian64(bytes_ + size_ + 8, hash.low);
      size_ += kKeyHashBytes;
    }
  }
  [[nodiscard]] std::string_view view() const { return {bytes_, size_}; }

 private:
  char bytes_[kStoreKeyBytesMax];
  std::size_t size_;
};

[[nodiscard]] inline bool isLongKey(std::string_view key) { return key.size() > kInlineKeyBytes; }
/// Whether a store key, space included, stands for a bucket of long keys.
[[nodiscard]] inline bool isBucket(std::string_view storeKey) {
  return storeKey.size() > kSpaceBytes + kInlineKeyBytes;
}

/// Entries of a bucket: string key, string value, one after another. Nearly always one.
struct BucketEntry {
  std::string_view key;
  std::string_view value;
};
template <typename Visit>
void visitBucket(std::string_view bucket, Visit&& visit) {
  Decoder in(bucket);
  while (!in.done()) {
    std::string_view key = in.string("long key");
    visit(BucketEntry{key, in.string("value of a long key")});
  }
}
[[nodiscard]] std::optional<std::string_view> findInBucket(std::string_view bucket,
                                                           std::string_view key);
/// The bucket with `key` set to `value`, or without it.
[[nodiscard]] std::string replaceInBucket(std::string_view bucket, std::string_view key,
                                          std::optional<std::string_view> value);

/// Sets one key of a space, or removes it; a long one in its bucket. In a write transaction, on a
/// cursor of the table of keys.
void writeKey(Cursor& cursor, SpaceId space, std::string_view key,
              std::optional<std::string_view> value);

/// A time as a number whose order is time order, negative times included.
using SortableTime = Number<struct SortableTimeMeaning>;
[[nodiscard]] constexpr SortableTime sortableTime(UnixMillis time) {
  return SortableTime(static_cast<std::uint64_t>(time.value) ^ (std::uint64_t{1} << 63));
}
[[nodiscard]] constexpr UnixMillis fromSortableTime(SortableTime time) {
  return UnixMillis{static_cast<std::int64_t>(time.value() ^ (std::uint64_t{1} << 63))};
}

/// Big-endian numbers one after another, for the tables keyed by numbers.
template <typename... Meaning>
[[nodiscard]] std::string numberKey(Number<Meaning>... numbers) {
  std::string key(8 * sizeof...(numbers), '\0');
  char* out = key.data();
  ((storeBigEndian64(out, numbers.value()), out += 8), ...);
  return key;
}

}  // namespace cairn::kv
