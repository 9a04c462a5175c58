// Alarms as objects see them: when they fire, what they are told, what becomes of their rows.
#include <map>

#include <gmock/gmock.h>

#include "tests/unit/host/host_fixture.h"

namespace cairn {
namespace {

using test::codeOf;
using testing::ElementsAre;
using testing::IsEmpty;

struct Script {
  std::vector<AlarmInvocation> runs;
  std::function<Task<>(DurableObjectState&, const AlarmInvocation&)> work;
};

class Alarmed : public DurableObject {
 public:
  Alarmed(DurableObjectState& state, Script& script) : DurableObject(state), script_(script) {}
  using DurableObject::ctx;
  using DurableObject::storage;

  Task<> alarm(AlarmInvocation info) override {
    script_.runs.push_back(info);
    if (script_.work) co_await script_.work(ctx(), info);
  }
  Task<> set(std::int64_t time) { co_await storage().setAlarm(UnixMillis{time}); }
  Task<std::optional<UnixMillis>> get() { co_return co_await storage().getAlarm(); }

 private:
  Script& script_;
};

class Silent : public DurableObject {
 public:
  using DurableObject::DurableObject;
  Task<> set(std::int64_t time) { co_await storage().setAlarm(UnixMillis{time}); }
};

class AlarmTest : public test::HostTest {
 protected:
  void SetUp() override { reopen(); }
  void reopen() { reopen(options()); }
  void reopen(HostOptions with) {
    close();
    open(std::move(with));
    objects.emplace(host->define<Alarmed>("Alarmed", {.make = [this](DurableObjectState& state) {
                                            return std::make_unique<Alarmed>(state, script);
                                          }}));
    host->tick();
    run();
  }
  Stub<Alarmed> stub(const std::string& name = "a") { return objects->getByName(name); }
  void set(std::int64_t inMs, const std::string& name = "a") {
    get(stub(name).call(&Alarmed::set, clock.now().value + inMs));
  }
  std::optional<std::int64_t> alarm() {
    std::optional<UnixMillis> time = get(stub().call(&Alarmed::get));
    if (!time) return std::nullopt;
    return time->value - clock.now().value;
  }
  std::size_t runs() const { return script.runs.size(); }
  /// Fires what is due by then, millisecond by millisecond where something is.
  void pass(std::int64_t milliseconds) {
    std::int64_t end = clock.now().value + milliseconds;
    for (;;) {
      std::optional<std::chrono::nanoseconds> next = host->untilNextTick();
      std::int64_t left = end - clock.now().value;
      if (left <= 0) return;
      std::int64_t step = next ? (next->count() + 999'999) / 1'000'000 : left;
      advance(std::clamp<std::int64_t>(step, 1, left));
    }
  }

  Script script;
  std::optional<Namespace<Alarmed>> objects;
};

TEST_F(AlarmTest, FiresNeverEarlyAndIsClearedAfterwards) {
  set(1'000);
  EXPECT_EQ(alarm(), 1'000);
  advance(999);
  EXPECT_EQ(runs(), 0U);
  advance(1);
  ASSERT_EQ(runs(), 1U);
  EXPECT_EQ(script.runs[0].scheduledTime, clock.now());
  EXPECT_EQ(script.runs[0].retryCount, 0U);
  EXPECT_FALSE(script.runs[0].isRetry);
  EXPECT_EQ(alarm(), std::nullopt);
  advance(100'000);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(AlarmTest, IsOneCommitWithTheWritesAround) {
  set(50'000);
  std::uint64_t before = host->engine().stats().commits;
  get(stub().run([&](Alarmed& self) -> Task<> {
    self.storage().put("a", 1);
    co_await self.storage().setAlarm(UnixMillis{clock.now().value + 60'000});
  }));
  EXPECT_EQ(host->engine().stats().commits, before + 1);
}

TEST_F(AlarmTest, SettingTheSameTimeAgainIsFree) {
  set(1'000);
  std::uint64_t before = host->engine().stats().commits;
  set(1'000);
  EXPECT_EQ(host->engine().stats().commits, before);
}

TEST_F(AlarmTest, ALaterSettingReplacesAnEarlierOneAndTheOtherWayRound) {
  set(300);
  set(900);
  advance(300);
  EXPECT_EQ(runs(), 0U);
  set(100);
  advance(100);
  EXPECT_EQ(runs(), 1U);
  advance(10'000);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(AlarmTest, DeletedAlarmsDoNotFire) {
  set(300);
  get(stub().run([](Alarmed& self) -> Task<> { co_await self.storage().deleteAlarm(); }));
  advance(1'000);
  EXPECT_EQ(runs(), 0U);
}

TEST_F(AlarmTest, TheHandlerSeesNoAlarmUntilItSetsOne) {
  std::vector<bool> seen;
  script.work = [&](DurableObjectState& ctx, const AlarmInvocation&) -> Task<> {
    seen.push_back((co_await ctx.storage().getAlarm()).has_value());
    if (runs() > 1) co_return;
    co_await ctx.storage().setAlarm(UnixMillis{ctx.now().value + 5'000});
    seen.push_back((co_await ctx.storage().getAlarm()).has_value());
  };
  set(100);
  advance(100);
  EXPECT_THAT(seen, ElementsAre(false, true));
  EXPECT_EQ(alarm(), 5'000);
  advance(5'000);
  EXPECT_EQ(runs(), 2U);
}

TEST_F(AlarmTest, RetriesSixTimesDoublingAndThenGivesUp) {
  script.work = [](DurableObjectState&, const AlarmInvocation&) -> Task<> {
    throw std::runtime_error("fails");
    co_return;
  };
  set(50);
  std::vector<std::int64_t> gaps;
  std::int64_t last = clock.now().value + 50;
  std::size_t seen = 0;
  for (int i = 0; i < 400'000 && seen < 7; i += 50) {
    advance(50);
    for (; seen < runs(); ++seen) {
      gaps.push_back(clock.now().value - last);
      last = clock.now().value;
    }
  }
  ASSERT_EQ(gaps.size(), 7U);
  for (std::size_t i = 1; i < gaps.size(); ++i) {
    std::int64_t delay = 1'000 * (std::int64_t{1} << i);
    EXPECT_GE(gaps[i], delay) << i;
    EXPECT_LE(gaps[i], delay + delay / 4 + 50) << i;
    EXPECT_EQ(script.runs[i].retryCount, i);
    EXPECT_TRUE(script.runs[i].isRetry);
  }
  EXPECT_EQ(alarm(), std::nullopt);
  pass(3'000'000);
  EXPECT_EQ(runs(), 7U);
  EXPECT_EQ(host->metrics().alarmsGivenUp, 1U);
  EXPECT_THAT(logged, testing::Contains("alarm_given_up"));
}

TEST_F(AlarmTest, ARetryIsToldWhatTheAlarmWasSetTo) {
  script.work = [](DurableObjectState&, const AlarmInvocation&) -> Task<> {
    throw std::runtime_error("fails");
    co_return;
  };
  set(50);
  UnixMillis wanted{clock.now().value + 50};
  pass(10'000);
  ASSERT_EQ(runs(), 3U);
  EXPECT_EQ(get(stub().call(&Alarmed::get)), wanted);
  // From the journal, and from the store.
  reopen();
  EXPECT_EQ(get(stub().call(&Alarmed::get)), wanted);
  pass(20'000);
  ASSERT_EQ(runs(), 4U);
  host->engine().checkpoint();
  reopen();
  EXPECT_EQ(get(stub().call(&Alarmed::get)), wanted);
  pass(40'000);
  ASSERT_EQ(runs(), 5U);
  for (const AlarmInvocation& run : script.runs) EXPECT_EQ(run.scheduledTime, wanted);
  set(500);
  EXPECT_EQ(alarm(), 500);
  pass(500);
  EXPECT_EQ(script.runs.back().scheduledTime, clock.now());
  EXPECT_FALSE(script.runs.back().isRetry);
}

TEST_F(AlarmTest, ARestartDoesNotStartRetriesOver) {
  script.work = [](DurableObjectState&, const AlarmInvocation&) -> Task<> {
    throw std::runtime_error("fails");
    co_return;
  };
  set(50);
  pass(10'000);
  ASSERT_EQ(runs(), 3U);  // At 0, after 2 and after 4 seconds, jitter included.
  reopen();
  pass(20'000);
  ASSERT_GE(runs(), 4U);
  EXPECT_EQ(script.runs[3].retryCount, 3U);
}

TEST_F(AlarmTest, DeletingTheAlarmInAFailingHandlerEndsTheRetries) {
  script.work = [](DurableObjectState& ctx, const AlarmInvocation&) -> Task<> {
    co_await ctx.storage().deleteAlarm();
    throw std::runtime_error("fails");
  };
  set(100);
  pass(100'000);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(AlarmTest, SettingItInAFailingHandlerReplacesTheRetry) {
  script.work = [&](DurableObjectState& ctx, const AlarmInvocation&) -> Task<> {
    if (runs() > 1) co_return;
    co_await ctx.storage().setAlarm(UnixMillis{ctx.now().value + 300});
    throw std::runtime_error("fails");
  };
  set(100);
  pass(400);
  ASSERT_EQ(runs(), 2U);
  EXPECT_FALSE(script.runs[1].isRetry);
}

TEST_F(AlarmTest, SettingTheRunningAlarmsOwnTimeRunsItAgain) {
  script.work = [&](DurableObjectState& ctx, const AlarmInvocation& info) -> Task<> {
    if (runs() == 1) co_await ctx.storage().setAlarm(info.scheduledTime);
  };
  set(100);
  advance(100);
  advance(1);
  EXPECT_EQ(runs(), 2U);
}

TEST_F(AlarmTest, AnAbortInTheHandlerIsRetriedUnlessToldOtherwise) {
  script.work = [&](DurableObjectState& ctx, const AlarmInvocation&) -> Task<> {
    ctx.storage().put("lost", 1);
    ctx.abort("mid", {.retryAlarm = runs() == 1});
    co_return;
  };
  set(100);
  advance(100);
  EXPECT_EQ(runs(), 1U);
  pass(3'000);
  EXPECT_EQ(runs(), 2U);
  pass(100'000);
  EXPECT_EQ(runs(), 2U);
  EXPECT_EQ(alarm(), std::nullopt);
}

TEST_F(AlarmTest, OneThatWasUnderWayWhenTheHostEndedRunsAgain) {
  script.work = [&](DurableObjectState& ctx, const AlarmInvocation&) -> Task<> {
    if (runs() == 1) co_await ctx.sleep(std::chrono::hours(1));
  };
  set(100);
  advance(100);
  EXPECT_EQ(runs(), 1U);
  reopen();
  EXPECT_EQ(runs(), 2U);
  EXPECT_FALSE(script.runs[1].isRetry);
  EXPECT_EQ(alarm(), std::nullopt);
}

TEST_F(AlarmTest, OverdueAlarmsFireAtOpen) {
  for (int i = 0; i < 5; ++i) set(1'000 + i, "object " + std::to_string(i));
  close();
  clock.advance(10'000);
  reopen();
  EXPECT_EQ(runs(), 5U);
}

TEST_F(AlarmTest, AHandlerThatNeverEndsIsResetAfterFifteenMinutes) {
  script.work = [&](DurableObjectState& ctx, const AlarmInvocation&) -> Task<> {
    if (runs() == 1) co_await ctx.sleep(std::chrono::hours(10));
  };
  set(100);
  pass(100 + 899'000);
  EXPECT_EQ(host->metrics().objectsReset, 0U);
  pass(4'000);
  EXPECT_EQ(host->metrics().objectsReset, 1U);
  ASSERT_EQ(runs(), 2U);
  EXPECT_EQ(script.runs[1].retryCount, 1U);
}

TEST_F(AlarmTest, NamedAlarmsAreIndependent) {
  get(stub().run([&](Alarmed& self) -> Task<> {
    co_await self.storage().setAlarm(UnixMillis{clock.now().value + 300});
    co_await self.storage().setAlarm("cleanup", UnixMillis{clock.now().value + 200});
    co_await self.storage().setAlarm("report", UnixMillis{clock.now().value + 100});
    co_await self.storage().deleteAlarm("report");
  }));
  advance(200);
  ASSERT_EQ(runs(), 1U);
  EXPECT_EQ(script.runs[0].name, "cleanup");
  EXPECT_EQ(alarm(), 100);
  advance(100);
  ASSERT_EQ(runs(), 2U);
  EXPECT_EQ(script.runs[1].name, "");
}

TEST_F(AlarmTest, AClassWithoutAHandlerCannotSetOne) {
  auto silent = host->define<Silent>("Silent");
  EXPECT_EQ(codeOf([&] { get(silent.getByName("x").call(&Silent::set, clock.now().value + 1)); }),
            ErrorCode::kUnsupported);
}

TEST_F(AlarmTest, AStormIsSpreadAndAllOfItRuns) {
  HostOptions few = options();
  few.alarmsAtOnce = 4;
  few.alarmsInMemory = 32;
  reopen(few);
  std::size_t together = 0;
  std::size_t most = 0;
  script.work = [&](DurableObjectState& ctx, const AlarmInvocation&) -> Task<> {
    most = std::max(most, ++together);
    co_await ctx.external([]() -> Task<> { co_return; }());
    --together;
  };
  for (int i = 0; i < 200; ++i) set(1'000, "object " + std::to_string(i));
  host->engine().checkpoint();
  EXPECT_LE(host->metrics().alarmsInMemory, 200U);
  advance(1'000);
  while (runs() < 200) advance(0);
  EXPECT_EQ(runs(), 200U);
  EXPECT_LE(most, 4U);
  advance(1'000);
  EXPECT_EQ(runs(), 200U);
}

TEST_F(AlarmTest, DeleteAllKeepsTheAlarmUnlessToldOtherwise) {
  get(stub().run([&](Alarmed& self) -> Task<> {
    co_await self.storage().setAlarm(UnixMillis{clock.now().value + 100});
    self.storage().put("a", 1);
    co_await self.storage().deleteAll();
  }));
  EXPECT_EQ(alarm(), 100);
  get(stub().run([](Alarmed& self) { self.storage().deleteAll({.deleteAlarm = true}); }));
  EXPECT_EQ(alarm(), std::nullopt);
  advance(200);
  EXPECT_EQ(runs(), 0U);
}

}  // namespace
}  // namespace cairn
