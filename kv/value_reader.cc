#include "kv/value_reader.h"

#include <cairn/error.h>
#include <cairn/value_objects.h>
#include <span>
#include <string>

#include "kv/value_internals.h"
#include "kv/value_leaf.h"

namespace cairn {

namespace {

using Internals = Value::Internals;

constexpr std::size_t kMemoryBase = 4'096;
constexpr std::size_t kMemoryPerByte = 200;

}  // namespace

ValueReader::ValueReader(std::string_view bytes, const DecodeOptions& options, bool hasViewFlags)
    : in_(bytes),
      options_(options),
      memoryLeft_(options.memoryMax != 0 ? options.memoryMax
                                         : kMemoryBase + kMemoryPerByte * bytes.size()),
      hasViewFlags_(hasViewFlags || in_.version() >= wire::kVersionWithViewFlags) {}

void ValueReader::charge(std::size_t bytes) {
  if (bytes > memoryLeft_) {
    throw Error(ErrorCode::kLimitExceeded,
                "value at byte " + std::to_string(in_.position()) +
                    ": decoding it takes more memory than memoryMax allows");
  }
  memoryLeft_ -= bytes;
}

bool ValueReader::primitive(std::uint8_t tag, Value& value) {
  if (!in_.primitive(tag, leaf_)) return false;
  value = takePrimitive();
  return true;
}

Value ValueReader::takePrimitive() {
  // Latin-1 takes up to two bytes a unit here; short text is kept in the Value itself.
  if (!leaf_.content.empty()) charge(32 + 2 * leaf_.content.size());
  Value value = primitiveFromLeaf(leaf_);
  if (in_.wasDouble()) Internals::setWireHint(value);
  return value;
}

Value ValueReader::string(const char* what) {
  in_.string(what, leaf_);
  return takePrimitive();
}

bool ValueReader::object(std::uint8_t tag, bool isWholeValue, Value& value) {
  switch (tag) {
    case wire::kDate:
      value = Value::date(in_.rawDouble("date"));
      return true;
    case wire::kTrueObject:
    case wire::kFalseObject:
      value = Value::boxed(tag == wire::kTrueObject);
      return true;
    case wire::kNumberObject:
      value = Value::boxed(in_.rawDouble("number object"));
      return true;
    case wire::kBigIntObject:
      value = bigIntObject();
      return true;
    case wire::kStringObject:
      value = Value::boxed(string("string object"));
      return true;
    case wire::kRegExp:
      value = regExp();
      return true;
    case wire::kArrayBuffer:
    case wire::kResizableArrayBuffer:
      value = arrayBuffer(tag == wire::kResizableArrayBuffer);
      return true;
    case wire::kHostObject:
      value = hostObject(isWholeValue);
      return true;
    default:
      return false;
  }
}

Value ValueReader::bigIntObject() {
  leaf_.type = Value::Type::kBigInt;
  in_.bigInt(leaf_);
  return Value::boxed(takePrimitive());
}

Value ValueReader::regExp() {
  Value source = string("regular expression");
  std::uint32_t flags = in_.uint32("regular expression flags");
  if ((flags & ~kRegExpFlagMask) != 0) in_.fail("regular expression flags");
  return Internals::make<Value::RegExp>(std::move(source), flags);
}

Value ValueReader::arrayBuffer(bool isResizable) {
  std::uint32_t length = in_.uint32("buffer length");
  std::uint32_t lengthMax = isResizable ? in_.uint32("buffer maximum length") : length;
  if (length > lengthMax) in_.fail("buffer: longer than its maximum length");
  std::string_view content = in_.raw("buffer", length);
  charge(content.size());
  BytesView bytes = std::as_bytes(std::span(content));
  return isResizable ? Value::resizableArrayBuffer(bytes, lengthMax) : Value::arrayBuffer(bytes);
}

Value ValueReader::view(const Value& buffer) {
  const Value::ArrayBuffer& target = buffer.asArrayBuffer();
  auto header = in_.view(hasViewFlags_, target.byteLength(), target.isResizable());
  if ((header.flags & wire::kViewLengthTracking) != 0) {
    return Value::lengthTrackingView(header.kind, buffer, header.byteOffset);
  }
  return Value::view(header.kind, buffer, header.byteOffset, header.byteLength);
}

Value ValueReader::hostObject(bool isWholeValue) {
  std::string_view content = in_.ahead();
  if (options_.hostObjectLength != nullptr) {
    content = in_.raw("host object", options_.hostObjectLength(content));
  } else if (isWholeValue) {
    content = in_.raw("host object", content.size());
  } else {
    throw Error(ErrorCode::kUnsupported, "value: a host object inside another before byte " +
                                             std::to_string(in_.position()) +
                                             "; only its host knows where it ends");
  }
  charge(content.size());
  return Value::hostObject(std::as_bytes(std::span(content)));
}

}  // namespace cairn
