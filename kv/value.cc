#include <bit>
#include <cairn/error.h>
#include <cairn/value.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <limits>

#include "kv/value_internals.h"
#include "kv/value_number.h"
#include "kv/value_text.h"

namespace cairn {

namespace {

constexpr std::int64_t kSafeInteger = std::int64_t{1} << 53;

std::string describeMismatch(const std::string& found, const std::string& wanted,
                             const std::string& path, const std::string& subject) {
  std::string where = subject;
  if (!path.empty()) where += (where.empty() ? "" : " at ") + path;
  return (where.empty() ? "" : where + ": ") + "found " + found + ", wanted " + wanted;
}

/// `.name`, or `["odd name"]` where that would be misread.
bool isPlainName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (char c : name) {
    bool isPlain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '_' || c == '$';
    if (!isPlain) return false;
  }
  return true;
}

std::string joinPath(const std::string& step, const std::string& rest) {
  if (rest.empty() || rest[0] == '[') return step + rest;
  return step + "." + rest;
}

Bytes copyOf(BytesView bytes) {
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::kOutOfRange, "ArrayBuffer of " + std::to_string(bytes.size()) +
                                            " bytes; the most is 4294967295");
  }
  return {bytes.begin(), bytes.end()};
}

std::uint32_t parseRegExpFlags(std::string_view letters) {
  std::uint32_t bits = 0;
  for (char letter : letters) {
    std::uint32_t bit = 0;
    for (const RegExpFlag& flag : kRegExpFlags) {
      if (flag.letter == letter) bit = flag.bit;
    }
    if (bit == 0 || (bits & bit) != 0) {
      throw Error(ErrorCode::kInvalidArgument, "RegExp flags \"" + std::string(letters) +
                                                   "\": each may appear once, out of dgimsuvy");
    }
    bits |= bit;
  }
  return bits;
}

}  // namespace

ValueMismatch::ValueMismatch(std::string found, std::string wanted, std::string path,
                             const std::string& subject)
    : Error(ErrorCode::kTypeMismatch, describeMismatch(found, wanted, path, subject)),
      found_(std::move(found)),
      wanted_(std::move(wanted)),
      path_(std::move(path)) {}

ValueMismatch ValueMismatch::inElement(std::size_t index) const {
  return {found_, wanted_, joinPath("[" + std::to_string(index) + "]", path_), {}};
}

ValueMismatch ValueMismatch::inProperty(std::string_view name) const {
  std::string step = isPlainName(name) ? std::string(name) : "[" + Value(name).toString() + "]";
  return {found_, wanted_, joinPath(step, path_), {}};
}

Value::Value(std::string_view text) {
  requireWtf8(text);
  *this = Internals::text(text);
}

Value::Value(const BigInt& integer)
    : Value(Internals::bigInt(integer.words(), integer.isNegative())) {}

Value Value::fromInt64(std::int64_t integer) {
  if (integer >= -kSafeInteger && integer <= kSafeInteger) return static_cast<double>(integer);
  return BigInt(integer);
}

Value Value::fromUint64(std::uint64_t integer) {
  if (integer <= static_cast<std::uint64_t>(kSafeInteger)) return static_cast<double>(integer);
  return BigInt(integer);
}

Value Value::utf16(std::u16string_view text) {
  std::string_view bytes(reinterpret_cast<const char*>(text.data()), text.size() * 2);
  return Internals::text(wtf8LengthOfUtf16(bytes), [&](char* out) { utf16ToWtf8(bytes, out); });
}

double clipTime(double ms) {
  constexpr double kTimeMax = 8.64e15;
  if (!(std::abs(ms) <= kTimeMax)) return std::numeric_limits<double>::quiet_NaN();
  return std::trunc(ms) + 0.0;  // Never -0.
}

Value Value::date(double ms) { return Internals::make<detail::DateNode>(clipTime(ms)); }

Value Value::regExp(std::string_view source, std::string_view flags) {
  std::uint32_t bits = parseRegExpFlags(flags);
  return Internals::make<RegExp>(Value(source.empty() ? "(?:)" : source), bits);
}

