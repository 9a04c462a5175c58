// fault_test --cases N --seed S: one call to the disk fails per case, once or for good, and the
// disk is full for a while. Whatever the engine says to that, nothing acknowledged may be lost, a
// turn that was refused must leave no trace, and the root opens again: where the process left it,
// and from what a power loss would leave.
#include <algorithm>
#include <array>
#include <atomic>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "tests/crash/lmdb_recorder.h"
#include "tests/support/disk_log.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/mutants.h"
#include "tests/support/recording_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace {

using namespace cairn;        // A program, not a header.
using namespace cairn::test;  // Likewise.
namespace fs = std::filesystem;

enum class Kind {
  kErrorOnce,
  kErrorForGood,
  kFullOnce,
  kFullForAWhile,
  kFullForGood,
  kSyncFails,
  kNoJournalSegments,  ///< The disk has room, but never for a segment of the journal.
};
constexpr std::uint64_t kKinds = 7;

struct Case {
  Kind kind;
  std::uint64_t call;  ///< Which call to the disk, from the first of the opening on.
  AfterFailedSync cache;
  [[nodiscard]] std::string describe() const {
    constexpr std::array<const char*, kKinds> kNames = {
        "error once",    "error for good", "full once",          "full for a while",
        "full for good", "sync fails",     "no journal segments"};
    constexpr std::array<const char*, 3> kCaches = {"new data", "old data", "zeros"};
    std::string text = fmt::format("{} at call {}", kNames[static_cast<std::size_t>(kind)], call);
    if (kind == Kind::kSyncFails)
      text += fmt::format(", reads see {}", kCaches[static_cast<std::size_t>(cache)]);
    return text;
  }
};

// Counts the calls to the disk and fails those that the case says.
class FailingDisk {
 public:
  FailingDisk(const Case& chosen, DiskLog& log, std::string root)
      : case_(chosen), log_(log), root_(std::move(root)) {}

  void file(Call call, const std::string& path) {
    bool sync = call == Call::kSync;
    bool newSegment = call == Call::kPreallocate && path.find("/journal/") != std::string::npos;
    int error = decide(sync, call == Call::kRead, call != Call::kUnlink && call != Call::kRename,
                       newSegment);
    if (error == 0) return;
    std::string where = fmt::format("call {} on {}", static_cast<int>(call), path);
    note(where);
    if (sync && path.starts_with(root_ + "/") && fs::is_regular_file(path)) failSync(path);
    ErrorCode code = error == ENOSPC ? ErrorCode::kNoSpace : ErrorCode::kIo;
    if (call == Call::kWrite) throw CutShort{calls_ * 512 % 50'000, code};
    throw Error(code, "injected: " + where);
  }
  int lmdb(LmdbCall call) {
    int error = decide(call == LmdbCall::kSync, false, true, false);
    if (error != 0) note(fmt::format("LMDB call {}", static_cast<int>(call)));
    if (error != 0 && call == LmdbCall::kSync) failSync(root_ + "/store/data.mdb");
    return error;
  }
  void heal() { healed_ = true; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] std::string where() const {
    std::lock_guard lock(mutex_);
    return where_;
  }

 private:
  void note(const std::string& where) {
    std::lock_guard lock(mutex_);
    where_ = where;
  }

  // The errno with which the call fails; 0: it does not. A full disk refuses what needs space.
  int decide(bool sync, bool read, bool needsSpace, bool newSegment) {
    if (healed_) return 0;
    std::uint64_t call = ++calls_;
    if (call < case_.call) return 0;
    bool first = !failed_;
    int error = 0;
    switch (case_.kind) {
      case Kind::kErrorOnce:
        error = first ? EIO : 0;
        break;
      case Kind::kErrorForGood:
        error = EIO;
        break;
      case Kind::kFullOnce:
        error = first && !sync && !read && needsSpace ? ENOSPC : 0;
        break;
      case Kind::kFullForAWhile:
        error = call < case_.call + 25 && !sync && !read && needsSpace ? ENOSPC : 0;
        break;
      case Kind::kFullForGood:
        error = !sync && !read && needsSpace ? ENOSPC : 0;
        break;
      case Kind::kSyncFails:
        error = first && sync ? EIO : 0;
        break;
      case Kind::kNoJournalSegments:
        error = newSegment ? ENOSPC : 0;
        break;
    }
    if (error != 0) failed_ = true;
    return error;
  }

  void failSync(const std::string& path) {
    std::string name = path.substr(root_.size() + 1);
    if (!path.ends_with("data.mdb"))
      log_.append({DiskEvent::Kind::kSyncFailed, log_.inodeOf(name), 0, {}, {}, {}});
    if (case_.cache == AfterFailedSync::kNewData) return;
    std::string content = log_.contentAfter(case_.cache, name);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
  }

  Case case_;
  DiskLog& log_;
  std::string root_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> healed_{false};
  mutable std::mutex mutex_;
  std::string where_;  ///< The last call that failed.
};

class Trial {
 public:
  Trial(std::uint64_t seed, const Case& chosen)
      : root_(directory_ / "root"),
        disk_(chosen, log_, root_),
        random_(seed * 97 + chosen.call),
        workload_({.seed = seed,
                   .objects = 3,
                   .turns = 40,
                   .inFlightMax = seed % 2 == 0 ? 1 : 4,
                   // So much that the journal needs segments.
                   .valueBytesMax = chosen.kind == Kind::kNoJournalSegments ? 2'000u : 200u,
                   .history = true,
                   .guarded = true,
                   .clock = &clock_}) {}

