// Goal: repair says what is wrong, what it would do and what that loses; changes nothing unless
// told to; keeps what it replaces; and leaves a root that opens with everything it did not name as
// lost. Method: each kind of damage in turn.
#include <cairn/history.h>
#include <cairn/repair.h>
#include <cairn/verify.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kv/environment.h"
#include "kv/keys.h"
#include "tests/support/damage.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RepairTest : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = open();
    engine->turn(room(*engine), [](Storage& storage) {
      storage.kv().put("visits", 7);
      storage.sql().exec("CREATE TABLE t(a); INSERT INTO t VALUES ('row')");
      storage.setAlarm(UnixMillis{4'102'444'800'000});
    });
    engine->close();
  }

  [[nodiscard]] std::string root() const { return directory_ / "root"; }
  std::unique_ptr<Engine> open() {
    return Engine::open({.root = root(), .journalSegmentBytes = 1 << 20});
  }
  static ObjectRef room(Engine& engine) { return engine.object("Room", "42"); }

  // Commits that only the journal has, each with a text of its own.
  void commitAndDie(int from, int to) {
    workAndDie(root(), [&](Engine& engine) {
      for (int i = from; i < to; ++i) {
        engine
            .turn(
                room(engine),
                [&](Storage& storage) { storage.kv().put("late", "marker-" + std::to_string(i)); })
            .wait();
      }
    });
  }

  // The plan, having seen that making it changed nothing.
  RepairReport plan() {
    std::map<std::string, std::string> before = bytesIn(directory_.path());
    RepairReport report = repair(root());
    EXPECT_EQ(bytesIn(directory_.path()) == before, true) << "a plan changed something";
    EXPECT_FALSE(report.applied);
    EXPECT_EQ(report.keptIn, "");
    return report;
  }
  RepairReport apply() { return repair(root(), {.apply = true}); }

  // Expects everything of SetUp, and `late`.
  void expectWhole(const std::optional<std::string>& late) {
    {
      auto engine = open();
      engine->turn(room(*engine), [&](Storage& storage) {
        EXPECT_EQ(storage.kv().get<std::int64_t>("visits"), 7);
        EXPECT_EQ(storage.kv().get<std::string>("late"), late);
        EXPECT_EQ(std::get<0>(storage.sql().exec("SELECT a FROM t").one<std::string>()), "row");
        EXPECT_EQ(storage.getAlarm(), (UnixMillis{4'102'444'800'000}));
        storage.kv().put("after", true);
      });
      engine->close();
    }
    VerifyReport report = verify(root(), {.depth = VerifyDepth::kFull});
    for (const Finding& finding : report.findings)
      EXPECT_NE(finding.severity, Severity::kDamage) << finding.where << ": " << finding.what;
    EXPECT_FALSE(plan().has(RepairKind::kPossible));
  }

  TemporaryDirectory directory_;
};

TEST_F(RepairTest, ASoundRootNeedsNothing) {
  EXPECT_TRUE(plan().steps.empty());
  EXPECT_TRUE(apply().steps.empty());
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, ATornTailIsLeftToTheNextOpen) {
  commitAndDie(0, 3);
  auto [segment, at] = findInFiles(root() + "/journal", "marker-2");
  flip(segment, at);
  RepairReport report = apply();
  EXPECT_TRUE(report.has(RepairKind::kNotNeeded));
  EXPECT_FALSE(report.has(RepairKind::kPossible));
  EXPECT_FALSE(report.applied);
  expectWhole("marker-1");
}

TEST_F(RepairTest, ABadBlockIsWhereTheJournalIsCut) {
  commitAndDie(0, 6);
  auto [segment, at] = findInFiles(root() + "/journal", "marker-3");
  flip(segment, at);
  std::string damaged = readFile(segment);
  EXPECT_THROW((void)open(), Error);

  RepairReport planned = plan();
  ASSERT_EQ(planned.steps.size(), 1u);
  EXPECT_THAT(planned.steps[0].where, HasSubstr(fs::path(segment).filename().string()));
  EXPECT_THAT(planned.steps[0].action, HasSubstr("cut the journal there, at offset"));
  EXPECT_THAT(planned.steps[0].loss, HasSubstr("commits after LSN"));
  EXPECT_TRUE(planned.loses());

  RepairReport done = apply();
  ASSERT_NE(done.keptIn, "");
  EXPECT_EQ(readFile(done.keptIn + "/journal." + fs::path(segment).filename().string()), damaged);
  expectWhole("marker-2");
}

