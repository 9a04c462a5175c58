// Goal: a restore takes a bounded amount of memory, however much it changes. Method: every
// allocation through operator new is counted while an object of 48 MiB, all of it changed since, is
// brought back with a bound of 1 MiB.
#include <atomic>
#include <cairn/history.h>
#include <cstdlib>
#include <malloc.h>
#include <new>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/pitr/history_fixture.h"

namespace {

std::atomic<std::int64_t> live{0};
std::atomic<std::int64_t> most{0};

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  std::int64_t now = live.fetch_add(static_cast<std::int64_t>(::malloc_usable_size(memory))) +
                     static_cast<std::int64_t>(::malloc_usable_size(memory));
  std::int64_t before = most.load();
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  live -= static_cast<std::int64_t>(::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace cairn {
namespace {

class RestoreMemoryTest : public test::HistoryFixture {};

TEST_F(RestoreMemoryTest, IsBoundedWhateverChanged) {
  static constexpr int kParts = 96;
  static constexpr int kKeys = 32;
  EngineOptions bounded = options();
  bounded.restoreBytesMax = 1 << 20;
  auto engine = Engine::open(bounded);
  ObjectRef object = engine->object("Test", "a");
  auto fill = [&](char letter) {
    Lsn lsn;
    for (int part = 0; part < kParts; ++part) {
      lsn = engine
                ->turn(object,
                       [&](Storage& s) {
                         for (int i = 0; i < kKeys; ++i)
                           s.kv().put(fmt::format("{}-{}", part, i), std::string(8'000, letter));
                         s.sql().exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v)");
                         s.sql().exec("INSERT OR REPLACE INTO t VALUES (?, ?)", part,
                                      std::string(256'000, letter));
                       })
                .lsn();
      if (part % 8 == 7) engine->checkpoint();
    }
    return lsn;
  };
  Lsn first = fill('a');
  fill('b');
  fill('c');
  engine->checkpoint();
  std::int64_t before = live.load();
  most = before;
  RestoreReceipt receipt = engine->history(object).restore(first);
  std::int64_t taken = most.load() - before;
  EXPECT_EQ(receipt.keysChanged, std::uint64_t{kParts} * kKeys);
  EXPECT_GT(receipt.pagesChanged, std::uint64_t{kParts} * 60);
  // The bound, a portion, and up to 16 MiB of frames that the reader of the change log keeps.
  EXPECT_LT(taken, std::int64_t{24} << 20);
  engine->turn(object, [](Storage& s) {
    EXPECT_EQ(s.kv().get<std::string>("95-31"), std::string(8'000, 'a'));
    EXPECT_EQ((s.sql().exec("SELECT count(*) FROM t WHERE v GLOB 'aaa*'").one<std::int64_t>()),
              std::tuple<std::int64_t>(kParts));
  });
  RecordProperty("bytes", std::to_string(taken));
  std::printf("%lld bytes at most\n", static_cast<long long>(taken));
}

}  // namespace
}  // namespace cairn
