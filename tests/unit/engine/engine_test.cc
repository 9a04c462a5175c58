// Goal: one turn is one atomic commit over KV, SQL and alarm, it is there again after any end of
// the process, and the stores keep up. A killed process is played by opening a copy of the root
// while the engine still runs.
#include <atomic>
#include <cairn/engine.h>
#include <cairn/history.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { root_ = directory_ / "root"; }

  EngineOptions options(const std::string& root) {
    EngineOptions options;
    options.root = root;
    options.clock = &clock_;
    options.journalSegmentBytes = 256 << 10;
    options.storeMapBytes = 1 << 20;
    options.idleCheckpointMs = 1'000'000;
    options.checkpointAgeMs = 1'000'000;
    return options;
  }
  std::unique_ptr<Engine> open() { return Engine::open(options(root_)); }

  // What a process killed now, with everything acknowledged, would find when it starts again.
  std::unique_ptr<Engine> openAfterKill(Engine& running) {
    while (running.stats().durableLsn < running.stats().lastLsn) std::this_thread::yield();
    std::string copy = directory_ / ("copy" + std::to_string(++copies_));
    fs::copy(root_, copy, fs::copy_options::recursive);
    fs::remove(copy + "/LOCK");
    return Engine::open(options(copy));
  }

  static std::optional<std::int64_t> number(Engine& engine, const std::string& name,
                                            const std::string& key) {
    return engine
        .turn(engine.object("Test", name),
              [&](Storage& s) { return s.kv().get<std::int64_t>(key); })
        .value;
  }
  static std::vector<std::int64_t> column(Engine& engine, const std::string& name,
                                          const std::string& sql) {
    return engine
        .turn(engine.object("Test", name),
              [&](Storage& s) {
                std::vector<std::int64_t> values;
                for (auto& [value] : s.sql().exec(sql).toArray<std::int64_t>())
                  values.push_back(value);
                return values;
              })
        .value;
  }
  static ErrorCode codeOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kIo;
  }

  test::TemporaryDirectory directory_;
  std::string root_;
  test::ManualClock clock_;
  int copies_ = 0;
};

