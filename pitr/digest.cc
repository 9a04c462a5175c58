#include "pitr/digest.h"

#include <algorithm>

#include "sql_frontend/page_delta.h"

namespace cairn::pitr {

namespace {

// Seeds keep parts of different kinds apart.
constexpr std::uint64_t kKv = 0x4b56;
constexpr std::uint64_t kPage = 0x50616765;
constexpr std::uint64_t kPageCount = 0x436f756e74;
constexpr std::uint64_t kAlarm = 0x416c61726d;

std::uint64_t seedFrom(const Hash128& hash) {
  return hash.low ^ (hash.high << 1 | hash.high >> 63);
}

std::string_view bytesOf(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

}  // namespace

Hash128 kvDigest(std::string_view key, std::string_view value) {
  return hash128(value, seedFrom(hash128(key, kKv)));
}

Hash128 pageDigest(std::uint32_t page, const char* bytes) {
  std::string_view view(bytes, sql::kPageBytes);
  if (std::all_of(view.begin(), view.end(), [](char byte) { return byte == 0; })) return {};
  return hash128(view, kPage << 32 | page);
}

Hash128 pageCountDigest(std::uint32_t pages) {
  if (pages == 0) return {};
  return hash128(bytesOf(pages), kPageCount);
}

Hash128 alarmDigest(std::string_view name, UnixMillis time) {
  return hash128(bytesOf(static_cast<std::uint64_t>(time.value)), seedFrom(hash128(name, kAlarm)));
}

}  // namespace cairn::pitr
