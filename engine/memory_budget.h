// Memory of commits that the store does not hold yet. Past the soft limit a round is wanted; past
// the hard limit whoever wants to begin a turn waits for one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace cairn {

class MemoryBudget {
 public:
  MemoryBudget(std::uint64_t soft, std::uint64_t hard) : soft_(soft), hard_(hard) {}

  [[nodiscard]] std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool overSoft() const { return used() > soft_; }
  [[nodiscard]] bool overHard() const { return used() > hard_; }

  void add(std::int64_t bytes) {
    // In one order with what waiters do: they register and then look, we change and then look.
    std::uint64_t now =
        used_.fetch_add(static_cast<std::uint64_t>(bytes)) + static_cast<std::uint64_t>(bytes);
    if (bytes < 0 && now <= hard_ && waiters_.load() > 0) wakeAll();
  }

  /// Returns when the use is below the hard limit, or when `giveUp` says so; call `wakeAll` when
  /// that changes.
  void waitBelowHard(const std::function<bool()>& giveUp) {
    std::unique_lock lock(mutex_);
    waiters_.fetch_add(1);
    below_.wait(lock, [&] { return used_.load() <= hard_ || giveUp(); });
    waiters_.fetch_sub(1, std::memory_order_relaxed);
  }
  void wakeAll() {
    std::vector<std::function<void()>> callbacks;
    {
      std::lock_guard lock(mutex_);
      below_.notify_all();
      waiters_.fetch_sub(static_cast<unsigned>(callbacks_.size()), std::memory_order_relaxed);
      callbacks.swap(callbacks_);
    }
    for (const std::function<void()>& callback : callbacks) callback();
  }
  /// Calls `then` once, when the use is below the hard limit, or `giveUp` says so, or `wakeAll` was
  /// called: at once, or later in another thread.
  void whenBelowHard(std::function<void()> then, const std::function<bool()>& giveUp) {
    {
      std::lock_guard lock(mutex_);
      waiters_.fetch_add(1);
      if (used_.load() > hard_ && !giveUp()) {
        callbacks_.push_back(std::move(then));
        return;
      }
      waiters_.fetch_sub(1, std::memory_order_relaxed);
    }
    then();
  }

 private:
  const std::uint64_t soft_;
  const std::uint64_t hard_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<unsigned> waiters_{0};
  std::mutex mutex_;
  std::condition_variable below_;
  std::vector<std::function<void()>> callbacks_;
};

}  // namespace cairn