  // Empty, or what is wrong.
  std::string run() {
    fs::create_directory(root_);
    fs::permissions(root_, fs::perms::owner_all);
    live();
    setLmdbHook(nullptr);
    if (problem_.empty()) reopen(root_, posixFileSystem(), "reopened");
    if (problem_.empty()) afterPowerLoss();
    return problem_.empty() ? problem_ : problem_ + refusals_;
  }
  [[nodiscard]] bool failed() const { return disk_.failed(); }
  [[nodiscard]] std::uint64_t calls() const { return disk_.calls(); }
  [[nodiscard]] std::string where() const { return disk_.where(); }

 private:
  EngineOptions settings(const std::string& root, FileSystem& fileSystem) {
    EngineOptions options;
    options.root = root;
    options.clock = &clock_;
    options.fileSystem = &fileSystem;
    options.journalSegmentBytes = 64 << 10;
    options.storeMapBytes = 1 << 20;
    options.dirtyBytesSoft = 60'000;
    options.idleCheckpointMs = 1'000'000'000;
    options.sqlConnectionsMax = 2;
    options.changeSegmentBytes = 24 << 10;
    return options;
  }

  void live() {
    RecordingFileSystem recorder(posixFileSystem(), log_, root_);
    FaultFileSystem faulty(recorder);
    faulty.setHook([this](Call call, const std::string& path) { disk_.file(call, path); });
    WatchLmdb lmdb(root_, log_);
    setLmdbHook([this](LmdbCall call) { return disk_.lmdb(call); });
    std::unique_ptr<Engine> engine;
    try {
      engine = Engine::open(settings(root_, faulty));
    } catch (const Error& error) {
      if (!disk_.failed()) problem_ = fmt::format("opening: {}", error.what());
      return;
    }
    bool broken = false;
    while (!broken && !workload_.done()) broken = !step(*engine);
    if (broken) stayBroken(*engine);
    disk_.heal();
    if (!broken) checkLive(*engine);
    workload_.release();
    try {
      engine->close();
    } catch (const Error& error) {
      // What broke it may come to light only now.
      if (!disk_.failed() || error.code() != ErrorCode::kBroken)
        problem_ = fmt::format("closing: {}", error.what());
    }
  }

  // False when the engine is broken.
  bool step(Engine& engine) {
    try {
      std::optional<Ticket> ticket = workload_.step(engine);
      if (ticket && random_() % 3 != 0) {
        ticket->wait();
        acknowledge(workload_.countThrough(ticket->lsn()));
      }
    } catch (const Error& error) {
      refusals_ += fmt::format("\n    after {} commits: {}", workload_.issued(), error.what());
      if (!disk_.failed()) {
        problem_ = fmt::format("without a fault: {}", error.what());
        return false;
      }
      if (error.code() == ErrorCode::kNoSpace) return true;
      if (error.code() == ErrorCode::kBroken) return false;
      // A read that failed is the business of whoever wanted to read.
      return error.code() == ErrorCode::kIo || error.code() == ErrorCode::kSql ||
             error.code() == ErrorCode::kRolledBack;
    }
    return true;
  }

  void acknowledge(std::uint64_t count) {
    acknowledged_ = std::max(acknowledged_, count);
    log_.mark(acknowledged_);
  }

  // R2: a broken engine acknowledges nothing more.
  void stayBroken(Engine& engine) {
    for (int i = 0; i < 3; ++i) {
      try {
        engine
            .turn(engine.object("Crash", "more"),
                  [](Storage& storage) { storage.kv().put("k", 1); })
            .wait();
        problem_ = "a broken engine acknowledged a commit";
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kBroken && error.code() != ErrorCode::kNoSpace &&
            error.code() != ErrorCode::kIo)
          problem_ = fmt::format("a broken engine says: {}", error.what());
      }
    }
  }

  // What was refused left no trace, and the engine goes on.
  void checkLive(Engine& engine) {
    if (!problem_.empty()) return;
    try {
      std::string what;
      if (!workload_.agreesLive(engine, what)) problem_ = "going on: " + what;
      engine
          .turn(engine.object("Crash", "more"), [](Storage& storage) { storage.kv().put("k", 1); })
          .wait();
      acknowledge(workload_.issued());
      engine.checkpoint();
    } catch (const Error& error) {
      // What broke it may come to light only now.
      if (error.code() != ErrorCode::kBroken)
        problem_ = fmt::format("going on after the disk was well again: {}", error.what());
    }
  }

