// Whole numbers of any size, as JavaScript's BigInt.
//
//   Value balance = BigInt::parse("340282366920938463463374607431768211456");
//   std::optional<std::int64_t> small = balance.asBigInt().toInt64();
//
// A plain value: copying copies the digits. No arithmetic; it carries numbers to and from storage.
#pragma once

#include <cairn/value.h>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

class BigInt {
 public:
  /// The largest magnitude V8 knows has this many bits.
  static constexpr std::size_t kBitsMax = std::size_t{1} << 30;

  BigInt() = default;  ///< 0
  template <detail::ValueInteger Integer>
  BigInt(Integer integer) : isNegative_(integer < 0) {
    auto magnitude = static_cast<std::uint64_t>(integer);
    if (isNegative_) magnitude = ~magnitude + 1;
    if (magnitude != 0) words_.push_back(magnitude);
  }
  /// From 64-bit digits, lowest first. Throws: kOutOfRange beyond kBitsMax.
  [[nodiscard]] static BigInt fromWords(std::span<const std::uint64_t> words, bool isNegative);
  /// Decimal digits, or `0x` and hexadecimal ones, with an optional `-`. Decimal takes quadratic
  /// time. Throws: kInvalidArgument, kOutOfRange.
  [[nodiscard]] static BigInt parse(std::string_view text);

  [[nodiscard]] bool isZero() const { return words_.empty(); }
  [[nodiscard]] bool isNegative() const { return isNegative_; }
  /// The magnitude's 64-bit digits, lowest first, the highest not zero. Valid until this BigInt
  /// changes or goes.
  [[nodiscard]] std::span<const std::uint64_t> words() const { return words_; }

  /// nullopt when it does not fit.
  [[nodiscard]] std::optional<std::int64_t> toInt64() const;
  [[nodiscard]] std::optional<std::uint64_t> toUint64() const;
  /// Decimal digits. Takes quadratic time.
  [[nodiscard]] std::string toString() const;
  /// `0x` and hexadecimal digits.
  [[nodiscard]] std::string toHexString() const;

  friend bool operator==(const BigInt&, const BigInt&) = default;

 private:
  std::vector<std::uint64_t> words_;
  bool isNegative_ = false;  ///< Never true of zero.
};

}  // namespace cairn
