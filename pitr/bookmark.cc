#include <cairn/bookmark.h>
#include <cairn/error.h>
#include <string>

#include <fmt/format.h>

#include "engine/base/checksum.h"
#include "engine/base/coding.h"
#include "pitr/bookmark_check.h"

namespace cairn {

namespace {

constexpr std::size_t kTextBytes = 8 + 1 + 8 + 1 + 8 + 1 + 32;

[[noreturn]] void malformed(std::string_view text) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("a bookmark is 8-8-8-32 lowercase hex digits, this text of {} bytes is not",
                  text.size()));
}

std::uint64_t hex(std::string_view text, std::string_view digits) {
  std::uint64_t number = 0;
  for (char c : digits) {
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) malformed(text);
    number = number << 4 | static_cast<std::uint64_t>(digit);
  }
  return number;
}

}  // namespace

Bookmark Bookmark::parse(std::string_view text) {
  if (text.size() != kTextBytes || text[8] != '-' || text[17] != '-' || text[26] != '-')
    malformed(text);
  std::uint64_t high = hex(text, text.substr(0, 8));
  std::uint64_t low = hex(text, text.substr(9, 8));
  auto sequence = static_cast<std::uint32_t>(hex(text, text.substr(18, 8)));
  return {Lsn(high << 32 | low), sequence, hex(text, text.substr(27, 16)),
          hex(text, text.substr(43, 16))};
}

std::string Bookmark::toString() const {
  return fmt::format("{:08x}-{:08x}-{:08x}-{:016x}{:016x}", lsn_.value() >> 32,
                     lsn_.value() & 0xffffffff, sequence_, checkHigh_, checkLow_);
}

Bookmark pitr::makeBookmark(std::string_view rootId, ObjectNumber object, Lsn lsn,
                            std::uint32_t sequence) {
  std::string bytes(rootId);
  putFixed<std::uint64_t>(bytes, object.value());
  putFixed<std::uint64_t>(bytes, lsn.value());
  putFixed<std::uint32_t>(bytes, sequence);
  Hash128 check = hash128(bytes);
  return {lsn, sequence, check.high, check.low};
}

bool pitr::belongsTo(const Bookmark& bookmark, std::string_view rootId, ObjectNumber object) {
  std::uint32_t sequence = bookmark.isEndOfSession() ? Bookmark::kEndOfSession : 0;
  return bookmark == makeBookmark(rootId, object, bookmark.lsn(), sequence);
}

}  // namespace cairn
