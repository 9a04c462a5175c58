// Requests against an engine with a number of them in flight, closed loop: a request that is
// answered makes room for the next.
//
// An engine whose commits overlap (Cairn) gets all of them from one thread and answers on its own;
// the others get one thread for each request in flight, which is their best way to let commits
// share a sync.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "bench/support/keys.h"
#include "bench/support/latencies.h"

namespace bench {

struct Lane;

/// To be called once when a request is answered. Small enough for std::function to hold in place.
class Done {
 public:
  Done(Lane& lane, std::int64_t begun) : lane_(&lane), begun_(begun) {}
  /// On the thread that began the request, before the call that began it returns.
  void now() const;
  /// On the engine's thread; what went wrong ends the load.
  void operator()(const std::exception_ptr& cause) const;

 private:
  Lane* lane_;
  std::int64_t begun_;
};

struct LoadOptions {
  unsigned inflight = 1;
  bool overlaps = false;  ///< The engine answers on a thread of its own.
  double seconds = 1;
  std::uint64_t requests = UINT64_MAX;  ///< At most so many.
  std::function<bool()> enough;         ///< Asked before each request, if set: ends the load.
  std::uint64_t seed = 42;
};

struct LoadResult {
  std::uint64_t requests = 0;
  double seconds = 0;
  Latencies latencies;
};

/// `request(number, random, done)`: numbers count from 0, each is given out once.
using Request = std::function<void(std::uint64_t number, Random& random, Done done)>;

/// Throws what the first request threw.
LoadResult drive(const LoadOptions& options, const Request& request);

}  // namespace bench
