// Runs a program of many threads one thread at a time, in an order that a seed decides, on a clock
// that only it moves.
//
// Programs that link scheduler.cc get the calls through which threads meet (pthread mutexes,
// condition variables, read-write locks, creation, joining, yielding, sleeping) and the clock from
// here. Outside of `Scheduler::run` they are the system's. Inside, every such call is a point where
// another thread may be let go on: the same seed gives the same run, including what only happens
// once in a million; a deadlock shows as a moment at which nobody can go on.
//
// What blocks in other ways (reading a pipe, waiting on a futex directly) is not seen and must not
// be used meanwhile.
#pragma once

#include <cairn/clock.h>
#include <cstdint>
#include <functional>

namespace cairn::test {

class Scheduler {
 public:
  struct Options {
    std::uint64_t seed = 1;
    /// At one in this many meeting points another thread is let go on.
    unsigned switchEvery = 6;
    /// More meeting points than this are taken for a livelock.
    std::uint64_t stepsMax = 50'000'000;
    /// Told before the process ends because nobody can go on.
    std::function<void(const char* what)> onStuck;
  };

  /// Runs `work`, and every thread begun in it, which must all have ended when it returns. Not
  /// reentrant.
  static void run(const Options& options, const std::function<void()>& work);

  /// The thread does nothing for so long, and others go on. For calls that take a while, as those
  /// to a disk do.
  static void pause(std::uint64_t nanoseconds);
  [[nodiscard]] static bool running();
  /// Nanoseconds since the run began.
  [[nodiscard]] static std::int64_t now();
  /// Of the decisions made so far: equal for equal runs.
  [[nodiscard]] static std::uint64_t fingerprint();
};

/// The scheduler's clock, as the engine wants one.
class SimulatedClock final : public Clock {
 public:
  UnixMillis now() const override {
    return {1'700'000'000'000 + Scheduler::now() / 1'000'000 + offsetMs};
  }
  std::chrono::nanoseconds monotonic() const override {
    return std::chrono::nanoseconds(Scheduler::now());
  }
  std::int64_t offsetMs = 0;  ///< How far the wall clock was set forward or back.
};

}  // namespace cairn::test
