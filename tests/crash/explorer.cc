#include "tests/crash/explorer.h"

#include <algorithm>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <unordered_set>

#include <fmt/format.h>

#include "engine/base/checksum.h"
#include "engine/base/mutant.h"
#include "tests/crash/lmdb_recorder.h"
#include "tests/crash/workload.h"
#include "tests/support/manual_clock.h"
#include "tests/support/recording_file_system.h"
#include "tests/support/temporary_directory.h"

namespace cairn::test {

namespace {

namespace fs = std::filesystem;

// Small segments and early rounds: every mechanism comes into play within a few dozen turns.
EngineOptions engineOptions(const std::string& root, const Clock& clock, FileSystem& fileSystem) {
  EngineOptions options;
  options.root = root;
  options.clock = &clock;
  options.fileSystem = &fileSystem;
  options.journalSegmentBytes = 64 << 10;
  options.storeMapBytes = 1 << 20;
  options.dirtyBytesSoft = 60'000;
  options.idleCheckpointMs = 1'000'000'000;
  options.sqlConnectionsMax = 2;
  return options;
}

std::uint64_t fingerprint(const DiskImage& image) {
  std::uint64_t hash = 0;
  for (const auto& [path, bytes] : image.files) hash = checksum64(bytes, checksum64(path, hash));
  for (const std::string& path : image.directories) hash = checksum64(path, hash);
  return hash;
}

void writeImage(const DiskImage& image, const std::string& root) {
  fs::create_directory(root);
  fs::permissions(root, fs::perms::owner_all);
  for (const std::string& directory : image.directories) {
    if (!directory.empty()) fs::create_directories(root + "/" + directory);
  }
  for (const auto& [path, bytes] : image.files)
    std::ofstream(root + "/" + path, std::ios::binary) << bytes;
}

class Explorer {
 public:
  explicit Explorer(const ExploreOptions& options) : options_(options), random_(options.seed) {}

  ExploreResult run() {
#ifdef CAIRN_MUTANTS
    if (options_.sabotage == Sabotage::kNoScratch) activeMutant = Mutant::kScratchUnsynced;
    if (options_.sabotage == Sabotage::kNoChainCheck) activeMutant = Mutant::kJournalChainUnchecked;
#endif
    for (std::uint64_t round = 0; result_.states < options_.states && !stop(); ++round)
      exploreWorkload(round);
#ifdef CAIRN_MUTANTS
    activeMutant = Mutant::kNone;
#endif
    return std::move(result_);
  }

 private:
  bool stop() const { return options_.stopAtFirst && result_.lost + result_.unopenable > 0; }

  void exploreWorkload(std::uint64_t round) {
    std::uint64_t seed = options_.seed * 1'000'003 + round;
    Workload workload(
        {.seed = seed, .objects = 3, .turns = 45, .inFlightMax = round % 2 == 0 ? 1 : 6});
    DiskLog log;
    record(workload, log);
    CrashDisk disk(log);
    std::size_t events = log.events().size();
    // Every event of a workload is visited as long as the budget of states allows.
    for (std::size_t at = 1; at <= events && result_.states < options_.states && !stop(); ++at) {
      disk.advance(at);
      std::uint64_t issued = issuedAt(at, workload);
      for (Loss loss : kEveryLoss) {
        std::string where = fmt::format("--seed {}: workload {} event {}/{} {}", options_.seed,
                                        round, at, events, lossName(loss));
        visit(disk.image(loss, random_), workload, disk.mark(), issued, where);
        // With nothing unsynced there is only one disk.
        if (disk.unsynced() == 0) break;
      }
    }
  }

  void record(Workload& workload, DiskLog& log) {
    TemporaryDirectory directory;
    std::string root = directory / "root";
    RecordingFileSystem recorder(posixFileSystem(), log, root);
    WatchLmdb lmdb(root, log);
    if (options_.sabotage == Sabotage::kNoJournalSync) recorder.forgetDurableWrites();
    // The directory itself is there before anything else.
    fs::create_directory(root);
    fs::permissions(root, fs::perms::owner_all);
    ManualClock clock;
    auto engine = Engine::open(engineOptions(root, clock, recorder));
    issuedMarks_.clear();
    workload.run(*engine, [&](std::uint64_t count) {
      log.mark(count);
      issuedMarks_.emplace_back(log.size(), workload.issued());
    });
    engine->close();
  }

