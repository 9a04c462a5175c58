// Time is passed in, so that tests move it by hand.
#pragma once

#include <cairn/types.h>
#include <chrono>

namespace cairn {

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall time. May jump either way; the engine never lets commit times go back because of it.
  [[nodiscard]] virtual UnixMillis now() const = 0;

  /// Time that only moves forward, for intervals.
  [[nodiscard]] virtual std::chrono::nanoseconds monotonic() const = 0;
};

/// The machine's clock. Lives as long as the process.
[[nodiscard]] const Clock& systemClock();

}  // namespace cairn
