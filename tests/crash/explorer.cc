#include "tests/crash/explorer.h"

#include <algorithm>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cairn/verify.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>

#include <fmt/format.h>

#include "engine/base/checksum.h"
#include "tests/crash/lmdb_recorder.h"
#include "tests/support/manual_clock.h"
#include "tests/support/recording_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace cairn::test {

namespace {

namespace fs = std::filesystem;

// What workloads differ in.
struct Settings {
  std::uint64_t restoreBytesMax = 0;
  std::int64_t windowMs = 0;
  std::uint64_t dirtyBytesSoft = 0;
};

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kShortWindowMs = 10 * kDayMs;
constexpr std::uint64_t kMetaPagesBytes = 2 * 4096;  ///< Of LMDB; its file begins with them.

// Small segments and early rounds: every mechanism comes into play within a few dozen turns.
EngineOptions engineOptions(const std::string& root, const Clock& clock, FileSystem& fileSystem,
                            const Settings& settings) {
  EngineOptions options;
  options.root = root;
  options.clock = &clock;
  options.fileSystem = &fileSystem;
  options.journalSegmentBytes = 64 << 10;
  options.storeMapBytes = 1 << 20;
  options.dirtyBytesSoft = settings.dirtyBytesSoft;
  options.idleCheckpointMs = 1'000'000'000;
  options.sqlConnectionsMax = 2;
  options.changeSegmentBytes = 24 << 10;
  options.restoreBytesMax = settings.restoreBytesMax;
  options.historyMs = settings.windowMs;
  return options;
}

// A root may be opened with other settings than it was left with.
void vary(EngineOptions& options, std::uint64_t choice) {
  options.journalSegmentBytes = choice % 3 == 0 ? 128 << 10 : 64 << 10;
  options.changeSegmentBytes = choice % 5 == 0 ? 1 << 10 : choice % 5 == 1 ? 1 << 20 : 24 << 10;
  options.durability = choice % 7 == 0 ? Durability::kProcess : Durability::kSynced;
  options.sqlConnectionsMax = choice % 11 == 0 ? 1 : 8;
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
    for (std::uint64_t round = options_.firstWorkload; result_.states < options_.states && !stop();
         ++round)
      exploreWorkload(round);
    return std::move(result_);
  }

 private:
  bool stop() const { return options_.stopAtFirst && result_.lost + result_.unopenable > 0; }

  void exploreWorkload(std::uint64_t round) {
    std::uint64_t seed = options_.seed * 1'000'003 + round;
    ManualClock clock;
    // In every third workload weeks pass, and what falls out of the window is dropped and swept.
    bool isLong = round % 3 == 1;
    // Some commits of every sixth go through several segments of the journal.
    isWide_ = round % 6 == 0;
    Workload workload({.seed = seed,
                       .objects = 3,
                       .turns = isLong    ? 60
                                : isWide_ ? 15
                                          : 45,
                       .inFlightMax = round % 2 == 0 || isLong ? 1 : 6,
                       .valueBytesMax = isWide_ ? 4'000u : 200u,
                       .history = round % 4 != 3,
                       .clock = &clock,
                       .windowMs = isLong ? kShortWindowMs : 0});
    // Restores of half of the workloads are made in a space of their own.
    settings_.restoreBytesMax = round % 2 == 1 ? 1'000 : std::uint64_t{256} << 20;
    // Half of them have rounds that nobody asked for, while commits go on.
    settings_.dirtyBytesSoft = round % 4 < 2 ? 60'000 : 12'000;
    settings_.windowMs = isLong ? kShortWindowMs : 30 * kDayMs;
    DiskLog log;
    // Acknowledgements of Durability::kProcess promise nothing after a power loss, but what is
    // there is whole commits, and the first ones.
    Durability durability = round % 6 == 4 ? Durability::kProcess : Durability::kSynced;
    record(workload, log, clock, durability);
    endMs_ = clock.now().value;
    CrashDisk disk(log);
    std::size_t events = log.events().size();
    // Every event of a workload is visited as long as the budget of states allows.
    for (std::size_t at = 1; at <= events && result_.states < options_.states && !stop(); ++at) {
      disk.advance(at);
      Mark next = nextMark(at, workload);
      std::uint64_t issued = next.issued;
      nowMs_ = next.ms + 1'000;
      for (Loss loss : kEveryLoss) {
        std::string where = fmt::format("--seed {}: workload {} event {}/{} {}", options_.seed,
                                        round, at, events, lossName(loss));
        visit(disk.image(loss, random_), workload, acknowledgedAt(disk, durability), issued, where);
        // With nothing unsynced there is only one disk.
        if (disk.unsynced() == 0) break;
      }
      if (random_() % 25 == 0 || endsRound(log, at - 1))
        visitAfterKill(log, disk, workload, acknowledgedAt(disk, durability), issued, round, at);
    }
  }

