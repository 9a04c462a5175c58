#include "tests/sim/simulation.h"

#include <algorithm>
#include <atomic>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cairn/history.h>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "tests/crash/lmdb_recorder.h"
#include "tests/sim/scheduler.h"
#include "tests/support/disk_log.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/recording_file_system.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace cairn::test {

namespace {

namespace fs = std::filesystem;

constexpr int kClients = 3;
constexpr const char* kSharedClass = "Shared";

// What the disk does: takes its time, and at one moment fails.
class Disk {
 public:
  Disk(std::mt19937_64& random, DiskLog& log, std::string root, bool mayFail)
      : random_(random), log_(log), root_(std::move(root)) {
    if (!mayFail || random_() % 3 == 0) return;
    failAt_ = 20 + random_() % 600;
    noSpace_ = random_() % 2 == 0;
    failures_ = noSpace_ ? 1 + random_() % 12 : 1;
  }

  void beforeFile(Call call, const std::string& path) {
    Scheduler::pause(call == Call::kRead ? 500 : 5'000 + random_() % 100'000);
    if (call == Call::kRead || !due(call == Call::kSync)) return;
    ErrorCode code = noSpace_ ? ErrorCode::kNoSpace : ErrorCode::kIo;
    fault_ = fmt::format("call {} on {} as {}", static_cast<int>(call), path, calls_);
    if (call == Call::kWrite) throw CutShort{random_() % 20'000, code};
    if (call == Call::kSync && path.starts_with(root_ + "/") && fs::is_regular_file(path)) {
      log_.append({DiskEvent::Kind::kSyncFailed,
                   log_.inodeOf(path.substr(root_.size() + 1)),
                   0,
                   {},
                   {},
                   {}});
    }
    throw Error(code, "injected: " + fault_);
  }
  int beforeLmdb(LmdbCall call) {
    Scheduler::pause(5'000 + random_() % 100'000);
    if (!due(call == LmdbCall::kSync)) return 0;
    fault_ = fmt::format("LMDB call {} as {}", static_cast<int>(call), calls_);
    return noSpace_ ? ENOSPC : EIO;
  }
  void heal() { failures_ = 0; }
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  bool due(bool sync) {
    if (failAt_ == 0 || failures_ == 0 || ++calls_ < failAt_) return false;
    if (sync && noSpace_) return false;
    --failures_;
    return true;
  }

  std::mt19937_64& random_;
  DiskLog& log_;
  std::string root_;
  std::uint64_t failAt_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t calls_ = 0;
  bool noSpace_ = false;
  std::string fault_;
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options)
      : options_(options), random_(options.seed * 7'919 + 13) {}

  SimulationResult run() {
    try {
      live();
      if (result_.problem.empty()) crashes();
    } catch (const std::exception& error) {
      problem(fmt::format("unexpected: {}", error.what()));
    }
    result_.fingerprint = Scheduler::fingerprint();
    return std::move(result_);
  }

 private:
  void problem(const std::string& what) {
    if (result_.problem.empty()) result_.problem = what;
  }

  EngineOptions settings(const std::string& root, FileSystem& fileSystem) {
    std::mt19937_64 random(options_.seed);
    EngineOptions options;
    options.root = root;
    options.clock = &clock_;
    options.fileSystem = &fileSystem;
    options.journalSegmentBytes = 64 << 10;
    options.storeMapBytes = 1 << 20;
    options.dirtyBytesSoft = 20'000 + random() % 100'000;
    options.dirtyBytesHard = options.dirtyBytesSoft + random() % 300'000;
    options.idleCheckpointMs = 1 + static_cast<std::int64_t>(random() % 100);
    options.sqlConnectionsMax = 1 + static_cast<unsigned>(random() % 3);
    options.changeSegmentBytes = 8'000 + random() % 60'000;
    if (random() % 2 == 0) options.restoreBytesMax = 1'000;
    return options;
  }

  // One life of an engine, with several clients, until it is closed.
  void live() {
    TemporaryDirectory directory;
    std::string root = directory / "root";
    fs::create_directory(root);
    fs::permissions(root, fs::perms::owner_all);
    Disk disk(random_, log_, root, options_.faults);
    RecordingFileSystem recorder(posixFileSystem(), log_, root);
    FaultFileSystem slow(recorder);
    WatchLmdb lmdb(root, log_);
    slow.setHook([&](Call call, const std::string& path) { disk.beforeFile(call, path); });
    setLmdbHook([&](LmdbCall call) { return disk.beforeLmdb(call); });
    bool closeWhileBusy = random_() % 4 == 0;
    std::unique_ptr<Engine> engine = openOrGiveUp(settings(root, slow), disk);
    if (engine) {
      for (int i = 0; i < kClients; ++i) {
        workloads_.push_back(std::make_unique<Workload>(
            Workload::Options{.seed = options_.seed * 31 + static_cast<std::uint64_t>(i),
                              .objects = 2,
                              .turns = 22,
                              .valueBytesMax = 300,
                              .history = true,
                              .guarded = true,
                              .prefix = fmt::format("client-{}", i)}));
      }
      std::vector<std::thread> threads;
      for (auto& workload : workloads_)
        threads.emplace_back([&, one = workload.get()] { client(*engine, *one, disk); });
      threads.emplace_back([&] { observe(*engine, disk); });
      if (closeWhileBusy) {
        Scheduler::pause(random_() % 20'000'000);
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % 30'000));
        closing_ = true;
        close(*engine, disk);
      }
      for (std::thread& thread : threads) thread.join();
      disk.heal();
      for (auto& workload : workloads_) workload->release();
      close(*engine, disk);
      engine.reset();
    }
    setLmdbHook(nullptr);
    result_.fault = disk.fault();
    result_.events = log_.size();
    for (auto& workload : workloads_) result_.commits += workload->issued();
  }

  std::unique_ptr<Engine> openOrGiveUp(const EngineOptions& options, const Disk& disk) {
    try {
      return Engine::open(options);
    } catch (const Error& error) {
      if (disk.fault().empty()) problem(fmt::format("opening: {}", error.what()));
      return nullptr;
    }
  }

  void close(Engine& engine, const Disk& disk) {
    try {
      engine.close();
    } catch (const Error& error) {
      if (disk.fault().empty()) problem(fmt::format("closing: {}", error.what()));
    }
  }

  // Whether the client may go on after the error.
  bool excused(const Error& error, const Disk& disk, const char* where) {
    if (error.code() == ErrorCode::kBroken && (closing_ || !disk.fault().empty())) return false;
    if (!disk.fault().empty()) return error.code() == ErrorCode::kNoSpace;
    problem(fmt::format("{}: {}", where, error.what()));
    return false;
  }

  void client(Engine& engine, Workload& workload, const Disk& disk) {
    std::mt19937_64 random(options_.seed + workload.objectName(0).size());
    while (!workload.done() && result_.problem.empty()) {
      try {
        std::optional<Ticket> ticket = workload.step(engine);
        if (ticket && random() % 3 != 0) acknowledge(*ticket);
        if (random() % 4 == 0) acknowledge(countUp(engine));
      } catch (const Error& error) {
        if (!excused(error, disk, "client")) return;
      }
    }
  }

  void acknowledge(const Ticket& ticket) {
    ticket.wait();
    std::lock_guard lock(mutex_);
    if (ticket.lsn() <= acknowledged_) return;
    acknowledged_ = ticket.lsn();
    ++result_.acknowledged;
    log_.mark(acknowledged_.value());
  }

  // All clients add to one number, which stands in KV and in SQL.
  Ticket countUp(Engine& engine) {
    std::int64_t number = 0;
    Ticket ticket = engine.turn(engine.object(kSharedClass, "counter"), [&](Storage& storage) {
      storage.sql().exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, n INT)");
      number = storage.kv().get<std::int64_t>("n").value_or(0) + 1;
      storage.kv().put("n", number);
      storage.sql().exec("INSERT OR REPLACE INTO t VALUES (1, ?)", number);
    });
    std::lock_guard lock(mutex_);
    counted_.emplace_back(ticket.lsn(), number);
    return ticket;
  }

