// Goal: everything of the window can be brought back, nothing older takes space, whatever is being
// looked at stays, and a budget says what it cut. Method: simulated months with a model of every
// state.
#include <cairn/history.h>
#include <cairn/verify.h>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "kv/environment.h"
#include "tests/unit/pitr/history_fixture.h"

namespace cairn {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

class RetentionTest : public test::HistoryFixture {
 protected:
  [[nodiscard]] std::size_t segmentFiles() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& file :
         std::filesystem::directory_iterator(directory_ / "root/changes")) {
      ++count;
    }
    return count;
  }
  [[nodiscard]] std::size_t databaseFiles() const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory_ / "root/sql"))
      count += file.is_regular_file() ? 1 : 0;
    return count;
  }

  struct State {
    Lsn lsn;
    UnixMillis time;
    int day;
  };
  // A day of load, with the object emptied every tenth day.
  State day(Engine& engine, const ObjectRef& object, int number) {
    Lsn lsn;
    for (int i = 0; i < 4; ++i) {
      clock_.advance(kDayMs / 4);
      lsn = engine
                .turn(object,
                      [&](Storage& s) {
                        if (number % 10 == 0 && i == 0) s.deleteAll();
                        s.kv().put("day", number);
                        s.kv().put("part", i);
                        s.sql().exec("CREATE TABLE IF NOT EXISTS t(day INTEGER)");
                        s.sql().exec("INSERT INTO t VALUES (?)", number);
                      })
                .lsn();
    }
    engine.checkpoint();
    return {lsn, clock_.now(), number};
  }
};

TEST_F(RetentionTest, SixtyDaysOfLoadKeepThirtyAndNoMore) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  std::vector<State> states;
  std::size_t filesMost = 0;
  std::size_t databasesMost = 0;
  for (int number = 1; number <= 60; ++number) {
    states.push_back(day(*engine, object, number));
    filesMost = std::max(filesMost, segmentFiles());
    databasesMost = std::max(databasesMost, databaseFiles());
    if (number % 7 == 0) {
      object = {};
      engine.reset();
      engine = open();
      object = engine->object("Test", "a");
    }
  }
  EXPECT_LE(filesMost, 33U);
  EXPECT_LE(databasesMost, 5U);
  History history = engine->history(object);
  HistoryBounds bounds = history.bounds();
  EXPECT_LE(bounds.oldestTime.value, clock_.now().value - 30 * kDayMs);
  EXPECT_GE(bounds.oldestTime.value, clock_.now().value - 32 * kDayMs);
  for (const State& state : states) {
    if (state.time < bounds.oldestTime) {
      EXPECT_EQ(codeOf([&] { (void)history.view(state.lsn); }), ErrorCode::kOutOfRange);
      EXPECT_EQ(codeOf([&] { (void)history.resolve(state.time); }), ErrorCode::kOutOfRange);
      continue;
    }
    EXPECT_EQ(history.resolve(state.time).lsn, state.lsn);
    auto view = history.view(state.lsn);
    EXPECT_EQ(view->kv().get<int>("day"), state.day);
    EXPECT_EQ((view->sql().exec("SELECT max(day) FROM t").one<std::int64_t>()),
              std::tuple<std::int64_t>(state.day));
  }
  EXPECT_GT(engine->stats().historyStoredBytes, 0U);
  EXPECT_EQ(engine->stats().historyCutBytes, 0U);
  history.restore(states[40].lsn);
  engine->turn(object, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("day"), 41); });
}

TEST_F(RetentionTest, WhatIsBeingLookedAtStays) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  State early = day(*engine, object, 1);
  {
    auto view = engine->history(object).view(early.lsn);
    for (int number = 2; number <= 45; ++number) {
      day(*engine, object, number);
      if (number % 10 == 5) EXPECT_EQ(view->kv().get<int>("day"), 1);
    }
    EXPECT_EQ((view->sql().exec("SELECT count(*) FROM t").one<std::int64_t>()),
              std::tuple<std::int64_t>(4));
  }
  day(*engine, object, 46);
  EXPECT_EQ(codeOf([&] { (void)engine->history(object).view(early.lsn); }), ErrorCode::kOutOfRange);
}

TEST_F(RetentionTest, BudgetDropsTheOldestAndSaysHowMuch) {
  EngineOptions small = options();
  small.changeSegmentBytes = 1 << 10;
  small.historyBytesMax = 6 << 10;
  auto engine = Engine::open(small);
  ObjectRef object = engine->object("Test", "a");
  for (int number = 1; number <= 25; ++number) day(*engine, object, number);
  EngineStats stats = engine->stats();
  EXPECT_LE(stats.historyStoredBytes, (6U << 10) + (4U << 10));
  EXPECT_GT(stats.historyCutBytes, 0U);
  EXPECT_GT(stats.historyFromTime.value, clock_.now().value - 25 * kDayMs);
  EXPECT_EQ(engine->history(object).bounds().oldest, stats.historyFrom);
  auto view = engine->history(object).view(stats.historyFrom);
  EXPECT_TRUE(view->exists());
}