TEST_F(EngineTest, DeleteAllOfManyUnstoredKeysLeavesNothingOfThem) {
  auto engine = open();
  auto object = engine->object("Test", "a");
  auto put = [](int from, int to) {
    return [from, to](Storage& s) {
      for (int i = from; i < to; ++i) s.kv().put("key" + std::to_string(i), i);
    };
  };
  auto count = [&] {
    return engine->turn(object, [](Storage& s) { return s.kv().count(); }).value;
  };
  engine->turn(object, put(0, 5'000));
  engine->turn(object, [](Storage& s) { s.deleteAll(); });
  EXPECT_EQ(count(), 0U);
  engine->turn(object, put(10, 2'010));
  EXPECT_EQ(count(), 2'000U);
  EXPECT_EQ(number(*engine, "a", "key9"), std::nullopt);
  EXPECT_EQ(number(*engine, "a", "key2009"), 2'009);
  engine->checkpoint();
  EXPECT_EQ(count(), 2'000U);
}

TEST_F(EngineTest, ATurnRunsANamedFunctionAsWellAsATemporary) {
  auto engine = open();
  auto object = engine->object("Test", "a");
  const auto put = [](Storage& s) { s.kv().put("key", 1); };
  auto get = [](Storage& s) { return s.kv().get<std::int64_t>("key"); };
  engine->turn(object, put);
  EXPECT_EQ(engine->turn(object, get).value, 1);
}

TEST_F(EngineTest, KvSqlAndAlarmOfOneTurnComeBackTogether) {
  UnixMillis due{clock_.now().value + 60'000};
  auto check = [&](Engine& engine) {
    EXPECT_EQ(number(engine, "a", "count"), 42);
    EXPECT_EQ(column(engine, "a", "SELECT id FROM t ORDER BY id"),
              (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(
        engine.turn(engine.object("Test", "a"), [](Storage& s) { return s.getAlarm(); }).value,
        due);
  };
  {
    auto engine = open();
    EXPECT_TRUE(engine->recovery().created);
    Ticket ticket = engine->turn(engine->object("Test", "a"), [&](Storage& s) {
      s.kv().put("count", 42);
      s.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY, text TEXT)");
      s.sql().exec("INSERT INTO t(text) VALUES (?), (?)", "one", "two");
      s.setAlarm(due);
    });
    ticket.wait();
    EXPECT_TRUE(ticket.durable());
    check(*engine);
    auto killed = openAfterKill(*engine);
    EXPECT_FALSE(killed->recovery().cleanlyClosed);
    EXPECT_EQ(killed->recovery().commitsReplayed, 1U);
    check(*killed);
    engine->checkpoint();
    check(*engine);
    check(*openAfterKill(*engine));
  }
  auto engine = open();
  EXPECT_TRUE(engine->recovery().cleanlyClosed);
  EXPECT_EQ(engine->recovery().commitsReplayed, 0U);
  check(*engine);
}

TEST_F(EngineTest, TurnThatWritesNothingMakesNoCommit) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  engine->turn(object, [](Storage& s) { s.kv().put("k", 1); }).wait();
  Lsn before = engine->stats().durableLsn;
  Ticket read = engine->turn(object, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("k"), 1); });
  EXPECT_EQ(read.lsn(), before);
  engine->turn(object, [](Storage& s) { s.transactionSync([&] { (void)s.kv().get("k"); }); });
  engine->turn(object, [](Storage& s) { EXPECT_FALSE(s.kv().erase("missing")); });
  engine->turn(engine->object("Test", "never"), [](Storage& s) { EXPECT_FALSE(s.kv().get("k")); });
  engine->checkpoint();
  EXPECT_EQ(engine->stats().commits, 1U);
  EXPECT_FALSE(engine->info(engine->object("Test", "never")));
}

// Each of them ends the journal, and the segments that hold the ends are recycled.
TEST_F(EngineTest, RootMayBeOpenedAndClosedAnyNumberOfTimesWithoutACommit) {
  std::mt19937 random(1);
  for (int round = 0; round < 4; ++round) {
    auto engine = open();
    for (int i = 0; i < 10 + 7 * round; ++i) {
      std::string noise(40'000, '\0');
      for (char& c : noise) c = static_cast<char>('!' + random() % 90);
      engine->turn(engine->object("Test", "a"),
                   [&](Storage& storage) { storage.kv().put("n", noise); });
    }
    engine->checkpoint();
    engine.reset();
    for (int i = 0; i < 10; ++i) open().reset();
  }
  auto engine = open();
  EXPECT_TRUE(engine
                  ->turn(engine->object("Test", "a"),
                         [](Storage& storage) { return storage.kv().get<std::string>("n"); })
                  .value.has_value());
}

TEST_F(EngineTest, ExceptionKeepsWhatWasWrittenBeforeIt) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  EXPECT_THROW(engine->turn(object,
                            [](Storage& s) {
                              s.kv().put("k", 1);
                              throw std::runtime_error("no");
                            }),
               std::runtime_error);
  EXPECT_EQ(number(*engine, "a", "k"), 1);
}

TEST_F(EngineTest, TransactionSyncRollsBackAllThreeAndRethrows) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  engine->turn(object, [&](Storage& s) {
    s.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY)");
    s.kv().put("outer", 1);
    try {
      s.transactionSync([&] {
        s.kv().put("outer", 2);
        s.kv().put("inner", 1);
        s.sql().exec("INSERT INTO t VALUES (1)");
        s.setAlarm(UnixMillis{clock_.now().value + 5});
        s.transactionSync([&] { s.sql().exec("INSERT INTO t VALUES (2)"); });
        throw 7;
      });
      FAIL();
    } catch (int thrown) {
      EXPECT_EQ(thrown, 7);
    }
    EXPECT_EQ(s.kv().get<int>("outer"), 1);
    EXPECT_FALSE(s.kv().get("inner"));
    EXPECT_FALSE(s.getAlarm());
    EXPECT_EQ(std::get<0>(s.sql().exec("SELECT count(*) FROM t").one<int>()), 0);
    int result = s.transactionSync([&] {
      s.sql().exec("INSERT INTO t VALUES (3)");
      EXPECT_THROW(s.transactionSync([&] {
        s.sql().exec("INSERT INTO t VALUES (4)");
        s.kv().put("inner", 5);
        throw std::runtime_error("inner");
      }),
                   std::runtime_error);
      return 9;
    });
    EXPECT_EQ(result, 9);
  });
  auto killed = openAfterKill(*engine);
  EXPECT_EQ(column(*killed, "a", "SELECT id FROM t"), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(number(*killed, "a", "outer"), 1);
  EXPECT_EQ(number(*killed, "a", "inner"), std::nullopt);
}

TEST_F(EngineTest, DeleteAllEmptiesBothStoresAtomicallyAndKeepsTheAlarm) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  UnixMillis due{clock_.now().value + 1'000};
  engine->turn(object, [&](Storage& s) {
    for (int i = 0; i < 100; ++i) s.kv().put("key" + std::to_string(i), i);
    s.sql().exec("CREATE TABLE t(id)");
    s.setAlarm(due);
  });
  engine->checkpoint();
  engine->turn(object, [&](Storage& s) {
    s.kv().put("discarded", 1);
    s.deleteAll();
    EXPECT_EQ(s.kv().count(), 0U);
    EXPECT_EQ(s.sql().databaseSize(), 0U);
    EXPECT_EQ(s.getAlarm(), due);
    s.kv().put("after", 1);
    s.sql().exec("CREATE TABLE u(id)");
  });
  auto check = [&](Engine& checked) {
    checked.turn(checked.object("Test", "a"), [&](Storage& s) {
      EXPECT_EQ(s.kv().count(), 1U);
      EXPECT_EQ(s.kv().get<int>("after"), 1);
      EXPECT_EQ(s.sql().exec("SELECT name FROM sqlite_master").toArray().size(), 1U);
      EXPECT_EQ(s.getAlarm(), due);
    });
  };
  check(*engine);
  check(*openAfterKill(*engine));
  engine->checkpoint();
  check(*engine);
  engine->turn(object, [&](Storage& s) { s.deleteAll({.deleteAlarm = true}); });
  engine->turn(object, [&](Storage& s) {
    EXPECT_EQ(s.kv().count(), 0U);
    EXPECT_FALSE(s.getAlarm());
    EXPECT_EQ(codeOf([&] { s.transactionSync([&] { s.deleteAll(); }); }), ErrorCode::kConflict);
  });
}

TEST_F(EngineTest, SpacesLeftBehindAreSweptWhenNoHistoryIsKept) {
  EngineOptions forgetful = options(root_);
  forgetful.historyMs = 0;
  auto engine = Engine::open(forgetful);
  ObjectRef object = engine->object("Test", "a");
  for (int round = 0; round < 5; ++round) {
    engine->turn(object, [&](Storage& s) {
      s.deleteAll();
      s.sql().exec("CREATE TABLE t(id)");
      s.kv().put("k", round);
    });
    engine->checkpoint();
  }
  engine->close();
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root_ + "/sql"))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_LE(files, 2);
}

TEST_F(EngineTest, RolledBackTurnLeavesNothing) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  engine->turn(object, [](Storage& s) {
    s.kv().put("k", 1);
    s.sql().exec(
        "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(id REFERENCES parent(id) "
        "DEFERRABLE INITIALLY DEFERRED)");
  });
  EXPECT_EQ(codeOf([&] {
              engine->turn(object, [](Storage& s) {
                s.kv().put("k", 2);
                s.sql().exec("INSERT INTO child VALUES (7)");
              });
            }),
            ErrorCode::kRolledBack);
  EXPECT_EQ(number(*engine, "a", "k"), 1);
  EXPECT_TRUE(column(*engine, "a", "SELECT id FROM child").empty());
  EXPECT_EQ(codeOf([&] {
              engine->turn(object, [](Storage& s) {
                s.kv().put("k", 3);
                s.sql().exec("INSERT INTO parent VALUES (1)");
                s.sql().exec("INSERT OR ROLLBACK INTO parent VALUES (1)");
              });
            }),
            ErrorCode::kRolledBack);
  EXPECT_EQ(number(*engine, "a", "k"), 1);
  EXPECT_TRUE(column(*engine, "a", "SELECT id FROM parent").empty());
}

TEST_F(EngineTest, SqlThatIsRejectedLeavesTheOtherWritesInPlace) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  engine->turn(object, [](Storage& s) {
    s.kv().put("k", 1);
    s.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY)");
    s.sql().exec("INSERT INTO t VALUES (1)");
    EXPECT_EQ(codeOf([&] { s.sql().exec("INSERT INTO t VALUES (2), (1)"); }), ErrorCode::kSql);
    EXPECT_EQ(codeOf([&] { s.sql().exec("INSERT INTO t VALUES (5); SELEKT 1"); }), ErrorCode::kSql);
  });
  EXPECT_EQ(column(*engine, "a", "SELECT id FROM t"), (std::vector<std::int64_t>{1, 5}));
  EXPECT_EQ(number(*engine, "a", "k"), 1);
}

