// Reads the values that have no parts: primitives, and objects that hold none. Charges what they
// take against the memory limit.
#pragma once

#include <cairn/value.h>
#include <cairn/value_codec.h>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kv/value_wire_reader.h"

namespace cairn {

class ValueReader {
 public:
  /// `options` outlives the reader. `hasViewFlags`: even in version 13 (see decodeTree).
  ValueReader(std::string_view bytes, const DecodeOptions& options, bool hasViewFlags);

  [[nodiscard]] WireReader& wire() { return in_; }

  /// Throws: kLimitExceeded when that much is not left.
  void charge(std::size_t bytes);

  /// Each reads what follows a tag; false when the tag is of something else.
  [[nodiscard]] bool primitive(std::uint8_t tag, Value& value);
  [[nodiscard]] bool object(std::uint8_t tag, bool isWholeValue, Value& value);

  /// A string with its tag.
  [[nodiscard]] Value string(const char* what);
  /// The view, whose tag was read, of the buffer before it.
  [[nodiscard]] Value view(const Value& buffer);

 private:
  [[nodiscard]] Value takePrimitive();
  [[nodiscard]] Value bigIntObject();
  [[nodiscard]] Value regExp();
  [[nodiscard]] Value arrayBuffer(bool isResizable);
  [[nodiscard]] Value hostObject(bool isWholeValue);

  WireReader in_;
  const DecodeOptions& options_;
  std::size_t memoryLeft_;
  bool hasViewFlags_;
  ValueLeaf leaf_;
};

}  // namespace cairn