  // Looks at everything while it changes.
  void observe(Engine& engine, const Disk& disk) {
    std::mt19937_64 random(options_.seed + 5);
    for (int i = 0; i < 25 && result_.problem.empty(); ++i) {
      try {
        look(engine, random);
      } catch (const Error& error) {
        // What has not been made yet is not there.
        if (error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kOutOfRange)
          continue;
        if (!excused(error, disk, "observer") && !disk.fault().empty()) continue;
        return;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'000));
    }
  }

  void look(Engine& engine, std::mt19937_64& random) {
    std::string name = fmt::format("client-{}-{}", random() % kClients, random() % 2);
    switch (random() % 6) {
      case 0: {
        ObjectRef counter = engine.object(kSharedClass, "counter");
        std::vector<std::pair<Lsn, std::int64_t>> known;
        {
          std::lock_guard lock(mutex_);
          known = counted_;
        }
        if (known.empty()) return;
        auto [lsn, number] = known[random() % known.size()];
        auto view = engine.history(counter).view(lsn);
        for (int again = 0; again < 3; ++again) {
          auto kv = view->kv().get<std::int64_t>("n");
          auto [sql] = view->sql().exec("SELECT n FROM t").one<std::int64_t>();
          if (kv != number || sql != number) {
            problem(fmt::format("the view of LSN {} shows {} and {}, {} was written", lsn.value(),
                                kv.value_or(-1), sql, number));
          }
          std::this_thread::sleep_for(std::chrono::microseconds(random() % 3'000));
        }
        return;
      }
      case 1:
        engine.checkpoint();
        return;
      case 2:
        if (engine.objects("Crash").size() > 2 * kClients) problem("objects() invents objects");
        return;
      case 3:
        static_cast<void>(engine.history(engine.object("Crash", name)).keyVersions("key-3"));
        return;
      case 4:
        static_cast<void>(engine.info(engine.object("Crash", name)));
        return;
      default:
        engine.history(engine.object("Crash", name))
            .log(Lsn(), Lsn(UINT64_MAX), [](const CommitInfo&) { return true; });
    }
  }

  // ---- what the power loss leaves

  void crashes() {
    std::vector<std::size_t> moments;
    std::size_t events = log_.events().size();
    std::vector<std::size_t> acknowledgements;
    for (std::size_t i = 0; i < events; ++i) {
      if (log_.events()[i].kind == DiskEvent::Kind::kMark) acknowledgements.push_back(i + 1);
    }
    // The end, any moment, and right after an acknowledgement.
    for (int i = 0; i < options_.crashes; ++i) {
      bool early = i % 2 == 1 && !acknowledgements.empty();
      moments.push_back(i == 0  ? events
                        : early ? acknowledgements[random_() % acknowledgements.size()]
                                : 1 + random_() % events);
    }
    std::sort(moments.begin(), moments.end());
    CrashDisk disk(log_);
    for (std::size_t at : moments) {
      disk.advance(at);
      Loss loss = kEveryLoss[random_() % std::size(kEveryLoss)];
      DiskImage image = disk.image(loss, random_);
      ++result_.disks;
      open(image, Lsn(disk.mark()), fmt::format("event {}/{} {}", at, events, lossName(loss)));
      if (!result_.problem.empty()) return;
    }
  }

  void open(const DiskImage& image, Lsn acknowledged, const std::string& where) {
    TemporaryDirectory directory;
    std::string root = directory / "root";
    fs::create_directory(root);
    fs::permissions(root, fs::perms::owner_all);
    for (const std::string& path : image.directories) {
      if (!path.empty()) fs::create_directories(root + "/" + path);
    }
    for (const auto& [path, bytes] : image.files)
      std::ofstream(root + "/" + path, std::ios::binary) << bytes;
    try {
      auto engine = Engine::open(settings(root, posixFileSystem()));
      check(*engine, acknowledged, where);
      engine->close();
    } catch (const Error& error) {
      problem(fmt::format("{}: {}", where, error.what()));
    }
  }

  void check(Engine& engine, Lsn acknowledged, const std::string& where) {
    std::vector<std::vector<ObjectModel>> found;
    std::vector<Lsn> ends{acknowledged};
    for (auto& workload : workloads_) {
      found.push_back(workload->readAll(engine));
      for (const Workload::Commit& commit : workload->commits()) {
        if (commit.lsn > acknowledged) ends.push_back(commit.lsn);
      }
    }
    std::int64_t number = 0;
    std::int64_t inSql = 0;
    engine.turn(engine.object(kSharedClass, "counter"), [&](Storage& storage) {
      number = storage.kv().get<std::int64_t>("n").value_or(0);
      if (storage.sql().databaseSize() > 0)
        inSql = std::get<0>(storage.sql().exec("SELECT n FROM t").one<std::int64_t>());
    });
    if (number != inSql) problem(fmt::format("{}: counter {} and {}", where, number, inSql));
    for (const auto& [lsn, value] : counted_) {
      if (lsn > acknowledged) ends.push_back(lsn);
      if (lsn <= acknowledged && value > number) {
        return problem(fmt::format("{}: counter {}, {} was acknowledged", where, number, value));
      }
    }
    // One LSN must explain everything that is there. The earliest, as what was being done when the
    // engine broke may have led back to an earlier state.
    std::sort(ends.begin(), ends.end());
    for (Lsn end : ends) {
      bool all = std::all_of(counted_.begin(), counted_.end(), [&](const auto& counted) {
        return (counted.first <= end) == (counted.second <= number);
      });
      for (std::size_t i = 0; all && i < workloads_.size(); ++i)
        all = workloads_[i]->agrees(found[i], workloads_[i]->countThrough(end));
      if (all) return checkPast(engine, end, where);
    }
    std::string seen;
    for (std::size_t i = 0; i < workloads_.size(); ++i) {
      for (const ObjectModel& object : found[i]) seen += "\n    " + object.describe();
    }
    problem(fmt::format("{}: no LSN from {} on explains what is there:{}", where,
                        acknowledged.value(), seen));
  }

  void checkPast(Engine& engine, Lsn end, const std::string& where) {
    std::string what;
    for (auto& workload : workloads_) {
      if (!workload->certain()) continue;
      if (!workload->checkHistory(engine, workload->countThrough(end), random_, what))
        return problem(where + ": " + what);
    }
  }

  SimulationOptions options_;
  std::mt19937_64 random_;
  SimulationResult result_;
  SimulatedClock clock_;
  DiskLog log_;
  std::vector<std::unique_ptr<Workload>> workloads_;
  std::atomic<bool> closing_{false};
  std::mutex mutex_;
  Lsn acknowledged_;
  std::vector<std::pair<Lsn, std::int64_t>> counted_;  ///< LSN and number.
};

}  // namespace

SimulationResult simulate(const SimulationOptions& options) {
  SimulationResult result;
  Scheduler::Options schedule{.seed = options.seed,
                              .switchEvery = 2 + static_cast<unsigned>(options.seed % 12)};
  schedule.onStuck = [&](const char*) {
    std::printf("reproduce: simulate --seed %llu --runs 1\n",
                static_cast<unsigned long long>(options.seed));
  };
  Scheduler::run(schedule, [&] { result = Simulation(options).run(); });
  return result;
}

}  // namespace cairn::test
