// The alarm scheduler against a real store: bounded memory, nothing lost, nothing early.
#include "alarms/scheduler.h"

#include <filesystem>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "alarms/alarm_table.h"
#include "kv/environment.h"
#include "tests/support/temporary_directory.h"

namespace cairn::alarms {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() {
    std::filesystem::create_directory(directory.path() + "/store");
    kv::Environment::create(posixFileSystem(), directory.path() + "/store");
    store = std::make_unique<kv::Environment>(
        kv::Environment::Options{.directory = directory.path() + "/store"});
    scheduler = std::make_unique<Scheduler>(
        Scheduler::Source{*store, [this] { return stored; },
                          [](const kv::ReadAccess&, ObjectNumber) {
                            return std::optional<ObjectAddress>({"Class", "object"});
                          }},
        Scheduler::Options{.inMemoryMax = 64, .atOnce = 1'000'000});
  }

  /// Commits an alarm; the store hears of it in the next round.
  void set(std::uint64_t object, std::optional<std::int64_t> time) {
    ++lsn;
    pending[object] = time;
    std::optional<UnixMillis> when;
    if (time) when = UnixMillis{*time};
    scheduler->committed(ObjectNumber(object), {"Class", "object"}, "", when, Lsn(lsn));
  }
  void round() {
    store->write([&](kv::WriteTransaction& transaction) {
      for (const auto& [object, time] : pending) {
        if (auto old = rows.find(object); old != rows.end())
          transaction.erase(kv::Table::kAlarmQueue,
                            queueKey(UnixMillis{old->second}, ObjectNumber(object), ""));
        if (time)
          transaction.put(kv::Table::kAlarmQueue,
                          queueKey(UnixMillis{*time}, ObjectNumber(object), ""), "");
      }
    });
    for (const auto& [object, time] : pending) {
      rows.erase(object);
      if (time) rows[object] = *time;
    }
    pending.clear();
    stored = Lsn(lsn);
  }

  test::TemporaryDirectory directory;
  std::unique_ptr<kv::Environment> store;
  std::unique_ptr<Scheduler> scheduler;
  Lsn stored;
  std::uint64_t lsn = 0;
  std::map<std::uint64_t, std::optional<std::int64_t>> pending;
  std::map<std::uint64_t, std::int64_t> rows;
};

TEST_F(SchedulerTest, HoldsAFewOfMany) {
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    set(i, static_cast<std::int64_t>(1'000'000 - i));
    if (i % 50 == 0) round();
  }
  EXPECT_LE(scheduler->inMemory(), 64U + 50U);
  EXPECT_EQ(scheduler->next(), UnixMillis{1'000'000 - 1'000});
  std::int64_t expected = 1'000'000 - 1'000;
  while (std::optional<Due> due = scheduler->take(UnixMillis{2'000'000})) {
    EXPECT_EQ(due->time.value, expected++);
    EXPECT_LE(scheduler->inMemory(), 128U);
  }
  EXPECT_EQ(expected, 1'000'000);
}

TEST_F(SchedulerTest, GivesNothingEarlyAndNoMoreAtOnceThanAllowed) {
  scheduler = std::make_unique<Scheduler>(
      Scheduler::Source{*store, [this] { return stored; },
                        [](const kv::ReadAccess&, ObjectNumber) {
                          return std::optional<ObjectAddress>({"Class", "object"});
                        }},
      Scheduler::Options{.inMemoryMax = 64, .atOnce = 2});
  for (std::uint64_t i = 1; i <= 3; ++i) set(i, 100);
  EXPECT_FALSE(scheduler->take(UnixMillis{99}));
  EXPECT_TRUE(scheduler->take(UnixMillis{100}));
  EXPECT_TRUE(scheduler->take(UnixMillis{100}));
  EXPECT_FALSE(scheduler->take(UnixMillis{100}));
  EXPECT_FALSE(scheduler->next());
  EXPECT_TRUE(scheduler->done());
  EXPECT_TRUE(scheduler->take(UnixMillis{100}));
  EXPECT_FALSE(scheduler->done());
}

// Any mix of settings, rounds and deliveries: whatever is due and set is given, at its last time.
TEST_F(SchedulerTest, LosesNothingWhateverTheOrder) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::map<std::uint64_t, std::int64_t> wanted;
    std::int64_t now = 1;
    for (int step = 0; step < 3'000; ++step) {
      std::uint64_t object = random() % 400 + 1;
      switch (random() % 20) {
        case 0:
          round();
          break;
        case 1: {
          now += random() % 50;
          while (std::optional<Due> due = scheduler->take(UnixMillis{now})) {
            EXPECT_LE(due->time.value, now);
            // The object's row decides, as in the host.
            auto found = wanted.find(due->object.value());
            if (found == wanted.end() || found->second > now) continue;
            wanted.erase(found);
            set(due->object.value(), std::nullopt);
          }
          for (const auto& [each, time] : wanted) ASSERT_GT(time, now) << "object " << each;
          break;
        }
        case 2:
        case 3:
          wanted.erase(object);
          set(object, std::nullopt);
          break;
        default: {
          std::int64_t time = now + 1 + random() % 2'000;
          wanted[object] = time;
          set(object, time);
        }
      }
    }
    for (const auto& [object, time] : wanted) set(object, std::nullopt);
    round();
    while (scheduler->take(UnixMillis{now + 10'000})) {
    }
  }
}

}  // namespace
}  // namespace cairn::alarms
