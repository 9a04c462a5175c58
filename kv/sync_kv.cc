// The public key-value classes: thin over Turn and List.
#include <cairn/kv.h>

#include "kv/list.h"
#include "kv/turn.h"

namespace cairn {

KvCursor::KvCursor(kv::Access& access, const ListOptions& options) : access_(&access) {
  std::optional<std::uint64_t> limit;
  kv::Range range = kv::toRange(options);
  if (options.limit) limit = static_cast<std::uint64_t>(*options.limit);
  list_ = std::make_unique<kv::List>(access.reading(), std::move(range), options.reverse, limit);
}

KvCursor::KvCursor(KvCursor&&) noexcept = default;
KvCursor& KvCursor::operator=(KvCursor&&) noexcept = default;
KvCursor::~KvCursor() = default;

bool KvCursor::next() {
  access_->reading();
  return list_->next();
}

std::string_view KvCursor::key() const { return list_->key(); }
std::string_view KvCursor::bytes() const { return list_->value(); }

bool SyncKv::erase(std::string_view key) { return access_->remove(key); }

std::uint64_t SyncKv::count(std::string_view prefix) {
  std::uint64_t count = 0;
  for (KvCursor keys = cursor({.prefix = prefix}); keys.next();) ++count;
  return count;
}

std::optional<Bytes> SyncKv::getBytes(std::string_view key) {
  std::optional<std::string_view> found = access_->read(key);
  if (!found) return std::nullopt;
  const auto* bytes = reinterpret_cast<const std::byte*>(found->data());
  return Bytes(bytes, bytes + found->size());
}

void SyncKv::putBytes(std::string_view key, BytesView value) {
  access_->write(key, {reinterpret_cast<const char*>(value.data()), value.size()});
}

}  // namespace cairn
