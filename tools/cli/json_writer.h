// JSON text, written piece by piece: a value of any size never exists twice. Commas are its
// business, balance is the caller's.
//
//   JsonWriter(out).beginObject().member("key", "a").key("n").integer(1).endObject();
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::cli {

class JsonWriter {
 public:
  /// Appends to `out`, which outlives the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& beginObject() { return open('{'); }
  JsonWriter& endObject() { return close('}'); }
  JsonWriter& beginArray() { return open('['); }
  JsonWriter& endArray() { return close(']'); }
  JsonWriter& key(std::string_view name);

  /// Bytes that are no UTF-8 come out as U+FFFD; use `bytesOrText` for what must survive.
  JsonWriter& text(std::string_view utf8);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& unsignedInteger(std::uint64_t value);
  /// Finite; the shortest text that reads back as the same double, whole numbers up to 2^53 without
  /// a point.
  JsonWriter& number(double value);
  /// The same with a point or exponent in it always: SQL tells REAL from INTEGER.
  JsonWriter& real(double value);
  JsonWriter& boolean(bool value) { return literal(value ? "true" : "false"); }
  JsonWriter& null() { return literal("null"); }
  /// A string, or {"$base64": …} for bytes that are no UTF-8.
  JsonWriter& bytesOrText(std::string_view bytes);
  JsonWriter& base64(std::string_view bytes);
  /// JSON that is already text.
  JsonWriter& raw(std::string_view json) { return literal(json); }

  JsonWriter& value(std::string_view content) { return text(content); }
  JsonWriter& value(const char* content) { return text(content); }
  template <std::integral Integer>
  JsonWriter& value(Integer content) {
    if constexpr (std::same_as<Integer, bool>)
      return boolean(content);
    else if constexpr (std::signed_integral<Integer>)
      return integer(content);
    else
      return unsignedInteger(content);
  }
  JsonWriter& value(double content) { return number(content); }
  template <typename T>
  JsonWriter& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& literal(std::string_view text);
  void separate();
  void quoted(std::string_view utf8);

  std::string& out_;
  bool needsComma_ = false;
};

}  // namespace cairn::cli
