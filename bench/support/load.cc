#include "bench/support/load.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

namespace bench {

/// The requests of one thread.
struct Lane {
  std::atomic<std::uint32_t> answered{0};
  std::atomic<bool> asleep{false};
  Latencies answeredHere;    ///< On the thread that began them.
  Latencies answeredByThem;  ///< On the engine's thread.
  std::exception_ptr failure;
};

void Done::now() const {
  lane_->answeredHere.add(nowNs() - begun_);
  lane_->answered.fetch_add(1, std::memory_order_release);
}

void Done::operator()(const std::exception_ptr& cause) const {
  lane_->answeredByThem.add(nowNs() - begun_);
  if (cause) lane_->failure = cause;
  lane_->answered.fetch_add(1);
  if (lane_->asleep.load() && lane_->asleep.exchange(false)) lane_->answered.notify_one();
}

namespace {

constexpr int kSpins = 100;

// Returns once fewer than `most` requests are unanswered.
void waitForRoom(Lane& lane, std::uint32_t begun, std::uint32_t most) {
  for (int spin = 0;; ++spin) {
    std::uint32_t answered = lane.answered.load();
    if (begun - answered < most) return;
    if (spin < kSpins) {
      std::this_thread::yield();
      continue;
    }
    lane.asleep.store(true);
    if (lane.answered.load() == answered) lane.answered.wait(answered);
    lane.asleep.store(false);
  }
}

struct Shared {
  const LoadOptions& options;
  const Request& request;
  std::int64_t end;
  std::atomic<std::uint64_t> given{0};
  std::atomic<bool> failed{false};
};

void runLane(Shared& shared, Lane& lane, std::uint32_t most, std::uint64_t seed) {
  Random random(seed);
  std::uint32_t begun = 0;
  try {
    while (!shared.failed.load(std::memory_order_relaxed)) {
      waitForRoom(lane, begun, most);
      std::int64_t now = nowNs();
      if (now >= shared.end || lane.failure) break;
      if (shared.options.enough && shared.options.enough()) break;
      std::uint64_t number = shared.given.fetch_add(1, std::memory_order_relaxed);
      if (number >= shared.options.requests) break;
      ++begun;
      shared.request(number, random, Done(lane, now));
    }
  } catch (...) {
    lane.failure = std::current_exception();
    shared.failed = true;
    return;
  }
  waitForRoom(lane, begun, 1);
}

}  // namespace

LoadResult drive(const LoadOptions& options, const Request& request) {
  unsigned threads = options.overlaps ? 1 : options.inflight;
  std::uint32_t most = options.overlaps ? options.inflight : 1;
  std::vector<std::unique_ptr<Lane>> lanes;
  for (unsigned i = 0; i < threads; ++i) lanes.push_back(std::make_unique<Lane>());
  std::int64_t begin = nowNs();
  Shared shared{options, request, begin + static_cast<std::int64_t>(options.seconds * 1e9)};
  if (threads == 1) {
    runLane(shared, *lanes[0], most, options.seed);
  } else {
    std::vector<std::jthread> running;
    for (unsigned i = 0; i < threads; ++i) {
      running.emplace_back([&, i] { runLane(shared, *lanes[i], most, options.seed + 1'000 * i); });
    }
  }
  LoadResult result;
  result.seconds = static_cast<double>(nowNs() - begin) / 1e9;
  for (const auto& lane : lanes) {
    if (lane->failure) std::rethrow_exception(lane->failure);
    result.latencies.add(lane->answeredHere);
    result.latencies.add(lane->answeredByThem);
  }
  result.requests = result.latencies.count();
  return result;
}

}  // namespace bench