TEST_F(EngineTest, ReadsDuringAndAfterRoundsAreTheSame) {
  EngineOptions small = options(root_);
  small.dirtyBytesSoft = 20'000;
  small.dirtyBytesHard = 60'000;
  auto engine = Engine::open(small);
  constexpr int kObjects = 8;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kObjects; ++t) {
      threads.emplace_back([&, t] {
        ObjectRef object = engine->object("Test", "o" + std::to_string(t));
        engine->turn(object,
                     [](Storage& s) { s.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY, v)"); });
        for (int i = 1; i <= 300; ++i) {
          engine->turn(object, [&](Storage& s) {
            EXPECT_EQ(s.kv().get<int>("n").value_or(0), i - 1);
            s.kv().put("n", i);
            s.kv().put("key" + std::to_string(i % 50), std::string(100, 'x'));
            s.sql().exec("INSERT INTO t(v) VALUES (?)", i);
            EXPECT_EQ(std::get<0>(s.sql().exec("SELECT count(*) FROM t").one<int>()), i);
            EXPECT_EQ(s.kv().count("key"), static_cast<std::uint64_t>(std::min(i, 50)));
          });
        }
      });
    }
  }
  EXPECT_GT(engine->stats().rounds, 3U);
  EXPECT_LT(engine->stats().dirtyBytes, 10'000'000U);
  auto killed = openAfterKill(*engine);
  for (int t = 0; t < kObjects; ++t) {
    EXPECT_EQ(number(*killed, "o" + std::to_string(t), "n"), 300);
    EXPECT_EQ(column(*killed, "o" + std::to_string(t), "SELECT count(*) FROM t"),
              (std::vector<std::int64_t>{300}));
  }
}

