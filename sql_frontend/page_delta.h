// The difference of two versions of a page: their XOR with the zero runs left out. The same bytes
// lead from the old page to the new one (redo, from the journal) and back (undo, from the change
// log).
//
//   delta := (varint bytes to skip, varint length, length bytes to XOR)*
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/checksum.h"

namespace cairn::sql {

inline constexpr std::size_t kPageBytes = 4096;

/// Bytes of a page that differ: positions from begin up to end.
struct PageRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};
/// Fewer equal bytes than this between two differences belong to one range with them: told apart,
/// they would cost more.
inline constexpr std::size_t kGapBytes = 3;

/// Appends the ranges in which two pages differ, in order.
void findChanges(const char* before, const char* after, std::vector<PageRange>& changed);

/// Appends the delta to `out`, whose runs are the ranges of `findChanges`. Both pages have
/// kPageBytes.
void encodeDelta(const char* before, const char* after, Buffer& out);

/// Applies a delta to a page in place. Throws: DecodeError; the page is then in an unspecified
/// state.
void applyDelta(std::string_view delta, char* page);

/// Also appends to `changed` the delta's runs.
void applyDelta(std::string_view delta, char* page, std::vector<PageRange>& changed);

/// The hash of a page in its place: what digests add up (pitr/digest.h).
[[nodiscard]] Hash128 pageHash(std::uint32_t page, const char* bytes);

/// What a page's delta carries to prove that it was applied to the right bytes in the right place.
/// The low half of `pageHash`: who needs both computes one.
[[nodiscard]] std::uint64_t pageChecksum(std::uint32_t page, const char* bytes);

}  // namespace cairn::sql
