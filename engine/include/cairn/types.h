// The small vocabulary shared by every part of Cairn: numbers that must not be mixed up, and bytes.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace cairn {

/// A 64-bit number with a meaning. Numbers of different meaning neither convert nor compare.
template <typename Meaning>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr Number next() const { return Number(value_ + 1); }
  [[nodiscard]] constexpr bool isZero() const { return value_ == 0; }

  friend constexpr auto operator<=>(Number, Number) = default;

 private:
  std::uint64_t value_ = 0;
};

/// The number of a commit: grows by one over all commits of a root; never used twice. Zero is
/// "before the first commit".
using Lsn = Number<struct LsnMeaning>;

/// The number of one generation of an object's data. `deleteAll` moves an object to a fresh space.
/// Zero is "no data".
using SpaceId = Number<struct SpaceMeaning>;

/// The number a root gives an object when it is created.
using ObjectNumber = Number<struct ObjectMeaning>;

/// The number a root gives a class when it is defined.
using ClassNumber = Number<struct ClassMeaning>;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, as the platform counts (`Date.now()`).
struct UnixMillis {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(UnixMillis, UnixMillis) = default;
};

/// Owned bytes: SQL blobs and raw values.
using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

}  // namespace cairn

template <typename Meaning>
struct std::hash<cairn::Number<Meaning>> {
  std::size_t operator()(cairn::Number<Meaning> number) const noexcept {
    // Numbers are handed out in sequence; the multiplication spreads them over a table's buckets.
    return static_cast<std::size_t>(number.value() * 0x9e3779b97f4a7c15ULL);
  }
};
