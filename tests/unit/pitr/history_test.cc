// Goal: every commit can be looked at and brought back, by LSN, bookmark and time, over KV, SQL and
// alarm together, and bringing one back is a commit like any other. Method: seeded histories
// against a model that remembers the state after every commit.
#include <cairn/history.h>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/workload.h"
#include "tests/unit/pitr/history_fixture.h"

namespace cairn {
namespace {

using test::ObjectModel;
using test::Workload;

using HistoryTest = test::HistoryFixture;

TEST_F(HistoryTest, EveryCommitOfARandomHistoryCanBeLookedAt) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    auto engine = open("root" + std::to_string(seed));
    Workload workload({.seed = seed, .objects = 2, .turns = 150});
    while (workload.step(*engine)) clock_.advance(7);
    for (std::size_t i = 0; i < workload.commits().size(); i += 3) {
      const Workload::Commit& commit = workload.commits()[i];
      History history = engine->history(workload.object(*engine, commit.object));
      auto view = history.view(commit.lsn);
      ASSERT_EQ(Workload::read(*view), commit.after)
          << "seed " << seed << " LSN " << commit.lsn.value();
      EXPECT_EQ(history.resolve(commit.lsn).lsn, commit.lsn);
    }
  }
}

TEST_F(HistoryTest, EveryCommitCanBeRestoredAndEveryRestoreUndone) {
  for (std::uint64_t seed = 11; seed <= 14; ++seed) {
    auto engine = open("root" + std::to_string(seed));
    Workload workload({.seed = seed, .objects = 2, .turns = 100});
    while (workload.step(*engine)) clock_.advance(7);
    std::mt19937_64 random(seed);
    std::vector<std::pair<Lsn, ObjectModel>> states[2];
    for (const Workload::Commit& commit : workload.commits())
      states[commit.object].emplace_back(commit.lsn, commit.after);
    for (int i = 0; i < 40; ++i) {
      {
        int index = static_cast<int>(random() % 2);
        auto& known = states[index];
        auto& [lsn, wanted] = known[random() % known.size()];
        ObjectRef object = workload.object(*engine, index);
        History history = engine->history(object);
        ObjectModel before = Workload::read(*engine, object.name());
        RestoreReceipt receipt = history.restore(lsn);
        ASSERT_EQ(Workload::read(*engine, object.name()), wanted)
            << "seed " << seed << " LSN " << lsn.value();
        known.emplace_back(receipt.lsn, wanted);
        if (random() % 2 == 0) {
          RestoreReceipt undone = history.restore(history.resolve(receipt.undo).lsn);
          ASSERT_EQ(Workload::read(*engine, object.name()), before) << "seed " << seed;
          known.emplace_back(undone.lsn, before);
        }
        if (random() % 5 == 0) engine->checkpoint();
      }
      if (random() % 11 == 0) {
        engine->close();
        engine.reset();
        engine = open("root" + std::to_string(seed));
      }
    }
  }
}

TEST_F(HistoryTest, ViewStaysTheSameWhileTheObjectGoesOn) {
  auto engine = open();
  Workload workload({.seed = 3, .objects = 1, .turns = 120});
  for (int i = 0; i < 40; ++i) workload.step(*engine);
  Workload::Commit then = workload.commits().back();
  auto view = engine->history(workload.object(*engine, 0)).view(then.lsn);
  while (workload.step(*engine)) {
    engine->checkpoint();
    ASSERT_EQ(Workload::read(*view), then.after);
  }
}