  // Whether LMDB wrote a meta page there, and has not made it durable yet.
  static bool endsRound(DiskLog& log, std::size_t number) {
    const DiskEvent& event = log.events()[number];
    return event.kind == DiskEvent::Kind::kWrite && event.inode == log.inodeOf("store/data.mdb") &&
           event.offset < kMetaPagesBytes;
  }

  static std::uint64_t acknowledgedAt(const CrashDisk& disk, Durability durability) {
    return durability == Durability::kSynced ? disk.mark() : 0;
  }

  // The process dies, the next one opens the root, and then the power goes: what the first one had
  // not made durable is still not durable, unless the second one saw to it.
  void visitAfterKill(const DiskLog& before, const CrashDisk& disk, const Workload& workload,
                      std::uint64_t acknowledged, std::uint64_t issued, std::uint64_t round,
                      std::size_t at) {
    std::string where =
        fmt::format("--seed {}: workload {} killed at event {}", options_.seed, round, at);
    DiskLog log(before, at);
    std::uint64_t held = 0;
    ++result_.states;
    if (!openAndCheck(disk.image(Loss::kAllKept, random_), workload, acknowledged, issued, where,
                      held, &log))
      return;
    CrashDisk later(log);
    later.advance(at);
    // What the second process found need not be durable yet while it opens the root; afterwards all
    // of it is.
    // What it does before it makes the end of a round durable is looked at step by step.
    std::size_t step = endsRound(log, at - 1) ? 1 : 4;
    for (std::size_t event = at + 1; event <= log.events().size(); event += 1 + random_() % step) {
      later.advance(event);
      Loss loss = step == 1 && random_() % 2 == 0 ? Loss::kAllLost
                                                  : kEveryLoss[random_() % std::size(kEveryLoss)];
      DiskImage again = later.image(loss, random_);
      if (!seen_.insert(fingerprint(again)).second) continue;
      ++result_.states;
      std::uint64_t heldAgain = 0;
      bool last = event == log.events().size();
      openAndCheck(again, workload, last ? held : acknowledged, issued,
                   fmt::format("{}, power loss at event {} {}", where, event, lossName(loss)),
                   heldAgain, nullptr);
    }
  }

