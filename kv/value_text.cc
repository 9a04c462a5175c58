#include "kv/value_text.h"

#include <algorithm>
#include <cairn/error.h>
#include <cstdint>
#include <cstring>

#include "engine/base/coding.h"

namespace cairn {

namespace {

constexpr char32_t kHighSurrogate = 0xd800;
constexpr char32_t kLowSurrogate = 0xdc00;
constexpr char32_t kSurrogateEnd = 0xe000;
constexpr std::uint64_t kHighBits = 0x8080808080808080;

std::uint8_t byteAt(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}
bool isContinuation(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

std::size_t asciiPrefix(std::string_view bytes) {
  std::size_t position = 0;
  while (position + 8 <= bytes.size() &&
         (loadFixed<std::uint64_t>(bytes.data() + position) & kHighBits) == 0) {
    position += 8;
  }
  while (position < bytes.size() && byteAt(bytes, position) < 0x80) ++position;
  return position;
}

/// The length of the sequence at `at`, which is not ASCII; 0 when it is not WTF-8.
std::size_t sequenceLength(std::string_view bytes, std::size_t at) {
  std::uint8_t lead = byteAt(bytes, at);
  std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() - at < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!isContinuation(byteAt(bytes, at + i))) return 0;
  }
  std::uint8_t second = byteAt(bytes, at + 1);
  if (lead == 0xe0 && second < 0xa0) return 0;  // Overlong.
  if (lead == 0xf0 && second < 0x90) return 0;
  if (lead == 0xf4 && second > 0x8f) return 0;  // Beyond U+10FFFF.
  return length;
}

bool isSurrogateAt(std::string_view bytes, std::size_t at, std::uint8_t firstSecond,
                   std::uint8_t lastSecond) {
  return bytes.size() - at >= 3 && byteAt(bytes, at) == 0xed &&
         byteAt(bytes, at + 1) >= firstSecond && byteAt(bytes, at + 1) <= lastSecond;
}

char32_t decodeAt(std::string_view bytes, std::size_t length) {
  char32_t result = byteAt(bytes, 0);
  if (length > 1) result &= 0x7fU >> length;
  for (std::size_t i = 1; i < length; ++i) result = result << 6 | (byteAt(bytes, i) & 0x3fU);
  return result;
}

std::size_t wtf8Length(char32_t codePoint) {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
}

char* encodeWtf8(char32_t codePoint, char* out) {
  std::size_t length = wtf8Length(codePoint);
  if (length == 1) {
    *out = static_cast<char>(codePoint);
    return out + 1;
  }
  for (std::size_t i = length - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80 | (codePoint & 0x3f));
    codePoint >>= 6;
  }
  out[0] = static_cast<char>((0xf00U >> length) | codePoint);
  return out + length;
}

char32_t unitAt(std::string_view utf16, std::size_t at) {
  return loadFixed<std::uint16_t>(utf16.data() + at);
}

/// Calls `visit` with each code point of UTF-16; lone surrogates come as they are.
template <typename Visit>
void eachCodePoint(std::string_view utf16, Visit visit) {
  for (std::size_t at = 0; at < utf16.size(); at += 2) {
    char32_t unit = unitAt(utf16, at);
    if (unit >= kHighSurrogate && unit < kLowSurrogate && at + 2 < utf16.size()) {
      char32_t low = unitAt(utf16, at + 2);
      if (low >= kLowSurrogate && low < kSurrogateEnd) {
        unit = 0x10000 + ((unit - kHighSurrogate) << 10) + (low - kLowSurrogate);
        at += 2;
      }
    }
    visit(unit);
  }
}

}  // namespace

std::size_t wtf8ValidPrefix(std::string_view bytes) {
  std::size_t at = asciiPrefix(bytes);
  while (at < bytes.size()) {
    if (byteAt(bytes, at) < 0x80) {
      ++at;
      continue;
    }
    std::size_t length = sequenceLength(bytes, at);
    if (length == 0) return at;
    bool isHigh = isSurrogateAt(bytes, at, 0xa0, 0xaf);
    if (isHigh && isSurrogateAt(bytes, at + 3, 0xb0, 0xbf)) return at;
    at += length;
  }
  return at;
}

