// What an alarm handler is told.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <string>

namespace cairn {

struct AlarmInvocation {
  UnixMillis scheduledTime;      ///< What the alarm was set to; a retry's is the first attempt's.
  std::uint32_t retryCount = 0;  ///< Failed attempts before this one.
  bool isRetry = false;
  std::string name;  ///< Empty: the alarm that `setAlarm` without a name sets.
};

}  // namespace cairn
