// One run of one workload on one engine: where its files are, what is measured, what is reported.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/support/counting.h"
#include "bench/support/load.h"

namespace bench {

enum class Engine {
  kCairn,
  kSqliteFull,
  kSqliteNormal,
  kLmdbSync,
  kLmdbNosync,
  kRocksdbSync,
  kRocksdbNosync,
  kLeveldbSync,
  kLeveldbNosync,
  kFloor,
};
[[nodiscard]] std::string_view engineName(Engine engine);

/// How large inputs are and how long loads last.
enum class Scale {
  kTiny,   ///< Seconds for everything: the tests.
  kQuick,  ///< Minutes: the table of the README.
  kFull,
};

struct Settings {
  Scale scale = Scale::kQuick;
  double seconds = 2;     ///< Of each load.
  std::string directory;  ///< On the disk to be measured.
};

using Parameters = std::vector<std::pair<std::string, std::int64_t>>;

/// Of all threads of the process so far.
[[nodiscard]] double cpuSeconds();

/// A directory that is gone afterwards.
class Directory {
 public:
  explicit Directory(const std::string& parent);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Run {
 public:
  Run(benchmark::State& state, const Settings& settings, Engine engine,
      const Parameters& parameters)
      : state_(state),
        settings_(settings),
        engine_(engine),
        parameters_(parameters),
        directory_(settings.directory) {}

  [[nodiscard]] Engine engine() const { return engine_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] std::uint64_t parameter(std::string_view name) const;
  [[nodiscard]] std::uint64_t parameter(std::string_view name, std::uint64_t otherwise) const;
  /// Empty at the beginning, gone at the end of the run.
  [[nodiscard]] const std::string& directory() const { return directory_.path(); }

  /// The measured part begins: time, CPU, writes, syncs and allocations.
  void begin();
  struct Work {
    std::uint64_t items = 0;
    std::uint64_t userBytes = 0;  ///< Of keys and values written.
    std::uint64_t commits = 0;
    const Latencies* latencies = nullptr;
    std::optional<double> seconds = std::nullopt;  ///< Instead of the time since `begin`.
  };
  void end(const Work& work);
  void report(const std::string& name, double value) { state_.counters[name] = value; }

  /// `drive` between `begin` and `end`; `userBytes` and `commits` are per request.
  LoadResult load(LoadOptions options, std::uint64_t userBytes, double commits,
                  const Request& request);

 private:
  benchmark::State& state_;
  const Settings& settings_;
  Engine engine_;
  const Parameters& parameters_;
  Directory directory_;
  std::int64_t begun_ = 0;
  double cpuBefore_ = 0;
  Counts countsBefore_;
};

/// Throws what went wrong: a benchmark that did not do its work has no result.
void require(bool condition, std::string_view what);

}  // namespace bench
