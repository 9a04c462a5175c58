// Goal: what the journal acknowledged is found again after any end, in order, whole commits only;
// and a torn end is told apart from damage. Method: a file system in memory, with power losses and
// surgery on the segments.
#include "engine/journal.h"

#include <algorithm>
#include <cairn/error.h>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "engine/journal_scan.h"
#include "tests/support/disk_log.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/recording_file_system.h"

namespace cairn {
namespace {

using test::DiskImage;
using test::MemoryFileSystem;

constexpr std::uint64_t kSegmentBytes = 64 << 10;

const RootId kRoot = RootId::fromHex("000102030405060708090a0b0c0d0e0f");

std::string noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

RecordRef put(std::string_view key, std::string_view value) {
  RecordRef record = RecordRef::make(SpaceId(7));
  appendPut(record->ops, key, value);
  return record;
}

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() { disk_.createDirectory("journal"); }

  std::unique_ptr<Journal> open(FileSystem& fileSystem, const Journal::Start& start = {},
                                Durability durability = Durability::kSynced) {
    return std::make_unique<Journal>(
        fileSystem, clock_, kRoot,
        Journal::Options{
            .directory = "journal", .segmentBytes = kSegmentBytes, .durability = durability},
        start);
  }
  std::unique_ptr<Journal> open(const Journal::Start& start = {}) { return open(disk_, start); }

  journal::Scan scan(FileSystem& fileSystem, journal::ScanFrom from = {.newRoot = true}) {
    found_.clear();
    return journal::scan(fileSystem, "journal", kRoot, from,
                         [this](const RecordRef& record) { found_.push_back(record); });
  }
  journal::Scan scan() { return scan(disk_); }

