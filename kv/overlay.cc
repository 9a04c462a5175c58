#include "kv/overlay.h"

namespace cairn::kv {

namespace {

// With fewer entries than this walking the tree is as quick as hashing.
constexpr std::size_t kIndexFrom = 64;

}  // namespace

// What may run out of memory does so before anything has changed.
Overlay::Map::iterator Overlay::at(std::string_view key, bool& created) {
  created = false;
  if (!index_.active() && map_.size() >= kIndexFrom) index_.build(map_);
  if (index_.active()) {
    index_.makeRoom();
    if (const Map::iterator* found = index_.find(key)) {
      ++revision_;
      return *found;
    }
  }
  auto place = map_.lower_bound(key);
  created = place == map_.end() || place->first != key;
  if (created) {
    place = map_.emplace_hint(place, std::string(key), Entry{});
    if (index_.active()) index_.insert(place);
    memoryBytes_ += cost(key);
  }
  ++revision_;
  return place;
}

void Overlay::remove(Map::iterator entry) {
  memoryBytes_ -= cost(entry->first);
  if (index_.active()) index_.erase(entry);
  map_.erase(entry);
  ++revision_;
}

void Overlay::dropThrough(Lsn lsn) {
  for (auto entry = map_.begin(); entry != map_.end();) {
    Lsn written = entry->second.record->lsn;
    auto next = std::next(entry);
    if (!written.isZero() && written <= lsn) remove(entry);
    entry = next;
  }
  if (map_.size() < kIndexFrom / 2) index_.clear();
}

}  // namespace cairn::kv
