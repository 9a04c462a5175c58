// Goal: the synchronous key-value API keeps its word at its edges: what a limit lets through and
// what it refuses, listings of keys alone, and listings that live through other writes.
#include <cairn/engine.h>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SyncKvTest : public testing::Test {
 protected:
  SyncKvTest() {
    EngineOptions options;
    options.root = directory_ / "root";
    options.durability = Durability::kProcess;
    engine_ = Engine::open(options);
  }

  void turn(const std::function<void(Storage&)>& work) {
    engine_->turn(engine_->object("Test", "a"), [&](Storage& storage) { work(storage); });
  }
  static std::vector<std::string> keysOf(SyncKv& kv, const ListOptions& options = {}) {
    std::vector<std::string> keys;
    for (const std::string& key : kv.keys(options)) keys.push_back(key);
    return keys;
  }
  static std::string refusal(SyncKv& kv, const std::string& key, std::size_t valueBytes) {
    try {
      kv.putBytes(key, Bytes(valueBytes));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLimitExceeded);
      return error.what();
    }
    return {};
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(SyncKvTest, KeyAndValueTogetherMayHaveTwoMegabytes) {
  turn([](Storage& storage) {
    constexpr std::size_t kMax = 2'097'152;
    SyncKv& kv = storage.kv();
    EXPECT_EQ(refusal(kv, "k", kMax - 1), "");
    EXPECT_EQ(refusal(kv, "k", kMax),
              "key \"k\": key and value together have 1 + 2097152 bytes, 2097152 are allowed");
    EXPECT_EQ(refusal(kv, std::string(kMax, 'x'), 0), "");
    EXPECT_EQ(refusal(kv, std::string(kMax, 'y'), 1),
              "key \"" + std::string(64, 'y') +
                  "…\" (2097152 bytes): key and value together have 2097152 + 1 bytes, 2097152 are "
                  "allowed");
    EXPECT_EQ(kv.getBytes("k")->size(), kMax - 1) << "what was refused changed nothing";
    EXPECT_EQ(kv.count(), 2U);
  });
}

TEST_F(SyncKvTest, LimitCountsTheEncodedValue) {
  turn([](Storage& storage) {
    // FF 0F, the tag, and three bytes of length.
    constexpr std::size_t kText = 2'097'152 - 1 - 6;
    SyncKv& kv = storage.kv();
    kv.put("k", std::string(kText, 'x'));
    EXPECT_THROW(kv.put("k", std::string(kText + 1, 'x')), Error);
    EXPECT_EQ(kv.get<std::string>("k")->size(), kText);
  });
}

TEST_F(SyncKvTest, RecordedLimitsAreThoseOfARowOfTheRuntime) {
  EngineOptions options;
  options.root = directory_ / "recorded";
  options.limits = Limits::workerd();
  auto engine = Engine::open(options);
  engine->turn(engine->object("Test", "a"), [](Storage& storage) {
    EXPECT_EQ(refusal(storage.kv(), "k", 8'388'635), "");
    EXPECT_THAT(refusal(storage.kv(), "k", 8'388'636), HasSubstr("8388636 are allowed"));
  });
}

TEST_F(SyncKvTest, ErrorsNameTheKeyReadably) {
  turn([](Storage& storage) {
    storage.kv().put(std::string("a\0\n\"é", 6), "text");
    try {
      static_cast<void>(storage.kv().get<std::int64_t>(std::string("a\0\n\"é", 6)));
      FAIL();
    } catch (const ValueMismatch& mismatch) {
      EXPECT_THAT(mismatch.what(), HasSubstr(R"(key "a\x00\x0a\x22é")"));
    }
  });
}

TEST_F(SyncKvTest, NamesOfKeysAreCutBetweenCharactersAndEscapedWhereTheyAreNoText) {
  std::string long22(22 * 3, 'x');
  for (std::size_t i = 0; i < 22; ++i) long22.replace(3 * i, 3, "漢");
  EXPECT_EQ(kv::nameKey(long22), "key \"" + long22.substr(0, 63) + "…\" (66 bytes)");
  EXPECT_EQ(kv::nameKey("a\xff\xc3\xa9"), "key \"a\\xff\\xc3\\xa9\"");
  EXPECT_EQ(kv::nameKey(""), "key \"\"");
}

TEST_F(SyncKvTest, KeysAreListedWithoutReadingTheirValues) {
  turn([](Storage& storage) {
    SyncKv& kv = storage.kv();
    Bytes noValue{std::byte{0xff}, std::byte{0x63}};
    for (const char* key : {"b", "a", "user:2", "user:1", ""}) kv.putBytes(key, noValue);
    EXPECT_THAT(keysOf(kv), ElementsAre("", "a", "b", "user:1", "user:2"));
    EXPECT_THAT(keysOf(kv, {.prefix = "user:", .reverse = true}), ElementsAre("user:2", "user:1"));
    EXPECT_THAT(keysOf(kv, {.startAfter = "", .limit = 2}), ElementsAre("a", "b"));
    EXPECT_THAT(keysOf(kv, {.start = "z", .end = "a"}), ElementsAre());
    EXPECT_EQ(kv.count("user:"), 2U);
    EXPECT_EQ(kv.count("nobody"), 0U);
    EXPECT_THROW(static_cast<void>(kv.keys({.limit = 0})), Error);
    EXPECT_THROW(kv.list().begin(), Error) << "these are no structured clones";
  });
}

TEST_F(SyncKvTest, ListingsAreLiveAndAnyNumberMayBeOpen) {
  turn([](Storage& storage) {
    SyncKv& kv = storage.kv();
    for (const char* key : {"a", "b", "c"}) kv.put(key, 1);
    KvCursor first = kv.cursor();
    KvCursor second = kv.cursor({.reverse = true});
    ASSERT_TRUE(first.next());
    ASSERT_TRUE(second.next());
    kv.erase("b");
    kv.put("bb", 2);
    kv.put("0", 2);
    ASSERT_TRUE(first.next());
    EXPECT_EQ(first.key(), "bb") << "what was erased ahead is gone, what was put ahead is there";
    ASSERT_TRUE(second.next());
    EXPECT_EQ(second.key(), "bb");
    EXPECT_THROW(storage.transactionSync([&] {
      kv.put("bc", 3);
      throw std::runtime_error("undo");
    }),
                 std::runtime_error);
    ASSERT_TRUE(first.next());
    EXPECT_EQ(first.key(), "c") << "a rollback does not end a listing";
    storage.deleteAll();
    kv.put("z", 4);
    ASSERT_TRUE(first.next());
    EXPECT_EQ(first.key(), "z");
    EXPECT_FALSE(first.next());
    kv.put("zz", 5);
    EXPECT_FALSE(first.next()) << "a finished listing stays finished";
  });
}

}  // namespace
}  // namespace cairn
