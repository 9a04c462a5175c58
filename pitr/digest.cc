#include "pitr/digest.h"

#include <algorithm>

#include "sql_frontend/page_delta.h"

namespace cairn::pitr {

namespace {

// Seeds keep parts of different kinds apart.
constexpr std::uint64_t kKv = 0x4b56;
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
  return pageDigest(sql::pageHash(page, bytes), bytes);
}

Hash128 pageDigest(const Hash128& hash, const char* bytes) {
  bool zeros = std::all_of(bytes, bytes + sql::kPageBytes, [](char byte) { return byte == 0; });
  return zeros ? Hash128{} : hash;
}

Hash128 pageCountDigest(std::uint32_t pages) {
  if (pages == 0) return {};
  return hash128(bytesOf(pages), kPageCount);
}

Hash128 alarmDigest(std::string_view name, UnixMillis time) {
  return hash128(bytesOf(static_cast<std::uint64_t>(time.value)), seedFrom(hash128(name, kAlarm)));
}

}  // namespace cairn::pitr
