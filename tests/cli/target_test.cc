// Goal: a point in time means the last commit at or before it, in every form the command takes.
// Method: a root whose commits were made by a clock that stood at known times before now.
#include <cairn/engine.h>
#include <cairn/history.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/session.h"
#include "tests/support/manual_clock.h"

namespace cairn::test {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMinute = 60'000;

class TargetTest : public testing::Test {
 protected:
  // Commit n at n quarters of an hour after the first, which was an hour and a half ago.
  TargetTest() : first_(systemClock().now().value - 90 * kMinute), clock_(first_) {
    auto engine = Engine::open({.root = shell_.path("data"), .clock = &clock_});
    for (int i = 1; i <= 5; ++i) {
      engine->turn(engine->object("Room", "1"), [&](Storage& storage) { storage.kv().put("n", i); })
          .wait();
      clock_.advance(15 * kMinute);
    }
    engine->close();
  }

  // The value as of `target`.
  std::string at(const std::string& target) {
    Answer answer = shell_.run("cairn pitr get Room/1 n --at " + target);
    return answer.exit == 0 ? answer.output.substr(0, answer.output.find('\n'))
                            : fmt::format("[exit code {}]", answer.exit);
  }

  Shell shell_;
  std::int64_t first_;
  ManualClock clock_;
};

TEST_F(TargetTest, ADistanceFromNow) {
  EXPECT_EQ(at("-89m"), "1");
  EXPECT_EQ(at("-76m"), "1");
  EXPECT_EQ(at("-74m"), "2");
  EXPECT_EQ(at("-3600s"), "3");
  EXPECT_EQ(at("-1h"), "3");
  EXPECT_EQ(at("-1s"), "5");
  EXPECT_EQ(at("-2h"), "[exit code 1]") << "it did not exist";
}

TEST_F(TargetTest, AnInstantIsNeverALaterState) {
  std::int64_t second = first_ + 15 * kMinute;
  EXPECT_EQ(at(fmt::format("{}ms", second)), "2");
  EXPECT_EQ(at(fmt::format("{}ms", second - 1)), "1");
  EXPECT_EQ(at(fmt::format("{}s", second / 1'000 + 1)), "2");
  EXPECT_EQ(at("+1m"), "[exit code 3]") << "nobody knows the future";
}

TEST_F(TargetTest, TheDistanceIsToldInMilliseconds) {
  std::int64_t second = first_ + 15 * kMinute;
  Answer answer =
      shell_.run(fmt::format("cairn --json pitr info Room/1 --at {}ms", second + 12'345));
  EXPECT_THAT(answer.output, HasSubstr("\"distanceMs\":12345"));
  EXPECT_THAT(answer.output, HasSubstr(fmt::format("\"ms\":{}", second)));
}

TEST_F(TargetTest, ABookmarkOfAPointIsThatPoint) {
  for (int n = 1; n <= 5; ++n) {
    Answer info = shell_.run(fmt::format("cairn pitr info Room/1 --at lsn:{}", n));
    std::string bookmark = info.output.substr(info.output.find("0000"), 59);
    EXPECT_EQ(at(bookmark), std::to_string(n));
  }
}

TEST_F(TargetTest, BeforeAKeyIsJustBeforeItsLastChange) { EXPECT_EQ(at("before:n"), "4"); }

}  // namespace
}  // namespace cairn::test