  void record(Workload& workload, DiskLog& log, const ManualClock& clock, Durability durability) {
    TemporaryDirectory directory;
    std::string root = directory / "root";
    RecordingFileSystem recorder(posixFileSystem(), log, root);
    WatchLmdb lmdb(root, log);
    // The directory itself is there before anything else.
    fs::create_directory(root);
    fs::permissions(root, fs::perms::owner_all);
    EngineOptions engineSettings = engineOptions(root, clock, recorder, settings_);
    engineSettings.durability = durability;
    // Commits go on while LMDB ends a round.
    setLmdbHook([&log](LmdbCall call) {
      std::size_t before = log.size();
      for (int i = 0; call == LmdbCall::kWrite && i < 2'000 && log.size() == before; ++i)
        std::this_thread::yield();
      return 0;
    });
    auto engine = Engine::open(engineSettings);
    issuedMarks_.clear();
    workload.run(*engine, [&](std::uint64_t count) {
      log.mark(count);
      issuedMarks_.push_back({log.size(), workload.issued(), clock.now().value});
    });
    engine->close();
    engine.reset();
    setLmdbHook(nullptr);
  }

  // An acknowledgement: when it came, and what had been issued by then.
  struct Mark {
    std::size_t event;
    std::uint64_t issued;
    std::int64_t ms;
  };

  // Commits that may be on the disk at an event are those issued by the time of the next
  // acknowledgement, and what the clock had then may be what retention went by.
  Mark nextMark(std::size_t event, const Workload& workload) const {
    auto next = std::ranges::lower_bound(issuedMarks_, event, {}, &Mark::event);
    return next == issuedMarks_.end() ? Mark{event, workload.issued(), endMs_} : *next;
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
    ManualClock clock(nowMs_);
    std::optional<RecordingFileSystem> recorder;
    std::optional<WatchLmdb> lmdb;
    std::unique_ptr<Engine> engine;
    if (log != nullptr) {
      recorder.emplace(posixFileSystem(), *log, root);
      lmdb.emplace(root, *log);
    }
    try {
      EngineOptions settings = engineOptions(
          root, clock, recorder ? static_cast<FileSystem&>(*recorder) : posixFileSystem(),
          settings_);
      if (random_() % 8 == 0) vary(settings, random_());
      engine = Engine::open(settings);
    } catch (const std::exception& error) {
      ++result_.unopenable;
      note(where, error.what());
      return false;
    }
    try {
      std::string problem;
      std::optional<std::uint64_t> found = workload.match(*engine, least, most, problem);
      // A recovery that is recorded, to be interrupted later, must leave the root as it is.
      if (found && (log != nullptr || random_() % 4 != 0 ||
                    workload.checkHistory(*engine, *found, random_, problem))) {
        held = *found;
        // It must also be fit for use, with a number that was never used before (I8).
        Ticket ticket = engine->turn(engine->object("Crash", "afterwards"), [](Storage& storage) {
          storage.kv().put("k", 1);
          storage.sql().exec("CREATE TABLE IF NOT EXISTS t(id)");
        });
        ticket.wait();
        if (held > 0 && !workload.commits().empty() &&
            ticket.lsn() <= workload.commits().back().lsn) {
          throw Error(ErrorCode::kDamaged,
                      fmt::format("LSN {} is given out again, {} was the last one",
                                  ticket.lsn().value(), workload.commits().back().lsn.value()));
        }
        // What an unfinished commit left in the journal shows when that is read once more.
        if (log == nullptr && random_() % (isWide_ ? 2 : 8) == 0) {
          engine->close();
          engine.reset();
          verifyRoot(root);
        }
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

  static void verifyRoot(const std::string& root) {
    VerifyReport report = verify(root, {.depth = VerifyDepth::kFull});
    if (!report.sound()) {
      const Finding& first =
          *std::ranges::find(report.findings, Severity::kDamage, &Finding::severity);
      throw Error(ErrorCode::kDamaged, "verify: " + first.where + ": " + first.what);
    }
  }

  void note(const std::string& where, const std::string& what) {
    if (result_.problems.size() < 10) result_.problems.push_back(where + "\n  " + what);
  }

  ExploreOptions options_;
  std::mt19937_64 random_;
  ExploreResult result_;
  std::unordered_set<std::uint64_t> seen_;
  std::vector<Mark> issuedMarks_;
  Settings settings_;
  bool isWide_ = false;
  std::int64_t endMs_ = 0;  ///< When the workload ended.
  std::int64_t nowMs_ = 0;  ///< When the disk in question is opened.
};

}  // namespace

ExploreResult explore(const ExploreOptions& options) { return Explorer(options).run(); }

}  // namespace cairn::test
