// Goal: a restore that changes more than memory should hold brings back the same state as any
// other, in bounded memory, and can be undone, looked at and repeated like any other. Method:
// limits so small that nearly every restore is made in a space of its own, with a model of every
// state.
#include <cairn/history.h>
#include <cairn/verify.h>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/workload.h"
#include "tests/unit/pitr/history_fixture.h"

namespace cairn {
namespace {

using test::ObjectModel;
using test::Workload;

class LargeRestoreTest : public test::HistoryFixture {
 protected:
  EngineOptions small() {
    EngineOptions small = options();
    small.restoreBytesMax = 2'000;
    return small;
  }
  [[nodiscard]] std::size_t databaseFiles() const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory_ / "root/sql"))
      count += file.is_regular_file() ? 1 : 0;
    return count;
  }
  [[nodiscard]] std::uint64_t spaces() const {
    for (const auto& [what, count] : verify(directory_ / "root").counts) {
      if (what == "spaces") return count;
    }
    return 0;
  }
  // A commit that changes every part of the object, most of it anew each time.
  static Lsn fill(Engine& engine, const ObjectRef& object, int round, int size = 40) {
    return engine
        .turn(object,
              [&](Storage& s) {
                for (int i = 0; i < size; ++i) {
                  s.kv().put(fmt::format("key-{}", i),
                             std::string(200, static_cast<char>('a' + round)));
                  if (i % 9 == 0) s.kv().put(std::string(600, 'l') + std::to_string(i), round);
                }
                for (int i = 0; i < round; ++i) s.kv().erase(fmt::format("key-{}", i));
                s.sql().exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v TEXT)");
                s.sql().exec("CREATE INDEX IF NOT EXISTS t_v ON t(v)");
                s.sql().exec("DELETE FROM t WHERE id % 5 = ?", round % 5);
                s.sql().exec(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) "
                    "INSERT OR REPLACE INTO t SELECT i, ? || i FROM n",
                    2 * size, std::string(60, static_cast<char>('A' + round)));
                s.setAlarm(UnixMillis{4'000'000'000'000 + round});
              })
        .lsn();
  }
  struct Seen {
    std::map<std::string, std::string> keys;
    std::vector<std::vector<SqlValue>> rows;
    std::optional<UnixMillis> alarm;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  static Seen see(Engine& engine, const ObjectRef& object, Lsn lsn) {
    auto view = engine.history(object).view(lsn);
    Seen seen;
    if (!view->exists()) return seen;
    view->kv().list({}, [&](std::string_view key, std::string_view bytes) {
      seen.keys.emplace(key, bytes);
      return true;
    });
    for (auto& row : view->sql().exec("SELECT * FROM t ORDER BY id").toRawArray())
      seen.rows.push_back(std::move(row));
    EXPECT_EQ((view->sql().exec("PRAGMA quick_check").one<std::string>()),
              std::tuple<std::string>("ok"));
    seen.alarm = view->getAlarm();
    return seen;
  }
  static Seen seeNow(Engine& engine, const ObjectRef& object) {
    return see(engine, object, engine.history(object).bounds().newest);
  }
};

TEST_F(LargeRestoreTest, BringsBackUndoesAndRepeatsEveryState) {
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  std::vector<std::pair<Lsn, Seen>> states;
  for (int round = 0; round < 8; ++round) {
    Lsn lsn = fill(*engine, object, round);
    states.emplace_back(lsn, see(*engine, object, lsn));
  }
  auto restore = [&](Lsn lsn) { return engine->history(object).restore(lsn); };
  for (std::size_t target : {0UL, 5UL, 2UL, 2UL}) {
    Seen before = seeNow(*engine, object);
    RestoreReceipt receipt = restore(states[target].first);
    EXPECT_GT(receipt.keysChanged + receipt.pagesChanged, 0U);
    EXPECT_EQ(seeNow(*engine, object), states[target].second);
    EXPECT_EQ(see(*engine, object, Lsn(receipt.lsn.value() - 1)), before);
    EXPECT_EQ(see(*engine, object, receipt.lsn), states[target].second);
    for (const auto& [lsn, seen] : states) EXPECT_EQ(see(*engine, object, lsn), seen);
    // And back, and there again.
    restore(engine->history(object).resolve(receipt.undo).lsn);
    EXPECT_EQ(seeNow(*engine, object), before);
    restore(receipt.lsn);
    EXPECT_EQ(seeNow(*engine, object), states[target].second);
  }
  object = {};
  engine.reset();
  EXPECT_TRUE(verify(directory_ / "root", {.depth = VerifyDepth::kFull}).sound());
  engine = Engine::open(small());
  object = engine->object("Test", "a");
  for (const auto& [lsn, seen] : states) EXPECT_EQ(see(*engine, object, lsn), seen);
  EXPECT_EQ(seeNow(*engine, object), states[2].second);
  // Life goes on in the space that was made.
  Lsn later = fill(*engine, object, 9);
  engine->history(object).restore(states[7].first);
  EXPECT_EQ(seeNow(*engine, object), states[7].second);
  engine->history(object).restore(later);
  engine->turn(object, [](Storage& s) {
    EXPECT_EQ(s.kv().get<std::string>("key-20"), std::string(200, 'j'));
  });
}