Value Value::boxed(Value primitive) {
  if (primitive.isNullish() || primitive.hasIdentity()) {
    throw Error(ErrorCode::kInvalidArgument,
                "a boxed value is a boolean, number, BigInt or string, not " +
                    std::string(valueTypeName(primitive)));
  }
  return Internals::make<Boxed>(std::move(primitive));
}

Value Value::array(std::initializer_list<Value> elements) {
  return array(std::vector<Value>(elements));
}

Value Value::array(std::vector<Value> elements) {
  if (elements.size() > Array::kLengthMax) {
    throw Error(ErrorCode::kOutOfRange, "array of " + std::to_string(elements.size()) +
                                            " elements; the most is 4294967295");
  }
  Value result = Internals::make<Array>();
  Array& array = result.asArray();
  Internals::setLength(array, static_cast<std::uint32_t>(elements.size()));
  Internals::setElements(array, std::move(elements));
  return result;
}

Value Value::object(std::initializer_list<std::pair<std::string_view, Value>> properties) {
  Value result = Internals::make<Object>();
  for (const auto& [name, value] : properties) result.asObject().set(name, value);
  return result;
}

Value Value::map(std::initializer_list<std::pair<Value, Value>> entries) {
  Value result = Internals::make<Map>();
  for (const auto& [key, value] : entries) result.asMap().set(key, value);
  return result;
}

Value Value::set(std::initializer_list<Value> members) {
  Value result = Internals::make<Set>();
  for (const Value& member : members) result.asSet().add(member);
  return result;
}

Value Value::arrayBuffer(BytesView bytes) { return Internals::make<ArrayBuffer>(copyOf(bytes)); }

Value Value::resizableArrayBuffer(BytesView bytes, std::uint32_t byteLengthMax) {
  if (bytes.size() > byteLengthMax) {
    throw Error(ErrorCode::kOutOfRange, "ArrayBuffer of " + std::to_string(bytes.size()) +
                                            " bytes; its byteLengthMax is " +
                                            std::to_string(byteLengthMax));
  }
  Value result = arrayBuffer(bytes);
  Internals::makeResizable(result.asArrayBuffer(), byteLengthMax);
  return result;
}

Value Value::view(ViewKind kind, const Value& buffer, std::uint32_t byteOffset,
                  std::uint32_t byteLength) {
  std::uint32_t available = buffer.asArrayBuffer().byteLength();
  std::uint32_t size = viewElementSize(kind);
  if (byteOffset > available || byteLength > available - byteOffset || byteOffset % size != 0 ||
      byteLength % size != 0) {
    throw Error(ErrorCode::kOutOfRange, std::string(viewKindName(kind)) + " of " +
                                            std::to_string(byteLength) + " bytes at " +
                                            std::to_string(byteOffset) + " in an ArrayBuffer of " +
                                            std::to_string(available));
  }
  return Internals::make<View>(buffer.strong(), kind, byteOffset, byteLength);
}

Value Value::lengthTrackingView(ViewKind kind, const Value& buffer, std::uint32_t byteOffset) {
  if (!buffer.asArrayBuffer().isResizable()) {
    throw Error(ErrorCode::kInvalidArgument,
                "only a resizable ArrayBuffer has length-tracking views");
  }
  Value result = view(kind, buffer, byteOffset, 0);
  Internals::makeLengthTracking(result.asView());
  return result;
}

Value Value::uint8Array(BytesView bytes) {
  Value buffer = arrayBuffer(bytes);
  return Internals::make<View>(std::move(buffer), ViewKind::kUint8Array, 0U,
                               static_cast<std::uint32_t>(bytes.size()));
}

Value Value::error(ErrorKind kind, std::string_view message) {
  Value result = Internals::make<ErrorObject>(kind);
  result.asError().setMessage(message);
  return result;
}

Value Value::hostObject(BytesView bytes) { return Internals::make<HostObject>(copyOf(bytes)); }

