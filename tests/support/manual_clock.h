// A clock that tests move by hand.
#pragma once

#include <atomic>
#include <cairn/clock.h>

namespace cairn::test {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t startMs = 1'700'000'000'000) : milliseconds_(startMs) {}

  UnixMillis now() const override { return {milliseconds_.load()}; }
  std::chrono::nanoseconds monotonic() const override {
    return std::chrono::milliseconds(milliseconds_.load());
  }
  void advance(std::int64_t milliseconds) { milliseconds_ += milliseconds; }
  void set(std::int64_t milliseconds) { milliseconds_ = milliseconds; }

 private:
  std::atomic<std::int64_t> milliseconds_;
};

}  // namespace cairn::test