TEST_F(LargeRestoreTest, DifferenceOverItIsWhatChanged) {
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  Lsn first = fill(*engine, object, 1);
  fill(*engine, object, 2);
  Lsn last = fill(*engine, object, 3);
  RestoreReceipt receipt = engine->history(object).restore(first);
  auto changes = [&](Lsn before, Lsn after) {
    std::set<std::string> found;
    engine->history(object).diff(before, after, [&](const Difference& difference) {
      if (const auto* key = std::get_if<KeyDifference>(&difference))
        found.insert("key " + key->key);
      if (const auto* row = std::get_if<RowDifference>(&difference))
        found.insert(fmt::format("row {}", std::get<std::int64_t>(row->key[0])));
      if (std::get_if<AlarmDifference>(&difference) != nullptr) found.insert("alarm");
      return true;
    });
    return found;
  };
  EXPECT_TRUE(changes(first, receipt.lsn).empty());
  EXPECT_EQ(changes(last, receipt.lsn), changes(first, last));
  EXPECT_EQ(receipt.keysChanged,
            std::ranges::count_if(changes(first, last),
                                  [](const std::string& what) { return what.starts_with("key"); }));
}

TEST_F(LargeRestoreTest, GoesBackOverDeletionAndKeepsTheAlarmAsAsked) {
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  Lsn first = fill(*engine, object, 1);
  Seen wanted = see(*engine, object, first);
  for (int round = 2; round < 5; ++round) fill(*engine, object, round);
  engine->turn(object, [](Storage& s) { s.deleteAll(); });
  RestoreReceipt over = engine->history(object).restore(first);
  EXPECT_TRUE(over.spaceChanged);
  EXPECT_EQ(seeNow(*engine, object), wanted);
  fill(*engine, object, 6);
  engine->deleteObject(object);
  engine->history(object).restore(first, {.alarm = AlarmOnRestore::kClear});
  wanted.alarm.reset();
  EXPECT_EQ(seeNow(*engine, object), wanted);
}

