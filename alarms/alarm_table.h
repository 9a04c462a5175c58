// Alarms as the store keeps them: one row per object and alarm name, and a queue in the order they
// are due.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::alarms {

/// The alarm that `setAlarm` without a name sets.
inline constexpr std::string_view kDefaultName;
inline constexpr std::size_t kNameBytesMax = 128;

struct Alarm {
  UnixMillis time;             ///< When it is due, retries included.
  std::uint32_t attempts = 0;  ///< Failed attempts that count.
  std::uint32_t backoff = 0;   ///< Doublings of the retry delay so far.
  std::int64_t delayMs = 0;    ///< What retries put it off by.

  /// What it was set to.
  [[nodiscard]] UnixMillis scheduled() const { return {time.value - delayMs}; }

  friend bool operator==(const Alarm&, const Alarm&) = default;
  [[nodiscard]] std::string encode() const;
  /// Throws: kDamaged.
  static Alarm decode(std::string_view bytes);
};

[[nodiscard]] std::string tableKey(ObjectNumber object, std::string_view name);
[[nodiscard]] std::string queueKey(UnixMillis time, ObjectNumber object, std::string_view name);

}  // namespace cairn::alarms
