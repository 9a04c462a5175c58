#include "kv/overlay.h"

namespace cairn::kv {

Overlay::Map::iterator Overlay::at(std::string_view key, bool& created) {
  auto place = map_.lower_bound(key);
  created = place == map_.end() || place->first != key;
  if (created) {
    place = map_.emplace_hint(place, std::string(key), Entry{});
    memoryBytes_ += cost(key);
  }
  ++revision_;
  return place;
}

void Overlay::remove(Map::iterator entry) {
  memoryBytes_ -= cost(entry->first);
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
}

}  // namespace cairn::kv
