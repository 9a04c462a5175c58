// The keys of one object that its commits changed and the store does not hold yet, and those of the
// transaction in progress. Reads look here first. Values are not copied: an entry points into the
// record of its commit.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/base/commit_record.h"
#include "kv/overlay_index.h"

namespace cairn::kv {

class Overlay {
 public:
  struct Entry {
    RecordRef record;  ///< Its LSN is zero while the transaction is in progress.
    RecordSlice value;
    std::uint32_t opOffset = 0;  ///< Where the op that wrote the entry begins.
    bool erased = false;

    [[nodiscard]] std::string_view bytes() const {
      return record->ops.view(value.offset, value.length);
    }
  };
  using Map = std::map<std::string, Entry, std::less<>>;

  [[nodiscard]] const Entry* find(std::string_view key) const {
    if (index_.active()) {
      const Map::iterator* found = index_.find(key);
      return found == nullptr ? nullptr : &(*found)->second;
    }
    auto found = map_.find(key);
    return found == map_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const Map& entries() const { return map_; }
  [[nodiscard]] bool empty() const { return map_.empty(); }
  [[nodiscard]] std::uint64_t memoryBytes() const { return memoryBytes_; }
  /// Changes whenever an entry comes or goes or is overwritten: positions taken before are to be
  /// taken anew.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  /// The entry of `key`, created if it is missing.
  Map::iterator at(std::string_view key, bool& created);
  void remove(Map::iterator entry);
  void touched() { ++revision_; }

  /// Drops entries of commits that the store holds (I7: only while no reader of an older state is
  /// open).
  void dropThrough(Lsn lsn);

 private:
  static std::uint64_t cost(std::string_view key) {
    return sizeof(Map::value_type) + 80 + (key.size() > 15 ? key.size() : 0);
  }

  Map map_;
  OverlayIndex<Map> index_;  ///< Active while there are many entries.
  std::uint64_t memoryBytes_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace cairn::kv
