#include <algorithm>
#include <cairn/error.h>
#include <cairn/value_conversion.h>
#include <cmath>
#include <limits>

#include "engine/base/coding.h"
#include "kv/value_number.h"

namespace cairn {

namespace {

std::string describe(const ValueLeaf& leaf) {
  if (leaf.type == Value::Type::kNumber) return "number " + numberToString(leaf.number);
  if (leaf.type == Value::Type::kDate && std::isnan(leaf.number)) return "invalid Date";
  return std::string(valueTypeName(leaf.type));
}

/// The magnitude of a BigInt, when it fits a word.
std::optional<std::uint64_t> smallBigInt(const ValueLeaf& leaf) {
  std::string_view digits = leaf.content;
  while (!digits.empty() && digits.back() == 0) digits.remove_suffix(1);
  if (digits.size() > sizeof(std::uint64_t)) return std::nullopt;
  std::uint64_t magnitude = 0;
  if (!digits.empty()) std::memcpy(&magnitude, digits.data(), digits.size());
  return magnitude;
}

struct Whole {
  bool isNegative = false;
  std::uint64_t magnitude = 0;
};

/// The whole number of at most 64 bits that the leaf is. Throws: ValueMismatch.
Whole wholeOf(const ValueLeaf& leaf, const char* wanted) {
  if (leaf.type == Value::Type::kBigInt) {
    if (auto magnitude = smallBigInt(leaf)) return {leaf.boolean, *magnitude};
  } else if (leaf.type == Value::Type::kNumber) {
    constexpr double kTwo64 = 18446744073709551616.0;
    double magnitude = std::abs(leaf.number);
    if (magnitude < kTwo64 && magnitude == std::trunc(magnitude)) {
      return {leaf.number < 0, static_cast<std::uint64_t>(magnitude)};
    }
  }
  detail::leafMismatch(leaf, wanted);
}

}  // namespace

BigInt ValueConverter<BigInt>::fromValue(const Value& value) {
  if (value.is(Value::Type::kBigInt)) return value.asBigInt();
  ValueLeaf leaf = ValueLeaf::of(value);
  bool isWhole = leaf.type == Value::Type::kNumber &&
                 std::abs(leaf.number) <= detail::kSafeInteger &&
                 leaf.number == std::trunc(leaf.number);
  if (!isWhole) detail::leafMismatch(leaf, "BigInt");
  return static_cast<std::int64_t>(leaf.number);
}

namespace detail {

void leafMismatch(const ValueLeaf& leaf, std::string wanted) {
  throw ValueMismatch(describe(leaf), std::move(wanted));
}

std::int64_t leafToSigned(const ValueLeaf& leaf, std::int64_t min, std::int64_t max,
                          const char* wanted) {
  Whole whole = wholeOf(leaf, wanted);
  auto limit =
      whole.isNegative ? ~static_cast<std::uint64_t>(min) + 1 : static_cast<std::uint64_t>(max);
  if (whole.magnitude > limit) leafMismatch(leaf, wanted);
  return static_cast<std::int64_t>(whole.isNegative ? ~whole.magnitude + 1 : whole.magnitude);
}

std::uint64_t leafToUnsigned(const ValueLeaf& leaf, std::uint64_t max, const char* wanted) {
  Whole whole = wholeOf(leaf, wanted);
  if ((whole.isNegative && whole.magnitude != 0) || whole.magnitude > max)
    leafMismatch(leaf, wanted);
  return whole.magnitude;
}

double leafToNumber(const ValueLeaf& leaf) {
  if (leaf.type != Value::Type::kNumber) leafMismatch(leaf, "number");
  return leaf.number;
}

float leafToFloat(const ValueLeaf& leaf) {
  double number = leafToNumber(leaf);
  bool isTooLarge = std::isfinite(number) && std::abs(number) > std::numeric_limits<float>::max();
  if (isTooLarge) leafMismatch(leaf, "float");
  return static_cast<float>(number);
}

std::int64_t leafToTime(const ValueLeaf& leaf) {
  if (leaf.type != Value::Type::kDate || std::isnan(leaf.number)) leafMismatch(leaf, "Date");
  return static_cast<std::int64_t>(leaf.number);
}

std::string ticksName(double msPerTick) { return numberToString(msPerTick) + " ms"; }

std::int64_t leafToTicks(const ValueLeaf& leaf, double ticksPerMs, std::int64_t max) {
  double ticks = leafToNumber(leaf) * ticksPerMs;
  double whole = std::round(ticks);
  // Milliseconds with a fraction are rarely exact in binary: 0.1 ms are 100 µs.
  bool isWhole = std::abs(ticks - whole) <= 1e-9 * std::max(1.0, std::abs(ticks));
  if (!isWhole) leafMismatch(leaf, "whole ticks of " + ticksName(1 / ticksPerMs));
  // The greatest int64 rounds up as a double, so it is itself just too much.
  if (!(std::abs(whole) < static_cast<double>(max))) leafMismatch(leaf, "a duration that fits");
  return static_cast<std::int64_t>(whole);
}

const Value::Array& listOf(const Value& value, std::size_t length) {
  const Value::Array& array = value.asArray();
  if (length != kAnyLength && array.length() != length) {
    throw ValueMismatch("Array of length " + std::to_string(array.length()),
                        "Array of length " + std::to_string(length));
  }
  // A few bytes can say that an array has four thousand million holes.
  constexpr std::uint64_t kHolesMax = 1'000'000;
  std::uint64_t holes = array.hasHoles() ? array.length() - array.countPresent() : 0;
  if (holes > kHolesMax) {
    throw ValueMismatch("Array with " + std::to_string(holes) + " holes",
                        "Array with at most " + std::to_string(kHolesMax));
  }
  return array;
}

}  // namespace detail
}  // namespace cairn
