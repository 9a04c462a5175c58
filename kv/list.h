// Listing: the store and the overlay merged, live. The iterator re-seeks when something changed
// since its last step, so it shows later writes ahead of its position and never holds the store
// between turns.
#pragma once

#include <cairn/kv.h>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kv/store_cursor.h"
#include "kv/turn.h"

namespace cairn::kv {

/// The keys [low, high) that ListOptions name; an absent high has no end.
struct Range {
  std::string low;
  std::optional<std::string> high;
  bool empty = false;
};

/// Throws: kInvalidArgument for `start` beside `startAfter` and for a limit that is not positive.
[[nodiscard]] Range toRange(const ListOptions& options);
/// The smallest string greater than all that begin with `prefix`; nullopt when there is none.
[[nodiscard]] std::optional<std::string> prefixEnd(std::string_view prefix);

class List {
 public:
  List(Turn& turn, Range range, bool reverse, std::optional<std::uint64_t> limit)
      : turn_(&turn),
        range_(std::move(range)),
        reverse_(reverse),
        left_(limit.value_or(UINT64_MAX)) {}

  /// The object's turn as it is now: a listing may outlive the turn that began it.
  void rebind(Turn& turn) {
    if (&turn == turn_) return;
    turn_ = &turn;
    positioned_ = false;
  }
  /// Steps to the next pair; false at the end.
  bool next();
  /// Valid until the next step, the next write or the end of the turn.
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  void reseek();
  void advanceStore();
  void advanceOverlay();
  bool pick();
  [[nodiscard]] bool storeReady() const {
    return store_ && store_->valid() && inRange(store_->key());
  }
  [[nodiscard]] bool overlayInRange() const;
  [[nodiscard]] std::string_view overlayKey() const;
  [[nodiscard]] bool inRange(std::string_view key) const;

  Turn* turn_;
  Range range_;
  bool reverse_;
  std::uint64_t left_;
  bool started_ = false;
  std::string last_;  ///< The last key given out.

  bool positioned_ = false;
  std::uint64_t revision_ = 0;
  std::uint64_t generation_ = 0;
  const Overlay* overlaySeen_ = nullptr;
  std::optional<StoreCursor> store_;
  Overlay::Map::const_iterator overlay_;  ///< In reverse: one past the candidate.
  bool overlayReady_ = false;             ///< It is in range.
  std::string_view key_;
  std::string_view value_;
};

}  // namespace cairn::kv
