// What the host tells its log: one event with its fields, ready for any structured logger.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarning, kError };

struct LogEvent {
  LogLevel level;
  std::string_view name;  ///< E.g. "object_reset"; stays the same over versions.
  std::string className;  ///< Empty: not about one object.
  std::string object;
  std::vector<std::pair<std::string_view, std::string>> fields;
};

/// Called in any thread, by several at once; must be quick and must not throw.
using LogSink = std::function<void(const LogEvent&)>;

}  // namespace cairn
