// The public key-value classes: thin over Turn and List.
#include <cairn/kv.h>

#include <fmt/format.h>

#include "kv/list.h"
#include "kv/turn.h"
#include "kv/value_text.h"

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
  list_->rebind(access_->reading());
  if (!list_->next()) return false;
  key_ = list_->key();
  bytes_ = list_->value();
  return true;
}

std::string kv::nameKey(std::string_view key) {
  constexpr std::size_t kShownBytes = 64;
  std::string_view shown = key.substr(0, kShownBytes);
  // Not in the middle of a character.
  while (shown.size() < key.size() && !shown.empty() && (key[shown.size()] & 0xc0) == 0x80)
    shown.remove_suffix(1);
  bool isText = wtf8ValidPrefix(shown) == shown.size();
  std::string name = "key \"";
  for (char c : shown) {
    bool isAscii = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    bool isBeyond = static_cast<unsigned char>(c) >= 0x80;
    if (isAscii || (isBeyond && isText)) {
      name += c;
    } else {
      name += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  name += shown.size() < key.size() ? fmt::format("…\" ({} bytes)", key.size()) : "\"";
  return name;
}

bool SyncKv::erase(std::string_view key) { return access_->remove(key); }

std::uint64_t SyncKv::count(std::string_view prefix) {
  std::uint64_t count = 0;
  for (KvCursor keys = cursor({.prefix = prefix}); keys.next();) ++count;
  return count;
}

std::optional<Bytes> SyncKv::getBytes(std::string_view key) {
  std::optional<BytesView> found = viewBytes(key);
  if (!found) return std::nullopt;
  return Bytes(found->begin(), found->end());
}

std::optional<BytesView> SyncKv::viewBytes(std::string_view key) {
  std::optional<std::string_view> found = access_->read(key);
  if (!found) return std::nullopt;
  return BytesView(reinterpret_cast<const std::byte*>(found->data()), found->size());
}

void SyncKv::putBytes(std::string_view key, BytesView value) {
  access_->write(key, {reinterpret_cast<const char*>(value.data()), value.size()});
}

}  // namespace cairn
