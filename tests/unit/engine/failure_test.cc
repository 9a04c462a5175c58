// Goal: what the campaigns found stays found: disks that fill up half way through a checkpoint,
// restores that cannot be made just now, turns that wait for a store that has to grow, bits that
// flip where nothing but the digest tells.
#include <algorithm>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cairn/history.h>
#include <cairn/verify.h>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

using test::Call;

class FailureTest : public ::testing::Test {
 protected:
  EngineOptions options(const std::string& root, FileSystem& fileSystem = posixFileSystem()) {
    EngineOptions options;
    options.root = root;
    options.clock = &clock_;
    options.fileSystem = &fileSystem;
    options.journalSegmentBytes = 256 << 10;
    options.storeMapBytes = 1 << 20;
    options.idleCheckpointMs = 1'000'000'000;
    return options;
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

  static Ticket writeRow(Engine& engine, std::int64_t number) {
    return engine.turn(engine.object("Test", "a"), [&](Storage& storage) {
      storage.sql().exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, n INT, pad TEXT)");
      storage.sql().exec("INSERT OR REPLACE INTO t VALUES (?, ?, ?)", number % 5, number,
                         std::string(3'000, static_cast<char>('a' + number % 26)));
      storage.kv().put("n", number);
    });
  }
  static std::int64_t largestRow(Engine& engine) {
    return engine
        .turn(engine.object("Test", "a"),
              [](Storage& storage) {
                return std::get<0>(storage.sql().exec("SELECT max(n) FROM t").one<std::int64_t>());
              })
        .value;
  }

  test::TemporaryDirectory directory_;
  test::ManualClock clock_;
};

TEST_F(FailureTest, NewRootIsMadeDurableInItsParent) {
  test::FaultFileSystem watched(posixFileSystem());
  bool synced = false;
  watched.setHook([&](Call call, const std::string& path) {
    synced = synced || (call == Call::kSync && path == directory_.path());
  });
  Engine::open(options(directory_ / "root", watched));
  EXPECT_TRUE(synced);
  synced = false;
  Engine::open(options(directory_ / "root", watched));
  EXPECT_FALSE(synced);
}

TEST_F(FailureTest, CheckpointThatRanOutOfSpaceHalfWayIsBroughtToItsEnd) {
  test::FaultFileSystem disk(posixFileSystem());
  int pagesLeft = -1;
  disk.setHook([&](Call call, const std::string& path) {
    if (call != Call::kWrite || !path.ends_with(".sqlite") || pagesLeft < 0) return;
    if (pagesLeft-- > 0) return;
    pagesLeft = 0;
    throw Error(ErrorCode::kNoSpace, "the disk is full");
  });
  std::string root = directory_ / "root";
  auto engine = Engine::open(options(root, disk));
  for (std::int64_t number = 1; number <= 6; ++number) writeRow(*engine, number);
  engine->checkpoint();
  Lsn before = engine->stats().lastLsn;
  auto view = engine->history(engine->object("Test", "a")).view(before);
  for (std::int64_t number = 7; number <= 12; ++number) writeRow(*engine, number);

  pagesLeft = 2;
  EXPECT_EQ(codeOf([&] { engine->checkpoint(); }), ErrorCode::kNoSpace);
  // Pages of both states are in the file now: the present is read around them, the past refused.
  EXPECT_EQ(largestRow(*engine), 12);
  EXPECT_EQ(codeOf([&] { static_cast<void>(view->kv().getRaw("n")); }), ErrorCode::kNoSpace);
  for (std::int64_t number = 13; number <= 15; ++number) writeRow(*engine, number).wait();
  EXPECT_EQ(codeOf([&] { engine->checkpoint(); }), ErrorCode::kNoSpace);

  // A process that dies now leaves a root that opens.
  std::string copy = directory_ / "copy";
  fs::copy(root, copy, fs::copy_options::recursive);
  fs::remove(copy + "/LOCK");
  EXPECT_EQ(largestRow(*Engine::open(options(copy))), 15);

  pagesLeft = -1;
  engine->checkpoint();
  EXPECT_EQ(engine->stats().storedLsn, engine->stats().lastLsn);
  EXPECT_EQ(largestRow(*engine), 15);
  EXPECT_EQ(view->kv().get<std::int64_t>("n"), 6);
  auto [then] = view->sql().exec("SELECT max(n) FROM t").one<std::int64_t>();
  EXPECT_EQ(then, 6);
  view.reset();
  engine->close();
  engine.reset();
  EXPECT_TRUE(verify(root, {.depth = VerifyDepth::kFull}).sound());
}

// A power loss kept the header of a scratch and tore its body. The recovery that follows writes the
// same pages, and is interrupted too: now the old header would fit, with an end of the change log
// that holds no longer.
TEST_F(FailureTest, HeaderOfATornScratchNeverFitsTheNextOne) {
  std::string root = directory_ / "root";
  auto engine = Engine::open(options(root));
  writeRow(*engine, 1);
  engine->checkpoint();
  for (std::int64_t number = 2; number <= 5; ++number) writeRow(*engine, number).wait();
  std::string killed = directory_ / "killed";
  fs::copy(root, killed, fs::copy_options::recursive);
  fs::remove(killed + "/LOCK");
  engine->checkpoint();

  // The round was about to make its scratch durable.
  fs::copy(root + "/changes", killed + "/changes", fs::copy_options::overwrite_existing);
  fs::copy(root + "/scratch", killed + "/scratch", fs::copy_options::overwrite_existing);
  engine.reset();
  std::fstream scratch(killed + "/scratch", std::ios::in | std::ios::out | std::ios::binary);
  scratch.seekp(5'000);
  scratch.write(std::string(512, '?').data(), 512);
  scratch.close();

  test::FaultFileSystem dying(posixFileSystem());
  int writes = 0;
  std::string order;
  dying.setHook([&](Call call, const std::string& path) {
    bool isScratch = path.ends_with("/scratch");
    bool changes = call == Call::kWrite || call == Call::kTruncate;
    if (isScratch && call == Call::kTruncate) order += "cut ";
    if (isScratch && call == Call::kSync) order += "synced ";
    if (path.find("/changes/") != std::string::npos && changes) order += "log ";
    if (isScratch && call == Call::kWrite && ++writes == 2)
      throw Error(ErrorCode::kIo, "the power is gone");
  });
  clock_.advance(2 * 86'400'000);  // The change log goes on in another segment.
  EXPECT_EQ(codeOf([&] { Engine::open(options(killed, dying)); }), ErrorCode::kIo);
  EXPECT_EQ(writes, 2);
  // Durably away before the change log is touched.
  EXPECT_TRUE(order.starts_with("cut synced log ")) << order;
  EXPECT_EQ(largestRow(*Engine::open(options(killed))), 5);
  EXPECT_TRUE(verify(killed, {.depth = VerifyDepth::kFull}).sound());
}

TEST_F(FailureTest, ScratchThatCannotBeCutShortHoldsNothingUp) {
  test::FaultFileSystem disk(posixFileSystem());
  int refused = 0;
  disk.setHook([&](Call call, const std::string& path) {
    if (call != Call::kTruncate || !path.ends_with("scratch")) return;
    ++refused;
    throw Error(ErrorCode::kNoSpace, "the disk is full");
  });
  EngineOptions tight = options(directory_ / "root", disk);
  tight.dirtyBytesSoft = 1;
  auto engine = Engine::open(tight);
  for (std::int64_t number = 1; number <= 5; ++number) {
    writeRow(*engine, number).wait();
    engine->checkpoint();
    EXPECT_EQ(engine->stats().storedLsn, engine->stats().lastLsn);
  }
  EXPECT_GT(refused, 1);
  EXPECT_EQ(largestRow(*engine), 5);
  engine->close();
  engine.reset();
  EXPECT_TRUE(verify(directory_ / "root", {.depth = VerifyDepth::kFull}).sound());
}

// Fails each call to the disk that a turn makes, one after another, and looks at the object then.
TEST_F(FailureTest, TurnThatTheDiskRefusedLeavesEverythingAsItWas) {
  using Work = std::function<void(Storage&)>;
  auto rows = [](Storage& storage) {
    std::string text;
    SqlCursor cursor = storage.sql().exec("SELECT id, n FROM t");
    for (auto [id, n] : cursor.toArray<std::int64_t, std::int64_t>())
      text += fmt::format("{}={} ", id, n);
    return text;
  };
  auto update = [](Storage& storage) {
    storage.sql().exec("UPDATE t SET n = n + 100, pad = zeroblob(5000)");
  };
  const std::vector<Work> works = {
      update,
      [&](Storage& storage) { storage.transactionSync([&] { update(storage); }); },
      [&](Storage& storage) {
        storage.deleteAll();
        storage.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY, n INT, pad TEXT)");
        storage.sql().exec("INSERT INTO t VALUES (77, 7, '')");
      },
      [&](Storage& storage) {
        storage.transactionSync([&] { update(storage); });
        storage.sql().exec("DELETE FROM t WHERE id > 2");
      },
  };
  int failed = 0;
  for (std::size_t work = 0; work < works.size(); ++work) {
    for (bool stored : {false, true}) {
      for (int k = 0; k < 40; ++k) {
        SCOPED_TRACE(fmt::format("work {}, stored {}, call {}", work, stored, k));
        test::FaultFileSystem disk(posixFileSystem());
        std::string root = directory_ / fmt::format("root-{}-{}-{}", work, stored, k);
        EngineOptions one = options(root, disk);
        one.sqlConnectionsMax = 1;
        auto engine = Engine::open(one);
        for (std::int64_t number = 1; number <= 6; ++number) writeRow(*engine, number).wait();
        if (stored) engine->checkpoint();
        for (std::int64_t number = 7; number <= 9; ++number) writeRow(*engine, number).wait();
        auto object = engine->object("Test", "a");
        std::string before = engine->turn(object, rows).value;
        engine->turn(engine->object("Test", "b"),
                     [](Storage& storage) { storage.sql().exec("CREATE TABLE other(x)"); });
        int left = k;
        disk.setHook([&](Call, const std::string& path) {
          if (path.ends_with(".sqlite") && left-- == 0)
            throw Error(ErrorCode::kIo, "the disk said no");
        });
        bool refused = false;
        try {
          engine->turn(object, works[work]);
        } catch (const Error&) {
          refused = true;
        }
        bool reached = left < 0;
        disk.setHook({});
        if (refused) {
          ++failed;
          EXPECT_EQ(engine->turn(object, rows).value, before);
          writeRow(*engine, 10).wait();
          object = {};
          engine->close();
          engine.reset();
          engine = Engine::open(options(root));
          EXPECT_EQ(largestRow(*engine), 10);
        }
        object = {};
        if (!reached) break;
      }
    }
  }
  EXPECT_GT(failed, 10);
}

TEST_F(FailureTest, RestoreThatTheDiskRefusedLeavesEverythingAsItWas) {
  int failed = 0;
  for (int k = 0;; ++k) {
    SCOPED_TRACE(fmt::format("call {}", k));
    test::FaultFileSystem disk(posixFileSystem());
    std::string root = directory_ / fmt::format("root-{}", k);
    auto engine = Engine::open(options(root, disk));
    auto object = engine->object("Test", "a");
    for (std::int64_t number = 1; number <= 6; ++number) writeRow(*engine, number);
    Lsn target = engine->stats().lastLsn;
    for (std::int64_t number = 7; number <= 12; ++number) writeRow(*engine, number);
    engine->checkpoint();
    engine->endSession(object);
    int left = k;
    disk.setHook([&](Call, const std::string& path) {
      if (path.ends_with(".sqlite") && left-- == 0)
        throw Error(ErrorCode::kNoSpace, "the disk is full");
    });
    bool refused = false;
    try {
      engine->history(object).restore(target);
    } catch (const Error&) {
      refused = true;
      ++failed;
    }
    bool reached = left < 0;
    disk.setHook({});
    EXPECT_EQ(largestRow(*engine), refused ? 12 : 6);
    writeRow(*engine, 13).wait();
    EXPECT_EQ(largestRow(*engine), 13);
    object = {};
    if (!reached) break;
  }
  EXPECT_GT(failed, 2);
}

TEST_F(FailureTest, ArmedRestoreWaitsUntilThereIsSpaceForIt) {
  test::FaultFileSystem disk(posixFileSystem());
  bool full = false;
  disk.setHook([&](Call call, const std::string& path) {
    if (full && call == Call::kWrite && path.find("/changes/") != std::string::npos)
      throw Error(ErrorCode::kNoSpace, "the disk is full");
  });
  auto engine = Engine::open(options(directory_ / "root", disk));
  ObjectRef object = engine->object("Test", "a");
  Lsn first = writeRow(*engine, 1).lsn();
  writeRow(*engine, 2);
  Bookmark bookmark = engine->history(object).bookmarkOf(first);
  engine->turn(object, [&](Storage& storage) { storage.onNextSessionRestoreBookmark(bookmark); });
  engine->endSession(object);
  full = true;
  EXPECT_EQ(codeOf([&] { engine->turn(object, [](Storage&) {}); }), ErrorCode::kNoSpace);
  full = false;
  EXPECT_EQ(largestRow(*engine), 1);
  object = {};
}

TEST_F(FailureTest, TimeOfADeletionIsFoundAfterItWasUndoneAndRepeated) {
  auto engine = Engine::open(options(directory_ / "root"));
  ObjectRef object = engine->object("Test", "a");
  Lsn written = writeRow(*engine, 1).lsn();
  clock_.advance(10);
  Lsn deleted = engine->deleteObject(object).lsn();
  UnixMillis whenDeleted = clock_.now();
  clock_.advance(10);
  History history = engine->history(object);
  history.restore(written);
  clock_.advance(10);
  engine->deleteObject(object);
  EXPECT_EQ(history.resolve(whenDeleted).lsn, deleted);
  EXPECT_FALSE(history.view(history.resolve(whenDeleted).lsn)->exists());
}

TEST_F(FailureTest, TimeOfACommitIsFoundAfterTheClockWentBack) {
  auto engine = Engine::open(options(directory_ / "root"));
  Lsn written = writeRow(*engine, 1).lsn();
  UnixMillis when = clock_.now();
  clock_.advance(-1'000);
  EXPECT_EQ(engine->history(engine->object("Test", "a")).resolve(when).lsn, written);
}

TEST_F(FailureTest, TurnInsideATurnMayWaitForAStoreThatHasToGrow) {
  auto engine = Engine::open(options(directory_ / "root"));
  writeRow(*engine, 1);
  engine->checkpoint();
  engine->turn(engine->object("Test", "a"), [&](Storage& outer) {
    EXPECT_EQ(outer.kv().get<std::int64_t>("n"), 1);  // Holds a view of the store from here on.
    engine->turn(engine->object("Test", "b"), [](Storage& inner) {
      for (int i = 0; i < 8; ++i)
        inner.kv().put("big-" + std::to_string(i), std::string(1'500'000, 'x'));
    });
    engine->checkpoint();
    EXPECT_EQ(outer.kv().get<std::int64_t>("n"), 1);
  });
  EXPECT_GT(engine->stats().storeBytes, 8'000'000U);
}

TEST_F(FailureTest, VerifyFindsABitFlippedInsideOfAPageOrAValue) {
  std::string root = directory_ / "root";
  {
    auto engine = Engine::open(options(root));
    writeRow(*engine, 1);
    engine->turn(engine->object("Test", "b"), [](Storage& storage) {
      storage.kv().put("text", std::string("a needle that is looked for"));
    });
    engine->close();
  }
  EXPECT_TRUE(verify(root, {.depth = VerifyDepth::kFull}).sound());
  auto flip = [](const std::string& path, const std::string& needle) {
    std::ostringstream read;
    read << std::ifstream(path, std::ios::binary).rdbuf();
    std::string bytes = read.str();
    std::size_t at = bytes.find(needle);
    ASSERT_NE(at, std::string::npos);
    for (; at != std::string::npos; at = bytes.find(needle, at + 1)) bytes[at + 2] ^= 1;
    std::ofstream(path, std::ios::binary) << bytes;
  };
  fs::path sqlFile;
  for (const auto& entry : fs::recursive_directory_iterator(root + "/sql")) {
    if (entry.is_regular_file()) sqlFile = entry.path();
  }
  fs::copy(root, directory_ / "other", fs::copy_options::recursive);
  flip(sqlFile, std::string(100, 'b'));
  EXPECT_FALSE(verify(root, {.depth = VerifyDepth::kFull}).sound());
  flip(directory_ / "other/store/data.mdb", "a needle");
  EXPECT_FALSE(verify(directory_ / "other", {.depth = VerifyDepth::kFull}).sound());
}

}  // namespace
}  // namespace cairn
