// The CPU time that SQL statements took, for whatever is bounded together: an event of a host, a
// turn of an engine without one.
#pragma once

#include <cstdint>
#include <utility>

namespace cairn::sql {

class CpuBudget {
 public:
  std::uint64_t usedNs = 0;

  /// What the statements of this thread count towards; null: each is bounded by itself.
  [[nodiscard]] static CpuBudget* current() { return event_ != nullptr ? event_ : turn_; }
  /// Set what it is, with an event or without; they return what it was. Turns do not end in the
  /// order of events: each has a place of its own.
  static CpuBudget* enterEvent(CpuBudget* budget) { return std::exchange(event_, budget); }
  static CpuBudget* enterTurn(CpuBudget* budget) { return std::exchange(turn_, budget); }
  [[nodiscard]] static CpuBudget* ofTurn() { return turn_; }

 private:
  static inline thread_local CpuBudget* event_ = nullptr;
  static inline thread_local CpuBudget* turn_ = nullptr;
};

}  // namespace cairn::sql