namespace {

[[noreturn]] void refuseType(const Value& value, const char* wanted) {
  throw ValueMismatch(std::string(valueTypeName(value)), wanted);
}

}  // namespace

bool Value::asBoolean() const {
  if (!is(Type::kBoolean)) refuseType(*this, "boolean");
  return (rep_.info & 1) != 0;
}

double Value::asNumber() const {
  if (!is(Type::kNumber)) refuseType(*this, "number");
  double number = 0;
  std::memcpy(&number, rep_.data + kWordAt, sizeof(number));
  return number;
}

BigInt Value::asBigInt() const {
  if (!is(Type::kBigInt)) refuseType(*this, "BigInt");
  const detail::BigIntNode& node = Internals::bigIntNode(*this);
  return BigInt::fromWords(node.view(), node.extra != 0);
}

std::string_view Value::asString() const {
  if (!is(Type::kString)) refuseType(*this, "string");
  return Internals::textOf(*this);
}

std::u16string Value::asUtf16() const {
  std::string_view text = asString();
  std::u16string result(utf16UnitCount(text), u'\0');
  Wtf8Reader reader(text);
  // A character outside the basic plane must not be split, so the reader wants room for one at the
  // end.
  char units[64];
  for (std::size_t at = 0; !reader.done();) {
    auto count = static_cast<std::size_t>(reader.toUtf16(units, sizeof(units)) - units);
    std::memcpy(result.data() + at, units, count);
    at += count / 2;
  }
  return result;
}

Value Value::weak() const noexcept {
  if (!hasIdentity()) return *this;
  Value result;
  result.rep_ = rep_;
  result.rep_.info |= kWeak;
  result.retain();
  return result;
}

Value Value::strong() const noexcept {
  if (!isWeak()) return *this;
  std::atomic<std::uint32_t>& count = node()->strong;
  std::uint32_t seen = count.load(std::memory_order_relaxed);
  do {
    if (seen == 0) return {};
  } while (!count.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel));
  Value result;
  result.rep_ = rep_;
  result.rep_.info &= static_cast<std::uint8_t>(~kWeak);
  return result;
}

std::string_view valueTypeName(Value::Type type) {
  switch (type) {
    case Value::Type::kUndefined:
      return "undefined";
    case Value::Type::kNull:
      return "null";
    case Value::Type::kBoolean:
      return "boolean";
    case Value::Type::kNumber:
      return "number";
    case Value::Type::kBigInt:
      return "BigInt";
    case Value::Type::kString:
      return "string";
    case Value::Type::kBoxed:
      return "boxed primitive";
    case Value::Type::kDate:
      return "Date";
    case Value::Type::kRegExp:
      return "RegExp";
    case Value::Type::kArray:
      return "Array";
    case Value::Type::kObject:
      return "Object";
    case Value::Type::kMap:
      return "Map";
    case Value::Type::kSet:
      return "Set";
    case Value::Type::kArrayBuffer:
      return "ArrayBuffer";
    case Value::Type::kView:
      return "typed array or DataView";
    case Value::Type::kError:
      return "Error";
    case Value::Type::kHostObject:
      return "host object";
  }
  return "unknown";
}

std::string_view viewKindName(Value::ViewKind kind) {
  constexpr std::string_view kNames[] = {
      "Int8Array",     "Uint8Array",     "Uint8ClampedArray", "Int16Array",   "Uint16Array",
      "Int32Array",    "Uint32Array",    "Float16Array",      "Float32Array", "Float64Array",
      "BigInt64Array", "BigUint64Array", "DataView"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::uint32_t viewElementSize(Value::ViewKind kind) {
  constexpr std::uint32_t kSizes[] = {1, 1, 1, 2, 2, 4, 4, 2, 4, 8, 8, 8, 1};
  return kSizes[static_cast<std::size_t>(kind)];
}

std::string_view errorKindName(Value::ErrorKind kind) {
  constexpr std::string_view kNames[] = {"Error",       "EvalError", "RangeError", "ReferenceError",
                                         "SyntaxError", "TypeError", "URIError"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace cairn
