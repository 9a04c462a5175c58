#include "kv/value_number.h"

#include <charconv>
#include <cmath>

namespace cairn {

namespace {

/// The shortest digits that name the number, and the power of ten of the first one.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

Decimal shortestDecimal(double number) {
  char text[32];
  auto [end, error] =
      std::to_chars(text, text + sizeof(text), number, std::chars_format::scientific);
  std::string_view written(text, static_cast<std::size_t>(end - text));
  std::size_t exponentAt = written.find('e');
  Decimal result;
  for (char c : written.substr(0, exponentAt)) {
    if (c != '.') result.digits.push_back(c);
  }
  const char* exponent = written.data() + exponentAt + 1;
  if (*exponent == '+') ++exponent;
  std::from_chars(exponent, end, result.exponent);
  return result;
}

std::string layOut(const Decimal& decimal) {
  auto count = static_cast<int>(decimal.digits.size());
  int point = decimal.exponent + 1;  // Digits before the decimal point.
  if (count <= point && point <= 21) {
    return decimal.digits + std::string(static_cast<std::size_t>(point - count), '0');
  }
  if (0 < point && point <= 21) {
    return decimal.digits.substr(0, static_cast<std::size_t>(point)) + "." +
           decimal.digits.substr(static_cast<std::size_t>(point));
  }
  if (-6 < point && point <= 0) {
    return "0." + std::string(static_cast<std::size_t>(-point), '0') + decimal.digits;
  }
  std::string mantissa = decimal.digits.substr(0, 1);
  if (count > 1) mantissa += "." + decimal.digits.substr(1);
  return mantissa + (decimal.exponent < 0 ? "e-" : "e+") +
         std::to_string(std::abs(decimal.exponent));
}

}  // namespace

std::string numberToString(double number) {
  if (std::isnan(number)) return "NaN";
  if (number == 0) return "0";
  if (number < 0) return "-" + numberToString(-number);
  if (std::isinf(number)) return "Infinity";
  return layOut(shortestDecimal(number));
}

std::optional<std::uint32_t> arrayIndexOf(std::string_view name) {
  if (name.empty() || name.size() > 10) return std::nullopt;
  if (name[0] == '0' && name.size() > 1) return std::nullopt;
  std::uint64_t index = 0;
  for (char c : name) {
    if (c < '0' || c > '9') return std::nullopt;
    index = index * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (index > kArrayIndexMax) return std::nullopt;
  return static_cast<std::uint32_t>(index);
}

}  // namespace cairn