  std::vector<std::uint64_t> lsns() const {
    std::vector<std::uint64_t> lsns;
    for (const RecordRef& record : found_) lsns.push_back(record->lsn.value());
    return lsns;
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

  test::ManualClock clock_;
  MemoryFileSystem disk_;
  std::vector<RecordRef> found_;
};

TEST_F(JournalTest, CommitsComeBackInOrderWithTheirTimes) {
  {
    auto journal = open();
    for (int i = 0; i < 10; ++i) {
      clock_.advance(i);
      journal->wait(journal->submit(put("key", std::to_string(i))));
    }
    journal->close();
  }
  journal::Scan result = scan();
  EXPECT_TRUE(result.cleanlyClosed);
  ASSERT_EQ(lsns(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(found_[9]->time.value - found_[0]->time.value, 45);
  EXPECT_EQ(found_[3]->space, SpaceId(7));
  EXPECT_EQ(result.start.nextLsn, Lsn(11));
  visitOps(found_[9]->ops.view(), [](const auto& op) {
    if constexpr (std::is_same_v<std::decay_t<decltype(op)>, PutOp>) EXPECT_EQ(op.value, "9");
  });
}

TEST_F(JournalTest, NumberingSkipsAheadAfterAnUncleanEnd) {
  {
    auto journal = open();
    journal->wait(journal->submit(put("a", "1")));
  }
  journal::Scan result = scan();
  EXPECT_FALSE(result.cleanlyClosed);
  EXPECT_EQ(result.start.nextLsn.value(), std::uint64_t{1} << 32);
  {
    auto journal = open(result.start);
    EXPECT_EQ(journal->submit(put("b", "2")).value(), std::uint64_t{1} << 32);
    journal->close();
  }
  scan();
  EXPECT_EQ(lsns(), (std::vector<std::uint64_t>{1, std::uint64_t{1} << 32}));
}

TEST_F(JournalTest, OpenedAndAbandonedWithoutACommitIsAnUncleanEnd) {
  open()->close();
  open(scan().start);
  EXPECT_FALSE(scan().cleanlyClosed);
}

TEST_F(JournalTest, CommitTimesNeverGoBack) {
  auto journal = open();
  journal->submit(put("a", "1"));
  clock_.advance(-60'000);
  journal->wait(journal->submit(put("b", "2")));
  scan();
  EXPECT_EQ(found_[0]->time, found_[1]->time);
}

TEST_F(JournalTest, ManySegmentsAreFollowedAndOldOnesRecycled) {
  auto journal = open();
  std::string value = noise(5'000, 1);
  for (int i = 0; i < 200; ++i) journal->wait(journal->submit(put("key", value)));
  scan();
  EXPECT_EQ(found_.size(), 200U);

  std::vector<RecordRef> taken;
  Lsn through = journal->takeDurable(taken);
  EXPECT_EQ(through, Lsn(200));
  EXPECT_EQ(taken.size(), 200U);
  std::uint64_t needed = journal->firstSegmentNeeded(through);
  journal->retireBelow(needed);
  EXPECT_LE(disk_.list("journal").size(), 8U);
  for (int i = 0; i < 100; ++i) journal->wait(journal->submit(put("key", value)));
  journal->close();
  journal::Scan result = scan(disk_, {.segment = needed, .after = through});
  EXPECT_EQ(found_.size(), 100U);
  EXPECT_TRUE(result.cleanlyClosed);
}

TEST_F(JournalTest, CommitLargerThanASegmentIsSplitAndComesBackWhole) {
  std::string value = noise(1'000'000, 2);
  {
    auto journal = open();
    journal->submit(put("small", "1"));
    journal->wait(journal->submit(put("large", value)));
    journal->wait(journal->submit(put("after", "2")));
    journal->close();
  }
  scan();
  ASSERT_EQ(lsns(), (std::vector<std::uint64_t>{1, 2, 3}));
  std::string back;
  visitOps(found_[1]->ops.view(), [&](const auto& op) {
    if constexpr (std::is_same_v<std::decay_t<decltype(op)>, PutOp>) back = op.value;
  });
  EXPECT_EQ(back, value);
}

TEST_F(JournalTest, FirstCommitOfAllThatWasNeverFinishedIsCutOff) {
  {
    auto journal = open();
    journal->wait(journal->submit(put("large", noise(1'000'000, 2))));
  }
  for (const std::string& name : disk_.list("journal")) {
    if (name != "00000001") disk_.unlink("journal/" + name);
  }
  journal::Scan result = scan();
  EXPECT_TRUE(lsns().empty());
  ASSERT_EQ(result.start.used.size(), 1U);
  EXPECT_EQ(result.start.used[0].lastLsn, Lsn());
  EXPECT_EQ(result.start.end, 4096U);
  {
    auto journal = open(result.start);
    journal->wait(journal->submit(put("small", "1")));
    journal->close();
  }
  scan();
  ASSERT_EQ(found_.size(), 1U);
  EXPECT_EQ(found_[0]->lsn, result.start.nextLsn);
}

TEST_F(JournalTest, SegmentsWithPiecesOfACommitStayUntilTheCommitIsRetired) {
  auto journal = open();
  journal->wait(journal->submit(put("a", "1")));
  journal->wait(journal->submit(put("large", noise(300'000, 3))));
  std::uint64_t needed = journal->firstSegmentNeeded(Lsn(1));
  journal->retireBelow(needed);
  scan(disk_, {.segment = needed, .after = Lsn(1)});
  EXPECT_EQ(lsns(), (std::vector<std::uint64_t>{2}));
}

TEST_F(JournalTest, UnfinishedCommitAtTheVeryBeginningIsLeftOut) {
  {
    auto journal = open();
    journal->wait(journal->submit(put("large", noise(1'000'000, 2))));
  }
  journal::Scan whole = scan();
  ASSERT_GT(whole.start.used.size(), 3U);
  std::string last = "journal/" + journal::segmentName(whole.start.used.back().number);
  std::string& bytes = disk_.content(last);  // Nothing but its header had been written.
  std::fill(bytes.begin() + journal::kPage, bytes.end(), '\0');
  journal::Scan cut = scan();
  EXPECT_TRUE(found_.empty());
  ASSERT_EQ(cut.start.used.size(), 1U);
  EXPECT_EQ(cut.start.end, journal::kPage);
  ASSERT_EQ(cut.abandoned.size(), whole.start.used.size() - 1);
  for (std::uint64_t number : cut.abandoned)
    disk_.unlink("journal/" + journal::segmentName(number));
  {
    auto journal = open(cut.start);
    journal->wait(journal->submit(put("after", "2")));
  }
  scan();
  EXPECT_EQ(found_.size(), 1U);
}

TEST_F(JournalTest, CompressibleBlocksAreStoredSmaller) {
  Journal journal(
      disk_, clock_, kRoot,
      {.directory = "journal", .segmentBytes = 1 << 20, .durability = Durability::kSynced}, {});
  journal.wait(journal.submit(put("key", std::string(200'000, 'y'))));
  Journal::Stats text = journal.stats();
  EXPECT_LE(text.writtenBytes, 8'192U);
  journal.wait(journal.submit(put("key", noise(200'000, 7))));
  EXPECT_GE(journal.stats().writtenBytes - text.writtenBytes, 200'000U);
  scan();
  ASSERT_EQ(found_.size(), 2U);
  EXPECT_GE(found_[0]->ops.size(), 200'000U);
}

TEST_F(JournalTest, ManyThreadsShareBlocks) {
  auto journal = open();
  constexpr int kThreads = 8;
  constexpr int kCommits = 500;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kCommits; ++i) {
          Lsn lsn = journal->submit(put("key", "value"));
          journal->wait(lsn);
          EXPECT_LE(lsn, journal->durable());
        }
      });
    }
  }
  EXPECT_EQ(journal->stats().commits, static_cast<std::uint64_t>(kThreads * kCommits));
  journal->close();
  scan();
  EXPECT_EQ(found_.size(), static_cast<std::size_t>(kThreads * kCommits));
}

TEST_F(JournalTest, CallbacksRunInLsnOrderOnceDurable) {
  test::FaultFileSystem disk(disk_);
  auto journal = open(disk, {});
  std::latch registered(1);  // Nothing becomes durable before.
  disk.setHook([&](test::Call, const std::string&) { registered.wait(); });
  std::vector<std::uint64_t> called;
  std::vector<Lsn> submitted;
  for (int i = 0; i < 5; ++i) submitted.push_back(journal->submit(put("key", "value")));
  for (Lsn lsn : {submitted[2], submitted[0], submitted[4], submitted[1], submitted[3]}) {
    journal->onDurable(lsn, [&called, lsn, &journal](const std::exception_ptr& broken) {
      EXPECT_EQ(broken, nullptr);
      EXPECT_LE(lsn, journal->durable());
      called.push_back(lsn.value());
    });
  }
  registered.count_down();
  journal->close();
  EXPECT_TRUE(std::is_sorted(called.begin(), called.end()));
  EXPECT_EQ(called.size(), 5U);
}

TEST_F(JournalTest, CommitThatNobodyWaitsForBecomesDurableAllTheSame) {
  auto journal = open();
  Lsn lsn = journal->submit(put("key", "value"));
  while (journal->durable() < lsn) std::this_thread::yield();
}

TEST_F(JournalTest, PowerLossAtAnyPointKeepsWhatWasAcknowledgedAndNothingHalf) {
  test::DiskLog log;
  test::RecordingFileSystem recorder(disk_, log, "");
  recorder.createDirectory("wal");
  std::mt19937_64 random(1);
  {
    Journal journal(
        recorder, clock_, kRoot,
        {.directory = "wal", .segmentBytes = kSegmentBytes, .durability = Durability::kSynced}, {});
    recorder.syncDirectory("");
    for (int i = 0; i < 60; ++i) {
      std::size_t size = i % 10 == 9 ? 100'000 : random() % 3'000;
      Lsn lsn = journal.submit(put("key", noise(size, static_cast<std::uint64_t>(i))));
      journal.wait(lsn);
      log.mark(lsn.value());
    }
    journal.close();
  }
  test::CrashDisk crash(log);
  int states = 0;
  for (std::size_t at = 1; at <= log.events().size(); ++at) {
    crash.advance(at);
    for (test::Loss loss : test::kEveryLoss) {
      MemoryFileSystem after(crash.image(loss, random));
      std::vector<std::uint64_t> found;
      journal::Scan result =
          journal::scan(after, "wal", kRoot, {.newRoot = true},
                        [&](const RecordRef& record) { found.push_back(record->lsn.value()); });
      ASSERT_GE(found.size(), crash.mark()) << lossName(loss) << " at event " << at;
      ASSERT_LE(found.size(), crash.mark() + 1);
      for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], i + 1);
      ++states;

      // Going on after the crash, and crashing again at once, must not disturb what is there.
      if (states % 7 != 0) continue;
      for (std::uint64_t number : result.abandoned)
        after.unlink("wal/" + journal::segmentName(number));
      after.createDirectory("wal");
      {
        Journal next(
            after, clock_, kRoot,
            {.directory = "wal", .segmentBytes = kSegmentBytes, .durability = Durability::kSynced},
            result.start);
        next.wait(next.submit(put("next", "session")));
      }
      std::size_t again = 0;
      journal::scan(after, "wal", kRoot, {.newRoot = true}, [&](const RecordRef&) { ++again; });
      ASSERT_EQ(again, found.size() + 1) << lossName(loss) << " at event " << at;
    }
  }
  EXPECT_GT(states, 500);
}

TEST_F(JournalTest, BadBlockWithAGoodOneBehindItIsDamage) {
  {
    auto journal = open();
    for (int i = 0; i < 5; ++i) journal->wait(journal->submit(put("key", "value")));
  }
  disk_.content("journal/00000001")[2 * journal::kPage + 70] ^= 1;
  try {
    scan();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    EXPECT_STREQ(error.what(),
                 "journal 00000001 offset 8192: block is damaged, and LSN 3 stands behind it at "
                 "offset 12288; last good LSN 1");
  }
}

TEST_F(JournalTest, BadLastBlockIsATornTail) {
  {
    auto journal = open();
    for (int i = 0; i < 5; ++i) journal->wait(journal->submit(put("key", "value")));
  }
  disk_.content("journal/00000001")[5 * journal::kPage + 70] ^= 1;
  journal::Scan result = scan();
  EXPECT_EQ(found_.size(), 4U);
  ASSERT_TRUE(result.tornTail);
  EXPECT_EQ(result.tornTail->offset, 5 * journal::kPage);
}

TEST_F(JournalTest, EveryFlippedBitIsDamageOrATornTail) {
  {
    auto journal = open();
    for (int i = 0; i < 4; ++i) journal->wait(journal->submit(put("key", "value")));
    journal->close();
  }
  std::string& bytes = disk_.content("journal/00000001");
  for (std::size_t at = 0; at < 6 * journal::kPage; ++at) {
    bool covered = at % journal::kPage < 110;
    if (!covered && at % 97 != 0) continue;
    bytes[at] ^= 4;
    try {
      journal::Scan result = scan(disk_, {.newRoot = false});
      // Padding is not covered by a checksum and holds nothing.
      bool lost = found_.size() < 4 || !result.cleanlyClosed;
      if (lost)
        EXPECT_GE(at, 4 * journal::kPage) << "a damaged block passed for a torn one at byte " << at;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kForeign)
          << error.what();
    }
    bytes[at] ^= 4;
  }
}

TEST_F(JournalTest, MissingSegmentIsDamage) {
  {
    auto journal = open();
    for (int i = 0; i < 40; ++i) journal->wait(journal->submit(put("key", noise(5'000, 4))));
  }
  disk_.unlink("journal/00000002");
  EXPECT_EQ(codeOf([&] { scan(); }), ErrorCode::kDamaged);
}

TEST_F(JournalTest, ExchangedLastSegmentsAreDamage) {
  {
    auto journal = open();
    for (int i = 0; i < 20; ++i) journal->wait(journal->submit(put("key", noise(5'000, 4))));
  }
  std::uint64_t last = scan().start.used.back().number;
  std::swap(disk_.content("journal/" + journal::segmentName(last - 1)),
            disk_.content("journal/" + journal::segmentName(last)));
  EXPECT_EQ(codeOf([&] { scan(); }), ErrorCode::kDamaged);
}

TEST_F(JournalTest, DamagedHeaderOfTheLastSegmentIsDamage) {
  {
    auto journal = open();
    for (int i = 0; i < 20; ++i) journal->wait(journal->submit(put("key", noise(5'000, 4))));
  }
  journal::Scan whole = scan();
  std::string last = "journal/" + journal::segmentName(whole.start.used.back().number);
  disk_.content(last)[24] ^= 4;
  EXPECT_EQ(codeOf([&] { scan(); }), ErrorCode::kDamaged);
}

TEST_F(JournalTest, EmptyJournalIsDamageOnceTheStoreReliesOnIt) {
  EXPECT_NO_THROW(scan());
  EXPECT_EQ(codeOf([&] { scan(disk_, {.segment = 3, .after = Lsn(10)}); }), ErrorCode::kDamaged);
}

TEST_F(JournalTest, SegmentOfAnotherRootIsRefused) {
  {
    auto journal = open();
    journal->wait(journal->submit(put("key", "value")));
  }
  RootId other = RootId::fromHex("ffffffffffffffffffffffffffffffff");
  EXPECT_EQ(codeOf([&] {
              journal::scan(disk_, "journal", other, {.newRoot = true}, [](const RecordRef&) {});
            }),
            ErrorCode::kForeign);
}

TEST_F(JournalTest, SegmentOfANewerVersionIsRefused) {
  {
    auto journal = open();
    journal->wait(journal->submit(put("key", "value")));
  }
  disk_.content("journal/00000001")[8] = 2;
  EXPECT_EQ(codeOf([&] { scan(); }), ErrorCode::kForeign);
}

TEST_F(JournalTest, SplicedBlockOfTheSameRootIsNotFollowed) {
  {
    auto journal = open();
    for (int i = 0; i < 6; ++i) journal->wait(journal->submit(put("key", std::to_string(i))));
  }
  std::string& bytes = disk_.content("journal/00000001");
  std::string fourth = bytes.substr(4 * journal::kPage, journal::kPage);
  bytes.replace(2 * journal::kPage, journal::kPage, fourth);
  EXPECT_EQ(codeOf([&] { scan(); }), ErrorCode::kDamaged);
}

TEST_F(JournalTest, FailedWriteBreaksTheJournalForGood) {
  test::FaultFileSystem faulty(disk_);
  auto journal = open(faulty, {});
  journal->wait(journal->submit(put("good", "1")));
  faulty.setHook([](test::Call call, const std::string&) {
    if (call == test::Call::kWrite) throw Error(ErrorCode::kIo, "write: the disk said no");
  });
  Lsn lsn = journal->submit(put("lost", "2"));
  EXPECT_EQ(codeOf([&] { journal->wait(lsn); }), ErrorCode::kBroken);
  faulty.setHook({});
  EXPECT_EQ(codeOf([&] { journal->submit(put("later", "3")); }), ErrorCode::kBroken);
  std::exception_ptr told;
  std::atomic<bool> done{false};
  journal->onDurable(lsn, [&](const std::exception_ptr& broken) {
    told = broken;
    done = true;
  });
  while (!done) std::this_thread::yield();
  EXPECT_NE(told, nullptr);
  journal.reset();
  scan();
  EXPECT_EQ(lsns(), (std::vector<std::uint64_t>{1}));
}

TEST_F(JournalTest, FullDiskRefusesTheCommitBeforeItBegins) {
  auto journal = open();
  journal->refill();
  disk_.setFreeBytes(0);
  std::string value = noise(10'000, 5);
  std::uint64_t accepted = 0;
  for (;; ++accepted) {
    ASSERT_LT(accepted, 1'000U);
    try {
      journal->wait(journal->submit(put("key", value)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNoSpace);
      break;
    }
  }
  EXPECT_GT(accepted, 5U);
  // What gives space back may use the last reserve.
  RecordRef erase = RecordRef::make(SpaceId(7));
  appendErase(erase->ops, "key");
  journal->wait(journal->submit(erase, Journal::Purpose::kFreesSpace));
  disk_.setFreeBytes(1 << 20);
  journal->wait(journal->submit(put("key", value)));
  journal->close();
  scan();
  EXPECT_EQ(found_.size(), accepted + 2);
}

TEST_F(JournalTest, UnsyncedJournalOpensWithAPrefixAfterAPowerLoss) {
  test::DiskLog log;
  test::RecordingFileSystem recorder(disk_, log, "");
  recorder.createDirectory("wal");
  {
    Journal journal(
        recorder, clock_, kRoot,
        {.directory = "wal", .segmentBytes = kSegmentBytes, .durability = Durability::kProcess},
        {});
    recorder.syncDirectory("");
    for (int i = 0; i < 40; ++i) journal.wait(journal.submit(put("key", noise(2'000, 6))));
    journal.close();
  }
  test::CrashDisk crash(log);
  std::mt19937_64 random(2);
  for (std::size_t at = 1; at <= log.events().size(); ++at) {
    crash.advance(at);
    for (test::Loss loss : test::kEveryLoss) {
      MemoryFileSystem after(crash.image(loss, random));
      std::uint64_t count = 0;
      journal::scan(after, "wal", kRoot, {.newRoot = true},
                    [&](const RecordRef& record) { ASSERT_EQ(record->lsn.value(), ++count); });
    }
  }
}

}  // namespace
}  // namespace cairn
