// Reads the format's small pieces and never past the end. Whatever does not follow the format is a
// DecodeError, which the callers turn into an Error.
#pragma once

#include <cairn/value_codec.h>
#include <cstdint>
#include <limits>
#include <string_view>

#include "engine/base/coding.h"
#include "kv/value_wire.h"

namespace cairn {

class WireReader {
 public:
  /// Reads the header. Throws: Error kForeign for a version not known, kDamaged when there is
  /// nothing.
  explicit WireReader(std::string_view bytes);

  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::size_t position() const { return decoder_.position(); }
  [[nodiscard]] std::size_t remaining() const { return decoder_.remaining(); }
  [[nodiscard]] bool done() const { return decoder_.done(); }

  /// The next tag after any padding.
  [[nodiscard]] std::uint8_t tag();
  /// Whether the next tag is this one; then it is consumed, else nothing is.
  [[nodiscard]] bool consume(std::uint8_t wanted);
  [[nodiscard]] std::uint8_t byte(const char* what) { return decoder_.byte(what); }
  [[nodiscard]] std::uint32_t uint32(const char* what) {
    return static_cast<std::uint32_t>(
        decoder_.varint(what, std::numeric_limits<std::uint32_t>::max()));
  }
  [[nodiscard]] double rawDouble(const char* what);
  [[nodiscard]] std::string_view raw(const char* what, std::size_t count) {
    return decoder_.bytes(what, count);
  }
  /// What is left, not consumed.
  [[nodiscard]] std::string_view ahead() const {
    return Decoder(decoder_).bytes("rest", remaining());
  }

  /// The content of a primitive whose tag was just read; false when the tag is of something else.
  [[nodiscard]] bool primitive(std::uint8_t tag, ValueLeaf& leaf);
  /// A string with its tag. Sets `leaf` as `primitive` does.
  void string(const char* what, ValueLeaf& leaf);
  void bigInt(ValueLeaf& leaf);

  struct ViewHeader {
    Value::ViewKind kind = Value::ViewKind::kUint8Array;
    std::uint32_t byteOffset = 0;
    std::uint32_t byteLength = 0;
    std::uint32_t flags = 0;
  };
  /// What follows a view's tag, checked against its buffer.
  [[nodiscard]] ViewHeader view(bool hasFlags, std::uint32_t bufferLength, bool isBufferResizable);

  [[noreturn]] void fail(const std::string& what) const {
    throw DecodeError("malformed " + what, position());
  }

  /// Set by `primitive`: the number was written as a double though V8 would keep it as an integer.
  [[nodiscard]] bool wasDouble() const { return wasDouble_; }

 private:
  static Value::ViewKind viewKind(std::uint8_t tag, const WireReader& at);

  Decoder decoder_;
  std::uint32_t version_ = wire::kVersionOldest;
  bool wasDouble_ = false;
};

/// What Error a DecodeError becomes.
[[nodiscard]] Error damagedValue(const DecodeError& error);

}  // namespace cairn
