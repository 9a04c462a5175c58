// The difference of two versions of a page: their XOR with the zero runs left out. The same bytes
// lead from the old page to the new one (redo, from the journal) and back (undo, from the change
// log).
//
//   delta := (varint bytes to skip, varint length, length bytes to XOR)*
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/buffer.h"

namespace cairn::sql {

inline constexpr std::size_t kPageBytes = 4096;

/// Appends the delta to `out`. Both pages have kPageBytes.
void encodeDelta(const char* before, const char* after, Buffer& out);

/// Applies a delta to a page in place. Throws: DecodeError; the page is then in an unspecified
/// state.
void applyDelta(std::string_view delta, char* page);

/// What a page's delta carries to prove that it was applied to the right bytes in the right place.
[[nodiscard]] std::uint64_t pageChecksum(std::uint32_t page, const char* bytes);

}  // namespace cairn::sql
