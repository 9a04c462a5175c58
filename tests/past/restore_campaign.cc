// restore_campaign --commits N --sample M --seed S: looks at M of the N commits of a random history
// (all of them without --sample) and brings them back, and compares what it finds with a model that
// knows every state:
//   as a view, by LSN and by time                       every one of them
//   in place, by bookmark, and undone                   every tenth
//   through the platform's calls, at the next session   every hundredth
// Every second restore in place is made in a space of its own. Ends non-zero on any difference.
#include <algorithm>
#include <cairn/error.h>
#include <cairn/history.h>
#include <cairn/verify.h>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <random>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/support/manual_clock.h"
#include "tests/support/mutants.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace cairn::test {
namespace {

struct Settings {
  std::uint64_t commits = 10'000;
  std::uint64_t sample = 0;
  std::uint64_t seed = 1;
  int inPlaceEvery = 10;
};

class Campaign {
 public:
  explicit Campaign(const Settings& settings)
      : settings_(settings),
        random_(settings.seed),
        workload_({.seed = settings.seed,
                   .objects = 3,
                   .turns = static_cast<int>(settings.commits * 2),
                   .history = true,
                   .clock = &clock_}) {}

  ~Campaign() { workload_.release(); }

  /// What is wrong; empty: nothing.
  std::string run() {
    open(false);
    while (workload_.issued() < settings_.commits && workload_.step(*engine_)) {
    }
    workload_.settle(*engine_);
    clock_.advance(1'000);  // What follows is later than all of it.
    indexTimes();
    std::vector<std::size_t> order(workload_.commits().size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::shuffle(order, random_);
    if (settings_.sample > 0 && settings_.sample < order.size()) order.resize(settings_.sample);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Workload::Commit& commit = workload_.commits()[order[i]];
      std::string problem = look(commit);
      if (problem.empty() && i % settings_.inPlaceEvery == 0) {
        // Restores of both kinds take turns; the threshold is an option of the engine.
        if (i % 200 == 0) open(i % 400 == 0);
        problem = i % 100 == 0 ? arm(commit) : restore(commit);
      }
      if (!problem.empty()) return problem;
    }
    workload_.release();
    engine_.reset();
    if (!verify(directory_ / "root", {.depth = VerifyDepth::kFull}).sound())
      return "verify finds damage";
    return {};
  }

  std::uint64_t views = 0;
  std::uint64_t restores = 0;
  std::uint64_t bySession = 0;

 private:
  void open(bool aside) {
    workload_.release();
    engine_.reset();
    EngineOptions options;
    options.root = directory_ / "root";
    options.clock = &clock_;
    options.changeSegmentBytes = 1 << 20;
    if (aside) options.restoreBytesMax = 1'000;
    engine_ = Engine::open(options);
  }

  // Of commits at one time the last one counts.
  void indexTimes() {
    for (const Workload::Commit& commit : workload_.commits())
      byTime_[{commit.object, commit.time.value}] = &commit;
  }

  History history(int object) { return engine_->history(workload_.object(*engine_, object)); }

  std::string differs(const std::string& how, const Workload::Commit& wanted,
                      const ObjectModel& found) {
    if (found == wanted.after) return {};
    return fmt::format("{} LSN {} {}\n  wanted {}\n  found {}", workload_.objectName(wanted.object),
                       wanted.lsn.value(), how, wanted.after.describe(), found.describe());
  }

  std::string look(const Workload::Commit& commit) {
    History past = history(commit.object);
    std::string problem = differs("as a view", commit, Workload::read(*past.view(commit.lsn)));
    if (!problem.empty()) return problem;
    views += 2;
    const Workload::Commit& last = *byTime_.at({commit.object, commit.time.value});
    Resolved resolved = past.resolve(commit.time);
    if (resolved.lsn != last.lsn) {
      return fmt::format("time {} resolves to LSN {}, {} is the last commit by then",
                         commit.time.value, resolved.lsn.value(), last.lsn.value());
    }
    return differs("as a view by time", last, Workload::read(*past.view(resolved.lsn)));
  }

  ObjectModel now(int object) { return Workload::read(*engine_, workload_.objectName(object)); }

  std::string restore(const Workload::Commit& commit) {
    History past = history(commit.object);
    ObjectModel before = now(commit.object);
    Bookmark bookmark = past.bookmarkOf(commit.lsn);
    RestoreReceipt receipt = past.restore(past.resolve(bookmark).lsn);
    std::string problem = differs("restored in place", commit, now(commit.object));
    if (!problem.empty()) return problem;
    past.restore(past.resolve(receipt.undo).lsn);
    restores += 2;
    if (now(commit.object) == before) return {};
    return fmt::format("the undo of a restore to LSN {} brings something else back",
                       commit.lsn.value());
  }

  // As an object does it to itself.
  std::string arm(const Workload::Commit& commit) {
    ObjectRef object = workload_.object(*engine_, commit.object);
    ObjectModel before = now(commit.object);
    Bookmark undo;
    const Workload::Commit& last = *byTime_.at({commit.object, commit.time.value});
    engine_->turn(object, [&](Storage& storage) {
      Bookmark bookmark = storage.getBookmarkForTime(commit.time);
      undo = storage.onNextSessionRestoreBookmark(bookmark);
    });
    engine_->endSession(object);
    std::string problem = differs("restored at the next session", last, now(commit.object));
    if (!problem.empty()) return problem;
    engine_->turn(object, [&](Storage& storage) { storage.onNextSessionRestoreBookmark(undo); });
    engine_->endSession(object);
    bySession += 2;
    if (now(commit.object) == before) return {};
    return fmt::format("the undo bookmark of a restore to LSN {} brings something else back",
                       commit.lsn.value());
  }

  Settings settings_;
  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  ManualClock clock_;
  Workload workload_;
  std::unique_ptr<Engine> engine_;
  std::map<std::pair<int, std::int64_t>, const Workload::Commit*> byTime_;
};

}  // namespace
}  // namespace cairn::test

int main(int argc, char** argv) {
  CLI::App app("Looks at the commits of a long history and brings them back");
  cairn::test::Settings settings;
  cairn::test::addMutantOption(app);
  app.add_option("--commits", settings.commits, "Of the history")->capture_default_str();
  app.add_option("--sample", settings.sample, "Commits to look at; 0: all")->capture_default_str();
  app.add_option("--in-place-every", settings.inPlaceEvery, "Of those, one in so many is restored")
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "Of history and sample")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto begin = std::chrono::steady_clock::now();
  cairn::test::Campaign campaign(settings);
  std::string problem;
  try {
    problem = campaign.run();
  } catch (const std::exception& error) {
    problem = fmt::format("unexpected: {}", error.what());
  }
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!problem.empty()) {
    std::printf("%s\nreproduce: restore_campaign --commits %llu --sample %llu --seed %llu\n",
                problem.c_str(), static_cast<unsigned long long>(settings.commits),
                static_cast<unsigned long long>(settings.sample),
                static_cast<unsigned long long>(settings.seed));
  }
  std::printf(
      "%llu commits, seed %llu: %llu views, %llu restores in place, %llu at a session's "
      "begin in %.0f s, %s\n",
      static_cast<unsigned long long>(settings.commits),
      static_cast<unsigned long long>(settings.seed),
      static_cast<unsigned long long>(campaign.views),
      static_cast<unsigned long long>(campaign.restores),
      static_cast<unsigned long long>(campaign.bySession), seconds,
      problem.empty() ? "all as the model says" : "NOT as the model says");
  return problem.empty() ? 0 : 1;
}