TEST_F(LargeRestoreTest, ChangesMoreThanATransactionMay) {
  EngineOptions tight = options();
  tight.limits.transactionBytesMax = 200'000;
  auto engine = Engine::open(tight);
  ObjectRef object = engine->object("Test", "a");
  auto fillAll = [&](char letter) {
    Lsn lsn;
    for (int part = 0; part < 20; ++part) {
      lsn = engine
                ->turn(object,
                       [&](Storage& s) {
                         for (int i = 0; i < 10; ++i)
                           s.kv().put(fmt::format("{}-{}", part, i), std::string(10'000, letter));
                       })
                .lsn();
    }
    return lsn;
  };
  Lsn first = fillAll('a');
  fillAll('b');
  RestoreReceipt receipt = engine->history(object).restore(first);
  EXPECT_EQ(receipt.keysChanged, 200U);
  engine->turn(object, [](Storage& s) {
    EXPECT_EQ(s.kv().get<std::string>("19-9"), std::string(10'000, 'a'));
    EXPECT_EQ(s.size().kvKeys, 200U);
  });
}

TEST_F(LargeRestoreTest, DryRunSaysTheSameAndLeavesNothing) {
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  Lsn first = fill(*engine, object, 1);
  Lsn last = fill(*engine, object, 4);
  RestoreReceipt dry = engine->history(object).restore(first, {.dryRun = true});
  EXPECT_TRUE(dry.lsn.isZero());
  EXPECT_EQ(engine->history(object).bounds().newest, last);
  engine->turn(engine->object("Test", "other"), [](Storage& s) { s.kv().put("k", 1); });
  engine->checkpoint();
  EXPECT_EQ(databaseFiles(), 1U);
  RestoreReceipt real = engine->history(object).restore(first);
  EXPECT_EQ(real.keysChanged, dry.keysChanged);
  EXPECT_EQ(real.pagesChanged, dry.pagesChanged);
  object = {};
  engine.reset();
  EXPECT_EQ(spaces(), 3U);
}

TEST_F(LargeRestoreTest, ArmedRestoreIsMadeWhenTheNextSessionBegins) {
  Lsn first;
  Seen wanted;
  {
    auto engine = Engine::open(small());
    ObjectRef object = engine->object("Test", "a");
    first = fill(*engine, object, 1);
    wanted = see(*engine, object, first);
    fill(*engine, object, 2);
    Bookmark bookmark = engine->history(object).bookmarkOf(first);
    engine->turn(object, [&](Storage& s) { s.onNextSessionRestoreBookmark(bookmark); }).wait();
  }
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  engine->turn(object, [](Storage&) {});
  EXPECT_EQ(seeNow(*engine, object), wanted);
  EXPECT_EQ(engine->history(object).receipts().front().target, first);
}

TEST_F(LargeRestoreTest, OldSpaceGoesWithItsHistory) {
  constexpr std::int64_t kDayMs = 86'400'000;
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  Lsn first = fill(*engine, object, 1);
  fill(*engine, object, 2);
  engine->history(object).restore(first);
  engine->checkpoint();
  EXPECT_EQ(databaseFiles(), 2U);
  for (int day = 0; day < 40; ++day) {
    clock_.advance(kDayMs);
    engine->turn(object, [&](Storage& s) { s.kv().put("day", day); });
    engine->checkpoint();
  }
  EXPECT_EQ(databaseFiles(), 1U);
  EXPECT_EQ(codeOf([&] { (void)engine->history(object).restore(first); }), ErrorCode::kOutOfRange);
  EXPECT_EQ(seeNow(*engine, object).keys.size(), 45U);
}

TEST_F(LargeRestoreTest, DamagedHistoryChangesNothingAndLeavesNothing) {
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  Lsn first = fill(*engine, object, 1);
  Lsn last{};
  for (int round = 2; round < 12; ++round) {
    last = fill(*engine, object, round, 120);
    engine->checkpoint();
  }
  Seen now = seeNow(*engine, object);
  std::string segment = directory_ / "root/changes/00000001";
  std::filesystem::resize_file(segment, std::filesystem::file_size(segment) / 2);
  ErrorCode code = codeOf([&] { (void)engine->history(object).restore(first); });
  EXPECT_EQ(code, ErrorCode::kDamaged);
  EXPECT_EQ(seeNow(*engine, object), now);
  engine->turn(engine->object("Test", "other"), [](Storage& s) { s.kv().put("k", 1); });
  engine->checkpoint();
  EXPECT_EQ(databaseFiles(), 1U);
}

TEST_F(LargeRestoreTest, StateThatIsNotTheRecordedOneIsRefused) {
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  Lsn first = fill(*engine, object, 1);
  fill(*engine, object, 2);
  engine->checkpoint();
  Seen now = seeNow(*engine, object);
  {
    // A bit of a page that no commit since has touched: only reading all of it back can tell.
    std::string path;
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory_ / "root/sql"))
      if (file.is_regular_file()) path = file.path();
    auto file = posixFileSystem().open(path, {.write = true});
    char byte = 0;
    file->read(100, {&byte, 1});
    byte = static_cast<char>(byte ^ 1);
    file->write(20, {&byte, 1});
  }
  ErrorCode code = codeOf([&] { (void)engine->history(object).restore(first); });
  EXPECT_TRUE(code == ErrorCode::kDigestMismatch || code == ErrorCode::kDamaged)
      << static_cast<int>(code);
  engine->turn(object, [&](Storage& s) { EXPECT_EQ(s.size().kvKeys, now.keys.size()); });
}

TEST_F(LargeRestoreTest, HistoryThatBeganLateStillProvesTheResult) {
  EngineOptions none = small();
  none.historyMs = 0;
  {
    auto engine = Engine::open(none);
    ObjectRef object = engine->object("Test", "a");
    fill(*engine, object, 1);
  }
  auto engine = Engine::open(small());
  ObjectRef object = engine->object("Test", "a");
  Lsn first = fill(*engine, object, 2);
  Seen wanted = see(*engine, object, first);
  fill(*engine, object, 3);
  fill(*engine, object, 4);
  engine->history(object).restore(first);
  EXPECT_EQ(seeNow(*engine, object), wanted);
  object = {};
  engine.reset();
  EXPECT_TRUE(verify(directory_ / "root", {.depth = VerifyDepth::kFull}).sound());
}

// Random work in which most restores are made aside.
TEST_F(LargeRestoreTest, ModelAgreesThroughRandomWork) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    EngineOptions each = small();
    each.root = directory_ / fmt::format("root-{}", seed);
    each.dirtyBytesSoft = 40'000;
    auto engine = Engine::open(each);
    Workload workload(
        {.seed = seed, .objects = 3, .turns = 150, .history = true, .clock = &clock_});
    while (workload.step(*engine)) {
    }
    std::string problem;
    EXPECT_TRUE(workload.agreesLive(*engine, problem)) << "seed " << seed << ": " << problem;
    std::mt19937_64 random(seed);
    for (int pass = 0; pass < 10; ++pass) {
      EXPECT_TRUE(workload.checkHistory(*engine, workload.issued(), random, problem, false))
          << "seed " << seed << ": " << problem;
    }
    workload.release();
    engine.reset();
    EXPECT_TRUE(verify(each.root, {.depth = VerifyDepth::kFull}).sound()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cairn
