// Goal: a reset drops what was under way. Defect pinned: a handler that awaited the critical
// section whose failure reset the object was never let go of, and kept the object in memory for
// good.
#include <stdexcept>

#include "tests/unit/host/host_fixture.h"

namespace cairn::test {
namespace {

class Plain : public DurableObject {
 public:
  using DurableObject::ctx;
  using DurableObject::DurableObject;
  using DurableObject::storage;
};

class Reset : public HostTest {
 protected:
  void SetUp() override {
    open();
    objects_.emplace(host->define<Plain>("Plain"));
  }

  std::optional<Namespace<Plain>> objects_;
};

TEST_F(Reset, HandlerThatAwaitsTheFailingSectionIsDropped) {
  std::weak_ptr<int> local;
  auto handler = [&local](Plain& object) -> Task<> {
    auto held = std::make_shared<int>(1);
    local = held;
    auto work = []() -> Task<> {
      throw std::runtime_error("no");
      co_return;
    };
    Operation<> section = object.ctx().blockConcurrencyWhile(std::move(work));
    co_await std::move(section);
  };
  EXPECT_THROW(get(objects_->getByName("a").run(std::move(handler))), ObjectReset);
  run();
  EXPECT_TRUE(local.expired());
}

TEST_F(Reset, HandlerThatAwaitsATransactionIsDroppedByTheAbortOfAnother) {
  std::weak_ptr<int> local;
  auto handler = [&local](Plain& object) -> Task<> {
    auto held = std::make_shared<int>(1);
    local = held;
    auto work = [&object]() -> Task<> {
      co_await object.ctx().sleep(std::chrono::milliseconds(5));
      object.ctx().abort("enough");
    };
    Operation<> transaction = object.storage().transaction(std::move(work));
    co_await std::move(transaction);
  };
  Reply<void> reply = objects_->getByName("a").run(std::move(handler));
  run();
  EXPECT_FALSE(local.expired());
  advance(5);
  EXPECT_THROW(get(std::move(reply)), ObjectReset);
  run();
  EXPECT_TRUE(local.expired());
}

}  // namespace
}  // namespace cairn::test