void requireWtf8(std::string_view bytes) {
  std::size_t valid = wtf8ValidPrefix(bytes);
  if (valid == bytes.size()) return;
  throw Error(ErrorCode::kInvalidArgument, "text is not UTF-8 at byte " + std::to_string(valid) +
                                               " of " + std::to_string(bytes.size()));
}

TextWidth narrowestWidth(std::string_view wtf8) {
  if (asciiPrefix(wtf8) == wtf8.size()) return TextWidth::kAscii;
  // C2 and C3 lead the characters up to U+00FF; continuation bytes are smaller.
  std::uint8_t highest = 0;
  for (char byte : wtf8) highest = std::max(highest, static_cast<std::uint8_t>(byte));
  return highest <= 0xc3 ? TextWidth::kLatin1 : TextWidth::kUtf16;
}

std::size_t utf16UnitCount(std::string_view wtf8) {
  std::size_t count = 0;
  for (char c : wtf8) {
    auto byte = static_cast<std::uint8_t>(c);
    count += (isContinuation(byte) ? 0U : 1U) + (byte >= 0xf0 ? 1U : 0U);
  }
  return count;
}

std::size_t latin1Length(std::string_view wtf8) {
  std::size_t count = 0;
  for (char c : wtf8) count += isContinuation(static_cast<std::uint8_t>(c)) ? 0U : 1U;
  return count;
}

std::size_t wtf8LengthOfLatin1(std::string_view latin1) {
  std::size_t wide = 0;
  for (char c : latin1.substr(asciiPrefix(latin1))) wide += static_cast<std::uint8_t>(c) >> 7;
  return latin1.size() + wide;
}

std::size_t wtf8LengthOfUtf16(std::string_view utf16) {
  std::size_t length = 0;
  eachCodePoint(utf16, [&](char32_t codePoint) { length += wtf8Length(codePoint); });
  return length;
}

char* latin1ToWtf8(std::string_view latin1, char* out) {
  std::size_t ascii = asciiPrefix(latin1);
  if (ascii != 0) std::memcpy(out, latin1.data(), ascii);
  out += ascii;
  for (char c : latin1.substr(ascii)) out = encodeWtf8(static_cast<std::uint8_t>(c), out);
  return out;
}

char* utf16ToWtf8(std::string_view utf16, char* out) {
  eachCodePoint(utf16, [&](char32_t codePoint) { out = encodeWtf8(codePoint, out); });
  return out;
}

char32_t Wtf8Reader::next() {
  std::uint8_t lead = byteAt(rest_, 0);
  std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t codePoint = decodeAt(rest_, length);
  rest_.remove_prefix(length);
  return codePoint;
}

char* Wtf8Reader::toLatin1(char* out, std::size_t size) {
  char* end = out + size;
  while (out != end && !done()) *out++ = static_cast<char>(next());
  return out;
}

char* Wtf8Reader::toUtf16(char* out, std::size_t size) {
  char* end = out + size;
  while (end - out >= 4 && !done()) {
    char32_t codePoint = next();
    if (codePoint >= 0x10000) {
      codePoint -= 0x10000;
      storeFixed(out, static_cast<std::uint16_t>(kHighSurrogate + (codePoint >> 10)));
      out += 2;
      codePoint = kLowSurrogate + (codePoint & 0x3ff);
    }
    storeFixed(out, static_cast<std::uint16_t>(codePoint));
    out += 2;
  }
  return out;
}

void appendWtf8(std::string& out, char32_t codePoint) {
  char bytes[4];
  out.append(bytes, static_cast<std::size_t>(encodeWtf8(codePoint, bytes) - bytes));
}

}  // namespace cairn
