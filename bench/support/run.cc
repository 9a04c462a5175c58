#include "bench/support/run.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <sys/resource.h>

namespace bench {

std::string_view engineName(Engine engine) {
  switch (engine) {
    case Engine::kCairn:
      return "cairn";
    case Engine::kSqliteFull:
      return "sqlite_full";
    case Engine::kSqliteNormal:
      return "sqlite_normal";
    case Engine::kLmdbSync:
      return "lmdb_sync";
    case Engine::kLmdbNosync:
      return "lmdb_nosync";
    case Engine::kRocksdbSync:
      return "rocksdb_sync";
    case Engine::kRocksdbNosync:
      return "rocksdb_nosync";
    case Engine::kLeveldbSync:
      return "leveldb_sync";
    case Engine::kLeveldbNosync:
      return "leveldb_nosync";
    case Engine::kFloor:
      return "floor";
  }
  return "";
}

void require(bool condition, std::string_view what) {
  if (!condition) throw std::runtime_error(std::string(what));
}

Directory::Directory(const std::string& parent) : path_(parent + "/run-XXXXXX") {
  require(::mkdtemp(path_.data()) != nullptr, "cannot make a directory in " + parent);
}

Directory::~Directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

double cpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t Run::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return static_cast<std::uint64_t>(value);
  }
  throw std::logic_error("the workload has no parameter " + std::string(name));
}

std::uint64_t Run::parameter(std::string_view name, std::uint64_t otherwise) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return static_cast<std::uint64_t>(value);
  }
  return otherwise;
}

void Run::begin() {
  countsBefore_ = countsNow();
  cpuBefore_ = cpuSeconds();
  state_.ResumeTiming();
  begun_ = nowNs();
}

void Run::end(const Work& work) {
  double seconds = static_cast<double>(nowNs() - begun_) / 1e9;
  state_.PauseTiming();
  if (work.seconds) seconds = *work.seconds;
  double cpu = cpuSeconds() - cpuBefore_;
  Counts counts = countsNow();
  require(work.items > 0, "nothing was done");
  auto items = static_cast<double>(work.items);
  auto written = static_cast<double>(counts.writtenBytes - countsBefore_.writtenBytes);
  report("items", items);
  report("items_per_second", items / seconds);
  report("cpu_us_per_item", cpu * 1e6 / items);
  report("allocs_per_item",
         static_cast<double>(counts.allocations - countsBefore_.allocations) / items);
  if (work.userBytes > 0)
    report("written_per_user_byte", written / static_cast<double>(work.userBytes));
  if (work.commits > 0) {
    report("syncs_per_commit", static_cast<double>(counts.syncs - countsBefore_.syncs) /
                                   static_cast<double>(work.commits));
  }
  if (work.latencies != nullptr) {
    report("p50_us", work.latencies->quantileUs(0.5));
    report("p99_us", work.latencies->quantileUs(0.99));
    report("p99.9_us", work.latencies->quantileUs(0.999));
  }
}

LoadResult Run::load(LoadOptions options, std::uint64_t userBytes, double commits,
                     const Request& request) {
  begin();
  LoadResult result = drive(options, request);
  end({.items = result.requests,
       .userBytes = result.requests * userBytes,
       .commits = static_cast<std::uint64_t>(static_cast<double>(result.requests) * commits),
       .latencies = &result.latencies,
       .seconds = result.seconds});
  return result;
}

}  // namespace bench
