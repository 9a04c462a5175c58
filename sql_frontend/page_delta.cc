#include "sql_frontend/page_delta.h"

#include <bit>
#include <cstring>

#include "engine/base/checksum.h"
#include "engine/base/coding.h"

namespace cairn::sql {

namespace {

constexpr std::uint64_t kLowBits = 0x7f7f'7f7f'7f7f'7f7f;

std::uint64_t differenceAt(const char* before, const char* after, std::size_t at) {
  return loadFixed<std::uint64_t>(before + at) ^ loadFixed<std::uint64_t>(after + at);
}

// Keeps pages apart from what else a digest adds up.
constexpr std::uint64_t kPage = 0x50616765;

std::uint64_t seedOf(std::uint32_t page) { return kPage << 32 | page; }

// The first position at or after `from` where the pages differ, or kPageBytes.
std::size_t findDifference(const char* before, const char* after, std::size_t from) {
  // Most of a page is equal.
  while (from + 32 <= kPageBytes &&
         (differenceAt(before, after, from) | differenceAt(before, after, from + 8) |
          differenceAt(before, after, from + 16) | differenceAt(before, after, from + 24)) == 0)
    from += 32;
  for (; from + 8 <= kPageBytes; from += 8) {
    std::uint64_t difference = differenceAt(before, after, from);
    if (difference != 0) return from + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
  }
  while (from < kPageBytes && before[from] == after[from]) ++from;
  return from;
}

// The end of the run of differences that begins at `from`: before the first kGapBytes that are
// equal, or the last byte that is not.
std::size_t findRunEnd(const char* before, const char* after, std::size_t from) {
  static_assert(kGapBytes == 3);
  std::size_t at = from + 1;
  // Three equal bytes that begin in the first six of eight are seen there.
  for (; at + 8 <= kPageBytes; at += 6) {
    std::uint64_t difference = differenceAt(before, after, at);
    // The high bit of each byte that is zero.
    std::uint64_t equal = ~(((difference & kLowBits) + kLowBits) | difference | kLowBits);
    equal &= (equal >> 8) & (equal >> 16);
    if (equal != 0) return at + static_cast<std::size_t>(std::countr_zero(equal)) / 8;
  }
  std::size_t end = at;
  while (end > from + 1 && before[end - 1] == after[end - 1]) --end;
  for (; at < kPageBytes && at - end < kGapBytes; ++at) {
    if (before[at] != after[at]) end = at + 1;
  }
  return end;
}

template <typename Visit>
void forEachRun(std::string_view delta, char* page, Visit&& visit) {
  Decoder in(delta);
  std::size_t at = 0;
  while (!in.done()) {
    at += in.varint("delta skip", kPageBytes - at);
    std::size_t length = in.varint("delta length", kPageBytes - at);
    std::string_view run = in.bytes("delta run", length);
    visit(PageRange{at, at + length});
    for (char byte : run) page[at++] ^= byte;
  }
}

}  // namespace

void findChanges(const char* before, const char* after, std::vector<PageRange>& changed) {
  for (std::size_t at = findDifference(before, after, 0); at < kPageBytes;) {
    std::size_t end = findRunEnd(before, after, at);
    changed.push_back({at, end});
    at = findDifference(before, after, end);
  }
}

void encodeDelta(const char* before, const char* after, Buffer& out) {
  std::size_t written = 0;
  for (std::size_t begin = findDifference(before, after, 0); begin < kPageBytes;) {
    std::size_t end = findRunEnd(before, after, begin);
    putVarint(out, begin - written);
    putVarint(out, end - begin);
    char* run = out.extend(end - begin);
    for (std::size_t at = begin; at < end; ++at)
      run[at - begin] = static_cast<char>(before[at] ^ after[at]);
    written = end;
    begin = findDifference(before, after, end);
  }
}

void applyDelta(std::string_view delta, char* page) {
  forEachRun(delta, page, [](const PageRange&) {});
}

void applyDelta(std::string_view delta, char* page, std::vector<PageRange>& changed) {
  forEachRun(delta, page, [&](const PageRange& run) { changed.push_back(run); });
}

Hash128 pageHash(std::uint32_t page, const char* bytes) {
  return hash128({bytes, kPageBytes}, seedOf(page));
}

// Of inputs as long as a page the low half of XXH3-128 is XXH3-64.
std::uint64_t pageChecksum(std::uint32_t page, const char* bytes) {
  return checksum64({bytes, kPageBytes}, seedOf(page));
}

}  // namespace cairn::sql
