#include "tools/cli/text.h"

#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"

namespace cairn::cli {

namespace {

struct Decoded {
  char32_t point = 0;
  std::size_t length = 0;  ///< 0: these bytes are no character.
};

// The character that `bytes`, which are not empty, begin with.
Decoded decodeFirst(std::string_view bytes) {
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  std::size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                       : lead >= 0xe0 && lead < 0xf0 ? 3
                       : lead >= 0xf0 && lead < 0xf5 ? 4
                                                     : 0;
  if (length == 0 || length > bytes.size()) return {};
  char32_t point = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    point = point << 6 | (byte(i) & 0x3fU);
  }
  constexpr char32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kLowest[length] || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff) return {};
  return {point, length};
}

// Marks that change the order or the look of what stands around them.
bool isInvisible(char32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x200b && point <= 0x200f) ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
         point == 0xfeff;
}

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool isUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t length = decodeFirst(bytes).length;
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    Decoded next = decodeFirst(bytes);
    if (next.length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
      next.length = 1;
    } else if (next.point == '\n') {
      out += "\\n";
    } else if (next.point == '\t') {
      out += "\\t";
    } else if (isInvisible(next.point)) {
      out += next.point < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(next.point))
                               : fmt::format("\\u{{{:x}}}", static_cast<unsigned>(next.point));
    } else {
      out += bytes.substr(0, next.length);
    }
    bytes.remove_prefix(next.length);
  }
  return out;
}

std::string toBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  auto byte = [&](std::size_t at) {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += kBase64[three >> 18];
    out += kBase64[three >> 12 & 63];
    out += i + 1 < bytes.size() ? kBase64[three >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kBase64[three & 63] : '=';
  }
  return out;
}

std::string fromBase64(std::string_view text) {
  static const auto kDigits = [] {
    std::array<std::int8_t, 256> digits{};
    digits.fill(-1);
    for (int i = 0; i < 64; ++i)
      digits[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
    return digits;
  }();
  std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int have = 0;
  for (char c : text.substr(0, text.size() - padding)) {
    int digit = kDigits[static_cast<unsigned char>(c)];
    if (digit < 0)
      throw Failure(ExitCode::kUsage, "not base64: a character that is not part of it");
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xff);
    }
  }
  if (text.size() % 4 != 0 || (bits & ((1U << have) - 1)) != 0)
    throw Failure(ExitCode::kUsage, "not base64: it is cut short or has bits left over");
  return out;
}

std::string toHex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char byte : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

std::string fromHex(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int high = hexDigit(text[i]);
    int low = i + 1 < text.size() ? hexDigit(text[i + 1]) : -1;
    if (high < 0 || low < 0) throw Failure(ExitCode::kUsage, "not pairs of hex digits");
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string byteCount(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(kUnits); ++unit) size /= 1024;
  return fmt::format("{:.{}f} {}", size, unit > 0 && size < 10 ? 1 : 0, kUnits[unit]);
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string duration(double seconds) {
  auto with = [](double value, const char* unit) {
    return fmt::format("{:.{}f} {}", value, value < 10 ? 1 : 0, unit);
  };
  if (seconds < 1e-3) return with(seconds * 1e6, "µs");
  if (seconds < 1) return with(seconds * 1e3, "ms");
  if (seconds < 120) return with(seconds, "s");
  if (seconds < 7'200) return with(seconds / 60, "min");
  if (seconds < 172'800) return with(seconds / 3'600, "h");
  return with(seconds / 86'400, "d");
}

}  // namespace cairn::cli