TEST_F(RetentionTest, SegmentsThatTheStoreDoesNotKnowAreRemovedAtOpen) {
  {
    auto engine = open();
    ObjectRef object = engine->object("Test", "a");
    day(*engine, object, 1);
  }
  std::ofstream(directory_ / "root/changes/00000077") << "left by a round that came to nothing";
  auto engine = open();
  EXPECT_EQ(segmentFiles(), 1U);
}

TEST_F(RetentionTest, DamagedSegmentIsDroppedInItsTimeLikeAnyOther) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  State early = day(*engine, object, 1);
  std::string first = directory_ / "root/changes/00000001";
  std::filesystem::resize_file(first, std::filesystem::file_size(first) / 2);
  EXPECT_EQ(codeOf([&] {
              (void)engine->history(object)
                  .view(Lsn(early.lsn.value() - 2))
                  ->sql()
                  .exec("SELECT * FROM t");
            }),
            ErrorCode::kDamaged);
  State late{};
  for (int number = 2; number <= 40; ++number) late = day(*engine, object, number);
  EXPECT_FALSE(std::filesystem::exists(first));
  engine->history(object).restore(late.lsn);
  engine->turn(object, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("day"), 40); });
}

TEST_F(RetentionTest, DeletedObjectsLeaveNothingAndTheSameNameBeginsAnew) {
  auto count = [&](const char* what) {
    for (const auto& [name, number] : verify(directory_ / "root").counts) {
      if (name == what) return number;
    }
    return std::uint64_t{0};
  };
  auto rows = [&] {
    kv::Environment::Options readOnly{.directory = directory_ / "root/store", .readOnly = true};
    kv::Environment store(readOnly);
    kv::Snapshot snapshot = store.snapshot();
    std::uint64_t found = 0;
    for (kv::Table table : {kv::Table::kNames, kv::Table::kObjects, kv::Table::kTimeline,
                            kv::Table::kLabels, kv::Table::kReceipts})
      found += snapshot.entries(table);
    return found;
  };
  std::uint64_t before = 0;
  Lsn early;
  {
    auto engine = open();
    day(*engine, engine->object("Test", "stays"), 1);
  }
  before = rows();
  {
    auto engine = open();
    for (int i = 0; i < 50; ++i) {
      ObjectRef object = engine->object("Test", "gone-" + std::to_string(i));
      early = day(*engine, object, 10).lsn;
      engine->history(object).setLabel("label", early);
      engine->history(object).restore(Lsn(early.value() - 1));
      engine->deleteObject(object);
    }
  }
  EXPECT_GT(rows(), before + 100);  // Fifty days have passed: the first of them are gone already.
  {
    auto engine = open();
    ObjectRef held = engine->object("Test", "gone-7");
    ObjectRef stays = engine->object("Test", "stays");
    for (int number = 2; number <= 40; ++number) day(*engine, stays, number);
    // One that the host refers to all the while, and one that it asks for again.
    for (const char* name : {"gone-7", "gone-8"}) {
      ObjectRef again = engine->object("Test", name);
      engine->turn(again, [](Storage& s) {
        EXPECT_FALSE(s.kv().get<int>("day"));
        s.kv().put("day", 99);
      });
      EXPECT_TRUE(engine->history(again).labels().empty());
      EXPECT_TRUE(engine->history(again).receipts().empty());
    }
  }
  // Two objects more: name, object and timeline, and of "stays" what deleteAll adds.
  EXPECT_LE(rows(), before + 2 * 4 + 8);
  EXPECT_EQ(count("objects"), 3U);
  EXPECT_TRUE(verify(directory_ / "root", {.depth = VerifyDepth::kFull}).sound());
  auto engine = open();
  for (const char* name : {"gone-7", "gone-8"}) {
    ObjectRef again = engine->object("Test", name);
    engine->turn(again, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("day"), 99); });
    auto view = engine->history(again).view(engine->history(again).bounds().newest);
    EXPECT_EQ(view->kv().get<int>("day"), 99);
  }
}

TEST_F(RetentionTest, RestoreAtTheEdgeOfTheWindowIsNotSweptBeforeItIsStored) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  State early = day(*engine, object, 1);
  engine->turn(object, [](Storage& s) { s.deleteAll(); });
  engine->checkpoint();
  clock_.advance(29 * kDayMs);
  engine->history(object).restore(early.lsn);
  // Not stored yet, and the time of what it brought back is over.
  clock_.advance(20 * kDayMs);
  engine->checkpoint();
  engine->turn(object, [](Storage& s) {
    EXPECT_EQ(s.kv().get<int>("day"), 1);
    EXPECT_EQ((s.sql().exec("SELECT count(*) FROM t").one<std::int64_t>()),
              std::tuple<std::int64_t>(4));
  });
}

}  // namespace
}  // namespace cairn
