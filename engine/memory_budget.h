// Memory of commits that the store does not hold yet. Past the soft limit a round is wanted; past
// the hard limit whoever wants to begin a turn waits for one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace cairn {

class MemoryBudget {
 public:
  MemoryBudget(std::uint64_t soft, std::uint64_t hard) : soft_(soft), hard_(hard) {}

  [[nodiscard]] std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool overSoft() const { return used() > soft_; }
  [[nodiscard]] bool overHard() const { return used() > hard_; }

  void add(std::int64_t bytes) {
    std::uint64_t now =
        used_.fetch_add(static_cast<std::uint64_t>(bytes), std::memory_order_relaxed) +
        static_cast<std::uint64_t>(bytes);
    if (bytes < 0 && now <= hard_ && waiters_.load(std::memory_order_relaxed) > 0) {
      std::lock_guard lock(mutex_);
      below_.notify_all();
    }
  }

  /// Returns when the use is below the hard limit, or when `giveUp` says so; call `wakeAll` when
  /// that changes.
  void waitBelowHard(const std::function<bool()>& giveUp) {
    std::unique_lock lock(mutex_);
    waiters_.fetch_add(1, std::memory_order_relaxed);
    below_.wait(lock, [&] { return !overHard() || giveUp(); });
    waiters_.fetch_sub(1, std::memory_order_relaxed);
  }
  void wakeAll() {
    std::lock_guard lock(mutex_);
    below_.notify_all();
  }

 private:
  const std::uint64_t soft_;
  const std::uint64_t hard_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<unsigned> waiters_{0};
  std::mutex mutex_;
  std::condition_variable below_;
};

}  // namespace cairn
