// Goal: the LMDB wrapper grows its map without losing anything, hands out snapshots that are never
// older than asked for, and never lets a damaged file crash the process.
#include "kv/environment.h"

#include <cairn/error.h>
#include <cairn/file_system.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "kv/keys.h"
#include "kv/store_check.h"
#include "tests/support/temporary_directory.h"

namespace cairn::kv {
namespace {

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() { Environment::create(posixFileSystem(), directory_.path()); }
  std::unique_ptr<Environment> open(std::uint64_t mapBytes = 1 << 20) {
    return std::make_unique<Environment>(
        Environment::Options{.directory = directory_.path(), .mapBytes = mapBytes});
  }
  void fill(Environment& environment, int keys, std::size_t valueBytes) {
    environment.write([&](WriteTransaction& transaction) {
      for (int i = 0; i < keys; ++i) {
        transaction.put(Table::kKv, numberKey(SpaceId(static_cast<std::uint64_t>(i))),
                        std::string(valueBytes, 'v'));
      }
    });
  }

  test::TemporaryDirectory directory_;
};

TEST_F(EnvironmentTest, MapGrowsInTheMiddleOfAWrite) {
  auto environment = open();
  int runs = 0;
  environment->write([&](WriteTransaction& transaction) {
    ++runs;
    for (std::uint64_t i = 0; i < 20'000; ++i)
      transaction.put(Table::kKv, numberKey(SpaceId(i)), std::string(500, 'v'));
  });
  EXPECT_GT(runs, 1);
  EXPECT_GT(environment->size().mapBytes, std::uint64_t{8} << 20);
  EXPECT_EQ(environment->snapshot().entries(Table::kKv), 20'000U);
}

// A snapshot's cursor steps through pages on its own, a write transaction's by LMDB: both see the
// same.
TEST_F(EnvironmentTest, CursorsOfSnapshotsAndWritesGoTheSameWay) {
  auto environment = open();
  std::mt19937_64 random(7);
  environment->write([&](WriteTransaction& transaction) {
    for (int i = 0; i < 3'000; ++i) {
      std::size_t bytes = i % 50 == 0 ? random() % 30'000 : random() % (i < 1'500 ? 40 : 1'500);
      transaction.put(Table::kKv, std::string(1 + random() % 400, static_cast<char>(random())),
                      std::string(bytes, static_cast<char>(random())));
    }
  });
  Snapshot snapshot = environment->snapshot();
  Cursor here = snapshot.cursor(Table::kKv);
  environment->write([&](WriteTransaction& transaction) {
    Cursor there = transaction.cursor(Table::kKv);
    auto both = [&](bool moved, bool movedThere) {
      ASSERT_EQ(moved, movedThere);
      ASSERT_EQ(here.valid(), there.valid());
      if (!moved) return;
      ASSERT_EQ(here.key(), there.key());
      ASSERT_EQ(here.value(), there.value());
    };
    for (both(here.first(), there.first()); here.valid();) both(here.next(), there.next());
    for (both(here.last(), there.last()); here.valid();) both(here.previous(), there.previous());
    // Runs of steps of either kind between leaps.
    for (int i = 0; i < 2'000; ++i) {
      std::string key(1 + random() % 3, static_cast<char>(random()));
      switch (random() % 4) {
        case 0:
          both(here.seek(key), there.seek(key));
          break;
        case 1:
          both(here.seekBefore(key), there.seekBefore(key));
          break;
        default:
          break;
      }
      for (std::uint64_t steps = random() % 60; steps > 0 && here.valid(); --steps) {
        if (random() % 8 != 0) {
          both(here.next(), there.next());
        } else {
          both(here.previous(), there.previous());
        }
      }
      if (!here.valid()) both(here.first(), there.first());
    }
  });
}

TEST_F(EnvironmentTest, GrowthWaitsForSnapshotsOfOtherThreadsAndDoesNotDisturbThem) {
  auto environment = open();
  fill(*environment, 10, 100);
  std::atomic<bool> held{false};
  std::atomic<bool> release{false};
  std::jthread reader([&] {
    Snapshot snapshot = environment->snapshot();
    std::string_view seen = *snapshot.get(Table::kKv, numberKey(SpaceId(3)));
    held = true;
    while (!release) std::this_thread::yield();
    EXPECT_EQ(seen, std::string(100, 'v'));
  });
  while (!held) std::this_thread::yield();
  std::jthread writer([&] { fill(*environment, 20'000, 500); });
  release = true;
  writer.join();
  EXPECT_EQ(environment->snapshot().entries(Table::kKv), 20'000U);
}

TEST_F(EnvironmentTest, SnapshotTakenAfterAWriteSeesIt) {
  auto environment = open();
  for (int i = 1; i < 50; ++i) {
    { Snapshot keepsOneIdle = environment->snapshot(); }
    fill(*environment, i, 10);
    EXPECT_EQ(environment->snapshot().entries(Table::kKv), static_cast<std::uint64_t>(i));
  }
}

TEST_F(EnvironmentTest, SnapshotHeldAcrossAWriteStaysAsItWas) {
  auto environment = open();
  fill(*environment, 5, 10);
  Snapshot before = environment->snapshot();
  fill(*environment, 9, 10);
  EXPECT_EQ(before.entries(Table::kKv), 5U);
  EXPECT_EQ(environment->snapshot().entries(Table::kKv), 9U);
}

TEST_F(EnvironmentTest, WorkThatThrowsLeavesNothing) {
  auto environment = open();
  EXPECT_THROW(environment->write([&](WriteTransaction& transaction) {
    transaction.put(Table::kMeta, "key", "value");
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_FALSE(environment->snapshot().get(Table::kMeta, "key"));
}

TEST_F(EnvironmentTest, IdleSnapshotsDoNotMakeTheFileGrow) {
  auto environment = open();
  std::uint64_t after100 = 0;
  for (int i = 0; i < 1'000; ++i) {
    { Snapshot idle = environment->snapshot(); }
    fill(*environment, 200, 100);
    if (i == 100) after100 = environment->size().fileBytes;
  }
  EXPECT_LE(environment->size().fileBytes, after100 + (64 << 10));
}

TEST_F(EnvironmentTest, TruncatedFileIsDamageAndNotACrash) {
  { fill(*open(), 5'000, 300); }
  std::string path = directory_ / "data.mdb";
  auto whole = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, whole / 2);
  try {
    open();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged) << error.what();
  }
}

TEST_F(EnvironmentTest, FileThatIsNotAStoreIsRefused) {
  std::ofstream(directory_ / "data.mdb") << std::string(8'192, 'x');
  try {
    open();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged) << error.what();
  }
}

TEST_F(EnvironmentTest, SoundStoreOfManyShapesHasNoProblems) {
  {
    auto environment = open();
    std::mt19937_64 random(1);
    for (int round = 0; round < 20; ++round) {
      environment->write([&](WriteTransaction& transaction) {
        for (int i = 0; i < 300; ++i) {
          std::string key = numberKey(SpaceId(random() % 2'000)) + std::string(random() % 400, 'k');
          if (random() % 3 == 0) {
            transaction.erase(Table::kKv, key);
          } else {
            transaction.put(Table::kKv, key, std::string(random() % 9'000, 'v'));
          }
        }
      });
    }
  }
  StoreCheck check = checkStore(posixFileSystem(), directory_ / "data.mdb");
  EXPECT_TRUE(check.problems.empty()) << check.problems.front();
  EXPECT_GT(check.pagesReachable, 100U);
}

TEST_F(EnvironmentTest, StoreCheckSurvivesAnyByteFlip) {
  { fill(*open(), 2'000, 200); }
  std::string path = directory_ / "data.mdb";
  std::ifstream in(path, std::ios::binary);
  std::string sound((std::istreambuf_iterator<char>(in)), {});
  std::mt19937_64 random(2);
  int noticed = 0;
  for (int i = 0; i < 300; ++i) {
    std::string bad = sound;
    for (int flips = 0; flips < 3; ++flips)
      bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bad;
    if (!checkStore(posixFileSystem(), path).problems.empty()) ++noticed;
  }
  EXPECT_GT(noticed, 0);
}

}  // namespace
}  // namespace cairn::kv