  void compare(Engine& engine, std::uint64_t least, std::uint64_t most, const std::string& when) {
    std::vector<ObjectModel> found = workload_.readAll(engine);
    for (std::uint64_t count = least; count <= most; ++count) {
      if (!workload_.agrees(found, count)) continue;
      std::string what;
      if (workload_.certain() && !workload_.checkHistory(engine, count, random_, what))
        problem_ = when + ": " + what;
      return;
    }
    problem_ =
        fmt::format("{}: the state is none of those after {} to {} commits", when, least, most);
    for (const ObjectModel& object : found) problem_ += "\n    " + object.describe();
  }

  void reopen(const std::string& root, FileSystem& fileSystem, const std::string& when,
              std::optional<std::uint64_t> acknowledged = std::nullopt) {
    clock_.advance(1'000);
    try {
      auto engine = Engine::open(settings(root, fileSystem));
      compare(*engine, acknowledged.value_or(acknowledged_), workload_.issued(), when);
      if (!problem_.empty()) return;
      engine
          ->turn(engine->object("Crash", "more"),
                 [](Storage& storage) { storage.kv().put("k", 2); })
          .wait();
      engine->close();
    } catch (const Error& error) {
      problem_ = fmt::format("{}: {}", when, error.what());
    }
  }

  void afterPowerLoss() {
    std::size_t events = log_.events().size();
    if (events == 0) return;
    std::vector<std::size_t> moments{events, 1 + random_() % events};
    std::ranges::sort(moments);
    CrashDisk crash(log_);
    for (std::size_t at : moments) {
      crash.advance(at);
      Loss loss = kEveryLoss[random_() % std::size(kEveryLoss)];
      DiskImage image = crash.image(loss, random_);
      TemporaryDirectory directory;
      std::string root = directory / "root";
      fs::create_directory(root);
      fs::permissions(root, fs::perms::owner_all);
      for (const std::string& path : image.directories) {
        if (!path.empty()) fs::create_directories(root + "/" + path);
      }
      for (const auto& [path, bytes] : image.files)
        std::ofstream(root + "/" + path, std::ios::binary) << bytes;
      reopen(root, posixFileSystem(),
             fmt::format("power loss at event {}/{}, {}", at, events, lossName(loss)),
             crash.mark());
      if (!problem_.empty()) return;
    }
  }

  TemporaryDirectory directory_;
  std::string root_;
  DiskLog log_;
  FailingDisk disk_;
  std::mt19937_64 random_;
  ManualClock clock_;
  Workload workload_;
  std::uint64_t acknowledged_ = 0;
  std::string problem_;
  std::string refusals_;  ///< What the turns were told.
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Fails calls to the disk, one case after another");
  std::uint64_t cases = 200;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> only;
  app.add_option("--cases", cases, "How many")->capture_default_str();
  app.add_option("--seed", seed, "Seed of workloads and cases")->capture_default_str();
  app.add_option("--only", only, "Just this case of those that the seed gives");
  addMutantOption(app);
  CLI11_PARSE(app, argc, argv);

  // How many calls a workload makes: one run whose fault never comes.
  std::uint64_t calls = 0;
  {
    Trial trial(seed, {Kind::kErrorOnce, UINT64_MAX, AfterFailedSync::kNewData});
    std::string problem = trial.run();
    calls = trial.calls();
    if (!problem.empty()) {
      std::printf("without a fault: %s\nreproduce: fault_test --cases 0 --seed %llu\n",
                  problem.c_str(), static_cast<unsigned long long>(seed));
      return 1;
    }
  }
  std::uint64_t failures = 0;
  std::uint64_t reached = 0;
  for (std::uint64_t i = 0; i < cases && failures < 5; ++i) {
    if (only && i != *only) continue;
    std::mt19937_64 random(seed * 1'000'003 + i);
    // Evenly over the calls, so that many cases reach each of them in each way.
    Case chosen{static_cast<Kind>(i % kKinds), 1 + (i / kKinds * 2'654'435'761U) % calls,
                static_cast<AfterFailedSync>(i / kKinds % 3)};
    // There are segments in store: the earlier their number ends, the more turns are refused.
    if (chosen.kind == Kind::kNoJournalSegments) chosen.call = 1 + chosen.call / 4;
    Trial trial(seed + i % 8, chosen);
    std::string problem = trial.run();
    reached += trial.failed() ? 1 : 0;
    if (problem.empty()) continue;
    ++failures;
    std::printf(
        "case %llu, %s (%s): %s\nreproduce: fault_test --cases %llu --seed %llu --only %llu\n",
        static_cast<unsigned long long>(i), chosen.describe().c_str(), trial.where().c_str(),
        problem.c_str(), static_cast<unsigned long long>(cases),
        static_cast<unsigned long long>(seed), static_cast<unsigned long long>(i));
  }
  std::printf(
      "%llu cases with seed %llu, %llu of them with a call that failed; about %llu calls to fail; "
      "%llu lost\n",
      static_cast<unsigned long long>(cases), static_cast<unsigned long long>(seed),
      static_cast<unsigned long long>(reached), static_cast<unsigned long long>(calls),
      static_cast<unsigned long long>(failures));
  return failures == 0 ? 0 : 1;
}
