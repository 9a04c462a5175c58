// C++ types to Values and to bytes, and back.
//
//   std::string bytes;
//   encodeValue(bytes, std::vector<int>{1, 2});
//   auto numbers = decodeValue<std::vector<int>>(bytes);
//   auto visits = value["visits"].as<std::optional<std::int64_t>>();
//
// | C++ | written as | read from |
// |---|---|---|
// | bool | boolean | boolean |
// | integers | number up to ±2^53, else BigInt | number or BigInt that is whole and fits |
// | float, double | number | number |
// | BigInt | BigInt | BigInt, or a whole number up to ±2^53 |
// | std::string; string_view, literals (written only) | string | string |
// | Bytes; BytesView (written only) | Uint8Array | ArrayBuffer or any view |
// | std::optional | null or its content | undefined, null, or its content |
// | std::vector, std::array, pair, tuple | Array | Array (of that length) |
// | std::map, unordered_map with string keys | Object | Object, or Map with string keys |
// | UnixMillis, system_clock time_points | Date (whole ms, rounded down) | valid Date |
// | std::chrono durations | number of milliseconds | number of whole ticks |
// | std::variant | what it holds (monostate: null) | the first alternative that matches |
// | Value | itself | anything |
//
// Reading throws ValueMismatch, never loses a value in silence, and says where; a layer that knows
// what the value belongs to adds it with `ValueMismatch::of`. Text is UTF-8 both ways; a string
// with lone surrogates reads as WTF-8. For a type of your own:
//
//   template <>
//   struct cairn::ValueConverter<Point> {
//     static Value toValue(const Point& p) { return Value::object({{"x", p.x}, {"y", p.y}}); }
//     static Point fromValue(const Value& v) {
//       return {v.field<double>("x"), v.field<double>("y")};
//     }
//   };
//
// Booleans, numbers, strings, bytes, times and optionals of them go straight to and from bytes;
// everything else takes the way over a Value.
#pragma once

