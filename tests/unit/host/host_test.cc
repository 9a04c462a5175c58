// Events, turns and commits of objects, and what resets them.
#include <set>

#include <gmock/gmock.h>

#include "tests/unit/host/host_fixture.h"

namespace cairn {
namespace {

using test::codeOf;
using testing::ElementsAre;

/// What a test wants done, as an event of a plain object.
class Plain : public DurableObject {
 public:
  explicit Plain(DurableObjectState& state) : DurableObject(state) { ++started; }
  using DurableObject::ctx;
  using DurableObject::storage;

  Task<std::int64_t> increment() {
    std::int64_t value = (co_await storage().get<std::int64_t>("n")).value_or(0) + 1;
    storage().put("n", value);
    co_return value;
  }
  std::int64_t read() { return storage().kv().get<std::int64_t>("n").value_or(0); }

  /// The seed's example: reads, lets others in, writes.
  Task<std::int64_t> getUniqueNumber() {
    std::int64_t value = (co_await storage().get<std::int64_t>("unique")).value_or(0);
    co_await storage().put("unique", value + 1);
    co_return value;
  }

  Task<> alarm(AlarmInvocation) override { co_return; }

  static inline std::atomic<int> started{0};
};

class EventTest : public test::HostTest {
 protected:
  void SetUp() override {
    open();
    plain.emplace(host->define<Plain>("Plain"));
  }
  void reopen() {
    close();
    open();
    plain.emplace(host->define<Plain>("Plain"));
  }
  Stub<Plain> stub(const std::string& name = "a") { return plain->getByName(name); }
  /// Runs a coroutine as an event of object "a" and gives its result.
  template <typename Work>
  auto event(Work work) {
    return get(stub().run(std::move(work)));
  }
  std::int64_t commits() { return static_cast<std::int64_t>(host->engine().stats().commits); }
  std::vector<std::string> keys() {
    return event([](Plain& self) {
      std::vector<std::string> found;
      for (const auto& [key, value] : self.storage().kv().list()) found.push_back(key);
      return found;
    });
  }

