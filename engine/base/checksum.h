// XXH3: checksums of blocks and pages (64 bits), identities and digests (128 bits).
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn {

[[nodiscard]] std::uint64_t checksum64(std::string_view bytes, std::uint64_t seed = 0);

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend bool operator==(const Hash128&, const Hash128&) = default;
  /// Sums are modulo 2^128, so a set's hash does not depend on the order of its members, and
  /// members can leave.
  Hash128& operator+=(const Hash128& other) {
    high += other.high + (low + other.low < low ? 1 : 0);
    low += other.low;
    return *this;
  }
  Hash128& operator-=(const Hash128& other) {
    high -= other.high + (low < other.low ? 1 : 0);
    low -= other.low;
    return *this;
  }
};

[[nodiscard]] Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace cairn