#include <array>
#include <cairn/types.h>
#include <cairn/value.h>
#include <cairn/value_bigint.h>
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace cairn {

/// Appends the bytes of `content`. Throws: as encodeTree; kInvalidArgument for text that is not
/// UTF-8.
template <typename T>
void encodeValue(ValueSink sink, const T& content, const EncodeOptions& options = {}) {
  if constexpr (requires { ValueConverter<T>::encode(sink, content, options); }) {
    ValueConverter<T>::encode(sink, content, options);
  } else {
    encodeTree(sink, ValueConverter<T>::toValue(content), options);
  }
}

/// The whole of `bytes` as a T. Throws: as decodeTree; ValueMismatch.
template <typename T = Value>
[[nodiscard]] T decodeValue(std::string_view bytes, const DecodeOptions& options = {}) {
  if constexpr (requires(const ValueLeaf& leaf) { ValueConverter<T>::fromLeaf(leaf); }) {
    if (std::optional<ValueLeaf> leaf = decodeLeaf(bytes))
      return ValueConverter<T>::fromLeaf(*leaf);
  }
  return decodeTree(bytes, options).template as<T>();
}

namespace detail {

/// Throws a ValueMismatch that names what the leaf is.
[[noreturn]] void leafMismatch(const ValueLeaf& leaf, std::string wanted);
[[nodiscard]] std::int64_t leafToSigned(const ValueLeaf& leaf, std::int64_t min, std::int64_t max,
                                        const char* wanted);
[[nodiscard]] std::uint64_t leafToUnsigned(const ValueLeaf& leaf, std::uint64_t max,
                                           const char* wanted);
[[nodiscard]] double leafToNumber(const ValueLeaf& leaf);
[[nodiscard]] float leafToFloat(const ValueLeaf& leaf);
/// Milliseconds of a valid Date.
[[nodiscard]] std::int64_t leafToTime(const ValueLeaf& leaf);
/// The number of ticks of `ticksPerMs` that the leaf's milliseconds are, when it is whole and
/// within ±`max`.
[[nodiscard]] std::int64_t leafToTicks(const ValueLeaf& leaf, double ticksPerMs, std::int64_t max);
inline constexpr double kSafeInteger = 9007199254740992;  // 2^53
/// E.g. "1000 ms".
[[nodiscard]] std::string ticksName(double msPerTick);
[[nodiscard]] inline bool isNullishLeaf(const ValueLeaf& leaf) {
  return leaf.type == Value::Type::kUndefined || leaf.type == Value::Type::kNull;
}
template <ValueInteger Integer>
constexpr const char* integerName() {
  constexpr bool kSigned = std::signed_integral<Integer>;
  switch (sizeof(Integer)) {
    case 1:
      return kSigned ? "int8" : "uint8";
    case 2:
      return kSigned ? "int16" : "uint16";
    case 4:
      return kSigned ? "int32" : "uint32";
    default:
      return kSigned ? "int64" : "uint64";
  }
}

/// Whole milliseconds as a duration, when they are whole ticks of it and fit. `leaf` is for the
/// error.
template <typename Duration>
[[nodiscard]] Duration durationOf(std::int64_t ms, const ValueLeaf& leaf) {
  using DoubleMs = std::chrono::duration<double, std::milli>;
  auto count = static_cast<double>(ms);
  if (count > DoubleMs(Duration::max()).count() || count < DoubleMs(Duration::min()).count()) {
    leafMismatch(leaf, "a time that fits");
  }
  auto result = std::chrono::duration_cast<Duration>(std::chrono::milliseconds(ms));
  if (result != std::chrono::milliseconds(ms))
    leafMismatch(leaf, "whole ticks of " + ticksName(DoubleMs(Duration(1)).count()));
  return result;
}

/// For converters that go by the leaf alone.
template <typename T>
struct LeafConverter {
  static T fromValue(const Value& value) {
    return ValueConverter<T>::fromLeaf(ValueLeaf::of(value));
  }
};

}  // namespace detail

template <>
struct ValueConverter<Value> {
  static Value toValue(const Value& value) { return value; }
  static Value fromValue(const Value& value) { return value; }
};

template <>
struct ValueConverter<bool> : detail::LeafConverter<bool> {
  static Value toValue(bool boolean) { return boolean; }
  static void encode(ValueSink sink, bool boolean, const EncodeOptions&) {
    encodeLeaf(sink, boolean);
  }
  static bool fromLeaf(const ValueLeaf& leaf) {
    if (leaf.type != Value::Type::kBoolean) detail::leafMismatch(leaf, "boolean");
    return leaf.boolean;
  }
};

template <detail::ValueInteger Integer>
struct ValueConverter<Integer> : detail::LeafConverter<Integer> {
  static Value toValue(Integer integer) { return integer; }
  static void encode(ValueSink sink, Integer integer, const EncodeOptions& options) {
    auto magnitude = static_cast<std::uint64_t>(integer);
    encodeLeafInteger(sink, integer < 0, integer < 0 ? ~magnitude + 1 : magnitude, options);
  }
  static Integer fromLeaf(const ValueLeaf& leaf) {
    using Bounds = std::numeric_limits<Integer>;
    if constexpr (std::signed_integral<Integer>) {
      return static_cast<Integer>(
          detail::leafToSigned(leaf, Bounds::min(), Bounds::max(), detail::integerName<Integer>()));
    } else {
      return static_cast<Integer>(
          detail::leafToUnsigned(leaf, Bounds::max(), detail::integerName<Integer>()));
    }
  }
};

template <>
struct ValueConverter<double> : detail::LeafConverter<double> {
  static Value toValue(double number) { return number; }
  static void encode(ValueSink sink, double number, const EncodeOptions& options) {
    encodeLeaf(sink, number, options);
  }
  static double fromLeaf(const ValueLeaf& leaf) { return detail::leafToNumber(leaf); }
};

/// Rounded to the nearest float; a mismatch beyond its range.
template <>
struct ValueConverter<float> : detail::LeafConverter<float> {
  static Value toValue(float number) { return static_cast<double>(number); }
  static void encode(ValueSink sink, float number, const EncodeOptions& options) {
    encodeLeaf(sink, static_cast<double>(number), options);
  }
  static float fromLeaf(const ValueLeaf& leaf) { return detail::leafToFloat(leaf); }
};

template <>
struct ValueConverter<BigInt> {
  static Value toValue(const BigInt& integer) { return integer; }
  static BigInt fromValue(const Value& value);
};

template <>
struct ValueConverter<std::nullptr_t> {
  static Value toValue(std::nullptr_t) { return nullptr; }
  static void encode(ValueSink sink, std::nullptr_t, const EncodeOptions&) {
    encodeLeaf(sink, nullptr);
  }
};

template <>
struct ValueConverter<std::string_view> {
  static Value toValue(std::string_view text) { return text; }
  static void encode(ValueSink sink, std::string_view text, const EncodeOptions&) {
    encodeLeaf(sink, text);
  }
};
template <>
struct ValueConverter<const char*> : ValueConverter<std::string_view> {};
template <std::size_t size>
struct ValueConverter<char[size]> : ValueConverter<std::string_view> {};
template <>
struct ValueConverter<std::string> : ValueConverter<std::string_view>,
                                     detail::LeafConverter<std::string> {
  static std::string fromLeaf(const ValueLeaf& leaf) {
    if (leaf.type != Value::Type::kString) detail::leafMismatch(leaf, "string");
    std::string text;
    appendText(leaf, text);
    return text;
  }
};

template <>
struct ValueConverter<BytesView> {
  static Value toValue(BytesView bytes) { return Value::uint8Array(bytes); }
  static void encode(ValueSink sink, BytesView bytes, const EncodeOptions&) {
    encodeLeaf(sink, bytes);
  }
};
template <>
struct ValueConverter<std::span<std::byte>> : ValueConverter<BytesView> {};
template <>
struct ValueConverter<Bytes> : ValueConverter<BytesView>, detail::LeafConverter<Bytes> {
  static Bytes fromLeaf(const ValueLeaf& leaf) {
    bool isBytes = leaf.type == Value::Type::kArrayBuffer || leaf.type == Value::Type::kView;
    if (!isBytes) detail::leafMismatch(leaf, "ArrayBuffer or view");
    BytesView bytes = std::as_bytes(std::span(leaf.content));
    return {bytes.begin(), bytes.end()};
  }
};

template <>
struct ValueConverter<UnixMillis> : detail::LeafConverter<UnixMillis> {
  static Value toValue(UnixMillis time) { return Value::date(time); }
  static void encode(ValueSink sink, UnixMillis time, const EncodeOptions&) {
    encodeLeaf(sink, time);
  }
  static UnixMillis fromLeaf(const ValueLeaf& leaf) { return {detail::leafToTime(leaf)}; }
};

template <typename Rep, typename Period>
struct ValueConverter<std::chrono::duration<Rep, Period>>
    : detail::LeafConverter<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  using Milliseconds = std::chrono::duration<double, std::milli>;
  static_assert(std::floating_point<Rep> || std::signed_integral<Rep>,
                "a duration may be negative");

  static Value toValue(Duration duration) { return Milliseconds(duration).count(); }
  static void encode(ValueSink sink, Duration duration, const EncodeOptions& options) {
    encodeLeaf(sink, Milliseconds(duration).count(), options);
  }
  static Duration fromLeaf(const ValueLeaf& leaf) {
    double ms = detail::leafToNumber(leaf);
    if constexpr (std::floating_point<Rep>) {
      return std::chrono::duration_cast<Duration>(Milliseconds(ms));
    } else {
      if (std::abs(ms) <= detail::kSafeInteger && ms == std::trunc(ms)) {
        return detail::durationOf<Duration>(static_cast<std::int64_t>(ms), leaf);
      }
      constexpr double kTicksPerMs =
          static_cast<double>(Period::den) / (1000.0 * static_cast<double>(Period::num));
      return Duration(static_cast<Rep>(
          detail::leafToTicks(leaf, kTicksPerMs, std::numeric_limits<Rep>::max())));
    }
  }
};

template <typename Duration>
struct ValueConverter<std::chrono::time_point<std::chrono::system_clock, Duration>>
    : detail::LeafConverter<std::chrono::time_point<std::chrono::system_clock, Duration>> {
  using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

  static UnixMillis toMillis(Time time) {
    return {std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count()};
  }
  static Value toValue(Time time) { return Value::date(toMillis(time)); }
  static void encode(ValueSink sink, Time time, const EncodeOptions&) {
    encodeLeaf(sink, toMillis(time));
  }
  static Time fromLeaf(const ValueLeaf& leaf) {
    return Time(detail::durationOf<Duration>(detail::leafToTime(leaf), leaf));
  }
};

}  // namespace cairn

#include <cairn/value_conversion_containers.h>
