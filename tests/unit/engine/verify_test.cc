// Goal: verify finds what is wrong at the depth that promises to, and nothing in a root that is
// whole, whatever its history went through. Method: a seeded workload makes roots; bytes and rows
// are changed; findings are looked for.
#include <cairn/history.h>
#include <cairn/verify.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kv/environment.h"
#include "kv/keys.h"
#include "tests/support/damage.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace cairn::test {
namespace {

using testing::HasSubstr;

std::string damageIn(const VerifyReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    if (finding.severity == Severity::kDamage || finding.severity == Severity::kUnreadable)
      text += finding.check + ": " + finding.where + ": " + finding.what + "\n";
  }
  return text;
}

std::uint64_t countIn(const VerifyReport& report, const std::string& name) {
  for (const auto& [counted, number] : report.counts) {
    if (counted == name) return number;
  }
  return 0;
}

class VerifyTest : public testing::Test {
 protected:
  [[nodiscard]] std::string root() const { return directory_ / "root"; }

  std::unique_ptr<Engine> open(std::uint64_t changeSegmentBytes = 64 << 10) {
    EngineOptions options;
    options.root = root();
    options.clock = &clock_;
    options.changeSegmentBytes = changeSegmentBytes;
    return Engine::open(options);
  }

  void work(std::uint64_t seed, int turns) {
    auto engine = open();
    Workload workload({.seed = seed, .turns = turns});
    workload.run(*engine, [&](std::uint64_t) { clock_.advance(1'000); });
    engine->close();
  }

  VerifyReport check(VerifyDepth depth) { return verify(root(), {.depth = depth}); }

  // Changes rows of the store as only a fault can.
  void rewrite(const std::function<void(kv::WriteTransaction&)>& change) {
    kv::Environment environment(kv::Environment::Options{.directory = root() + "/store"});
    environment.write(change);
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
};

class SoundRootTest : public VerifyTest, public testing::WithParamInterface<int> {};

TEST_P(SoundRootTest, EveryDigestOnTheWayBackIsTheRecordedOne) {
  work(static_cast<std::uint64_t>(GetParam()), 120);
  for (VerifyDepth depth : {VerifyDepth::kQuick, VerifyDepth::kRecords, VerifyDepth::kFull}) {
    VerifyReport report = check(depth);
    EXPECT_EQ(damageIn(report), "");
    EXPECT_GT(countIn(report, "historyRuns"), 0u);
  }
  VerifyReport report = check(VerifyDepth::kFull);
  EXPECT_GT(countIn(report, "commitsWalkedBack"), 50u);
  EXPECT_EQ(countIn(report, "commitsWalkedBack"), countIn(report, "historyCommits"));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SoundRootTest, testing::Range(1, 9));

TEST_F(VerifyTest, ARestoreAndItsUndoAreWalkedBackToo) {
  work(3, 60);
  {
    auto engine = open();
    History history = engine->history(engine->object("Crash", "object-1"));
    Lsn middle((history.bounds().newest.value() + 1) / 2);
    RestoreReceipt receipt = history.restore(history.resolve(middle).lsn);
    history.restore(history.resolve(receipt.undo).lsn);
    engine->close();
  }
  VerifyReport report = check(VerifyDepth::kFull);
  EXPECT_EQ(damageIn(report), "");
  EXPECT_EQ(countIn(report, "commitsWalkedBack"), countIn(report, "historyCommits"));
}

TEST_F(VerifyTest, OneObjectCanBeCheckedByItself) {
  work(5, 60);
  VerifyReport all = check(VerifyDepth::kFull);
  VerifyReport one = verify(
      root(), {.depth = VerifyDepth::kFull, .object = VerifyOptions::Object{"Crash", "object-1"}});
  EXPECT_EQ(damageIn(one), "");
  EXPECT_GT(countIn(one, "commitsWalkedBack"), 0u);
  EXPECT_LT(countIn(one, "commitsWalkedBack"), countIn(all, "commitsWalkedBack"));
  EXPECT_THROW((void)verify(root(), {.object = VerifyOptions::Object{"Crash", "nobody"}}), Error);
}

TEST_F(VerifyTest, AChangedValueIsFoundByItsDigest) {
  work(7, 40);
  rewrite([](kv::WriteTransaction& transaction) {
    kv::Cursor cursor = transaction.cursor(kv::Table::kKv);
    ASSERT_TRUE(cursor.first());
    std::string key(cursor.key());
    std::string value(cursor.value());
    value.back() = static_cast<char>(value.back() ^ 1);
    transaction.put(kv::Table::kKv, key, value);
  });
  EXPECT_EQ(damageIn(check(VerifyDepth::kRecords)), "");
  EXPECT_THAT(damageIn(check(VerifyDepth::kFull)), HasSubstr("its keys and pages have digest"));
}

TEST_F(VerifyTest, AChangedRowOfSqlIsFoundByItsDigest) {
  {
    auto engine = open();
    engine->turn(engine->object("Room", "1"), [](Storage& storage) {
      storage.sql().exec("CREATE TABLE t(a); INSERT INTO t VALUES ('needle-in-a-page')");
    });
    engine->close();
  }
  auto [file, at] = findInFiles(root() + "/sql", "needle-in-a-page");
  ASSERT_FALSE(file.empty());
  flip(file, at + 1);
  EXPECT_EQ(damageIn(check(VerifyDepth::kRecords)), "") << "SQLite sees no fault in other text";
  EXPECT_THAT(damageIn(check(VerifyDepth::kFull)), HasSubstr("its keys and pages have digest"));
}

TEST_F(VerifyTest, ADamagedFrameIsFoundQuicklyAndTheObjectGoesOn) {
  work(9, 60);
  std::string segment = root() + "/changes/00000001";
  flip(segment, readFile(segment).size() / 2);
  std::string found = damageIn(check(VerifyDepth::kQuick));
  EXPECT_THAT(found, HasSubstr("00000001: offset "));
  EXPECT_THAT(found, HasSubstr("history of space"));
  auto engine = open();
  engine
      ->turn(engine->object("Crash", "object-1"),
             [](Storage& storage) { storage.kv().put("k", 1); })
      .wait();
  engine->close();
}

TEST_F(VerifyTest, WhatAnInterruptedCheckpointLeftIsGoneBeforeTheNextSegment) {
  work(9, 40);
  std::string path = root() + "/changes/00000001";
  std::uintmax_t end = std::filesystem::file_size(path);
  std::ofstream(path, std::ios::app) << std::string(100, 'x');
  {
    auto engine = open(1 << 10);
    engine->turn(engine->object("Crash", "object-1"),
                 [](Storage& storage) { storage.kv().put("more", 1); });
    engine->close();
  }
  EXPECT_EQ(std::filesystem::file_size(path), end);
  EXPECT_TRUE(std::filesystem::exists(root() + "/changes/00000002"));
  EXPECT_EQ(damageIn(check(VerifyDepth::kFull)), "");
}

TEST_F(VerifyTest, AMissingSegmentOfHistoryIsFound) {
  work(11, 200);
  ASSERT_TRUE(std::filesystem::remove(root() + "/changes/00000001"));
  EXPECT_THAT(damageIn(check(VerifyDepth::kQuick)), HasSubstr("where no sound frame is"));
}

TEST_F(VerifyTest, AnIndexRowThatLeadsElsewhereIsFound) {
  work(13, 60);
  rewrite([](kv::WriteTransaction& transaction) {
    kv::Cursor cursor = transaction.cursor(kv::Table::kChanges);
    ASSERT_TRUE(cursor.first());
    std::string key(cursor.key());
    ASSERT_TRUE(cursor.next());
    transaction.put(kv::Table::kChanges, key, std::string(cursor.value()));
  });
  EXPECT_THAT(damageIn(check(VerifyDepth::kRecords)), HasSubstr("history of space"));
}

TEST_F(VerifyTest, WhatTheProgressThrowsEndsItAndTravelsOn) {
  work(15, 20);
  struct Stop {};
  VerifyOptions options{.onProgress = [](const VerifyProgress& at) {
    if (at.check == "history") throw Stop();
  }};
  EXPECT_THROW((void)verify(root(), options), Stop);
}

}  // namespace
}  // namespace cairn::test
