// What tells one root's files from another's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/checksum.h"

namespace cairn {

struct RootId {
  std::array<char, 16> bytes{};

  [[nodiscard]] std::string_view view() const { return {bytes.data(), bytes.size()}; }
  /// Every checksum inside the root starts from this, so another root's bytes never pass for ours.
  [[nodiscard]] std::uint64_t seed() const { return checksum64(view()); }
  [[nodiscard]] std::string hex() const;
  friend bool operator==(const RootId&, const RootId&) = default;

  [[nodiscard]] static RootId random();
  /// Throws: DecodeError unless `text` is 32 lowercase hex digits.
  [[nodiscard]] static RootId fromHex(std::string_view text);
};

}  // namespace cairn