TEST_F(HistoryTest, TimesResolveToTheLastCommitBeforeThemAndNeverLater) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  std::vector<std::pair<std::int64_t, Lsn>> commits;
  std::int64_t begin = clock_.now().value;
  for (int i = 0; i < 50; ++i) {
    clock_.advance(1'000);
    Lsn lsn = engine->turn(object, [&](Storage& s) { s.kv().put("n", i); }).lsn();
    commits.emplace_back(clock_.now().value, lsn);
    if (i % 7 == 0) engine->checkpoint();
  }
  clock_.advance(5'000);
  History history = engine->history(object);
  for (std::size_t i = 0; i < commits.size(); ++i) {
    auto [time, lsn] = commits[i];
    EXPECT_EQ(history.resolve(UnixMillis{time}).lsn, lsn);
    EXPECT_EQ(history.resolve(UnixMillis{time + 999}).lsn, lsn);
    Resolved earlier = history.resolve(UnixMillis{time - 1});
    if (i > 0) EXPECT_EQ(earlier.lsn, commits[i - 1].second);
    EXPECT_LE(earlier.time.value, time - 1);
  }
  EXPECT_EQ(codeOf([&] { (void)history.resolve(UnixMillis{clock_.now().value + 1}); }),
            ErrorCode::kOutOfRange);
  EXPECT_FALSE(history.view(history.resolve(UnixMillis{begin}).lsn)->exists());
}

TEST_F(HistoryTest, PlatformCallsRestoreAtTheNextSessionAndTheUndoBookmarkNamesTheEndOfThisOne) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  Bookmark good = engine
                      ->turn(object,
                             [](Storage& s) {
                               s.kv().put("balance", 100);
                               return s.getCurrentBookmark();
                             })
                      .value;
  engine->turn(object, [](Storage& s) { s.kv().put("balance", 5); });
  Bookmark undo = engine
                      ->turn(object,
                             [&](Storage& s) {
                               Bookmark made = s.onNextSessionRestoreBookmark(good);
                               s.kv().put("after", "arming");
                               return made;
                             })
                      .value;
  EXPECT_LT(good.toString(), undo.toString());
  engine->turn(object, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("balance"), 5); });
  EXPECT_EQ(codeOf([&] { (void)engine->history(object).resolve(undo); }), ErrorCode::kOutOfRange);

  engine->endSession(object);
  engine->turn(object, [](Storage& s) {
    EXPECT_EQ(s.kv().get<int>("balance"), 100);
    EXPECT_FALSE(s.kv().get("after"));
  });
  engine->turn(object, [&](Storage& s) { s.onNextSessionRestoreBookmark(undo); });
  object = {};
  engine.reset();
  engine = open();
  object = engine->object("Test", "a");
  engine->turn(object, [](Storage& s) {
    EXPECT_EQ(s.kv().get<int>("balance"), 5);
    EXPECT_EQ(s.kv().get<std::string>("after"), "arming");
  });
  EXPECT_EQ(engine->history(object).receipts().size(), 2U);
}

TEST_F(HistoryTest, BookmarksOfOtherObjectsAndRootsAreRefused) {
  auto engine = open();
  auto other = open("other");
  auto bookmarkOf = [](Engine& from, const std::string& name) {
    return from
        .turn(from.object("Test", name),
              [](Storage& s) {
                s.kv().put("k", 1);
                return s.getCurrentBookmark();
              })
        .value;
  };
  Bookmark mine = bookmarkOf(*engine, "a");
  Bookmark neighbours = bookmarkOf(*engine, "b");
  Bookmark foreign = bookmarkOf(*other, "a");
  EXPECT_EQ(Bookmark::parse(mine.toString()), mine);
  engine->turn(engine->object("Test", "a"), [&](Storage& s) {
    EXPECT_EQ(codeOf([&] { s.onNextSessionRestoreBookmark(neighbours); }),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(codeOf([&] { s.onNextSessionRestoreBookmark(foreign); }),
              ErrorCode::kInvalidArgument);
  });
  for (const char* text : {"", "x", "00000000-00000001-00000000-0c3e87bb37b3db5cc52eedb93cd3b96",
                           "00000000-00000001-00000000-0c3e87bb37b3db5cc52eedb93cd3b96G",
                           "00000000000000010000000000000000000000000000000000000000000"}) {
    EXPECT_EQ(codeOf([&] { (void)Bookmark::parse(text); }), ErrorCode::kInvalidArgument) << text;
  }
}

TEST_F(HistoryTest, RestoreGoesBackOverDeleteAllAndOverTheDeletionOfTheObject) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  UnixMillis due{clock_.now().value + 1'000'000};
  Lsn full = engine
                 ->turn(object,
                        [&](Storage& s) {
                          s.kv().put("k", 1);
                          s.sql().exec("CREATE TABLE t(id)");
                          s.sql().exec("INSERT INTO t VALUES (7)");
                          s.setAlarm(due);
                        })
                 .lsn();
  engine->turn(object, [](Storage& s) { s.deleteAll({.deleteAlarm = true}); });
  engine->turn(object, [](Storage& s) { s.kv().put("second", 2); });
  Lsn deleted = engine->deleteObject(object).lsn();
  auto isFull = [&] {
    engine->turn(object, [&](Storage& s) {
      EXPECT_EQ(s.kv().get<int>("k"), 1);
      EXPECT_FALSE(s.kv().get("second"));
      EXPECT_EQ(std::get<0>(s.sql().exec("SELECT id FROM t").one<int>()), 7);
      EXPECT_EQ(s.getAlarm(), due);
    });
  };
  History history = engine->history(object);
  EXPECT_FALSE(history.view(deleted)->exists());
  RestoreReceipt receipt = history.restore(full);
  EXPECT_TRUE(receipt.spaceChanged);
  isFull();
  engine->turn(object, [](Storage& s) { s.kv().put("third", 3); });
  engine->checkpoint();
  history.restore(history.resolve(receipt.undo).lsn);
  EXPECT_FALSE(engine->info(object));
  history.restore(receipt.lsn);
  isFull();
}

