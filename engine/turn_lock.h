// The lock of an object's turn. Unlike std::mutex it may be let go by another thread than the one
// that took it: a turn that stays open while its coroutine waits moves from thread to thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace cairn {

class TurnLock {
 public:
  void lock() {
    std::uint32_t seen = kFree;
    if (state_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire)) return;
    while (state_.exchange(kContended, std::memory_order_acquire) != kFree)
      state_.wait(kContended, std::memory_order_relaxed);
  }
  bool try_lock() {
    std::uint32_t seen = kFree;
    return state_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire);
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kContended) state_.notify_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kContended = 2;  ///< Held, and somebody may be waiting.
  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace cairn
