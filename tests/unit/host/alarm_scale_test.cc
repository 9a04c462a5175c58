// Many alarms. Goal: a storm of them takes turns with requests, and pending ones cost neither time
// at open nor memory. Method: alarms are committed through the engine, a hand-moved clock makes
// them due, and the executor is run one handler at a time.
#include <cstdint>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "tests/unit/host/host_fixture.h"

namespace cairn::test {
namespace {

constexpr std::size_t kAtOnce = 16;
constexpr std::size_t kInMemory = 1'024;
constexpr std::int64_t kDueInMs = 3'600'000;

struct Counts {
  std::size_t alarms = 0;
  std::size_t failing = 0;  ///< Attempts to fail, of those to come.
};

class Member : public DurableObject {
 public:
  Member(DurableObjectState& state, Counts& counts) : DurableObject(state), counts_(counts) {}
  Task<> alarm(AlarmInvocation) override {
    ++counts_.alarms;
    if (counts_.failing > 0) {
      --counts_.failing;
      throw std::runtime_error("fails");
    }
    co_await storage().put("ran", true);
  }
  std::size_t alarmsSoFar() { return counts_.alarms; }

 private:
  Counts& counts_;
};

class AlarmScale : public HostTest, public testing::WithParamInterface<std::size_t> {
 protected:
  HostOptions manyOptions() {
    HostOptions many = options();
    many.engine.journalSegmentBytes = 16 << 20;
    many.engine.storeMapBytes = std::uint64_t{8} << 30;
    many.engine.historyMs = 0;
    many.alarmsAtOnce = kAtOnce;
    many.alarmsInMemory = kInMemory;
    many.liveObjectsMax = 2'000;
    many.log = nullptr;
    return many;
  }
  void defineMembers() {
    members.emplace(host->define<Member>("Member", {.make = [this](DurableObjectState& state) {
                                           return std::make_unique<Member>(state, counts);
                                         }}));
  }
  /// Every member's alarm, all at once or a millisecond apart, without the host taking part.
  void setAlarms(std::size_t count, std::int64_t apartMs) {
    Engine& engine = host->engine();
    std::int64_t first = clock.now().value + kDueInMs;
    for (std::size_t i = 0; i < count; ++i) {
      UnixMillis time{first + static_cast<std::int64_t>(i) * apartMs};
      engine.turn(engine.object("Member", name(i)),
                  [&](Storage& storage) { storage.setAlarm(time); });
    }
  }
  /// Of the tests that do not fire them all; fewer in the everyday run.
  static std::size_t pending() { return GetParam() > 100'000 ? GetParam() : 20'000; }
  static std::string name(std::size_t i) { return fmt::format("member {}", i); }
  /// Runs one thing, or waits a little for the disk.
  void step(Reply<std::size_t>& reply) {
    io.restart();
    if (io.poll_one() == 0) reply.waitFor(std::chrono::milliseconds(1));
  }

  Counts counts;
  std::optional<Namespace<Member>> members;
};

// A request is in the pool's queue behind the alarms under way, and before those that wait.
TEST_P(AlarmScale, AStormLetsRequestsThrough) {
  open(manyOptions());
  defineMembers();
  setAlarms(GetParam(), 0);
  host->engine().checkpoint();
  clock.advance(kDueInMs);
  counts.failing = GetParam() / 50;
  host->tick();
  Stub<Member> other = members->getByName("not one of them");
  std::size_t most = 0;
  while (counts.alarms < GetParam()) {
    std::size_t before = counts.alarms;
    Reply<std::size_t> reply = other.call(&Member::alarmsSoFar);
    while (!reply.ready()) step(reply);
    most = std::max(most, reply.get() - before);
    EXPECT_LE(host->metrics().alarmsInMemory, kInMemory + kInMemory / 2 + GetParam() / 50);
  }
  EXPECT_LE(most, kAtOnce);
  EXPECT_GE(most, kAtOnce / 2);  // Else nothing was under way, and this proves nothing.
}

TEST_P(AlarmScale, PendingOnesCostNeitherTimeAtOpenNorMemory) {
  open(manyOptions());
  defineMembers();
  setAlarms(pending(), 1);
  host->engine().checkpoint();
  (void)host->untilNextTick();
  EXPECT_LE(host->metrics().alarmsInMemory, kInMemory);
  close();
  open(manyOptions());
  defineMembers();
  host->tick();
  EXPECT_EQ(host->untilNextTick(), std::chrono::milliseconds(kDueInMs));
  EXPECT_LE(host->metrics().alarmRowsRead, kInMemory / 2);
  EXPECT_LE(host->metrics().alarmsInMemory, kInMemory);

  // A few fire: only those, and few more were looked at.
  advance(kDueInMs + 2 * kInMemory - 1);
  while (counts.alarms < 2 * kInMemory) advance(0);
  EXPECT_EQ(counts.alarms, 2 * kInMemory);
  EXPECT_LE(host->metrics().alarmRowsRead, 4 * kInMemory);
  EXPECT_LE(host->metrics().alarmsInMemory, kInMemory);
}

// The defect it pins: opening read the whole queue when alarms were overdue, before the first class
// was defined and once more for each class.
TEST_P(AlarmScale, OverdueOnesOfAClassThatNobodyDefinedAreNotReadAllAtOnce) {
  open(manyOptions());
  setAlarms(pending(), 0);
  close();
  clock.advance(kDueInMs);
  open(manyOptions());
  host->tick();
  run();
  EXPECT_EQ(host->metrics().alarmRowsRead, 0U);
  host->define<DurableObject>("Other", {.make = [](DurableObjectState& state) {
                                return std::make_unique<DurableObject>(state);
                              }});
  host->tick();
  EXPECT_LE(host->metrics().alarmRowsRead, 2 * kInMemory);
  defineMembers();
  while (counts.alarms < pending()) advance(0);
  EXPECT_EQ(counts.alarms, pending());
}

INSTANTIATE_TEST_SUITE_P(Alarms, AlarmScale, testing::Values(CAIRN_TEST_ALARMS));

}  // namespace
}  // namespace cairn::test
