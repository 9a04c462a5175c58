// 24 hours of a simulated clock: load at every minute, other objects each hour, and at midnight the
// process dies.
#include <algorithm>
#include <array>
#include <atomic>
#include <cairn/engine.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/memory.h"
#include "bench/workloads/workloads.h"

namespace bench {
namespace {

class DayClock final : public cairn::Clock {
 public:
  [[nodiscard]] cairn::UnixMillis now() const override { return {milliseconds_}; }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return std::chrono::milliseconds(milliseconds_);
  }
  void advanceMinute() { milliseconds_ += 60'000; }

 private:
  std::atomic<std::int64_t> milliseconds_ = 1'700'000'000'000;
};

struct DayLoad {
  std::uint64_t objects = 0;
  std::uint64_t minutes = 0;
  std::uint64_t perMinute = 0;
};

/// The most that was seen in a quarter of the day.
struct Quarter {
  double residentMib = 0;
  double journalMib = 0;
  double connections = 0;
  double cpuUsPerCommit = 0;
};

struct Day {
  std::array<Quarter, 4> quarters;
  double historyMib = 0;
  double commits = 0;
};

// One object in ten is in use, and an hour later the next tenth is.
Day live(const std::string& root, const DayLoad& load) {
  DayClock clock;
  auto bytesBefore = static_cast<double>(residentBytes());
  auto engine = cairn::Engine::open({.root = root, .clock = &clock});
  Random random(24);
  Day day;
  std::uint64_t inUse = std::max<std::uint64_t>(1, load.objects / 10);
  std::uint64_t number = 0;
  double cpuBefore = cpuSeconds();
  std::uint64_t numberBefore = 0;
  for (std::uint64_t minute = 0; minute < load.minutes; ++minute) {
    std::uint64_t first = minute / 60 * inUse;
    cairn::Ticket last;
    for (std::uint64_t i = 0; i < load.perMinute; ++i, ++number) {
      std::uint64_t which = (first + random.below(inUse)) % load.objects;
      last = engine->turn(engine->object("Counter", "object-" + std::to_string(which)),
                          [&](cairn::Storage& storage) {
                            auto& kv = storage.kv();
                            kv.put("n", kv.get<std::int64_t>("n").value_or(0) + 1);
                            if (number % 20 != 0) return;
                            cairn::SqlStorage& sql = storage.sql();
                            sql.exec("CREATE TABLE IF NOT EXISTS log(at INTEGER, text TEXT)");
                            sql.exec("INSERT INTO log VALUES (?, 'a line of a log')",
                                     static_cast<std::int64_t>(number));
                          });
    }
    last.wait();
    clock.advanceMinute();
    bool isHour = (minute + 1) % std::max<std::uint64_t>(1, load.minutes / 24) == 0;
    if (!isHour) continue;
    Quarter& quarter = day.quarters[std::min<std::uint64_t>(3, 4 * minute / load.minutes)];
    cairn::EngineStats stats = engine->stats();
    auto most = [](double& seen, double now) { seen = std::max(seen, now); };
    most(quarter.residentMib, (static_cast<double>(residentBytes()) - bytesBefore) / (1 << 20));
    most(quarter.journalMib, static_cast<double>(stats.journalLiveBytes) / (1 << 20));
    most(quarter.connections, static_cast<double>(stats.openConnections));
    double cpu = cpuSeconds();
    most(quarter.cpuUsPerCommit,
         1e6 * (cpu - cpuBefore) / static_cast<double>(number - numberBefore));
    cpuBefore = cpu;
    numberBefore = number;
    day.historyMib = static_cast<double>(stats.historyBytes) / (1 << 20);
  }
  day.commits = static_cast<double>(number);
  return day;
}

}  // namespace

void day(Run& run) {
  DayLoad load{.objects = run.parameter("objects"),
               .minutes = 60 * run.parameter("hours"),
               .perMinute = run.parameter("per_minute")};
  std::string root = run.directory() + "/root";
  std::array<int, 2> pipe{};
  require(::pipe(pipe.data()) == 0, "no pipe");
  pid_t child = ::fork();
  if (child == 0) {
    try {
      Day lived = live(root, load);
      bool told = ::write(pipe[1], &lived, sizeof(lived)) == sizeof(lived);
      ::_exit(told ? 0 : 1);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "day: %s\n", error.what());
      ::_exit(1);
    }
  }
  ::close(pipe[1]);
  Day lived;
  bool told = ::read(pipe[0], &lived, sizeof(lived)) == sizeof(lived);
  ::close(pipe[0]);
  int status = 0;
  require(child > 0 && ::waitpid(child, &status, 0) == child && status == 0 && told,
          "the process that lives the day failed");
  run.begin();
  std::int64_t begun = nowNs();
  auto engine = cairn::Engine::open({.root = root});
  double seconds = static_cast<double>(nowNs() - begun) / 1e9;
  run.end({.items = 1, .seconds = seconds});
  run.report("commits", lived.commits);
  run.report("open_ms", seconds * 1e3);
  run.report("history_mib", lived.historyMib);
  for (std::size_t i = 0; i < lived.quarters.size(); ++i) {
    const Quarter& quarter = lived.quarters[i];
    std::string of = "_" + std::to_string(6 * (i + 1)) + "h";
    run.report("resident_mib" + of, quarter.residentMib);
    run.report("journal_mib" + of, quarter.journalMib);
    run.report("connections" + of, quarter.connections);
    run.report("cpu_us" + of, quarter.cpuUsPerCommit);
  }
}

}  // namespace bench
