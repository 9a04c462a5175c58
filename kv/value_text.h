// Text in the three forms it takes: WTF-8 (UTF-8 that may also hold lone surrogates) in memory,
// Latin-1 or UTF-16 on the wire. UTF-16 is little-endian and needs no alignment.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn {

/// The offset of the first byte that is not WTF-8, or the size when all are. A surrogate pair as
/// two three-byte sequences counts as wrong: one string has one spelling.
[[nodiscard]] std::size_t wtf8ValidPrefix(std::string_view bytes);
/// Throws: kInvalidArgument with the offset of the first wrong byte.
void requireWtf8(std::string_view bytes);

enum class TextWidth { kAscii, kLatin1, kUtf16 };
/// The narrowest form that holds the text.
[[nodiscard]] TextWidth narrowestWidth(std::string_view wtf8);

[[nodiscard]] std::size_t utf16UnitCount(std::string_view wtf8);
[[nodiscard]] std::size_t latin1Length(std::string_view wtf8);
[[nodiscard]] std::size_t wtf8LengthOfLatin1(std::string_view latin1);
[[nodiscard]] std::size_t wtf8LengthOfUtf16(std::string_view utf16);

/// Each writes exactly what the matching length function says and returns the end.
char* latin1ToWtf8(std::string_view latin1, char* out);
char* utf16ToWtf8(std::string_view utf16, char* out);

/// Turns WTF-8 into the other forms piece by piece, into buffers of any size.
class Wtf8Reader {
 public:
  explicit Wtf8Reader(std::string_view wtf8) : rest_(wtf8) {}
  [[nodiscard]] bool done() const { return rest_.empty(); }
  /// Fills up to `size` bytes with Latin-1; returns the end. The text has no wider character.
  char* toLatin1(char* out, std::size_t size);
  /// Fills up to `size` bytes (at least 4) with UTF-16; returns the end.
  char* toUtf16(char* out, std::size_t size);

 private:
  [[nodiscard]] char32_t next();

  std::string_view rest_;
};

/// Appends one code point; surrogates allowed.
void appendWtf8(std::string& out, char32_t codePoint);

}  // namespace cairn
