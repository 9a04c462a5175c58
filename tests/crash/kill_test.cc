// kill_test --kills N --seed S: SIGKILL of a process that commits with all its threads, at random
// moments, with the parent as the witness of what was acknowledged. Each turn writes one number
// into KV, SQL and the alarm of one object; after each kill all three must agree, at no less than
// the last number acknowledged and no more than the last one begun.
#include <array>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cstdio>
#include <cstring>
#include <random>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>

#include "tests/support/temporary_directory.h"

namespace {

using namespace cairn;  // A program, not a header.

constexpr int kThreads = 3;
constexpr int kObjects = 12;
constexpr std::int64_t kAlarmBase = 4'000'000'000'000;

struct Note {
  std::int32_t object;
  std::int32_t acknowledged;  // 0: begun
  std::int64_t number;
};

EngineOptions engineOptions(const std::string& root) {
  EngineOptions options;
  options.root = root;
  options.journalSegmentBytes = 256 << 10;
  options.dirtyBytesSoft = 300'000;
  options.sqlConnectionsMax = 4;
  return options;
}

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

// Runs until it is killed, telling the parent through the pipe what it begins and what was
// acknowledged.
[[noreturn]] void childMain(const std::string& root, int pipe, std::uint64_t seed) {
  auto engine = Engine::open(engineOptions(root));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(seed + static_cast<std::uint64_t>(t));
      std::array<std::int64_t, kObjects> last{};
      for (int object = t; object < kObjects; object += kThreads) {
        last[static_cast<std::size_t>(object)] = readNumbers(*engine, object).kv;
      }
      for (;;) {
        int object = t + kThreads * static_cast<int>(random() % (kObjects / kThreads));
        std::int64_t number = ++last[static_cast<std::size_t>(object)];
        auto tell = [&](bool acknowledged) {
          Note note{object, acknowledged ? 1 : 0, number};
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
  for (std::thread& thread : threads) thread.join();
  ::_exit(4);
}

class Witness {
 public:
  void hear(const Note& note) {
    auto& seen = note.acknowledged != 0 ? acknowledged_ : begun_;
    seen[static_cast<std::size_t>(note.object)] =
        std::max(seen[static_cast<std::size_t>(note.object)], note.number);
    if (note.acknowledged != 0) ++count_;
  }
  // How many objects are not as they must be.
  int check(Engine& engine, int kill) {
    int bad = 0;
    for (int object = 0; object < kObjects; ++object) {
      auto index = static_cast<std::size_t>(object);
      Found found = readNumbers(engine, object);
      bool whole = found.kv == found.sql && found.kv == found.alarm;
      if (!whole || found.kv < acknowledged_[index] || found.kv > begun_[index]) {
        ++bad;
        std::printf(
            "kill %d object %d: kv %lld sql %lld alarm %lld, acknowledged %lld, begun %lld\n", kill,
            object, static_cast<long long>(found.kv), static_cast<long long>(found.sql),
            static_cast<long long>(found.alarm), static_cast<long long>(acknowledged_[index]),
            static_cast<long long>(begun_[index]));
      }
      begun_[index] = std::max(found.kv, acknowledged_[index]);
    }
    return bad;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::array<std::int64_t, kObjects> acknowledged_{};
  std::array<std::int64_t, kObjects> begun_{};
  std::uint64_t count_ = 0;
};

void killOnce(const char* self, const std::string& root, std::uint64_t seed,
              unsigned afterMicroseconds, Witness& witness) {
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
    ::usleep(afterMicroseconds);
    ::kill(child, SIGKILL);
  });
  Note note;
  std::size_t have = 0;
  char bytes[sizeof(Note)];
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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Kills a committing process over and over and checks what the root holds");
  std::uint64_t kills = 20;
  std::uint64_t seed = 1;
  std::string childRoot;
  int childPipe = -1;
  std::string directory = cairn::test::TemporaryDirectory::defaultParent();
  app.add_option("--kills", kills, "How often to kill")->capture_default_str();
  app.add_option("--seed", seed, "Seed of moments and writes")->capture_default_str();
  app.add_option("--directory", directory, "Where the root is made")->capture_default_str();
  app.add_option("--child-root", childRoot)->group("");
  app.add_option("--child-pipe", childPipe)->group("");
  CLI11_PARSE(app, argc, argv);
  if (!childRoot.empty()) childMain(childRoot, childPipe, seed);

  cairn::test::TemporaryDirectory temporary(directory);
  std::string root = temporary / "root";
  std::mt19937_64 random(seed);
  Witness witness;
  std::uint64_t lost = 0;
  std::uint64_t unopenable = 0;
  for (std::uint64_t kill = 1; kill <= kills; ++kill) {
    // Some kills fall into the opening, most into the work.
    auto moment = static_cast<unsigned>(random() % 4 == 0 ? random() % 8'000 : random() % 120'000);
    killOnce(argv[0], root, random(), moment, witness);
    try {
      auto engine = Engine::open(engineOptions(root));
      lost += witness.check(*engine, static_cast<int>(kill)) > 0 ? 1 : 0;
    } catch (const std::exception& error) {
      ++unopenable;
      std::printf("kill %llu: %s\n", static_cast<unsigned long long>(kill), error.what());
    }
  }
  std::printf("%llu commits acknowledged\n", static_cast<unsigned long long>(witness.count()));
  std::printf("reproduce: kill_test --kills %llu --seed %llu\n",
              static_cast<unsigned long long>(kills), static_cast<unsigned long long>(seed));
  std::printf("%llu kills, %llu lost, %llu unopenable\n", static_cast<unsigned long long>(kills),
              static_cast<unsigned long long>(lost), static_cast<unsigned long long>(unopenable));
  return lost + unopenable == 0 ? 0 : 1;
}
