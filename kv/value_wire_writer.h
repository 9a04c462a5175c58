// Puts the format's small pieces together in a buffer of its own, so that the sink is called
// seldom.
#pragma once

#include <cairn/value_codec.h>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/coding.h"
#include "kv/value_wire.h"

namespace cairn {

class WireWriter {
 public:
  explicit WireWriter(ValueSink sink, V8Flavor flavor) : sink_(sink), flavor_(flavor) {
    byte(wire::kVersionTag);
    byte(static_cast<std::uint8_t>(wire::kVersion));
  }
  /// Hands the sink what is left. Without it, the end of the value is missing.
  void finish() { flush(); }

  [[nodiscard]] V8Flavor flavor() const { return flavor_; }

  void byte(std::uint8_t value) {
    *room(1) = static_cast<char>(value);
    ++used_;
  }
  void varint(std::uint64_t value) {
    char* begin = room(kMaxVarintBytes);
    used_ += static_cast<std::size_t>(encodeVarint(begin, value) - begin);
  }
  void rawDouble(double value);
  void raw(std::string_view bytes);

  void number(double value, bool asDouble = false);
  void string(std::string_view wtf8, bool asTwoByte = false);
  /// What follows the tag: sign and length in bytes, then the digits.
  void bigInt(std::span<const std::uint64_t> words, bool isNegative);
  void bigInt(const Value& value);
  /// A primitive Value.
  void primitive(const Value& value);
  void date(double ms);
  /// An ArrayBuffer that is not resizable.
  void arrayBuffer(BytesView bytes);
  void view(Value::ViewKind kind, std::uint32_t byteOffset, std::uint32_t byteLength,
            std::uint32_t flags);

  /// Whether V8 keeps the number as a small integer. -0 is none.
  [[nodiscard]] bool isSmallInteger(double value) const;

 private:
  char* room(std::size_t size) {
    if (sizeof(staged_) - used_ < size) flush();
    return staged_ + used_;
  }
  void flush();
  [[nodiscard]] std::size_t position() const { return flushed_ + used_; }
  void latin1(std::string_view wtf8);
  void utf16(std::string_view wtf8);

  ValueSink sink_;
  V8Flavor flavor_;
  std::size_t used_ = 0;
  std::size_t flushed_ = 0;
  char staged_[512];
};

/// A length or count as the format has room for it. Throws: kLimitExceeded.
[[nodiscard]] std::uint32_t requireUint32(std::size_t count, const char* what);

}  // namespace cairn
