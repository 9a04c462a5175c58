// Finds entries of a large overlay by the hash of their key: a table with linear probing that holds
// pointers to the map's nodes, which stay where they are.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "engine/base/checksum.h"

namespace cairn::kv {

/// `Map` is a std::map whose keys convert to std::string_view.
template <typename Map>
class OverlayIndex {
 public:
  using Iterator = typename Map::iterator;

  [[nodiscard]] bool active() const { return !slots_.empty(); }

  /// Takes in all of the map; from then on it must be told of every entry that comes or goes.
  void build(Map& map) {
    slots_.assign(std::max(kSlotsMin, std::bit_ceil(2 * (map.size() + 1))), Slot{});
    used_ = 0;
    for (Iterator entry = map.begin(); entry != map.end(); ++entry) insert(entry);
  }
  void clear() {
    slots_ = {};
    used_ = 0;
  }

  /// Null when it is not there.
  [[nodiscard]] const Iterator* find(std::string_view key) const {
    const Slot& slot = slots_[place(key, hashOf(key))];
    return slot.hash != 0 ? &slot.entry : nullptr;
  }

  /// The next `insert` will not allocate.
  void makeRoom() {
    if (2 * (used_ + 1) > slots_.size()) grow();
  }
  void insert(Iterator entry) {
    makeRoom();
    std::uint64_t hash = hashOf(entry->first);
    slots_[place(entry->first, hash)] = {hash, entry};
    ++used_;
  }

  void erase(Iterator entry) {
    std::size_t hole = place(entry->first, hashOf(entry->first));
    // Whatever was pushed past the hole by it moves up.
    for (std::size_t next = (hole + 1) & mask(); slots_[next].hash != 0;
         next = (next + 1) & mask()) {
      std::size_t home = slots_[next].hash & mask();
      if (((next - home) & mask()) < ((next - hole) & mask())) continue;
      slots_[hole] = slots_[next];
      hole = next;
    }
    slots_[hole] = Slot{};
    --used_;
  }

 private:
  static constexpr std::size_t kSlotsMin = 256;

  struct Slot {
    std::uint64_t hash = 0;  ///< 0: free.
    Iterator entry;
  };

  static std::uint64_t hashOf(std::string_view key) { return checksum64(key, 0) | 1ULL << 63; }
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }

  // Where the key is, or the free slot where it belongs.
  [[nodiscard]] std::size_t place(std::string_view key, std::uint64_t hash) const {
    std::size_t at = hash & mask();
    while (slots_[at].hash != 0 && (slots_[at].hash != hash || slots_[at].entry->first != key))
      at = (at + 1) & mask();
    return at;
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.hash == 0) continue;
      std::size_t at = slot.hash & mask();
      while (slots_[at].hash != 0) at = (at + 1) & mask();
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace cairn::kv
