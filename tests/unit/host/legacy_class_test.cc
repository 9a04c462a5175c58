// Goal: a legacy class (Backend::kKeyValue) has asynchronous key-value storage, transactions and
// alarms within limits of its own, and refuses everything else by name.
#include <cairn/history.h>

#include <gmock/gmock.h>

#include "tests/unit/host/host_fixture.h"

namespace cairn::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// "128 KiB, and room for the encoding".
constexpr std::size_t kValueMax = 131'072 + 34;

class Room : public DurableObject {
 public:
  using DurableObject::ctx;
  using DurableObject::DurableObject;
  using DurableObject::storage;

  Task<> alarm(AlarmInvocation) override {
    storage().put("rang", true);
    co_return;
  }
};

class LegacyClass : public HostTest {
 protected:
  void SetUp() override {
    open();
    rooms_.emplace(host->define<Room>("Room", {.backend = Backend::kKeyValue}));
  }
  template <typename Work>
  auto in(Work work) {
    return get(rooms_->getByName("a").run(std::move(work)));
  }
  /// The message of what the awaited call throws, with its code checked.
  template <typename Call>
  std::string refusal(ErrorCode code, Call call) {
    return in([code, call](Room& room) -> Task<std::string> {
      try {
        co_await call(room);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), code) << error.what();
        co_return error.what();
      }
      co_return std::string();
    });
  }

  std::optional<Namespace<Room>> rooms_;
};

TEST_F(LegacyClass, StoresListsAndErasesKeys) {
  in([](Room& room) -> Task<> {
    DurableObjectStorage& storage = room.storage();
    storage.put("b", 2);
    std::map<std::string, Value> entries;
    entries["a"] = 1;
    entries["c"] = "three";
    entries["no"] = Value();
    co_await storage.put(entries);
    EXPECT_EQ(*co_await storage.get<int>("b"), 2);
    std::vector<std::string> keys;
    for (const char* key : {"a", "c", "missing"}) keys.emplace_back(key);
    auto some = co_await storage.get(keys);
    EXPECT_EQ(some.size(), 2U);
    auto all = co_await storage.list({.reverse = true});
    EXPECT_EQ(all.size(), 3U);
    EXPECT_EQ(all.front().first, "c");
    auto names = co_await storage.keys({.prefix = "b"});
    EXPECT_THAT(names, ElementsAre("b"));
    EXPECT_EQ(co_await storage.count(), 3U);
    EXPECT_EQ(co_await storage.count("c"), 1U);
    EXPECT_TRUE(co_await storage.erase("a"));
    EXPECT_FALSE(co_await storage.erase("a"));
    EXPECT_EQ(co_await storage.erase(keys), 1U);
  });
}

TEST_F(LegacyClass, TransactionIsOneCommitOrNothing) {
  in([](Room& room) -> Task<> {
    DurableObjectStorage& storage = room.storage();
    co_await storage.transaction([](Transaction& transaction) -> Task<> {
      co_await transaction.put("kept", 1);
      EXPECT_EQ(*co_await transaction.get<int>("kept"), 1);
    });
    bool isThrown = false;
    try {
      co_await storage.transaction([](Transaction& transaction) -> Task<> {
        co_await transaction.put("lost", 1);
        throw std::runtime_error("no");
      });
    } catch (const std::runtime_error&) {
      isThrown = true;
    }
    EXPECT_TRUE(isThrown);
    co_await storage.transaction([](Transaction& transaction) {
      transaction.put("lost", 2);
      transaction.rollback();
    });
    auto all = co_await storage.list<int>();
    EXPECT_THAT(all, ElementsAre(Pair("kept", 1)));
  });
}

