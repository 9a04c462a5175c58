#include "sql_frontend/page_delta.h"

#include <cstring>

#include "engine/base/checksum.h"
#include "engine/base/coding.h"

namespace cairn::sql {

namespace {

// Equal bytes fewer than this between two differences cost less as zeros than a new run would.
constexpr std::size_t kShortGap = 4;

// The first position at or after `from` where the pages differ, or kPageBytes.
std::size_t findDifference(const char* before, const char* after, std::size_t from) {
  while (from + 8 <= kPageBytes) {
    std::uint64_t difference =
        loadFixed<std::uint64_t>(before + from) ^ loadFixed<std::uint64_t>(after + from);
    if (difference != 0) return from + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
    from += 8;
  }
  while (from < kPageBytes && before[from] == after[from]) ++from;
  return from;
}

// The end of the run of differences that begins at `from`, short gaps included.
std::size_t findRunEnd(const char* before, const char* after, std::size_t from) {
  std::size_t end = from + 1;
  for (std::size_t at = end; at < kPageBytes && at - end < kShortGap; ++at) {
    if (before[at] != after[at]) end = at + 1;
  }
  return end;
}

}  // namespace

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
  Decoder in(delta);
  std::size_t at = 0;
  while (!in.done()) {
    at += in.varint("delta skip", kPageBytes - at);
    std::size_t length = in.varint("delta length", kPageBytes - at);
    std::string_view run = in.bytes("delta run", length);
    for (char byte : run) page[at++] ^= byte;
  }
}

std::uint64_t pageChecksum(std::uint32_t page, const char* bytes) {
  return checksum64({bytes, kPageBytes}, page);
}

}  // namespace cairn::sql
