// What the host counts while it runs. Relaxed additions; `HostMetrics` is made from them.
#pragma once

#include <array>
#include <atomic>
#include <cairn/metrics.h>
#include <cstdint>

namespace cairn::host {

using Counter = std::atomic<std::uint64_t>;

class HistogramCounter {
 public:
  void add(std::uint64_t value) {
    counts_[Histogram::bucketOf(value)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  [[nodiscard]] Histogram read() const {
    Histogram histogram;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i)
      histogram.counts[i] = counts_[i].load(std::memory_order_relaxed);
    histogram.sum = sum_.load(std::memory_order_relaxed);
    return histogram;
  }

 private:
  std::array<Counter, Histogram::kBuckets> counts_{};
  Counter sum_{0};
};

struct Counters {
  Counter events{0};
  Counter eventsFailed{0};
  Counter overloaded{0};
  Counter timedOut{0};
  Counter turns{0};
  Counter commits{0};
  Counter gateWaits{0};
  Counter memoryWaits{0};
  Counter criticalSections{0};
  Counter objectsStarted{0};
  Counter objectsEvicted{0};
  Counter objectsReset{0};
  Counter alarmsRun{0};
  Counter alarmsFailed{0};
  Counter alarmsGivenUp{0};
  HistogramCounter queueNs;
  HistogramCounter gateNs;
  HistogramCounter alarmLagMs;
};

inline void count(Counter& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace cairn::host
