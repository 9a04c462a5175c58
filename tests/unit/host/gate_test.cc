// The input gate by itself: who goes before whom.
#include "engine/host/gate.h"

#include <cairn/error.h>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace cairn::host {
namespace {

using testing::ElementsAre;

class GateTest : public testing::Test {
 protected:
  ~GateTest() override { gate.clear(); }
  void event(const std::shared_ptr<Scope>& scope, const std::string& name) {
    gate.deliver(scope, [this, name] { order.push_back(name); });
  }
  std::shared_ptr<Scope> section(const std::shared_ptr<Scope>& parent, const std::string& name) {
    return gate.open(parent, [this, name] { order.push_back(name); });
  }
  /// Runs one thing; false when nothing may run.
  bool step() {
    std::optional<InputGate::Next> next = gate.next();
    if (!next) return false;
    next->run();
    return true;
  }
  void all() {
    while (step()) {
    }
  }

  InputGate gate{nullptr};
  const std::shared_ptr<Scope> root = gate.root();
  std::vector<std::string> order;
};

TEST_F(GateTest, EventsComeInTheOrderOfArrival) {
  event(root, "a");
  event(root, "b");
  all();
  EXPECT_THAT(order, ElementsAre("a", "b"));
}

TEST_F(GateTest, ASectionGoesBeforeEventsThatWereThereFirst) {
  event(root, "event");
  auto one = section(root, "section");
  all();
  EXPECT_THAT(order, ElementsAre("section"));
  EXPECT_TRUE(gate.locked());
  gate.finish(one);
  all();
  EXPECT_THAT(order, ElementsAre("section", "event"));
}

TEST_F(GateTest, WhatASectionBeganIsDeliveredWhileOthersWait) {
  auto one = section(root, "section");
  step();
  event(root, "outside");
  event(one, "inside");
  all();
  EXPECT_THAT(order, ElementsAre("section", "inside"));
}

TEST_F(GateTest, SectionsOfOneEventRunOneAfterAnother) {
  auto first = section(root, "first");
  auto second = section(root, "second");
  all();
  EXPECT_THAT(order, ElementsAre("first"));
  gate.finish(first);
  all();
  EXPECT_THAT(order, ElementsAre("first", "second"));
  gate.finish(second);
  EXPECT_FALSE(gate.locked());
}

TEST_F(GateTest, ASectionInsideASectionHoldsItsParent) {
  auto outer = section(root, "outer");
  step();
  auto inner = section(outer, "inner");
  step();
  event(outer, "outer's");
  event(inner, "inner's");
  all();
  EXPECT_THAT(order, ElementsAre("outer", "inner", "inner's"));
  gate.finish(inner);
  all();
  EXPECT_THAT(order, ElementsAre("outer", "inner", "inner's", "outer's"));
}

TEST_F(GateTest, WhoeverAwaitedASectionGoesOnBeforeAnythingElse) {
  auto one = section(root, "one");
  step();
  auto two = section(root, "two");
  event(root, "event");
  gate.finish(one);
  gate.deliverFirst(root, [this] { order.emplace_back("resumed"); });
  step();
  EXPECT_THAT(order, ElementsAre("one", "resumed"));
  gate.finish(two);
  all();
  EXPECT_THAT(order, ElementsAre("one", "resumed", "event"));
}

TEST_F(GateTest, WhatOutlivesItsSectionBelongsToTheScopeAround) {
  auto one = section(root, "one");
  step();
  event(one, "straggler");
  auto inner = section(one, "straggling section");
  gate.finish(one);
  event(one, "late straggler");
  all();
  EXPECT_THAT(order, ElementsAre("one", "straggling section"));
  gate.finish(inner);
  all();
  EXPECT_THAT(order, ElementsAre("one", "straggling section", "straggler", "late straggler"));
}

TEST_F(GateTest, ASectionThatRunsWhenItsParentEndsHoldsTheNextScope) {
  auto outer = section(root, "outer");
  step();
  auto inner = section(outer, "inner");
  step();
  gate.finish(outer);
  event(root, "event");
  EXPECT_FALSE(step());
  gate.finish(inner);
  all();
  EXPECT_THAT(order, ElementsAre("outer", "inner", "event"));
}

TEST_F(GateTest, SixtyFourLevelsAreAllowedAndNoMore) {
  std::shared_ptr<Scope> scope = root;
  for (unsigned depth = 1; depth <= InputGate::kDepthMax; ++depth) {
    scope = section(scope, "level");
    ASSERT_TRUE(step());
  }
  try {
    section(scope, "one too many");
    FAIL() << "the 65th level was allowed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLimitExceeded);
  }
  EXPECT_EQ(order.size(), 64U);
}

TEST_F(GateTest, ClearingDropsWhatWaitsWithoutRunningIt) {
  auto witness = std::make_shared<int>(1);
  std::weak_ptr<int> alive = witness;
  auto one = section(root, "one");
  step();
  gate.deliver(one, [held = std::move(witness)] { FAIL() << "it ran"; });
  gate.clear();
  EXPECT_TRUE(alive.expired());
  EXPECT_TRUE(gate.empty());
}

}  // namespace
}  // namespace cairn::host