TEST_F(HistoryTest, AlarmFollowsTheChosenRule) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  UnixMillis early{clock_.now().value + 1'000};
  UnixMillis late{clock_.now().value + 9'000};
  Lsn then = engine
                 ->turn(object,
                        [&](Storage& s) {
                          s.setAlarm(early);
                          s.setAlarm(early, "named");
                          s.kv().put("k", 1);
                        })
                 .lsn();
  auto change = [&] {
    engine->turn(object, [&](Storage& s) {
      s.setAlarm(late);
      s.deleteAlarm("named");
      s.kv().put("k", 2);
    });
  };
  auto alarms = [&] {
    return engine
        ->turn(object, [](Storage& s) { return std::pair(s.getAlarm(), s.getAlarm("named")); })
        .value;
  };
  History history = engine->history(object);
  change();
  history.restore(then, {.alarm = AlarmOnRestore::kKeep});
  EXPECT_EQ(alarms(), std::pair(std::optional(late), std::optional<UnixMillis>()));
  history.restore(then);
  EXPECT_EQ(alarms(), std::pair(std::optional(early), std::optional(early)));
  change();
  history.restore(then, {.alarm = AlarmOnRestore::kClear});
  EXPECT_EQ(alarms(), std::pair(std::optional<UnixMillis>(), std::optional<UnixMillis>()));
}

TEST_F(HistoryTest, DryRunSaysWhatWouldChangeAndChangesNothing) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  Lsn then = engine->turn(object, [](Storage& s) { s.kv().put("k", 1); }).lsn();
  Lsn last = engine
                 ->turn(object,
                        [](Storage& s) {
                          s.kv().put("k", 2);
                          s.kv().put("l", 2);
                        })
                 .lsn();
  RestoreReceipt receipt = engine->history(object).restore(then, {.dryRun = true});
  EXPECT_EQ(receipt.keysChanged, 2U);
  EXPECT_TRUE(receipt.lsn.isZero());
  engine->turn(object, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("l"), 2); });
  EXPECT_EQ(engine->stats().lastLsn, last);
}

TEST_F(HistoryTest, PagesOfADryRunDoNotGetIntoTheNextCommit) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  auto count = [&] {
    std::int64_t rows = 0;
    engine->turn(object, [&](Storage& s) {
      rows = std::get<0>(s.sql().exec("SELECT count(*) FROM t").one<std::int64_t>());
    });
    return rows;
  };
  Lsn then = engine
                 ->turn(object,
                        [](Storage& s) {
                          s.sql().exec("CREATE TABLE t(v TEXT)");
                          s.sql().exec("INSERT INTO t VALUES ('one')");
                        })
                 .lsn();
  engine->turn(object, [](Storage& s) { s.sql().exec("INSERT INTO t VALUES ('two')"); });
  RestoreReceipt receipt = engine->history(object).restore(then, {.dryRun = true});
  EXPECT_GT(receipt.pagesChanged, 0U);
  engine->turn(object, [](Storage& s) { s.kv().put("k", 1); });
  EXPECT_EQ(count(), 2);
  engine->history(object).restore(then, {.dryRun = true});
  engine->turn(object, [](Storage& s) { s.sql().exec("INSERT INTO t VALUES ('three')"); });
  EXPECT_EQ(count(), 3);
}

