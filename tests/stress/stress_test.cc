// Everything at once, for ThreadSanitizer and for whatever else only shows under load: turns of
// many objects, checkpoints, the past looked at and brought back, the whole looked over,
// connections evicted, memory short, and an engine closed while it is busy.
#include <atomic>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cairn/history.h>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

constexpr int kObjects = 12;

class StressTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> open() {
    EngineOptions options;
    options.root = directory_ / "root";
    options.journalSegmentBytes = 64 << 10;
    options.storeMapBytes = 1 << 20;  // Grows many times.
    options.dirtyBytesSoft = 50'000;
    options.dirtyBytesHard = 200'000;
    options.idleCheckpointMs = 1;
    options.sqlConnectionsMax = 3;
    options.changeSegmentBytes = 32 << 10;
    return Engine::open(options);
  }

  static ObjectRef object(Engine& engine, std::uint64_t number) {
    return engine.object("Stress", "object-" + std::to_string(number % kObjects));
  }

  // Adds one to a number that stands in KV and in SQL, which must agree.
  static Ticket countUp(Engine& engine, const ObjectRef& object) {
    return engine.turn(object, [](Storage& storage) {
      storage.sql().exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, n INT, pad TEXT)");
      std::int64_t number = storage.kv().get<std::int64_t>("n").value_or(0) + 1;
      storage.kv().put("n", number);
      storage.kv().put("pad-" + std::to_string(number % 7),
                       std::string(static_cast<std::size_t>(number * 37 % 900), 'x'));
      storage.sql().exec("INSERT OR REPLACE INTO t VALUES (1, ?, ?)", number,
                         std::string(static_cast<std::size_t>(number * 53 % 900), 'y'));
      storage.setAlarm(UnixMillis{4'000'000'000'000 + number});
    });
  }

  static void expectAgreement(Storage& storage) {
    std::int64_t number = storage.kv().get<std::int64_t>("n").value_or(0);
    std::int64_t inSql = 0;
    if (storage.sql().databaseSize() > 0)
      inSql = std::get<0>(storage.sql().exec("SELECT n FROM t").one<std::int64_t>());
    EXPECT_EQ(number, inSql);
  }

  test::TemporaryDirectory directory_;
};

TEST_F(StressTest, TurnsCheckpointsViewsAndRestoresBesideEachOther) {
  auto engine = open();
  std::atomic<int> writers{3};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 250; ++i) {
        ObjectRef one = object(*engine, random());
        Ticket ticket = countUp(*engine, one);
        if (random() % 3 == 0) ticket.wait();
        if (random() % 40 == 0)
          engine->turn(one, [](Storage& storage) { storage.deleteAll({.deleteAlarm = true}); });
        if (random() % 10 == 0) engine->turn(one, expectAgreement);
      }
      --writers;
    });
  }
  threads.emplace_back([&] {
    std::mt19937_64 random(71);
    while (writers > 0) {
      ObjectRef one = object(*engine, random());
      try {
        History history = engine->history(one);
        HistoryBounds bounds = history.bounds();
        std::vector<Lsn> commits;
        history.log(Lsn(), Lsn(UINT64_MAX), [&](const CommitInfo& commit) {
          commits.push_back(commit.lsn);
          return commits.size() < 20;
        });
        if (commits.empty()) continue;
        Lsn lsn = commits[random() % commits.size()];
        auto view = history.view(lsn);
        std::int64_t number = view->kv().get<std::int64_t>("n").value_or(0);
        engine->checkpoint();
        std::int64_t inSql = 0;
        if (view->exists() && view->sql().databaseSize() > 0)
          inSql = std::get<0>(view->sql().exec("SELECT n FROM t").one<std::int64_t>());
        EXPECT_EQ(number, inSql) << "LSN " << lsn.value() << " of " << one.name();
        if (random() % 3 == 0) history.restore(lsn);
        static_cast<void>(history.keyVersions("n"));
        static_cast<void>(bounds);
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kOutOfRange)
            << error.what();
      }
    }
  });
  threads.emplace_back([&] {
    while (writers > 0) {
      engine->checkpoint();
      EngineStats stats = engine->stats();
      EXPECT_LE(stats.storedLsn, stats.durableLsn);
      EXPECT_LE(stats.durableLsn, stats.lastLsn);
      try {
        EXPECT_LE(engine->objects("Stress").size(), static_cast<std::size_t>(kObjects));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kNotFound) << error.what();
      }
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kObjects; ++i)
    engine->turn(object(*engine, static_cast<std::uint64_t>(i)), expectAgreement);
  engine->close();
}

TEST_F(StressTest, AnEngineClosedWhileBusyHoldsWhatItAcknowledged) {
  for (std::uint64_t round = 0; round < 6; ++round) {
    std::array<std::atomic<std::int64_t>, kObjects> acknowledged{};
    auto engine = open();
    for (int i = 0; i < kObjects; ++i)
      engine->turn(object(*engine, static_cast<std::uint64_t>(i)),
                   [](Storage& storage) { storage.deleteAll(); });
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937_64 random(round * 10 + static_cast<std::uint64_t>(t));
        try {
          for (;;) {
            std::uint64_t which = static_cast<std::uint64_t>(t) + 3 * (random() % (kObjects / 3));
            ObjectRef one = object(*engine, which);
            countUp(*engine, one).wait();
            ++acknowledged[which];
          }
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kBroken) << error.what();
        }
      });
    }
    while (engine->stats().commits < 30 * (round + 1)) std::this_thread::yield();
    engine->close();
    for (std::thread& thread : threads) thread.join();
    engine.reset();
    engine = open();
    for (std::uint64_t i = 0; i < kObjects; ++i) {
      engine->turn(object(*engine, i), [&](Storage& storage) {
        expectAgreement(storage);
        EXPECT_GE(storage.kv().get<std::int64_t>("n").value_or(0), acknowledged[i].load());
      });
    }
  }
}

}  // namespace
}  // namespace cairn
