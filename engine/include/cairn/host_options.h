// How a host and its classes are set up.
#pragma once

#include <cairn/log.h>
#include <cairn/options.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <asio/any_io_executor.hpp>

namespace cairn {

/// Who looks at the clock.
enum class Ticking {
  kByItself,  ///< The host does, with a timer of its executor.
  kByHand,    ///< Nobody: whoever moves the clock calls Host::tick().
};

struct HostOptions {
  std::string root;      ///< As EngineOptions::root, and used for it.
  EngineOptions engine;  ///< The rest of it; shared by the roots of all jurisdictions.
  std::string euRoot;    ///< Objects of jurisdiction "eu"; by default the root's path with "-eu".
  std::string fedrampRoot;
  std::string wrangler;  ///< A `wrangler.jsonc` or `wrangler.toml`: its migrations are applied at
                         ///< open, its `limits.cpu_ms` is Limits::cpuMs.

  /// Where objects run; the host has threads of its own if there is none. Must be a thread pool or
  /// run by somebody, and live longer than the host.
  std::optional<asio::any_io_executor> executor;
  unsigned threads = 0;  ///< Of the host's own pool; 0: one per processor.
  Ticking ticking = Ticking::kByItself;

  std::int64_t idleEvictionMs = 10'000;  ///< An object that did nothing for so long is let go.
  std::size_t liveObjectsMax = 100'000;  ///< Past it the longest idle ones go first; when all are
                                         ///< busy, calls to others are refused as overload.
  std::size_t queueLengthMax = 10'000;   ///< Calls of one object that have not begun.
  std::int64_t queueAgeMaxMs = 30'000;   ///< What one of them may have waited.
  std::int64_t criticalSectionMs = 30'000;
  std::int64_t outputGateMs = 30'000;     ///< What a reply may wait for the disk.
  std::int64_t alarmHandlerMs = 900'000;  ///< "15 minutes"
  std::size_t alarmsAtOnce = 64;          ///< Alarm handlers running; the rest of a storm waits.
  std::size_t alarmsInMemory = 16'384;    ///< Of those that are due next.
  std::uint64_t seed = 0;                 ///< Of the jitter of alarm retries; 0: random.
  LogSink log;
};

}  // namespace cairn
