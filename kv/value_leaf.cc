// Single values straight to and from bytes, without a tree.
#include "kv/value_leaf.h"

#include <cairn/error.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <limits>
#include <string>

#include "kv/value_internals.h"
#include "kv/value_text.h"
#include "kv/value_wire_reader.h"
#include "kv/value_wire_writer.h"

namespace cairn {

namespace {

using Type = Value::Type;

std::string_view asText(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Value textFromLeaf(const ValueLeaf& leaf) {
  std::string_view content = leaf.content;
  switch (leaf.text) {
    case ValueLeaf::Text::kWtf8:
      return Value::Internals::text(content);
    case ValueLeaf::Text::kLatin1:
      return Value::Internals::text(wtf8LengthOfLatin1(content),
                                    [&](char* out) { latin1ToWtf8(content, out); });
    case ValueLeaf::Text::kUtf16:
      break;
  }
  Value text = Value::Internals::text(wtf8LengthOfUtf16(content),
                                      [&](char* out) { utf16ToWtf8(content, out); });
  if (narrowestWidth(text.asString()) != TextWidth::kUtf16) Value::Internals::setWireHint(text);
  return text;
}

Value bigIntFromLeaf(const ValueLeaf& leaf) {
  std::vector<std::uint64_t> words((leaf.content.size() + 7) / 8);
  if (!words.empty()) std::memcpy(words.data(), leaf.content.data(), leaf.content.size());
  return Value::Internals::bigInt(words, leaf.boolean);
}

/// The bytes of an ArrayBuffer, or of the view that follows it.
void readBytes(WireReader& in, bool isResizable, ValueLeaf& leaf) {
  std::uint32_t length = in.uint32("buffer length");
  std::uint32_t lengthMax = isResizable ? in.uint32("buffer maximum length") : length;
  if (length > lengthMax) in.fail("buffer: longer than its maximum length");
  leaf.type = Type::kArrayBuffer;
  leaf.content = in.raw("buffer", length);
  if (in.done() || !in.consume(wire::kArrayBufferView)) return;
  auto view = in.view(in.version() >= wire::kVersionWithViewFlags, length, isResizable);
  leaf.type = Type::kView;
  std::uint32_t shown = view.byteLength;
  if ((view.flags & wire::kViewLengthTracking) != 0) {
    shown = length - view.byteOffset;
    shown -= shown % viewElementSize(view.kind);
  }
  leaf.content = leaf.content.substr(view.byteOffset, shown);
}

bool readLeaf(WireReader& in, ValueLeaf& leaf) {
  std::uint8_t tag = in.tag();
  if (in.primitive(tag, leaf)) return true;
  switch (tag) {
    case wire::kDate:
      leaf.type = Type::kDate;
      leaf.number = clipTime(in.rawDouble("date"));
      return true;
    case wire::kArrayBuffer:
    case wire::kResizableArrayBuffer:
      // The oldest version has views with and without flags; the tree decoder sorts that out.
      if (in.version() < wire::kVersionWithViewFlags) return false;
      readBytes(in, tag == wire::kResizableArrayBuffer, leaf);
      return true;
    default:
      return false;
  }
}

}  // namespace

Value primitiveFromLeaf(const ValueLeaf& leaf) {
  switch (leaf.type) {
    case Type::kNull:
      return nullptr;
    case Type::kBoolean:
      return leaf.boolean;
    case Type::kNumber:
      return leaf.number;
    case Type::kString:
      return textFromLeaf(leaf);
    case Type::kBigInt:
      return bigIntFromLeaf(leaf);
    default:
      return {};
  }
}

ValueLeaf ValueLeaf::of(const Value& value) {
  ValueLeaf leaf;
  leaf.type = value.type();
  switch (leaf.type) {
    case Type::kBoolean:
      leaf.boolean = value.asBoolean();
      break;
    case Type::kNumber:
      leaf.number = value.asNumber();
      break;
    case Type::kDate:
      leaf.number = value.asDateMs();
      break;
    case Type::kString:
      leaf.content = value.asString();
      break;
    case Type::kArrayBuffer:
      leaf.content = asText(value.asArrayBuffer().bytes());
      break;
    case Type::kView:
      leaf.content = asText(value.asView().bytes());
      break;
    case Type::kBigInt: {
      const detail::BigIntNode& node = Value::Internals::bigIntNode(value);
      leaf.boolean = node.extra != 0;
      leaf.content = asText(std::as_bytes(node.view()));
      break;
    }
    default:
      break;
  }
  return leaf;
}

std::optional<ValueLeaf> decodeLeaf(std::string_view bytes) {
  WireReader in(bytes);
  try {
    ValueLeaf leaf;
    if (!readLeaf(in, leaf)) return std::nullopt;
    if (!in.done()) in.fail("value: " + std::to_string(in.remaining()) + " bytes follow its end");
    return leaf;
  } catch (const DecodeError& error) {
    throw damagedValue(error);
  }
}

void appendText(const ValueLeaf& leaf, std::string& out) {
  std::size_t before = out.size();
  switch (leaf.text) {
    case ValueLeaf::Text::kWtf8:
      out.append(leaf.content);
      break;
    case ValueLeaf::Text::kLatin1: {
      std::size_t length = wtf8LengthOfLatin1(leaf.content);
      if (length == leaf.content.size()) {
        out.append(leaf.content);
      } else {
        out.resize(before + length);
        latin1ToWtf8(leaf.content, out.data() + before);
      }
      break;
    }
    case ValueLeaf::Text::kUtf16:
      out.resize(before + wtf8LengthOfUtf16(leaf.content));
      utf16ToWtf8(leaf.content, out.data() + before);
      break;
  }
}

namespace {

// The flavor matters to numbers only.
WireWriter writer(ValueSink sink) { return WireWriter(sink, V8Flavor::kWorkerd); }

}  // namespace

void encodeLeaf(ValueSink sink, std::nullptr_t) {
  WireWriter out = writer(sink);
  out.byte(wire::kNull);
  out.finish();
}

void encodeLeaf(ValueSink sink, bool boolean) {
  WireWriter out = writer(sink);
  out.byte(boolean ? wire::kTrue : wire::kFalse);
  out.finish();
}

void encodeLeaf(ValueSink sink, double number, const EncodeOptions& options) {
  WireWriter out(sink, options.flavor);
  out.number(number);
  out.finish();
}

void encodeLeaf(ValueSink sink, std::string_view text) {
  requireWtf8(text);
  WireWriter out = writer(sink);
  out.string(text);
  out.finish();
}

void encodeLeaf(ValueSink sink, UnixMillis time) {
  double ms = clipTime(static_cast<double>(time.value));
  if (std::isnan(ms)) {
    throw Error(ErrorCode::kOutOfRange,
                "time " + std::to_string(time.value) + " ms; a Date reaches ±8640000000000000");
  }
  WireWriter out = writer(sink);
  out.date(ms);
  out.finish();
}

void encodeLeaf(ValueSink sink, BytesView bytes) {
  WireWriter out = writer(sink);
  out.arrayBuffer(bytes);
  out.view(Value::ViewKind::kUint8Array, 0, static_cast<std::uint32_t>(bytes.size()), 0);
  out.finish();
}

void encodeLeafInteger(ValueSink sink, bool isNegative, std::uint64_t magnitude,
                       const EncodeOptions& options) {
  constexpr std::uint64_t kSafe = std::uint64_t{1} << 53;
  WireWriter out(sink, options.flavor);
  if (magnitude <= kSafe) {
    auto number = static_cast<double>(magnitude);
    out.number(isNegative ? -number : number);
  } else {
    out.byte(wire::kBigInt);
    out.bigInt(std::span(&magnitude, 1), isNegative);
  }
  out.finish();
}

}  // namespace cairn
