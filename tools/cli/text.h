// Bytes for people and for JSON: what may be printed, base64, hex, sizes.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::cli {

[[nodiscard]] inline std::string_view asText(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline BytesView asBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

[[nodiscard]] bool isUtf8(std::string_view bytes);

/// Safe on a terminal: control characters, invisible direction marks and bytes that are no UTF-8
/// come out as \xNN or \u{N}.
[[nodiscard]] std::string printable(std::string_view bytes);

[[nodiscard]] std::string toBase64(std::string_view bytes);
/// Throws: Failure(kUsage), also for text that an encoder would not have written.
[[nodiscard]] std::string fromBase64(std::string_view text);
[[nodiscard]] std::string toHex(std::string_view bytes);
/// Throws: Failure(kUsage).
[[nodiscard]] std::string fromHex(std::string_view text);

/// "0 B", "4.1 KiB", "12 MiB".
[[nodiscard]] std::string byteCount(std::uint64_t bytes);
/// "1,234,567".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "2.4 µs", "13 ms", "1.2 s", "15 min", "3.0 h", "12 d".
[[nodiscard]] std::string duration(double seconds);

}  // namespace cairn::cli