TEST_F(EngineTest, MemoryIsGivenBackAfterARound) {
  auto engine = open();
  for (int i = 0; i < 2'000; ++i) {
    engine->turn(engine->object("Test", "o" + std::to_string(i)),
                 [](Storage& s) { s.kv().put("k", std::string(200, 'v')); });
  }
  EXPECT_EQ(engine->stats().openObjects, 2'000U);
  EXPECT_GT(engine->stats().dirtyBytes, 500'000U);
  engine->checkpoint();
  EXPECT_EQ(engine->stats().openObjects, 0U);
  EXPECT_EQ(engine->stats().dirtyBytes, 0U);
  EXPECT_EQ(engine->objects("Test").size(), 2'000U);
}

TEST_F(EngineTest, ConnectionsOverTheCapAreClosedUnnoticed) {
  EngineOptions few = options(root_);
  few.sqlConnectionsMax = 2;
  auto engine = Engine::open(few);
  std::vector<ObjectRef> objects;
  for (int i = 0; i < 6; ++i) objects.push_back(engine->object("Test", "o" + std::to_string(i)));
  for (int round = 0; round < 4; ++round) {
    for (ObjectRef& object : objects) {
      engine->turn(object, [&](Storage& s) {
        s.sql().exec("CREATE TABLE IF NOT EXISTS t(id)");
        s.sql().exec("INSERT INTO t VALUES (?)", round);
        EXPECT_EQ(std::get<0>(s.sql().exec("SELECT count(*) FROM t").one<int>()), round + 1);
      });
    }
    EXPECT_LE(engine->stats().openConnections, 2U);
  }
}

TEST_F(EngineTest, CursorSurvivesTheClosingOfItsConnection) {
  EngineOptions few = options(root_);
  few.sqlConnectionsMax = 1;
  auto engine = Engine::open(few);
  std::optional<SqlCursor> cursor;
  engine->turn(engine->object("Test", "a"), [&](Storage& s) {
    s.sql().exec("CREATE TABLE t(id)");
    s.sql().exec("INSERT INTO t VALUES (1), (2), (3)");
    cursor = s.sql().exec("SELECT id FROM t");
    EXPECT_EQ(std::get<0>(*cursor->next<int>()), 1);
  });
  engine->turn(engine->object("Test", "b"),
               [&](Storage& s) { s.sql().exec("CREATE TABLE t(id)"); });
  EXPECT_EQ(engine->stats().openConnections, 1U);
  EXPECT_EQ(std::get<0>(*cursor->next<int>()), 2);
  EXPECT_EQ(std::get<0>(*cursor->next<int>()), 3);
  EXPECT_FALSE(cursor->next<int>());
}

TEST_F(EngineTest, ForgottenCursorDoesNotBlockDropTable) {
  auto engine = open();
  engine->turn(engine->object("Test", "a"), [&](Storage& s) {
    s.sql().exec("CREATE TABLE t(id); CREATE TABLE u(id)");
    s.sql().exec("INSERT INTO t VALUES (1), (2)");
    SqlCursor cursor = s.sql().exec("SELECT id FROM t");
    s.sql().exec("DROP TABLE u");
    s.sql().exec("DROP TABLE t");
    EXPECT_EQ(cursor.toArray().size(), 2U);
  });
}

TEST_F(EngineTest, CloseLeavesOrdinarySqliteFiles) {
  {
    auto engine = open();
    engine->turn(engine->object("Test", "a"), [&](Storage& s) {
      s.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
      for (int i = 0; i < 1'000; ++i)
        s.sql().exec("INSERT INTO t(v) VALUES (?)", std::string(100, 'v'));
    });
    engine->close();
  }
  for (const auto& entry : fs::recursive_directory_iterator(root_ + "/sql")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::string header(16, '\0');
    file.read(header.data(), 16);
    EXPECT_EQ(header, std::string("SQLite format 3\0", 16));
    EXPECT_EQ(fs::file_size(entry.path()) % 4096, 0U);
  }
}

TEST_F(EngineTest, DeletedObjectIsGoneAndCanComeBack) {
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  engine->turn(object, [&](Storage& s) {
    s.kv().put("k", 1);
    s.setAlarm(UnixMillis{clock_.now().value + 10});
  });
  ObjectNumber before = engine->info(object)->number;
  engine->deleteObject(object).wait();
  EXPECT_FALSE(engine->info(object));
  EXPECT_TRUE(engine->objects("Test").empty());
  engine->turn(object, [](Storage& s) {
    EXPECT_FALSE(s.kv().get("k"));
    EXPECT_FALSE(s.getAlarm());
    s.kv().put("k", 2);
  });
  EXPECT_EQ(engine->info(object)->number, before);
  EXPECT_EQ(number(*openAfterKill(*engine), "a", "k"), 2);
}

TEST_F(EngineTest, SecondOpenerIsToldWhoHoldsTheRoot) {
  auto engine = open();
  try {
    open();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBusy);
    EXPECT_NE(std::string(error.what()).find(std::to_string(::getpid())), std::string::npos)
        << error.what();
  }
}

// What a fork did to the root would go into the middle of its parent's writes.
TEST_F(EngineTest, AForkIsRefusedAndDoesNotDisturbItsParent) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a fork may find the sanitizer's allocator locked by a thread that it lacks";
#endif
  auto engine = open();
  ObjectRef object = engine->object("Test", "a");
  Ticket ticket = engine->turn(object, [](Storage& s) { s.kv().put("k", 1); });
  ticket.wait();
  engine->checkpoint();
  std::fflush(nullptr);
  pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    auto refused = [&](const std::function<void()>& call) {
      try {
        call();
      } catch (const Error& error) {
        return error.code() == ErrorCode::kBroken &&
               std::string(error.what()).find("is a fork of it") != std::string::npos;
      }
      return false;
    };
    bool good = refused([&] { engine->turn(object, [](Storage& s) { s.kv().put("k", 2); }); }) &&
                refused([&] { engine->checkpoint(); }) && refused([&] { ticket.wait(); }) &&
                refused([&] { (void)engine->stats(); }) &&
                refused([&] { (void)engine->history(object).view(ticket.lsn()); }) &&
                refused([&] { engine->close(); });
    engine.reset();
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ticket.wait();
  engine->turn(object, [](Storage& s) { s.kv().put("other", 3); });
  engine->checkpoint();
  EXPECT_EQ(codeOf([&] { open(); }), ErrorCode::kBusy) << "the fork's end let go of the lock";
  object = {};
  engine.reset();
  engine = open();
  EXPECT_TRUE(engine->recovery().cleanlyClosed);
  EXPECT_EQ(number(*engine, "a", "k"), 1);
  EXPECT_EQ(number(*engine, "a", "other"), 3);
}

TEST_F(EngineTest, NamesThatWouldMisleadAreRefused) {
  auto engine = open();
  for (std::string name : {std::string(), std::string("a\0b", 3), std::string(".."),
                           std::string("a/../b"), std::string("."), std::string(10'000, 'x'),
                           std::string("\xff\xfe"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(codeOf([&] { (void)engine->object("Test", name); }), ErrorCode::kInvalidArgument)
        << name;
  }
  for (std::string name : {"a/b", "..a", "日本", "a b\tc", "C:\\x"}) {
    engine->turn(engine->object("Test", name), [&](Storage& s) { s.kv().put("name", name); });
  }
  EXPECT_EQ(engine->objects("Test").size(), 5U);
}

TEST_F(EngineTest, LimitsAreNamedWithBothFigures) {
  auto engine = open();
  engine->turn(engine->object("Test", "a"), [&](Storage& s) {
    Bytes fits(2'097'152 - 1);
    s.kv().putBytes("k", fits);
    Bytes over(2'097'152);
    try {
      s.kv().putBytes("k", over);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLimitExceeded);
      EXPECT_STREQ(error.what(),
                   "key \"k\": key and value together have 1 + 2097152 bytes, 2097152 are allowed");
    }
    EXPECT_EQ(s.kv().getBytes("k")->size(), fits.size());
    EXPECT_EQ(codeOf([&] { s.sql().exec(std::string(100'001, ' ')); }), ErrorCode::kSql);
  });
}

TEST_F(EngineTest, TransactionOverTheCapFailsAndRollsBack) {
  EngineOptions capped = options(root_);
  capped.limits.transactionBytesMax = 1 << 20;
  auto engine = Engine::open(capped);
  ObjectRef object = engine->object("Test", "a");
  engine->turn(object, [](Storage& s) { s.kv().put("k", 1); });
  EXPECT_EQ(codeOf([&] {
              engine->turn(object, [](Storage& s) {
                s.kv().put("k", 2);
                for (int i = 0; i < 20; ++i)
                  s.kv().put("big" + std::to_string(i), std::string(100'000, 'x'));
              });
            }),
            ErrorCode::kRolledBack);
  EXPECT_EQ(number(*engine, "a", "k"), 1);
  EXPECT_EQ(codeOf([&] {
              engine->turn(object, [](Storage& s) {
                s.sql().exec("CREATE TABLE t(v)");
                for (int i = 0; i < 20; ++i)
                  s.sql().exec("INSERT INTO t VALUES (randomblob(100000))");
              });
            }),
            ErrorCode::kRolledBack);
  EXPECT_EQ(engine->turn(object, [](Storage& s) { return s.sql().databaseSize(); }).value, 0U);
}

TEST_F(EngineTest, TurnInsideATurnOfTheSameObjectIsRefused) {
  auto engine = open();
  ObjectRef a = engine->object("Test", "a");
  ObjectRef b = engine->object("Test", "b");
  engine->turn(a, [&](Storage& s) {
    s.kv().put("k", 1);
    engine->turn(b, [&](Storage& inner) { inner.kv().put("k", 2); });
    EXPECT_EQ(codeOf([&] { engine->turn(a, [](Storage&) {}); }), ErrorCode::kConflict);
  });
  EXPECT_EQ(number(*engine, "b", "k"), 2);
}

TEST_F(EngineTest, SyncInTheMiddleOfATurnSplitsIt) {
  auto engine = open();
  engine->turn(engine->object("Test", "a"), [&](Storage& s) {
    s.kv().put("k", 1);
    s.sync();
    EXPECT_EQ(number(*openAfterKill(*engine), "a", "k"), 1);
    s.kv().put("k", 2);
  });
  EXPECT_EQ(number(*engine, "a", "k"), 2);
}

TEST_F(EngineTest, LegacyClassRefusesWhatItDoesNotHave) {
  auto engine = open();
  engine->defineClass("Old", Backend::kKeyValue);
  EXPECT_EQ(codeOf([&] { engine->defineClass("Old", Backend::kSqlite); }), ErrorCode::kConflict);
  engine->turn(engine->object("Old", "a"), [&](Storage& s) {
    EXPECT_EQ(codeOf([&] { s.kv(); }), ErrorCode::kUnsupported);
    EXPECT_EQ(codeOf([&] { s.sql().exec("SELECT 1"); }), ErrorCode::kUnsupported);
    EXPECT_EQ(codeOf([&] { (void)s.sql().databaseSize(); }), ErrorCode::kUnsupported);
    EXPECT_EQ(codeOf([&] { s.transactionSync([] {}); }), ErrorCode::kUnsupported);
  });
}

TEST_F(EngineTest, RootWithoutFormatButWithDataIsDamaged) {
  { open()->close(); }
  fs::remove(root_ + "/FORMAT");
  EXPECT_EQ(codeOf([&] { open(); }), ErrorCode::kDamaged);
}

TEST_F(EngineTest, RootOfANewerVersionIsRefused) {
  { open()->close(); }
  std::ofstream(root_ + "/FORMAT")
      << "cairn root\nversion: 2\nid: 00000000000000000000000000000000\n";
  EXPECT_EQ(codeOf([&] { open(); }), ErrorCode::kForeign);
}

TEST_F(EngineTest, RootThatOthersMayWriteToIsRefused) {
  { open()->close(); }
  ::chmod(root_.c_str(), 0777);
  EXPECT_EQ(codeOf([&] { open(); }), ErrorCode::kInvalidArgument);
}

TEST_F(EngineTest, StoreCutShortIsDamageAndNotACrash) {
  {
    auto engine = open();
    for (int i = 0; i < 3'000; ++i) {
      engine->turn(engine->object("Test", "o" + std::to_string(i)),
                   [](Storage& s) { s.kv().put("k", std::string(500, 'x')); });
    }
    engine->close();
  }
  std::string store = root_ + "/store/data.mdb";
  fs::resize_file(store, fs::file_size(store) / 2 / 4096 * 4096);
  EXPECT_EQ(codeOf([&] { open(); }), ErrorCode::kDamaged);
}

TEST_F(EngineTest, OnDurableIsToldInOrder) {
  auto engine = open();
  std::vector<std::uint64_t> told;
  std::vector<std::uint64_t> expected;
  for (int i = 0; i < 100; ++i) {
    Ticket ticket = engine->turn(engine->object("Test", "o" + std::to_string(i % 7)),
                                 [&](Storage& s) { s.kv().put("k", i); });
    expected.push_back(ticket.lsn().value());
    engine->onDurable(ticket,
                      [&told, lsn = ticket.lsn().value()](const std::exception_ptr& broken) {
                        EXPECT_EQ(broken, nullptr);
                        told.push_back(lsn);
                      });
  }
  engine->close();
  EXPECT_EQ(told, expected);
}

}  // namespace
}  // namespace cairn
