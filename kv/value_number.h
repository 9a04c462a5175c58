// Numbers as JavaScript writes and names them.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace cairn {

/// As JavaScript's Number::toString: "1e+21", "0.1", "-0" gives "0".
[[nodiscard]] std::string numberToString(double number);

/// 2^32 - 2; one more is an array's greatest length and an ordinary property name.
inline constexpr std::uint32_t kArrayIndexMax = 0xfffffffe;

/// The index that `name` spells, if it is the one spelling of an array index.
[[nodiscard]] std::optional<std::uint32_t> arrayIndexOf(std::string_view name);

/// The integer that the number is, if it is one of 32 bits and not -0.
[[nodiscard]] inline std::optional<std::int32_t> asInt32(double number) {
  if (!(number >= std::numeric_limits<std::int32_t>::min() &&
        number <= std::numeric_limits<std::int32_t>::max())) {
    return std::nullopt;
  }
  auto integer = static_cast<std::int32_t>(number);
  if (integer != number || (integer == 0 && std::signbit(number))) return std::nullopt;
  return integer;
}

}  // namespace cairn
