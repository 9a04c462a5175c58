// retention_campaign --interleavings N --seed S: while one thread lets weeks pass, so that history
// is dropped and spaces are swept, another looks at the past and brings it back. What a view showed
// when it was opened it shows as long as it lives, a restore brings back exactly the state asked
// for, and only what has left the window is refused. Ends non-zero on anything else.
#include <atomic>
#include <cairn/error.h>
#include <cairn/history.h>
#include <cairn/verify.h>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <random>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/support/manual_clock.h"
#include "tests/support/mutants.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace cairn::test {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kWindowMs = 10 * 24 * kHourMs;
constexpr int kLooks = 12;
constexpr std::size_t kViewsMax = 3;

struct Counts {
  std::uint64_t views = 0;
  std::uint64_t restores = 0;
  std::uint64_t refused = 0;
  std::uint64_t droppedBytes = 0;
};

class Interleaving {
 public:
  explicit Interleaving(std::uint64_t seed, Counts& counts)
      : random_(seed),
        counts_(counts),
        workload_({.seed = seed,
                   .objects = 2,
                   .turns = 50,
                   .history = true,
                   .clock = &clock_,
                   .windowMs = kWindowMs}) {}

  ~Interleaving() {
    views_.clear();
    workload_.release();
  }

  /// What is wrong; empty: nothing.
  std::string run() {
    EngineOptions options;
    options.root = directory_ / "root";
    options.clock = &clock_;
    options.storeMapBytes = 1 << 20;
    options.journalSegmentBytes = 64 << 10;
    options.changeSegmentBytes = 8'000 + random_() % 40'000;
    options.dirtyBytesSoft = random_() % 2 == 0 ? 1 : 60'000;
    options.historyMs = kWindowMs;
    if (random_() % 2 == 0) options.restoreBytesMax = 1'000;
    engine_ = Engine::open(options);
    while (workload_.step(*engine_)) {
    }
    workload_.settle(*engine_);
    std::string problem;
    {
      std::jthread ager([this, hours = 1 + random_() % 40](const std::stop_token& stop) {
        letTimePass(stop, static_cast<std::int64_t>(hours));
      });
      problem = lookAround();
    }
    views_.clear();
    counts_.droppedBytes += engine_->stats().historyExpiredBytes;
    workload_.release();
    engine_.reset();
    if (problem.empty() && !verify(directory_ / "root", {.depth = VerifyDepth::kFull}).sound())
      problem = "verify finds damage";
    return problem;
  }

 private:
  // Commits of an object of its own make rounds, and rounds are where history is dropped.
  void letTimePass(const std::stop_token& stop, std::int64_t hours) {
    ObjectRef object = engine_->object("Crash", "time");
    for (int i = 0; !stop.stop_requested(); ++i) {
      clock_.advance(hours * kHourMs);
      engine_->turn(object, [&](Storage& storage) {
        if (i % 16 == 15) storage.deleteAll();
        storage.kv().put("i", i);
      });
      engine_->checkpoint();
    }
  }

  std::string lookAround() {
    for (int i = 0; i < kLooks; ++i) {
      const Workload::Commit& commit = workload_.commits()[random_() % workload_.commits().size()];
      std::string problem = random_() % 3 == 0 ? restore(commit) : look(commit);
      if (problem.empty()) problem = lookAgain();
      if (!problem.empty()) return problem;
    }
    return {};
  }

  struct Open {
    const Workload::Commit* commit;
    std::unique_ptr<PastView> view;
  };

  std::string look(const Workload::Commit& commit) {
    bool refused = mayRefuse(commit, [&] {
      ObjectRef object = workload_.object(*engine_, commit.object);
      views_.push_back({&commit, engine_->history(object).view(commit.lsn)});
    });
    if (refused) return outOfWindow(commit, "a view");
    ++counts_.views;
    if (views_.size() > kViewsMax) views_.pop_front();
    return {};
  }

  // However old it has become meanwhile.
  std::string lookAgain() {
    for (Open& open : views_) {
      ObjectModel found = Workload::read(*open.view);
      if (found == open.commit->after) continue;
      return fmt::format("a view of LSN {}\n  wanted {}\n  found {}", open.commit->lsn.value(),
                         open.commit->after.describe(), found.describe());
    }
    return {};
  }

  std::string restore(const Workload::Commit& commit) {
    ObjectRef object = workload_.object(*engine_, commit.object);
    bool dry = random_() % 4 == 0;
    bool refused =
        mayRefuse(commit, [&] { engine_->history(object).restore(commit.lsn, {.dryRun = dry}); });
    if (refused) return outOfWindow(commit, "a restore");
    ++counts_.restores;
    if (dry) return {};
    ObjectModel found = Workload::read(*engine_, workload_.objectName(commit.object));
    if (found == commit.after) return {};
    return fmt::format("LSN {} brought back\n  wanted {}\n  found {}", commit.lsn.value(),
                       commit.after.describe(), found.describe());
  }

  // Whether it was refused because there is no such history any more.
  template <typename Call>
  bool mayRefuse(const Workload::Commit&, Call&& call) {
    try {
      call();
      return false;
    } catch (const Error& error) {
      // An object that was deleted long ago is not there at all.
      if (error.code() != ErrorCode::kOutOfRange && error.code() != ErrorCode::kNotFound) throw;
      ++counts_.refused;
      return true;
    }
  }

  std::string outOfWindow(const Workload::Commit& commit, const char* what) {
    if (commit.time.value < clock_.now().value - kWindowMs) return {};
    return fmt::format("{} of LSN {} is refused, which is inside the window", what,
                       commit.lsn.value());
  }

  std::mt19937_64 random_;
  Counts& counts_;
  TemporaryDirectory directory_;
  ManualClock clock_;
  Workload workload_;
  std::unique_ptr<Engine> engine_;
  std::deque<Open> views_;
};

}  // namespace
}  // namespace cairn::test

int main(int argc, char** argv) {
  CLI::App app("Looks at the past and brings it back while retention takes it away");
  std::uint64_t interleavings = 500;
  std::uint64_t seed = 1;
  cairn::test::addMutantOption(app);
  app.add_option("--interleavings", interleavings, "How many")->capture_default_str();
  app.add_option("--seed", seed, "Of the first")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  cairn::test::Counts counts;
  std::uint64_t failed = 0;
  for (std::uint64_t i = 0; i < interleavings && failed == 0; ++i) {
    std::string problem;
    try {
      problem = cairn::test::Interleaving(seed + i, counts).run();
    } catch (const std::exception& error) {
      problem = fmt::format("unexpected: {}", error.what());
    }
    if (problem.empty()) continue;
    ++failed;
    std::printf(
        "%s\nreproduce (the threads may meet otherwise): retention_campaign "
        "--interleavings 1 --seed %llu\n",
        problem.c_str(), static_cast<unsigned long long>(seed + i));
  }
  std::printf(
      "%llu interleavings from seed %llu: %llu views, %llu restores, %llu refused for their "
      "age, %llu bytes of history dropped, %s\n",
      static_cast<unsigned long long>(interleavings), static_cast<unsigned long long>(seed),
      static_cast<unsigned long long>(counts.views),
      static_cast<unsigned long long>(counts.restores),
      static_cast<unsigned long long>(counts.refused),
      static_cast<unsigned long long>(counts.droppedBytes), failed == 0 ? "none wrong" : "WRONG");
  return failed == 0 ? 0 : 1;
}
