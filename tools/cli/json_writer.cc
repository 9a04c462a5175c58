#include "tools/cli/json_writer.h"

#include <charconv>
#include <cmath>

#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

constexpr double kExactIntegers = 9'007'199'254'740'992.0;  // 2^53

std::string shortest(double value) {
  char digits[40];
  auto [end, problem] = std::to_chars(digits, digits + sizeof(digits), value);
  return {digits, end};
}

}  // namespace

void JsonWriter::separate() {
  if (needsComma_) out_ += ',';
  needsComma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  needsComma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  needsComma_ = true;
  return *this;
}

JsonWriter& JsonWriter::literal(std::string_view text) {
  separate();
  out_ += text;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quoted(name);
  out_ += ':';
  needsComma_ = false;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view utf8) {
  separate();
  quoted(utf8);
  return *this;
}

void JsonWriter::quoted(std::string_view utf8) {
  bool valid = isUtf8(utf8);
  out_ += '"';
  for (char c : utf8) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out_ += "\\u00";
      out_ += "0123456789abcdef"[byte >> 4];
      out_ += "0123456789abcdef"[byte & 15];
    } else if (!valid && byte >= 0x80) {
      out_ += "\\ufffd";
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

JsonWriter& JsonWriter::integer(std::int64_t value) {
  char digits[24];
  auto [end, problem] = std::to_chars(digits, digits + sizeof(digits), value);
  return literal({digits, static_cast<std::size_t>(end - digits)});
}

JsonWriter& JsonWriter::unsignedInteger(std::uint64_t value) {
  char digits[24];
  auto [end, problem] = std::to_chars(digits, digits + sizeof(digits), value);
  return literal({digits, static_cast<std::size_t>(end - digits)});
}

JsonWriter& JsonWriter::number(double value) {
  bool isNegativeZero = value == 0 && std::signbit(value);
  if (value == std::trunc(value) && std::abs(value) < kExactIntegers && !isNegativeZero)
    return integer(static_cast<std::int64_t>(value));
  return literal(shortest(value));
}

JsonWriter& JsonWriter::real(double value) {
  std::string digits = shortest(value);
  if (digits.find_first_of(".e") == std::string::npos) digits += ".0";
  return literal(digits);
}

JsonWriter& JsonWriter::bytesOrText(std::string_view bytes) {
  return isUtf8(bytes) ? text(bytes) : base64(bytes);
}

JsonWriter& JsonWriter::base64(std::string_view bytes) {
  return beginObject().member("$base64", toBase64(bytes)).endObject();
}

}  // namespace cairn::cli