  // Commits that may be on the disk at an event: those issued by the time of the next
  // acknowledgement.
  std::uint64_t issuedAt(std::size_t event, const Workload& workload) const {
    auto next = std::lower_bound(issuedMarks_.begin(), issuedMarks_.end(), event,
                                 [](const auto& mark, std::size_t at) { return mark.first < at; });
    return next == issuedMarks_.end() ? workload.issued() : next->second;
  }

  void visit(const DiskImage& image, const Workload& workload, std::uint64_t acknowledged,
             std::uint64_t issued, const std::string& where) {
    if (!seen_.insert(fingerprint(image)).second) return;
    ++result_.states;
    std::uint64_t held = 0;
    // Now and then the recovery is recorded too, and interrupted once more.
    bool twice = random_() % 40 == 0;
    DiskLog log(image);
    if (!openAndCheck(image, workload, acknowledged, issued, where, held, twice ? &log : nullptr) ||
        !twice)
      return;
    CrashDisk disk(log);
    for (std::size_t at = 1; at <= log.events().size(); at += 1 + random_() % 6) {
      disk.advance(at);
      Loss loss = kEveryLoss[random_() % std::size(kEveryLoss)];
      DiskImage again = disk.image(loss, random_);
      if (!seen_.insert(fingerprint(again)).second) continue;
      ++result_.states;
      std::uint64_t heldAgain = 0;
      openAndCheck(again, workload, held, held,
                   fmt::format("{}, then recovery event {} {}", where, at, lossName(loss)),
                   heldAgain, nullptr);
    }
  }

  bool openAndCheck(const DiskImage& image, const Workload& workload, std::uint64_t least,
                    std::uint64_t most, const std::string& where, std::uint64_t& held,
                    DiskLog* log) {
    TemporaryDirectory directory;
    std::string root = directory / "root";
    writeImage(image, root);
    ManualClock clock;
    std::optional<RecordingFileSystem> recorder;
    std::optional<WatchLmdb> lmdb;
    std::unique_ptr<Engine> engine;
    if (log != nullptr) {
      recorder.emplace(posixFileSystem(), *log, root);
      lmdb.emplace(root, *log);
    }
    try {
      engine = Engine::open(engineOptions(
          root, clock, recorder ? static_cast<FileSystem&>(*recorder) : posixFileSystem()));
    } catch (const std::exception& error) {
      ++result_.unopenable;
      note(where, error.what());
      return false;
    }
    try {
      std::string problem;
      std::optional<std::uint64_t> found = workload.match(*engine, least, most, problem);
      if (found) {
        held = *found;
        // It must also be fit for use.
        engine
            ->turn(engine->object("Crash", "afterwards"),
                   [](Storage& storage) {
                     storage.kv().put("k", 1);
                     storage.sql().exec("CREATE TABLE IF NOT EXISTS t(id)");
                   })
            .wait();
        if (log == nullptr) engine->close();
        return true;
      }
      ++result_.lost;
      note(where, problem);
    } catch (const std::exception& error) {
      ++result_.lost;
      note(where, error.what());
    }
    return false;
  }

  void note(const std::string& where, const std::string& what) {
    if (result_.problems.size() < 10) result_.problems.push_back(where + "\n  " + what);
  }

  ExploreOptions options_;
  std::mt19937_64 random_;
  ExploreResult result_;
  std::unordered_set<std::uint64_t> seen_;
  std::vector<std::pair<std::size_t, std::uint64_t>> issuedMarks_;
};

}  // namespace

ExploreResult explore(const ExploreOptions& options) { return Explorer(options).run(); }

}  // namespace cairn::test
