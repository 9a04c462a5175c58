// Things to do at a time of the host's clock. Thread-safe; what is due runs in the thread that
// asks.
#pragma once

#include <cairn/unique_function.h>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace cairn::host {

class Timers {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  struct Added {
    std::uint64_t id;
    bool first;  ///< It is due before everything else.
  };

  Added add(Nanoseconds due, UniqueFunction<void()> work) {
    std::lock_guard lock(mutex_);
    std::uint64_t id = ++last_;
    auto place = queue_.emplace(std::pair{due, id}, std::move(work)).first;
    byId_.emplace(id, place);
    return {id, place == queue_.begin()};
  }

  /// Whether it was still waiting.
  bool cancel(std::uint64_t id) {
    UniqueFunction<void()> dropped;
    std::lock_guard lock(mutex_);
    auto found = byId_.find(id);
    if (found == byId_.end()) return false;
    dropped = std::move(found->second->second);
    queue_.erase(found->second);
    byId_.erase(found);
    return true;
  }

  void runDue(Nanoseconds now) {
    for (;;) {
      UniqueFunction<void()> work;
      {
        std::lock_guard lock(mutex_);
        if (queue_.empty() || queue_.begin()->first.first > now) return;
        work = std::move(queue_.begin()->second);
        byId_.erase(queue_.begin()->first.second);
        queue_.erase(queue_.begin());
      }
      work();
    }
  }

  [[nodiscard]] std::optional<Nanoseconds> next() const {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) return std::nullopt;
    return queue_.begin()->first.first;
  }

  void clear() {
    Queue dropped;
    std::lock_guard lock(mutex_);
    dropped.swap(queue_);
    byId_.clear();
  }

 private:
  using Queue = std::map<std::pair<Nanoseconds, std::uint64_t>, UniqueFunction<void()>>;
  mutable std::mutex mutex_;
  Queue queue_;
  std::unordered_map<std::uint64_t, Queue::iterator> byId_;
  std::uint64_t last_ = 0;
};

}  // namespace cairn::host