  std::optional<Namespace<Plain>> plain;
};

TEST_F(EventTest, CoroutinesAndPlainFunctionsAnswer) {
  EXPECT_EQ(get(stub().call(&Plain::increment)), 1);
  EXPECT_EQ(get(stub().call(&Plain::increment)), 2);
  EXPECT_EQ(get(stub().call(&Plain::read)), 2);
  EXPECT_EQ(get(stub("b").call(&Plain::read)), 0);
}

TEST_F(EventTest, AReplyIsDurableWhenItIsThere) {
  get(stub().call(&Plain::increment));
  Lsn last = host->engine().stats().lastLsn;
  EXPECT_EQ(host->engine().stats().durableLsn, last);
  reopen();
  EXPECT_EQ(get(stub().call(&Plain::read)), 1);
}

TEST_F(EventTest, AnObjectIsMadeOnItsFirstEventAndLetGoWhenIdle) {
  int before = Plain::started;
  get(stub().call(&Plain::read));
  EXPECT_EQ(Plain::started, before + 1);
  advance(9'000);
  get(stub().call(&Plain::read));
  EXPECT_EQ(Plain::started, before + 1);
  advance(9'000);
  EXPECT_EQ(host->metrics().liveObjects, 1U);
  advance(3'000);
  EXPECT_EQ(host->metrics().liveObjects, 0U);
  get(stub().call(&Plain::read));
  EXPECT_EQ(Plain::started, before + 2);
}

TEST_F(EventTest, TheLocationHintOfAnObjectsFirstWriteIsKept) {
  auto hintOf = [&](const std::string& hint) {
    return get(plain->getByName("a", {.locationHint = hint}).run([](Plain& self) {
      return self.ctx().locationHint();
    }));
  };
  EXPECT_EQ(hintOf("weur"), "weur");
  reopen();
  EXPECT_EQ(hintOf("enam"), "enam");  // Nothing was written: the object does not exist yet.
  get(stub().call(&Plain::increment));
  reopen();
  EXPECT_EQ(hintOf("apac"), "enam");
  host->engine().checkpoint();
  reopen();
  EXPECT_EQ(hintOf("apac"), "enam");
  ASSERT_EQ(host->engine().objects("Plain").size(), 1U);
  EXPECT_EQ(host->engine().objects("Plain")[0].locationHint, "enam");
  EXPECT_EQ(codeOf([&] { (void)plain->getByName("a", {.locationHint = std::string(65, 'x')}); }),
            ErrorCode::kInvalidArgument);
}

// The defect it pins: the event ran on an actor that was gone, and never came back from its wait.
TEST_F(EventTest, AnEventBehindAnEvictionIsNotLost) {
  get(stub().call(&Plain::increment));
  EXPECT_EQ(host->evictIdle(), 1U);
  Reply<std::int64_t> reply = stub().run([](Plain& self) -> Task<std::int64_t> {
    co_await self.ctx().sleep(std::chrono::milliseconds(5));
    co_return self.storage().kv().get<std::int64_t>("n").value_or(0);
  });
  run();
  advance(5);
  ASSERT_TRUE(reply.ready());
  EXPECT_EQ(reply.get(), 1);
}

TEST_F(EventTest, AnExceptionTravelsToTheCallerAndRollsNothingBack) {
  Reply<void> reply = stub().run([](Plain& self) -> Task<> {
    self.storage().put("kept", 1);
    co_await self.storage().put("too", 2);
    throw std::out_of_range("handler");
  });
  EXPECT_THROW(get(std::move(reply)), std::out_of_range);
  EXPECT_THAT(keys(), ElementsAre("kept", "too"));
  EXPECT_EQ(host->metrics().objectsReset, 0U);
}

TEST_F(EventTest, AwaitingStorageDoesNotSplitTheCommit) {
  get(stub().call(&Plain::read));
  std::int64_t before = commits();
  event([](Plain& self) -> Task<> {
    co_await self.storage().put("a", 1);
    (void)co_await self.storage().get("a");
    co_await self.storage().put("b", 2);
    co_await self.storage().erase("a");
  });
  EXPECT_EQ(commits(), before + 1);
}

TEST_F(EventTest, AwaitingAnythingElseDoes) {
  get(stub().call(&Plain::read));
  std::int64_t before = commits();
  event([](Plain& self) -> Task<> {
    self.storage().put("a", 1);
    co_await self.storage().sync();
    self.storage().put("b", 2);
    co_await self.ctx().external([]() -> Task<> { co_return; }());
    self.storage().put("c", 3);
  });
  EXPECT_EQ(commits(), before + 3);
}

TEST_F(EventTest, TwoEventsNeverRace) {
  std::vector<Reply<std::int64_t>> replies;
  for (int i = 0; i < 20; ++i) replies.push_back(stub().call(&Plain::getUniqueNumber));
  std::set<std::int64_t> seen;
  for (Reply<std::int64_t>& reply : replies) seen.insert(get(std::move(reply)));
  EXPECT_EQ(seen.size(), 20U);
}

TEST_F(EventTest, TimersLetOtherEventsIn) {
  auto slow = [](Plain& self) -> Task<std::int64_t> {
    std::int64_t value = (co_await self.storage().get<std::int64_t>("n")).value_or(0);
    co_await self.ctx().sleep(std::chrono::milliseconds(60));
    self.storage().put("n", value + 1);
    co_return value;
  };
  Reply<std::int64_t> one = stub().run(slow);
  Reply<std::int64_t> two = stub().run(slow);
  run();
  EXPECT_FALSE(one.ready());
  advance(60);
  EXPECT_EQ(get(std::move(one)), 0);
  EXPECT_EQ(get(std::move(two)), 0);  // The update of the other is lost, as the platform has it.
}

TEST_F(EventTest, ATransactionLetsNobodyIn) {
  std::vector<std::string> order;
  Reply<void> first = stub().run([&](Plain& self) -> Task<> {
    co_await self.storage().transaction([&]() -> Task<> {
      order.emplace_back("A1");
      self.storage().put("a", 1);
      co_await self.ctx().sleep(std::chrono::milliseconds(100));
      order.emplace_back("A2");
    });
  });
  Reply<std::int64_t> second = stub().run([&](Plain& self) -> Task<std::int64_t> {
    order.emplace_back("B");
    co_return (co_await self.storage().get<std::int64_t>("a")).value_or(0);
  });
  run();
  EXPECT_THAT(order, ElementsAre("A1"));
  advance(100);
  EXPECT_EQ(get(std::move(second)), 1);
  get(std::move(first));
  EXPECT_THAT(order, ElementsAre("A1", "A2", "B"));
}

TEST_F(EventTest, ATransactionIsOneCommitAndThatOfWhatWasBeforeAnother) {
  get(stub().call(&Plain::read));
  std::int64_t before = commits();
  event([](Plain& self) -> Task<> {
    self.storage().put("before", 1);
    co_await self.storage().transaction([&](Transaction& txn) -> Task<> {
      co_await txn.put("a", 1);
      co_await self.ctx().external([]() -> Task<> { co_return; }());
      co_await txn.put("b", 2);
    });
  });
  EXPECT_EQ(commits(), before + 2);
}

TEST_F(EventTest, AThrowRollsATransactionBackAndNothingElse) {
  event([](Plain& self) -> Task<> {
    self.storage().put("before", 1);
    try {
      co_await self.storage().transaction([&]() -> Task<> {
        self.storage().put("inside", 1);
        self.storage().sql().exec("CREATE TABLE t(a)");
        co_await self.storage().setAlarm(UnixMillis{self.ctx().now().value + 1000});
        throw std::runtime_error("boom");
      });
      ADD_FAILURE() << "the error was lost";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "boom");
    }
    self.storage().put("after", 1);
  });
  EXPECT_THAT(keys(), ElementsAre("after", "before"));
  EXPECT_EQ(host->metrics().objectsReset, 0U);
}

TEST_F(EventTest, RollbackUndoesAndTheCallbackGoesOn) {
  std::string result = event([](Plain& self) -> Task<std::string> {
    co_await self.storage().put("a", 1);
    co_return co_await self.storage().transaction([&](Transaction& txn) -> Task<std::string> {
      co_await txn.put("a", 2);
      txn.rollback();
      txn.rollback();
      EXPECT_EQ(self.storage().kv().get<int>("a"), 1);
      try {
        co_await txn.put("b", 1);
        ADD_FAILURE() << "a rolled back transaction took a write";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kConflict);
      }
      co_return "rolled";
    });
  });
  EXPECT_EQ(result, "rolled");
  EXPECT_THAT(keys(), ElementsAre("a"));
}

TEST_F(EventTest, TransactionsNest) {
  event([](Plain& self) -> Task<> {
    co_await self.storage().transaction([&]() -> Task<> {
      self.storage().put("a", 1);
      try {
        co_await self.storage().transaction([&]() -> Task<> {
          self.storage().put("a", 2);
          self.storage().put("b", 2);
          throw std::runtime_error("inner");
          co_return;
        });
      } catch (const std::runtime_error&) {
      }
      EXPECT_EQ(self.storage().kv().get<int>("a"), 1);
      co_await self.storage().transaction([&] { self.storage().put("c", 3); });
    });
  });
  EXPECT_THAT(keys(), ElementsAre("a", "c"));
}

TEST_F(EventTest, TransactionsOfOneEventRunOneAfterAnother) {
  std::vector<std::string> order;
  event([&](Plain& self) -> Task<> {
    auto body = [&](std::string name) {
      return [&, name]() -> Task<> {
        order.push_back(name + " begins");
        co_await self.ctx().external([]() -> Task<> { co_return; }());
        order.push_back(name + " ends");
      };
    };
    auto first = self.storage().transaction(body("first"));
    auto second = self.storage().transaction(body("second"));
    co_await std::move(second);
    co_await std::move(first);
  });
  EXPECT_THAT(order, ElementsAre("first begins", "first ends", "second begins", "second ends"));
}

TEST_F(EventTest, AnErrorInBlockConcurrencyWhileResetsTheObject) {
  Reply<void> reply = stub().run([](Plain& self) -> Task<> {
    self.storage().put("a", 2);
    co_await self.ctx().blockConcurrencyWhile([&]() -> Task<> {
      self.storage().put("b", 1);
      throw std::runtime_error("bcw");
      co_return;
    });
    self.storage().put("c", 1);
  });
  try {
    get(std::move(reply));
    FAIL() << "the call answered";
  } catch (const ObjectReset& reset) {
    EXPECT_THROW(std::rethrow_exception(reset.cause()), std::runtime_error);
  }
  EXPECT_THAT(keys(), ElementsAre("a"));
  EXPECT_EQ(host->metrics().objectsReset, 1U);
}

TEST_F(EventTest, BlockConcurrencyWhileTimesOut) {
  Reply<void> stuck = stub().run([](Plain& self) -> Task<> {
    co_await self.ctx().blockConcurrencyWhile(
        [&]() -> Task<> { co_await self.ctx().sleep(std::chrono::hours(1)); });
  });
  Reply<std::int64_t> waiting = stub().call(&Plain::increment);
  run();
  advance(29'000);
  EXPECT_FALSE(stuck.ready());
  advance(1'000);
  EXPECT_THROW(get(std::move(stuck)), ObjectReset);
  EXPECT_THROW(get(std::move(waiting)), ObjectReset);
  EXPECT_EQ(get(stub().call(&Plain::increment)), 1);
}

TEST_F(EventTest, AbortUndoesTheTurnAndCannotBeCaughtByAccident) {
  bool caught = false;
  Reply<void> reply = stub().run([&](Plain& self) -> Task<> {
    self.storage().put("committed", 1);
    co_await self.storage().sync();
    self.storage().put("lost", 1);
    try {
      self.ctx().abort("enough");
    } catch (const std::exception&) {
      caught = true;
    }
  });
  EXPECT_THROW(get(std::move(reply)), ObjectReset);
  EXPECT_FALSE(caught);
  EXPECT_THAT(keys(), ElementsAre("committed"));
}

TEST_F(EventTest, WhatIsSuspendedInAnInstanceThatIsGoneNeverGoesOn) {
  bool wentOn = false;
  auto witness = std::make_shared<int>(0);
  std::weak_ptr<int> alive = witness;
  Reply<void> suspended = stub().run([&wentOn, held = std::move(witness)](Plain& self) -> Task<> {
    auto kept = held;
    co_await self.ctx().sleep(std::chrono::milliseconds(50));
    wentOn = true;
  });
  run();
  Reply<void> aborting = stub().run([](Plain& self) { self.ctx().abort(); });
  EXPECT_THROW(get(std::move(aborting)), ObjectReset);
  EXPECT_THROW(get(std::move(suspended)), ObjectReset);
  advance(100);
  EXPECT_FALSE(wentOn);
}

TEST_F(EventTest, ADeferredConstraintResetsTheObject) {
  event([](Plain& self) {
    self.storage().sql().exec(
        "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES "
        "p(id) DEFERRABLE INITIALLY DEFERRED)");
  });
  Reply<void> reply = stub().run([](Plain& self) {
    self.storage().put("x", 1);
    self.storage().sql().exec("INSERT INTO c VALUES (9)");
  });
  EXPECT_THROW(get(std::move(reply)), ObjectReset);
  EXPECT_THAT(keys(), ElementsAre());
}

TEST_F(EventTest, CallsThatAreTooManyOrTooOldAreRefused) {
  close();
  HostOptions few = options();
  few.queueLengthMax = 3;
  few.queueAgeMaxMs = 1'000;
  open(few);
  plain.emplace(host->define<Plain>("Plain"));
  std::vector<Reply<std::int64_t>> replies;
  for (int i = 0; i < 4; ++i) replies.push_back(stub().call(&Plain::increment));
  EXPECT_EQ(codeOf([&] { get(std::move(replies[3])); }), ErrorCode::kOverloaded);
  clock.advance(1'001);
  EXPECT_EQ(codeOf([&] { get(std::move(replies[0])); }), ErrorCode::kOverloaded);
  EXPECT_EQ(get(stub().call(&Plain::increment)), 1);
  EXPECT_EQ(host->metrics().overloaded, 4U);
}

TEST_F(EventTest, ADeadlineAnswersAndWithdrawsTheCall) {
  bool told = false;
  Reply<void> late =
      stub().with({.timeout = std::chrono::milliseconds(500)}).run([&](Plain& self) -> Task<> {
        co_await self.ctx().sleep(std::chrono::milliseconds(600));
        try {
          co_await self.storage().put("a", 1);
        } catch (const std::system_error&) {
          told = true;
          throw;
        }
      });
  run();
  advance(500);
  EXPECT_EQ(codeOf([&] { get(std::move(late)); }), ErrorCode::kTimeout);
  advance(100);
  EXPECT_TRUE(told);
  EXPECT_EQ(host->metrics().timedOut, 1U);
}

TEST_F(EventTest, AWithdrawnCallThatHasNotBegunNeverDoes) {
  Reply<std::int64_t> reply = stub().call(&Plain::increment);
  reply.cancel();
  EXPECT_EQ(codeOf([&] { get(std::move(reply)); }), ErrorCode::kCanceled);
  EXPECT_EQ(get(stub().call(&Plain::read)), 0);
}

TEST_F(EventTest, AnObjectCallsAnotherThroughItsOutputGate) {
  Stub<Plain> other = stub("other");
  std::int64_t answer = event([&](Plain& self) -> Task<std::int64_t> {
    self.storage().put("a", 1);
    Reply<Lsn> seen = other.run([&](Plain&) { return host->engine().stats().durableLsn; });
    Lsn durable = co_await std::move(seen);
    EXPECT_GE(durable, Lsn(1));  // The write was durable when the other object heard of it.
    co_return co_await other.call(&Plain::increment);
  });
  EXPECT_EQ(answer, 1);
}

TEST_F(EventTest, UnconfirmedWritesDoNotHoldReplies) {
  get(stub().call(&Plain::increment));
  std::uint64_t waits = host->metrics().gateWaits;
  event([](Plain& self) { self.storage().put("a", 1, {.allowUnconfirmed = true}); });
  EXPECT_EQ(host->metrics().gateWaits, waits);
  event([](Plain& self) {
    self.storage().put("a", 2, {.allowUnconfirmed = true});
    self.storage().put("b", 2);
  });
  EXPECT_EQ(host->metrics().gateWaits, waits + 1);
}

TEST_F(EventTest, BatchesAreAllOrNothingAndSkipUndefined) {
  // Named, because g++ 12 does not take braced lists in expressions that await.
  using Entries = std::vector<std::pair<std::string, Value>>;
  Entries some{{"a", Value(1)}, {"b", Value()}, {"c", Value(3)}};
  Entries tooLarge{{"d", Value(1)}, {"e", Value(std::string(3'000'000, 'x'))}};
  std::vector<std::string> asked{"a", "b", "c", "d"};
  event([&](Plain& self) -> Task<> {
    co_await self.storage().put(some);
    auto found = co_await self.storage().get<int>(asked);
    EXPECT_EQ(found.size(), 2U);
    std::vector<std::string> gone{"a", "zz"};
    EXPECT_EQ(co_await self.storage().erase(gone), 1U);
    try {
      co_await self.storage().put(tooLarge);
      ADD_FAILURE() << "a value over the limit was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLimitExceeded);
    }
    try {
      co_await self.storage().put("u", Value());
      ADD_FAILURE() << "undefined was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    }
  });
  EXPECT_THAT(keys(), ElementsAre("c"));
}

TEST_F(EventTest, AListingMayOutliveItsTurn) {
  std::vector<std::string> seen = event([](Plain& self) -> Task<std::vector<std::string>> {
    for (const char* key : {"a", "b", "c"}) self.storage().put(key, 1);
    KvCursor cursor = self.storage().kv().cursor();
    std::vector<std::string> found;
    cursor.next();
    found.emplace_back(cursor.key());
    co_await self.storage().sync();
    self.storage().put("bb", 1);
    while (cursor.next()) found.emplace_back(cursor.key());
    co_return found;
  });
  EXPECT_THAT(seen, ElementsAre("a", "b", "bb", "c"));
}

TEST_F(EventTest, WaitUntilKeepsTheObjectAlive) {
  bool done = false;
  event([&](Plain& self) {
    self.ctx().waitUntil([](Plain& object, bool& its) -> Task<> {
      co_await object.ctx().sleep(std::chrono::seconds(30));
      its = true;
    }(self, done));
  });
  advance(20'000);
  EXPECT_EQ(host->metrics().liveObjects, 1U);
  advance(10'000);
  EXPECT_TRUE(done);
}

class Initialised : public DurableObject {
 public:
  explicit Initialised(DurableObjectState& state) : DurableObject(state) {
    state.blockConcurrencyWhile([this]() -> Task<> {
      co_await ctx().external([]() -> Task<> { co_return; }());
      value_ = (co_await storage().get<std::int64_t>("value")).value_or(40);
    });
  }
  std::int64_t increment() {
    storage().put("value", ++value_);
    return value_;
  }

 private:
  std::int64_t value_ = 0;
};

TEST_F(EventTest, AConstructorInitialisesBeforeAnyEvent) {
  auto objects = host->define<Initialised>("Initialised");
  Reply<std::int64_t> one = objects.getByName("x").call(&Initialised::increment);
  Reply<std::int64_t> two = objects.getByName("x").call(&Initialised::increment);
  EXPECT_EQ(get(std::move(one)), 41);
  EXPECT_EQ(get(std::move(two)), 42);
}

TEST_F(EventTest, AConstructorThatThrowsFailsTheCallAndTheNextOneTriesAgain) {
  int attempts = 0;
  auto objects = host->define<Plain>("Fragile", {.make = [&](DurableObjectState& state) {
                                       if (++attempts == 1) throw std::runtime_error("not yet");
                                       return std::make_unique<Plain>(state);
                                     }});
  EXPECT_THROW(get(objects.getByName("x").call(&Plain::increment)), ObjectReset);
  EXPECT_EQ(get(objects.getByName("x").call(&Plain::increment)), 1);
}

TEST_F(EventTest, ALegacyClassHasAsynchronousStorageOnly) {
  auto objects = host->define<Plain>("Legacy", {.backend = Backend::kKeyValue});
  Stub<Plain> legacy = objects.getByName("x");
  EXPECT_EQ(get(legacy.call(&Plain::increment)), 1);
  EXPECT_EQ(codeOf([&] { get(legacy.call(&Plain::read)); }), ErrorCode::kUnsupported);
  get(legacy.run([](Plain& self) -> Task<> {
    co_await self.storage().transaction([&] { self.storage().put("t", 1); });
  }));
}

TEST_F(EventTest, AFullObjectRefusesWritesAndStillTakesErasesAndDeleteAll) {
  close();
  HostOptions small = options();
  small.engine.limits.objectBytesMax = 10'000;
  open(small);
  plain.emplace(host->define<Plain>("Plain"));
  auto put = [&](const std::string& key) {
    return codeOf([&] {
      get(stub().run(
          [key](Plain& self) { self.storage().kv().put(key, std::string(3'000, 'x')); }));
    });
  };
  EXPECT_EQ(put("a"), std::nullopt);
  EXPECT_EQ(put("b"), std::nullopt);
  EXPECT_EQ(put("c"), std::nullopt);
  EXPECT_EQ(put("d"), ErrorCode::kNoSpace);
  EXPECT_EQ(put("c"), ErrorCode::kNoSpace);  // Room for both values is needed, for a while.
  event([](Plain& self) { self.storage().kv().erase("a"); });
  EXPECT_EQ(put("d"), std::nullopt);
  host->engine().checkpoint();
  host->evictIdle();
  run();
  EXPECT_EQ(put("e"), ErrorCode::kNoSpace);
  event([](Plain& self) { self.storage().deleteAll(); });
  EXPECT_EQ(put("e"), std::nullopt);
}

TEST_F(EventTest, CountersSayWhatHappened) {
  get(stub().call(&Plain::increment));
  get(stub().call(&Plain::read));
  HostMetrics metrics = host->metrics();
  EXPECT_EQ(metrics.events, 2U);
  EXPECT_EQ(metrics.commits, 1U);
  EXPECT_EQ(metrics.queueNs.count(), 2U);
  EXPECT_GE(metrics.engines.at(0).stats.journalWriteNs.count(), 1U);
  EXPECT_EQ(metrics.engines.at(0).stats.groupCommits.sum, 1U);
  std::string text = metrics.prometheus();
  EXPECT_THAT(text, testing::HasSubstr("\ncairn_events_total 2\n"));
  EXPECT_THAT(text, testing::HasSubstr("cairn_event_queue_seconds_bucket{le=\"+Inf\"} 2\n"));
  std::optional<ObjectMetrics> object = host->metrics(plain->idFromName("a"));
  ASSERT_TRUE(object);
  EXPECT_EQ(object->events, 2U);
  EXPECT_EQ(object->commits, 1U);
  EXPECT_FALSE(host->metrics(plain->idFromName("nobody")));
  EXPECT_GT(object->committedBytes, 3U);
  get(stub("say \"b\"").call(&Plain::read));
  std::vector<ObjectMetrics> objects = host->objectMetrics();
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_EQ(objects[0].object, "a");
  EXPECT_EQ(host->objectMetrics(1).size(), 1U);
  text = prometheus(objects);
  EXPECT_THAT(text, testing::HasSubstr("\ncairn_object_events_total{class=\"Plain\","
                                       "object=\"a\"} 2\n"));
  EXPECT_THAT(text, testing::HasSubstr("object=\"say \\\"b\\\"\"} 1\n"));
  // Each root has an engine.
  get(plain->jurisdiction("eu").getByName("a").call(&Plain::increment));
  text = host->metrics().prometheus();
  EXPECT_THAT(text, testing::HasSubstr("\ncairn_engine_commits_total{jurisdiction=\"none\"} 1\n"
                                       "cairn_engine_commits_total{jurisdiction=\"eu\"} 1\n"));
  EXPECT_THAT(text,
              testing::HasSubstr("cairn_engine_group_commits_count{jurisdiction=\"eu\"} 1\n"));
}

TEST_F(EventTest, IdsGoToAndFroAndOpenNothingElsewhere) {
  DurableObjectId named = plain->idFromName("room-42");
  EXPECT_EQ(plain->idFromString(named.toString()), named);
  EXPECT_EQ(named.name(), "room-42");
  DurableObjectId unique = plain->newUniqueId();
  EXPECT_EQ(unique.toString().size(), 64U);
  EXPECT_EQ(plain->idFromString(unique.toString()), unique);
  EXPECT_NE(plain->newUniqueId(), unique);

  Namespace<Plain> eu = plain->jurisdiction("eu");
  EXPECT_EQ(codeOf([&] { (void)eu.idFromString(named.toString()); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(codeOf([&] { (void)eu.get(unique); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(codeOf([&] { (void)plain->jurisdiction("mars"); }), ErrorCode::kInvalidArgument);
  // A name that looks like a unique id is another object.
  EXPECT_NE(plain->idFromName(unique.objectName()), unique);

  get(eu.getByName("room-42").call(&Plain::increment));
  EXPECT_EQ(get(stub("room-42").call(&Plain::read)), 0);
  EXPECT_EQ(host->engine(Jurisdiction::kEu).objects("Plain").size(), 1U);
}

}  // namespace
}  // namespace cairn
