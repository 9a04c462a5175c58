#include "engine/root_identity.h"

#include <sys/random.h>

#include "engine/base/check.h"
#include "engine/base/coding.h"

namespace cairn {

std::string RootId::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (char byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

RootId RootId::random() {
  RootId id;
  CAIRN_CHECK(::getrandom(id.bytes.data(), id.bytes.size(), 0) ==
              static_cast<ssize_t>(id.bytes.size()));
  return id;
}

RootId RootId::fromHex(std::string_view text) {
  if (text.size() != 32) throw DecodeError("root id is not 32 hex digits", text.size());
  auto digit = [&](std::size_t at) {
    char c = text[at];
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    throw DecodeError("root id is not 32 hex digits", at);
  };
  RootId id;
  for (std::size_t i = 0; i < 16; ++i)
    id.bytes[i] = static_cast<char>(digit(2 * i) * 16 + digit(2 * i + 1));
  return id;
}

}  // namespace cairn
