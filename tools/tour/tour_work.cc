#include "tools/tour/tour_work.h"

#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"

namespace cairn::cli {

namespace {

constexpr std::int64_t kAlarmBaseMs = 4'000'000'000'000;  // In 2096: it stays out of the way.
constexpr std::uint64_t kAcksBetweenStats = 64;

std::string keyOf(std::uint64_t number) { return fmt::format("entry:{:09}", number); }

std::string textOf(std::uint64_t object, std::uint64_t number) {
  return fmt::format("entry {} of {}: {}", number, tourObjectName(object),
                     std::string(number * 7 % 120, static_cast<char>('a' + object % 26)));
}

void writeCommit(Storage& storage, std::uint64_t object, std::uint64_t number) {
  std::string text = textOf(object, number);
  if (number == 1) storage.sql().exec("CREATE TABLE log(n INTEGER PRIMARY KEY, text TEXT)");
  storage.kv().put("count", number);
  storage.kv().put(keyOf(number), text);
  storage.sql().exec("INSERT INTO log VALUES (?, ?)", static_cast<std::int64_t>(number), text);
  storage.setAlarm(UnixMillis{kAlarmBaseMs + static_cast<std::int64_t>(number)});
}

void tell(int pipe, const TourNote& note) {
  if (::write(pipe, &note, sizeof(note)) != sizeof(note)) ::_exit(0);
}

// One thread's objects, one commit after another.
void writeForever(Engine& engine, const TourPlan& plan, std::uint64_t thread, int pipe) {
  std::vector<std::uint64_t> last(plan.objects, 0);
  for (std::uint64_t acks = 0;;) {
    for (std::uint64_t object = thread; object < plan.objects; object += plan.threads) {
      std::uint64_t number = ++last[object];
      tell(pipe, {TourNote::Kind::kBegun, static_cast<std::uint32_t>(object), number, 0});
      engine
          .turn(engine.object(kTourClass, tourObjectName(object)),
                [&](Storage& storage) { writeCommit(storage, object, number); })
          .wait();
      tell(pipe, {TourNote::Kind::kAcknowledged, static_cast<std::uint32_t>(object), number, 0});
      if (++acks % kAcksBetweenStats != 0) continue;
      EngineStats stats = engine.stats();
      tell(pipe, {TourNote::Kind::kStats, 0, stats.commits, stats.journalBlocks});
    }
  }
}

[[noreturn]] void lost(std::uint64_t object, const std::string& what) {
  throw Failure(ExitCode::kDamage, fmt::format("{}: {}", tourObjectName(object), what));
}

void checkKeys(Storage& storage, std::uint64_t object, std::uint64_t count) {
  std::uint64_t number = 0;
  for (const auto& [key, text] : storage.kv().list<std::string>({.prefix = "entry:"})) {
    ++number;
    if (key != keyOf(number)) lost(object, fmt::format("key {} is missing", keyOf(number)));
    if (text != textOf(object, number))
      lost(object, fmt::format("key {} is not what was put", key));
  }
  if (number != count) lost(object, fmt::format("{} keys, the count says {}", number, count));
}

void checkRows(Storage& storage, std::uint64_t object, std::uint64_t count) {
  std::uint64_t number = 0;
  if (storage.sql().databaseSize() > 0) {
    for (const auto& [n, text] : storage.sql()
                                     .exec("SELECT n, text FROM log ORDER BY n")
                                     .toArray<std::int64_t, std::string>()) {
      ++number;
      if (n != static_cast<std::int64_t>(number) || text != textOf(object, number))
        lost(object, fmt::format("row {} is missing or not what was inserted", number));
    }
  }
  if (number != count) lost(object, fmt::format("{} rows, {} keys", number, count));
}

void checkAlarm(Storage& storage, std::uint64_t object, std::uint64_t count) {
  std::optional<UnixMillis> alarm = storage.getAlarm();
  std::int64_t expected = count == 0 ? 0 : kAlarmBaseMs + static_cast<std::int64_t>(count);
  if ((alarm ? alarm->value : 0) != expected)
    lost(object, fmt::format("the alarm is not that of commit {}", count));
}

}  // namespace

std::string tourObjectName(std::uint64_t object) { return fmt::format("room-{:04}", object); }

void runTourChild(const EngineOptions& options, const TourPlan& plan, int pipe) {
  auto engine = Engine::open(options);
  std::vector<std::jthread> threads;
  for (std::uint64_t thread = 0; thread < std::min(plan.threads, plan.objects); ++thread) {
    threads.emplace_back([&, thread] {
      try {
        writeForever(*engine, plan, thread, pipe);
      } catch (const std::exception& error) {
        fmt::print(stderr, "cairn: the writing process: {}\n", error.what());
        ::_exit(static_cast<int>(failureOf(error).exit()));
      }
    });
  }
}

std::uint64_t wholeCommits(Engine& engine, std::uint64_t object) {
  std::uint64_t count = 0;
  engine.turn(engine.object(kTourClass, tourObjectName(object)), [&](Storage& storage) {
    count = storage.kv().get<std::uint64_t>("count").value_or(0);
    checkKeys(storage, object, count);
    checkRows(storage, object, count);
    checkAlarm(storage, object, count);
  });
  return count;
}

}  // namespace cairn::cli
