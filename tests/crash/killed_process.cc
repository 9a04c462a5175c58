#include "tests/crash/killed_process.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace cairn::test {

namespace {

constexpr int kThreads = 3;
constexpr std::int64_t kAlarmBase = 4'000'000'000'000;

std::string nameOf(int object) { return "object-" + std::to_string(object); }

void writeNumber(Storage& storage, std::int64_t number) {
  storage.sql().exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, n INT, pad TEXT)");
  storage.sql().exec("INSERT OR REPLACE INTO t VALUES (1, ?, ?)", number,
                     std::string(static_cast<std::size_t>(number % 700), 'p'));
  storage.kv().put("n", number);
  storage.kv().put("pad-" + std::to_string(number % 5),
                   std::string(static_cast<std::size_t>(number % 3'000), 'x'));
  storage.setAlarm(UnixMillis{kAlarmBase + number});
}

struct Found {
  std::int64_t kv = 0;
  std::int64_t sql = 0;
  std::int64_t alarm = 0;
};

Found readNumbers(Engine& engine, int object) {
  Found found;
  engine.turn(engine.object("Kill", nameOf(object)), [&](Storage& storage) {
    found.kv = storage.kv().get<std::int64_t>("n").value_or(0);
    if (storage.sql().databaseSize() > 0)
      found.sql = std::get<0>(storage.sql().exec("SELECT n FROM t").one<std::int64_t>());
    if (std::optional<UnixMillis> alarm = storage.getAlarm())
      found.alarm = alarm->value - kAlarmBase;
  });
  return found;
}

}  // namespace

EngineOptions killedOptions(const std::string& root) {
  EngineOptions options;
  options.root = root;
  options.journalSegmentBytes = 256 << 10;
  options.dirtyBytesSoft = 300'000;
  options.sqlConnectionsMax = 4;
  return options;
}

void commitUntilKilled(const std::string& root, int pipe, std::uint64_t seed,
                       const std::function<void(Engine&)>& beside) {
  auto engine = Engine::open(killedOptions(root));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(seed + static_cast<std::uint64_t>(t));
      std::array<std::int64_t, kWitnessedObjects> last{};
      for (int object = t; object < kWitnessedObjects; object += kThreads) {
        last[static_cast<std::size_t>(object)] = readNumbers(*engine, object).kv;
      }
      for (;;) {
        int object = t + kThreads * static_cast<int>(random() % (kWitnessedObjects / kThreads));
        std::int64_t number = ++last[static_cast<std::size_t>(object)];
        auto tell = [&](bool acknowledged) {
          Witness::Note note{object, acknowledged ? 1 : 0, number};
          if (::write(pipe, &note, sizeof(note)) != sizeof(note)) ::_exit(3);
        };
        tell(false);
        engine
            ->turn(engine->object("Kill", nameOf(object)),
                   [&](Storage& storage) { writeNumber(storage, number); })
            .wait();
        tell(true);
      }
    });
  }
  if (beside) threads.emplace_back([&] { beside(*engine); });
  for (std::thread& thread : threads) thread.join();
  ::_exit(4);
}

void Witness::hear(const Note& note) {
  auto& seen = note.acknowledged != 0 ? acknowledged_ : begun_;
  auto index = static_cast<std::size_t>(note.object);
  seen[index] = std::max(seen[index], note.number);
  if (note.acknowledged != 0) ++count_;
}

int Witness::check(Engine& engine, std::uint64_t kill) {
  int bad = 0;
  for (int object = 0; object < kWitnessedObjects; ++object) {
    auto index = static_cast<std::size_t>(object);
    Found found = readNumbers(engine, object);
    bool whole = found.kv == found.sql && found.kv == found.alarm;
    if (!whole || found.kv < acknowledged_[index] || found.kv > begun_[index]) {
      ++bad;
      std::printf(
          "kill %llu object %d: kv %lld sql %lld alarm %lld, acknowledged %lld, begun %lld\n",
          static_cast<unsigned long long>(kill), object, static_cast<long long>(found.kv),
          static_cast<long long>(found.sql), static_cast<long long>(found.alarm),
          static_cast<long long>(acknowledged_[index]), static_cast<long long>(begun_[index]));
    }
    begun_[index] = std::max(found.kv, acknowledged_[index]);
  }
  return bad;
}

void killOnce(const char* self, const std::string& root, std::uint64_t seed,
              std::uint64_t afterMicroseconds, Witness& witness,
              const std::function<void(pid_t)>& beforeKill) {
  int ends[2];
  if (::pipe(ends) != 0) std::exit(2);
  pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    std::string fd = std::to_string(ends[1]);
    std::string seedText = std::to_string(seed);
    ::execl(self, self, "--child-root", root.c_str(), "--child-pipe", fd.c_str(), "--seed",
            seedText.c_str(), nullptr);
    ::_exit(5);
  }
  ::close(ends[1]);
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::microseconds(afterMicroseconds));
    if (beforeKill) beforeKill(child);
    ::kill(child, SIGKILL);
  });
  Witness::Note note;
  std::size_t have = 0;
  char bytes[sizeof(Witness::Note)];
  for (ssize_t got; (got = ::read(ends[0], bytes + have, sizeof(bytes) - have)) > 0;) {
    have += static_cast<std::size_t>(got);
    if (have < sizeof(bytes)) continue;
    std::memcpy(&note, bytes, sizeof(note));
    witness.hear(note);
    have = 0;
  }
  killer.join();
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  if (!WIFSIGNALED(status)) std::printf("the child ended by itself with status %d\n", status);
}

}  // namespace cairn::test