TEST_F(RepairTest, NumbersThatWereLostAreNotGivenOutAgain) {
  commitAndDie(0, 6);
  auto [segment, at] = findInFiles(root() + "/journal", "marker-3");
  flip(segment, at);
  (void)apply();
  auto engine = open();
  Ticket ticket = engine->turn(room(*engine), [](Storage& storage) { storage.kv().put("k", 1); });
  EXPECT_GE(ticket.lsn().value(), std::uint64_t{1} << 32);
}

TEST_F(RepairTest, AMissingSegmentEndsTheJournalThere) {
  commitAndDie(0, 3);
  auto [segment, at] = findInFiles(root() + "/journal", "marker-1");
  fs::remove(segment);
  EXPECT_THROW((void)open(), Error);
  EXPECT_TRUE(plan().loses());
  (void)apply();
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, AForeignSegmentIsMovedOutAndWhatItReplacedIsNamedAsLost) {
  commitAndDie(0, 3);
  auto [segment, at] = findInFiles(root() + "/journal", "marker-1");
  std::string other = directory_ / "other";
  Engine::open({.root = other, .journalSegmentBytes = 1 << 20})->close();
  std::string foreign;
  for (const auto& entry : fs::directory_iterator(other + "/journal")) {
    if (foreign.empty() || entry.path().string() < foreign) foreign = entry.path();
  }
  fs::copy_file(foreign, segment, fs::copy_options::overwrite_existing);
  EXPECT_THROW((void)open(), Error);

  RepairReport planned = plan();
  ASSERT_EQ(planned.steps.size(), 1u);
  EXPECT_EQ(planned.steps[0].what, "it belongs to another root");
  RepairReport done = apply();
  EXPECT_TRUE(done.loses());
  EXPECT_EQ(readFile(done.keptIn + "/journal." + fs::path(segment).filename().string()),
            readFile(foreign));
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, AFileThatIsNoneOfTheRootsIsMovedOut) {
  writeFile(root() + "/notes.txt", "mine");
  ASSERT_EQ(plan().steps.size(), 1u);
  RepairReport done = apply();
  EXPECT_FALSE(done.loses());
  EXPECT_FALSE(fs::exists(root() + "/notes.txt"));
  EXPECT_EQ(readFile(done.keptIn + "/notes.txt"), "mine");
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, AStoreThatCannotBeReadIsNotTouched) {
  std::string store = root() + "/store/data.mdb";
  std::string whole = readFile(store);
  fs::resize_file(store, 9'000);
  std::map<std::string, std::string> before = bytesIn(root());
  RepairReport report = apply();
  EXPECT_TRUE(report.has(RepairKind::kImpossible));
  EXPECT_FALSE(report.has(RepairKind::kPossible));
  EXPECT_EQ(bytesIn(root()) == before, true);
  writeFile(store, whole);
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, AMalformedDatabaseIsNotTouchedAndItsObjectIsNamed) {
  auto [file, at] = findInFiles(root() + "/sql", "CREATE TABLE t(a)");
  ASSERT_FALSE(file.empty());
  std::string whole = readFile(file);
  std::string damaged = whole;
  for (std::size_t i = 100; i < 140; ++i) damaged[i] = '\x5a';
  writeFile(file, damaged);
  RepairReport report = apply();
  ASSERT_TRUE(report.has(RepairKind::kImpossible));
  EXPECT_THAT(report.steps[0].where, HasSubstr("Room/42"));
  EXPECT_EQ(readFile(file), damaged);
  writeFile(file, whole);
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, AScratchThatIsHalfWrittenNeedsNothing) {
  std::string scratch = root() + "/scratch";
  std::string bytes = readFile(scratch);
  writeFile(scratch, bytes.substr(0, bytes.size() / 2) + std::string(100, '\x5a'));
  EXPECT_FALSE(plan().has(RepairKind::kPossible));
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, TheHistoryIndexIsMadeAnewFromTheChangeLog) {
  {
    auto engine = open();
    for (int i = 0; i < 5; ++i) {
      engine->turn(room(*engine), [&](Storage& storage) { storage.kv().put("step", i); });
      engine->checkpoint();
    }
    engine->close();
  }
  {
    kv::Environment environment(kv::Environment::Options{.directory = root() + "/store"});
    environment.write([](kv::WriteTransaction& transaction) {
      kv::Cursor cursor = transaction.cursor(kv::Table::kChanges);
      ASSERT_TRUE(cursor.first());
      std::string first(cursor.key());
      ASSERT_TRUE(cursor.next());
      std::string second(cursor.key());
      transaction.put(kv::Table::kChanges, first, std::string(cursor.value()));
      transaction.erase(kv::Table::kChanges, second);
      transaction.put(kv::Table::kChanges, kv::numberKey(SpaceId(99), Lsn(5)), "nonsense");
    });
  }
  EXPECT_FALSE(verify(root()).sound());
  RepairReport planned = plan();
  ASSERT_TRUE(planned.has(RepairKind::kPossible));
  EXPECT_FALSE(planned.loses());
  RepairReport done = apply();
  EXPECT_TRUE(fs::exists(done.keptIn + "/store.data.mdb"));
  expectWhole(std::nullopt);
  auto engine = open();
  EXPECT_EQ(engine->history(room(*engine)).keyVersions("step").size(), 6u);
}

TEST_F(RepairTest, TheAlarmQueueIsMadeAnewFromTheAlarms) {
  {
    kv::Environment environment(kv::Environment::Options{.directory = root() + "/store"});
    environment.write([](kv::WriteTransaction& transaction) {
      kv::Cursor cursor = transaction.cursor(kv::Table::kAlarmQueue);
      ASSERT_TRUE(cursor.first());
      transaction.erase(kv::Table::kAlarmQueue, std::string(cursor.key()));
    });
  }
  EXPECT_FALSE(verify(root()).sound());
  ASSERT_TRUE(plan().has(RepairKind::kPossible));
  (void)apply();
  expectWhole(std::nullopt);
}

TEST_F(RepairTest, ADamagedFrameIsAHoleThatObjectsLiveWith) {
  std::string segment = root() + "/changes/00000001";
  flip(segment, readFile(segment).size() - 8);
  RepairReport report = apply();
  ASSERT_TRUE(report.has(RepairKind::kImpossible));
  EXPECT_THAT(report.steps.back().action, HasSubstr("objects go on"));
  EXPECT_FALSE(report.applied);
  auto engine = open();
  engine->turn(room(*engine),
               [](Storage& storage) { EXPECT_EQ(storage.kv().get<std::int64_t>("visits"), 7); });
}

TEST_F(RepairTest, ALinkIsNeverFollowed) {
  fs::rename(root() + "/journal", directory_ / "elsewhere");
  fs::create_directory_symlink(directory_ / "elsewhere", root() + "/journal");
  std::map<std::string, std::string> before = bytesIn(directory_ / "elsewhere");
  RepairReport report = apply();
  EXPECT_TRUE(report.has(RepairKind::kImpossible));
  EXPECT_FALSE(report.applied);
  EXPECT_EQ(bytesIn(directory_ / "elsewhere") == before, true);
}

// The disk is full at the k-th call that changes something: the repair says so, and done again it
// comes to the same end.
TEST_F(RepairTest, ADiskFullInTheMiddleLeavesARepairThatCanBeDoneAgain) {
  commitAndDie(0, 6);
  auto [segment, at] = findInFiles(root() + "/journal", "marker-3");
  flip(segment, at);
  fs::copy(root(), directory_ / "damaged", fs::copy_options::recursive);
  bool failed = true;
  int calls = 0;
  for (; failed; ++calls) {
    ASSERT_LT(calls, 200);
    fs::remove_all(root());
    fs::copy(directory_ / "damaged", root(), fs::copy_options::recursive);
    fs::permissions(root(), fs::perms::owner_all);
    FaultFileSystem faulty(posixFileSystem());
    int left = calls;
    faulty.setHook([&](Call call, const std::string& path) {
      if (call == Call::kRead || call == Call::kOpen) return;
      if (left-- == 0) throw Error(ErrorCode::kNoSpace, path + ": no space");
    });
    failed = false;
    try {
      (void)repair(root(), {.apply = true, .fileSystem = &faulty});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNoSpace);
      failed = true;
    }
    (void)apply();
    expectWhole("marker-2");
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      if (entry.path().string().find(".repair-") != std::string::npos) fs::remove_all(entry.path());
    }
  }
  EXPECT_GT(calls, 5);
}

}  // namespace
}  // namespace cairn::test
