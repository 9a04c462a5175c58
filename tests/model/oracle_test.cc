// oracle_test --operations N --seed S: long random work against a model in memory: KV, SQL, alarms,
// nested transactions, deleteAll, deletions, restores, labels, checkpoints, evicted connections,
// little memory, and the engine closed and opened with other settings. What a turn reads is
// compared at once, whole objects and their past now and then.
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cstdio>
#include <memory>
#include <random>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/support/manual_clock.h"
#include "tests/support/mutants.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace {

using namespace cairn;        // A program, not a header.
using namespace cairn::test;  // Likewise.

// One root from its making to its end.
class Life {
 public:
  explicit Life(std::uint64_t seed)
      : random_(seed),
        workload_({.seed = seed,
                   .objects = 2 + static_cast<int>(seed % 5),
                   .turns = 400,
                   .inFlightMax = 1,
                   .valueBytesMax = seed % 3 == 0 ? 2'000U : 150U,
                   .checkpoints = seed % 2 == 0,
                   .history = true,
                   .reads = true,
                   .clock = &clock_}) {}

  ~Life() { workload_.release(); }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  // Empty, or what is wrong.
  std::string run() {
    engine_ = Engine::open(settings());
    while (!workload_.done()) {
      workload_.step(*engine_);
      std::string problem;
      if (random_() % 40 == 0) problem = compare();
      if (problem.empty() && random_() % 60 == 0) problem = reopen();
      if (!problem.empty()) return problem;
    }
    return compare();
  }
  [[nodiscard]] std::uint64_t operations() const { return workload_.operations(); }
  [[nodiscard]] std::uint64_t commits() const { return workload_.issued(); }

 private:
  EngineOptions settings() {
    EngineOptions options;
    options.root = directory_ / "root";
    options.clock = &clock_;
    options.journalSegmentBytes = 64 << 10;
    options.storeMapBytes = 1 << 20;
    options.changeSegmentBytes = 16'000 + random_() % 100'000;
    options.sqlConnectionsMax = 1 + static_cast<unsigned>(random_() % 4);
    // Down to where every turn waits for a round.
    options.dirtyBytesSoft = random_() % 4 == 0 ? 1 : 10'000 + random_() % 300'000;
    options.dirtyBytesHard = options.dirtyBytesSoft + random_() % 50'000;
    if (random_() % 2 == 0) options.restoreBytesMax = 1'000;
    options.limits.statementCacheBytes = random_() % 2 == 0 ? 200 : 100'000;
    return options;
  }

  std::string compare() {
    std::string problem;
    std::uint64_t all = workload_.issued();
    if (!workload_.agreesLive(*engine_, problem)) return "now: " + problem;
    if (!workload_.checkHistory(*engine_, all, random_, problem, false)) return "past: " + problem;
    return {};
  }

  std::string reopen() {
    workload_.release();
    engine_->close();
    engine_.reset();
    // Some of those who open it have nothing to say.
    for (std::uint64_t idle = random_() % 6; idle > 0; --idle) Engine::open(settings())->close();
    engine_ = Engine::open(settings());
    workload_.reopened(*engine_);
    return compare();
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  ManualClock clock_;
  Workload workload_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Compares the engine with a model over long random work");
  std::uint64_t operations = 50'000;
  std::uint64_t seed = 1;
  addMutantOption(app);
  app.add_option("--operations", operations, "How many, at least")->capture_default_str();
  app.add_option("--seed", seed, "The first root's seed")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  std::uint64_t done = 0;
  std::uint64_t commits = 0;
  std::uint64_t roots = 0;
  std::string problem;
  while (done < operations && problem.empty()) {
    Life life(seed + roots);
    try {
      problem = life.run();
    } catch (const std::exception& error) {
      problem = fmt::format("unexpected: {}", error.what());
    }
    if (!problem.empty()) {
      std::printf("%s\nreproduce: oracle_test --operations 1 --seed %llu\n", problem.c_str(),
                  static_cast<unsigned long long>(seed + roots));
    }
    done += life.operations();
    commits += life.commits();
    ++roots;
  }
  std::printf("%llu operations in %llu commits of %llu roots from seed %llu, %s\n",
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(commits),
              static_cast<unsigned long long>(roots), static_cast<unsigned long long>(seed),
              problem.empty() ? "all as the model says" : "NOT as the model says");
  return problem.empty() ? 0 : 1;
}
