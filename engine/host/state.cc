// The public face of an instance, and of events.
#include <cairn/durable_object.h>
#include <cairn/error.h>

#include <asio/associated_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>

#include "engine/host/instance.h"

namespace cairn {

DurableObjectState::DurableObjectState(host::Instance& instance)
    : instance_(instance), storage_(instance) {}

const DurableObjectId& DurableObjectState::id() const { return instance_.actor().id(); }
const std::string& DurableObjectState::className() const {
  return instance_.actor().classRecord().name;
}
const std::string& DurableObjectState::locationHint() const { return instance_.locationHint(); }
Host& DurableObjectState::host() const { return instance_.core().host(); }
UnixMillis DurableObjectState::now() const { return instance_.core().clock().now(); }

std::shared_ptr<host::SectionResult> DurableObjectState::openSection(host::SectionBody body) {
  return instance_.openSection(std::move(body));
}

void DurableObjectState::waitUntil(Task<> work) { instance_.waitUntil(std::move(work)); }

Task<> DurableObjectState::offStrand(Task<> work) {
  co_await asio::co_spawn(instance_.core().executor(), std::move(work), asio::use_awaitable);
}

Task<> DurableObjectState::sleep(std::chrono::milliseconds time) {
  auto self = instance_.shared_from_this();
  std::shared_ptr<host::Scope> scope = host::Instance::runningScope();
  // Named: g++ 12 destroys a lambda's captures twice where the lambda is a temporary of an await.
  UniqueFunction<void(UniqueFunction<void()>)> arm = [self, scope,
                                                      time](UniqueFunction<void()> go) {
    auto resume = [weak = std::weak_ptr(self), scope, held = std::move(go)]() mutable {
      if (std::shared_ptr<host::Instance> instance = weak.lock())
        instance->actor().resume(scope, std::move(held));
    };
    self->core().addTimer(time, std::move(resume));
  };
  co_await self->suspend(std::move(arm));
}

Operation<> DurableObjectState::output() { return instance_.outputOpen(false); }
void DurableObjectState::output(UniqueFunction<void()> send) { instance_.output(std::move(send)); }

void DurableObjectState::abort(const std::string& reason, const AbortOptions& options) {
  instance_.abort(reason, options);
}

Task<> DurableObject::alarm(AlarmInvocation) { co_return; }

namespace host {

bool Event::settled() const {
  std::lock_guard lock(mutex_);
  return settled_;
}

void Event::wait() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return settled_; });
}

bool Event::waitFor(std::chrono::nanoseconds time) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return settled_; });
}

void Event::settle(std::exception_ptr error) {
  std::vector<UniqueFunction<void()>> then;
  {
    std::lock_guard lock(mutex_);
    if (settled_) return;
    settled_ = true;
    error_ = std::move(error);
    then.swap(then_);
    changed_.notify_all();
  }
  for (UniqueFunction<void()>& each : then) each();
}

void Event::onSettled(UniqueFunction<void()> then) {
  {
    std::lock_guard lock(mutex_);
    if (!settled_) {
      then_.push_back(std::move(then));
      return;
    }
  }
  then();
}

void Event::withdraw(ErrorCode code, const std::string& why) {
  UniqueFunction<void()> then;
  {
    std::lock_guard lock(mutex_);
    if (settled_) return;
    withdrawn_ = true;
    then = std::move(whenWithdrawn_);
  }
  fail(std::make_exception_ptr(Error(code, why)));
  if (then) then();
}

void Event::onWithdrawn(UniqueFunction<void()> then) {
  {
    std::lock_guard lock(mutex_);
    if (!withdrawn_) {
      whenWithdrawn_ = std::move(then);
      return;
    }
  }
  then();
}

Task<> whenSettled(std::shared_ptr<Event> event) {
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [](auto handler, const std::shared_ptr<Event>& awaited) {
        auto executor = asio::get_associated_executor(handler);
        awaited->onSettled([executor, go = std::move(handler)]() mutable {
          asio::post(executor, [held = std::move(go)]() mutable { std::move(held)(); });
        });
      },
      asio::use_awaitable, std::move(event));
}

}  // namespace host

}  // namespace cairn
