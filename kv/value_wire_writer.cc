#include "kv/value_wire_writer.h"

#include <cairn/error.h>
#include <cmath>
#include <limits>
#include <string>

#include "kv/value_internals.h"
#include "kv/value_number.h"
#include "kv/value_text.h"

namespace cairn {

std::uint32_t requireUint32(std::size_t count, const char* what) {
  if (count > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::kLimitExceeded, std::string(what) + " is " + std::to_string(count) +
                                               "; the format has room for 4294967295");
  }
  return static_cast<std::uint32_t>(count);
}

void WireWriter::flush() {
  if (used_ != 0) sink_.append({staged_, used_});
  flushed_ += used_;
  used_ = 0;
}

void WireWriter::raw(std::string_view bytes) {
  if (bytes.size() > sizeof(staged_)) {
    flush();
    sink_.append(bytes);
    flushed_ += bytes.size();
  } else if (!bytes.empty()) {
    std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
    used_ += bytes.size();
  }
}

void WireWriter::rawDouble(double value) {
  if (std::isnan(value))
    value = std::numeric_limits<double>::quiet_NaN();  // One NaN, as V8 has it.
  std::memcpy(room(sizeof(value)), &value, sizeof(value));
  used_ += sizeof(value);
}

bool WireWriter::isSmallInteger(double value) const {
  std::optional<std::int32_t> integer = asInt32(value);
  if (!integer || flavor_ == V8Flavor::kNode20) return integer.has_value();
  constexpr std::int32_t kLimit = 1 << 30;
  return *integer >= -kLimit && *integer < kLimit;
}

void WireWriter::number(double value, bool asDouble) {
  if (!asDouble && isSmallInteger(value)) {
    byte(wire::kInt32);
    varint(static_cast<std::uint32_t>(zigzag(static_cast<std::int32_t>(value))));
  } else {
    byte(wire::kDouble);
    rawDouble(value);
  }
}

void WireWriter::string(std::string_view wtf8, bool asTwoByte) {
  TextWidth width = asTwoByte ? TextWidth::kUtf16 : narrowestWidth(wtf8);
  switch (width) {
    case TextWidth::kAscii:
      byte(wire::kOneByteString);
      varint(requireUint32(wtf8.size(), "a string's length"));
      raw(wtf8);
      break;
    case TextWidth::kLatin1:
      latin1(wtf8);
      break;
    case TextWidth::kUtf16:
      utf16(wtf8);
      break;
  }
}

void WireWriter::latin1(std::string_view wtf8) {
  byte(wire::kOneByteString);
  varint(requireUint32(latin1Length(wtf8), "a string's length"));
  for (Wtf8Reader reader(wtf8); !reader.done();) {
    char* begin = room(1);
    used_ += static_cast<std::size_t>(reader.toLatin1(begin, sizeof(staged_) - used_) - begin);
  }
}

void WireWriter::utf16(std::string_view wtf8) {
  std::uint32_t length = requireUint32(utf16UnitCount(wtf8) * 2, "a string's length");
  // V8 reads the units where they lie, so they must begin at an even offset from the value's first
  // byte.
  if ((position() + 1 + varintLength(length)) % 2 != 0) byte(wire::kPadding);
  byte(wire::kTwoByteString);
  varint(length);
  for (Wtf8Reader reader(wtf8); !reader.done();) {
    char* begin = room(4);
    used_ += static_cast<std::size_t>(reader.toUtf16(begin, sizeof(staged_) - used_) - begin);
  }
}

void WireWriter::bigInt(std::span<const std::uint64_t> words, bool isNegative) {
  varint(words.size_bytes() << 1 | (isNegative ? 1U : 0U));
  raw({reinterpret_cast<const char*>(words.data()), words.size_bytes()});
}

void WireWriter::bigInt(const Value& value) {
  const detail::BigIntNode& node = Value::Internals::bigIntNode(value);
  bigInt(node.view(), node.extra != 0);
}

void WireWriter::primitive(const Value& value) {
  switch (value.type()) {
    case Value::Type::kNull:
      byte(wire::kNull);
      break;
    case Value::Type::kBoolean:
      byte(value.asBoolean() ? wire::kTrue : wire::kFalse);
      break;
    case Value::Type::kNumber:
      number(value.asNumber(), Value::Internals::hasWireHint(value));
      break;
    case Value::Type::kString:
      string(value.asString(), Value::Internals::hasWireHint(value));
      break;
    case Value::Type::kBigInt:
      byte(wire::kBigInt);
      bigInt(value);
      break;
    default:
      byte(wire::kUndefined);
      break;
  }
}

void WireWriter::date(double ms) {
  byte(wire::kDate);
  rawDouble(ms);
}

void WireWriter::arrayBuffer(BytesView bytes) {
  byte(wire::kArrayBuffer);
  varint(requireUint32(bytes.size(), "an ArrayBuffer's length"));
  raw({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void WireWriter::view(Value::ViewKind kind, std::uint32_t byteOffset, std::uint32_t byteLength,
                      std::uint32_t flags) {
  byte(wire::kArrayBufferView);
  byte(wire::kViewKinds[static_cast<std::size_t>(kind)]);
  varint(byteOffset);
  varint(byteLength);
  varint(flags);
}

}  // namespace cairn