TEST_F(HistoryTest, LogAndKeyVersionsTellWhatHappened) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  std::vector<Lsn> lsns;
  for (int i = 0; i < 5; ++i)
    lsns.push_back(engine->turn(object, [&](Storage& s) { s.kv().put("k", i); }).lsn());
  lsns.push_back(engine->turn(object, [](Storage& s) { s.kv().erase("k"); }).lsn());
  lsns.push_back(
      engine->turn(object, [](Storage& s) { s.sql().exec("CREATE TABLE t(id)"); }).lsn());
  lsns.push_back(engine->turn(object, [](Storage& s) { s.deleteAll(); }).lsn());
  lsns.push_back(engine->turn(object, [](Storage& s) { s.kv().put("k", 9); }).lsn());
  History history = engine->history(object);
  std::vector<Lsn> logged;
  history.log(Lsn(), Lsn(UINT64_MAX), [&](const CommitInfo& info) {
    logged.push_back(info.lsn);
    return true;
  });
  EXPECT_EQ(logged, std::vector<Lsn>(lsns.rbegin(), lsns.rend()));

  std::vector<std::optional<int>> values;
  std::vector<Lsn> writers;
  for (const KeyVersion& version : history.keyVersions("k")) {
    writers.push_back(version.lsn);
    values.push_back(version.bytes ? std::optional(decodeValue<int>(*version.bytes))
                                   : std::nullopt);
  }
  EXPECT_EQ(values,
            (std::vector<std::optional<int>>{9, std::nullopt, 4, 3, 2, 1, 0, std::nullopt}));
  EXPECT_EQ(writers.front(), lsns[8]);
  EXPECT_EQ(writers[1], lsns[5]);
}

TEST_F(HistoryTest, LabelsNameStatesAndSurvive) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  Lsn then = engine->turn(object, [](Storage& s) { s.kv().put("k", 1); }).lsn();
  engine->history(object).setLabel("before-migration", then);
  engine->turn(object, [](Storage& s) { s.kv().put("k", 2); });
  object = {};
  engine.reset();
  engine = open();
  object = engine->object("Test", "a");
  History history = engine->history(object);
  EXPECT_EQ(history.resolveLabel("before-migration").lsn, then);
  EXPECT_EQ(history.labels().size(), 1U);
  history.removeLabel("before-migration");
  EXPECT_EQ(codeOf([&] { (void)history.resolveLabel("before-migration"); }), ErrorCode::kNotFound);
}

TEST_F(HistoryTest, DamagedHistoryStopsTheRestoreAndNotTheObject) {
  Lsn early;
  Lsn late;
  {
    auto engine = open();
    ObjectRef object = engine->object("Test", "a");
    early = engine->turn(object, [](Storage& s) { s.kv().put("k", 1); }).lsn();
    engine->turn(object, [](Storage& s) { s.kv().put("k", 2); });
    engine->checkpoint();
    late = engine->turn(object, [](Storage& s) { s.kv().put("k", 3); }).lsn();
    engine->turn(object, [](Storage& s) { s.kv().put("k", 4); });
  }
  std::string segment = directory_ / "root/changes/00000001";
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(64 + 90);
    file.put('\x5a');
  }
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  History history = engine->history(object);
  try {
    history.restore(early);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    EXPECT_NE(std::string(error.what()).find("from LSN"), std::string::npos) << error.what();
  }
  Bookmark unreadable = history.bookmarkOf(early);
  engine->turn(object, [&](Storage& s) {
    EXPECT_EQ(s.kv().get<int>("k"), 4);
    EXPECT_EQ(codeOf([&] { (void)history.bookmarkOf(early); }), ErrorCode::kConflict);
    s.onNextSessionRestoreBookmark(unreadable);
  });
  engine->endSession(object);
  engine->turn(object, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("k"), 4); });
  EXPECT_TRUE(history.receipts().front().what.starts_with("failed: "));
  history.restore(late);
  engine->turn(object, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("k"), 3); });
}

TEST_F(HistoryTest, LegacyClassKeepsNoHistory) {
  auto engine = open();
  engine->defineClass("Old", Backend::kKeyValue);
  EXPECT_EQ(codeOf([&] { (void)engine->history(engine->object("Old", "a")); }),
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace cairn