TEST_F(LegacyClass, AlarmFires) {
  UnixMillis due{clock.now().value + 1'000};
  in([due](Room& room) -> Task<> {
    co_await room.storage().setAlarm(due);
    EXPECT_EQ(co_await room.storage().getAlarm(), due);
  });
  advance(1'000);
  bool rang = false;
  for (int i = 0; i < 1'000 && !rang; ++i) {
    rang = in([](Room& room) -> Task<bool> {
      co_return (co_await room.storage().get<bool>("rang")).value_or(false);
    });
  }
  EXPECT_TRUE(rang);
}

TEST_F(LegacyClass, KeysMayHaveTwoKibibytes) {
  auto putKey = [](std::size_t bytes) {
    return [bytes](Room& room) { return room.storage().put(std::string(bytes, 'k'), 1); };
  };
  EXPECT_EQ(refusal(ErrorCode::kLimitExceeded, putKey(2'048)), "");
  EXPECT_THAT(refusal(ErrorCode::kLimitExceeded, putKey(2'049)),
              HasSubstr("(2049 bytes): the key has 2049 bytes, 2048 are allowed"));
}

TEST_F(LegacyClass, ValuesMayHaveOneHundredTwentyEightKibibytes) {
  // FF 0F, the tag and three bytes of length of the text.
  auto putText = [](std::size_t bytes) {
    return [bytes](Room& room) { return room.storage().put("k", std::string(bytes - 6, 'x')); };
  };
  EXPECT_EQ(refusal(ErrorCode::kLimitExceeded, putText(kValueMax)), "");
  EXPECT_THAT(refusal(ErrorCode::kLimitExceeded, putText(kValueMax + 1)),
              HasSubstr("key \"k\": the value has 131107 bytes, 131106 are allowed"));
  in([](Room& room) -> Task<> {
    EXPECT_EQ((co_await room.storage().get<std::string>("k"))->size(), kValueMax - 6);
  });
}

TEST_F(LegacyClass, OneCallMayNameOneHundredTwentyEightKeys) {
  for (std::size_t count : {std::size_t{128}, std::size_t{129}}) {
    std::vector<std::string> keys;
    std::vector<std::pair<std::string, Value>> entries;
    for (std::size_t i = 0; i < count; ++i) {
      keys.push_back("k" + std::to_string(i));
      entries.emplace_back(keys.back(), Value(1));
    }
    bool isRefused = count > 128;
    auto check = [&](const std::string& message) {
      EXPECT_EQ(!message.empty(), isRefused) << message;
      if (isRefused) EXPECT_THAT(message, HasSubstr("129 keys in one call, 128 are allowed"));
    };
    check(refusal(ErrorCode::kLimitExceeded,
                  [entries](Room& room) { return room.storage().put(entries); }));
    check(refusal(ErrorCode::kLimitExceeded,
                  [keys](Room& room) { return room.storage().get(keys); }));
    check(refusal(ErrorCode::kLimitExceeded,
                  [keys](Room& room) { return room.storage().erase(keys); }));
  }
}

TEST_F(LegacyClass, ManyKeyPutIsAllOrNothing) {
  std::vector<std::pair<std::string, Value>> entries = {
      {"a", Value(1)}, {std::string(2'049, 'k'), Value(2)}, {"c", Value(3)}};
  EXPECT_THAT(refusal(ErrorCode::kLimitExceeded,
                      [entries](Room& room) { return room.storage().put(entries); }),
              HasSubstr("2048 are allowed"));
  in([](Room& room) -> Task<> { EXPECT_TRUE((co_await room.storage().list()).empty()); });
}

TEST_F(LegacyClass, RefusesWhatOnlySqliteBackedClassesHave) {
  auto refuses = [&](auto call) {
    std::string message = refusal(ErrorCode::kUnsupported, call);
    EXPECT_THAT(message, HasSubstr("needs a SQLite-backed class"));
    EXPECT_THAT(message, HasSubstr("class Room is a legacy key-value class"));
  };
  refuses([](Room& room) -> Task<> {
    room.storage().kv();
    co_return;
  });
  refuses([](Room& room) -> Task<> {
    room.storage().sql().exec("SELECT 1");
    co_return;
  });
  refuses([](Room& room) -> Task<> {
    static_cast<void>(room.storage().sql().databaseSize());
    co_return;
  });
  refuses([](Room& room) -> Task<> {
    room.storage().transactionSync([] {});
    co_return;
  });
  refuses([](Room& room) { return room.storage().getCurrentBookmark(); });
  refuses([](Room& room) { return room.storage().getBookmarkForTime(room.ctx().now()); });
  refuses([](Room& room) { return room.storage().onNextSessionRestoreBookmark(Bookmark()); });
}

TEST_F(LegacyClass, EmptiesAndKeepsItsAlarm) {
  UnixMillis due{clock.now().value + 60'000};
  in([due](Room& room) -> Task<> {
    DurableObjectStorage& storage = room.storage();
    storage.put("k", 1);
    storage.setAlarm(due);
    co_await storage.deleteAll();
    EXPECT_TRUE((co_await storage.list()).empty());
    EXPECT_EQ(co_await storage.getAlarm(), due);
  });
}

}  // namespace
}  // namespace cairn::test
