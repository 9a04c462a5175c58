#include "kv/value_wire_reader.h"

#include <algorithm>
#include <bit>
#include <cairn/error.h>
#include <cairn/value_bigint.h>
#include <cmath>
#include <string>

#include "kv/value_number.h"
#include "kv/value_text.h"

namespace cairn {

Error damagedValue(const DecodeError& error) {
  return {ErrorCode::kDamaged, std::string("value: ") + error.what()};
}

WireReader::WireReader(std::string_view bytes) : decoder_(bytes) {
  if (bytes.empty()) throw Error(ErrorCode::kDamaged, "value: no bytes, not even a header");
  if (static_cast<std::uint8_t>(bytes[0]) != wire::kVersionTag) return;
  try {
    static_cast<void>(decoder_.byte("version"));
    version_ = uint32("version");
  } catch (const DecodeError& error) {
    throw damagedValue(error);
  }
  if (version_ < wire::kVersionOldest || version_ > wire::kVersion) {
    throw Error(ErrorCode::kForeign,
                "value: format version " + std::to_string(version_) + " at byte 1; known are " +
                    std::to_string(wire::kVersionOldest) + " to " + std::to_string(wire::kVersion));
  }
}

std::uint8_t WireReader::tag() {
  std::uint8_t next = wire::kPadding;
  while (next == wire::kPadding) next = decoder_.byte("value: it ends where a tag should be");
  return next;
}

bool WireReader::consume(std::uint8_t wanted) {
  Decoder ahead = decoder_;
  std::uint8_t next = wire::kPadding;
  while (next == wire::kPadding && !ahead.done()) next = ahead.byte("tag");
  if (next != wanted) return false;
  decoder_ = ahead;
  return true;
}

double WireReader::rawDouble(const char* what) {
  auto number = std::bit_cast<double>(decoder_.fixed<std::uint64_t>(what));
  return std::isnan(number) ? std::numeric_limits<double>::quiet_NaN() : number;
}

bool WireReader::primitive(std::uint8_t tag, ValueLeaf& leaf) {
  wasDouble_ = false;
  leaf.content = {};
  switch (tag) {
    case wire::kUndefined:
      leaf.type = Value::Type::kUndefined;
      return true;
    case wire::kNull:
      leaf.type = Value::Type::kNull;
      return true;
    case wire::kTrue:
    case wire::kFalse:
      leaf.type = Value::Type::kBoolean;
      leaf.boolean = tag == wire::kTrue;
      return true;
    case wire::kInt32:
      leaf.type = Value::Type::kNumber;
      leaf.number = static_cast<double>(unzigzag(uint32("integer")));
      return true;
    case wire::kUint32:
      leaf.type = Value::Type::kNumber;
      leaf.number = uint32("integer");
      return true;
    case wire::kDouble:
      leaf.type = Value::Type::kNumber;
      leaf.number = rawDouble("number");
      wasDouble_ = asInt32(leaf.number).has_value();
      return true;
    case wire::kBigInt:
      leaf.type = Value::Type::kBigInt;
      bigInt(leaf);
      return true;
    case wire::kOneByteString:
    case wire::kTwoByteString:
    case wire::kUtf8String:
      leaf.type = Value::Type::kString;
      leaf.text = tag == wire::kOneByteString   ? ValueLeaf::Text::kLatin1
                  : tag == wire::kTwoByteString ? ValueLeaf::Text::kUtf16
                                                : ValueLeaf::Text::kWtf8;
      leaf.content = raw("string", uint32("string length"));
      if (tag == wire::kTwoByteString && leaf.content.size() % 2 != 0)
        fail("string: half a UTF-16 unit");
      if (tag == wire::kUtf8String && wtf8ValidPrefix(leaf.content) != leaf.content.size())
        fail("UTF-8 string");
      return true;
    default:
      return false;
  }
}

void WireReader::string(const char* what, ValueLeaf& leaf) {
  std::uint8_t next = tag();
  bool isString =
      next == wire::kOneByteString || next == wire::kTwoByteString || next == wire::kUtf8String;
  if (!isString) fail(std::string(what) + ": not a string");
  static_cast<void>(primitive(next, leaf));
}

void WireReader::bigInt(ValueLeaf& leaf) {
  std::uint32_t header = uint32("BigInt header");
  leaf.boolean = (header & 1) != 0;
  leaf.content = raw("BigInt", header >> 1);
  if (leaf.content.empty() && leaf.boolean) fail("BigInt: there is no -0n");
  bool isZero = leaf.content.find_first_not_of('\0') == std::string_view::npos;
  if (isZero) leaf.boolean = false;
  if (leaf.content.size() > BigInt::kBitsMax / 8) fail("BigInt: more than 2^30 bits");
}

Value::ViewKind WireReader::viewKind(std::uint8_t tag, const WireReader& at) {
  const auto* found = std::ranges::find(wire::kViewKinds, tag);
  if (found == wire::kViewKinds.end()) at.fail("view: no kind " + std::to_string(tag));
  return static_cast<Value::ViewKind>(found - wire::kViewKinds.begin());
}

WireReader::ViewHeader WireReader::view(bool hasFlags, std::uint32_t bufferLength,
                                        bool isBufferResizable) {
  ViewHeader header;
  header.kind = viewKind(byte("view kind"), *this);
  header.byteOffset = uint32("view offset");
  header.byteLength = uint32("view length");
  if (hasFlags) header.flags = uint32("view flags");
  std::uint32_t size = viewElementSize(header.kind);
  if (header.byteOffset > bufferLength || header.byteLength > bufferLength - header.byteOffset) {
    fail("view: " + std::to_string(header.byteLength) + " bytes at " +
         std::to_string(header.byteOffset) + " in a buffer of " + std::to_string(bufferLength));
  }
  if (header.byteOffset % size != 0 || header.byteLength % size != 0)
    fail("view: elements of it are cut");
  // Without flags (version 13) there were no resizable buffers.
  std::uint32_t expected = isBufferResizable ? wire::kViewOfResizable : 0;
  if ((header.flags & ~wire::kViewLengthTracking) != expected) fail("view flags");
  if (header.flags == wire::kViewLengthTracking)
    fail("view flags: only a resizable buffer has such views");
  return header;
}

}  // namespace cairn
