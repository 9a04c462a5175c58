// What leaves an object, and what makes it wait: the output gate, and suspending.
#include <cairn/error.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/host/executor.h"
#include "engine/host/instance.h"

namespace cairn::host {

namespace {

struct Ticket {
  std::mutex mutex;
  bool open = false;
  bool dropped = false;  ///< It will not open any more.
  UniqueFunction<void()> waiter;
};

// The gate's side of a ticket. The waiter is a coroutine that holds the ticket, which holds it:
// when the gate will not open any more, the coroutine is dropped on its object's strand.
class Opener {
 public:
  Opener(std::shared_ptr<Ticket> ticket, std::weak_ptr<Instance> instance)
      : ticket_(std::move(ticket)), instance_(std::move(instance)) {}
  ~Opener() {
    UniqueFunction<void()> dropped = take(ticket_->dropped);
    std::shared_ptr<Instance> instance = instance_.lock();
    if (dropped && instance) instance->actor().control([waiter = std::move(dropped)] {});
  }
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;

  void open() {
    if (UniqueFunction<void()> waiter = take(ticket_->open)) waiter();
  }

 private:
  UniqueFunction<void()> take(bool& how) {
    std::lock_guard lock(ticket_->mutex);
    how = true;
    return std::move(ticket_->waiter);
  }

  std::shared_ptr<Ticket> ticket_;
  std::weak_ptr<Instance> instance_;
};

}  // namespace

// ---- the executor

EventScope::Budget& EventScope::running() {
  thread_local Budget budget;
  return budget;
}

bool StrandExecutor::runsHere() const noexcept {
  return Instance::running() != nullptr && Instance::runningScope() == scope_ &&
         !scope_->instance()->broken();
}

void StrandExecutor::post(UniqueFunction<void()> function) const {
  scope_->instance()->actor().resume(scope_, std::move(function));
}

asio::execution_context& StrandExecutor::query(asio::execution::context_t) const noexcept {
  return asio::query(scope_->instance()->core().executor(), asio::execution::context);
}

void Instance::spawn(const std::shared_ptr<Active>& active, Task<> task) {
  asio::co_spawn(StrandExecutor(runningScope()), std::move(task),
                 asio::bind_cancellation_slot(
                     active->cancel.slot(),
                     asio::bind_executor(InlineExecutor(), [](const std::exception_ptr&) {})));
}

void Instance::spawn(const std::shared_ptr<Scope>& scope, Task<> task) {
  asio::co_spawn(StrandExecutor(scope), std::move(task),
                 asio::bind_executor(InlineExecutor(), [](const std::exception_ptr&) {}));
}

Task<> Instance::suspend(UniqueFunction<void(UniqueFunction<void()>)> arm) {
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [](auto handler, UniqueFunction<void(UniqueFunction<void()>)> armed) {
        armed([go = std::move(handler), event = EventScope::running()]() mutable {
          EventScope scope(std::move(event));
          std::move(go)();
        });
      },
      asio::use_awaitable, std::move(arm));
}

// ---- the output gate

void Instance::letOut() {
  while (!held_.empty() && held_.front().event->settled()) held_.pop_front();
  for (const std::string& name : alarmsEnding_) {
    auto ended = alarms_.find(name);
    core().cancelTimer(ended->second.timer);
    alarms_.erase(ended);
  }
  alarmsEnding_.clear();
  std::vector<Send> sends = std::move(sends_);
  sends_.clear();
  for (Send& send : sends) dispatch(std::move(send));
  std::vector<Ending> ending = std::move(ending_);
  ending_.clear();
  for (Ending& each : ending) hold(std::move(each));
}

void Instance::hold(Ending ending) {
  auto settle = [](Event& event, const std::exception_ptr& error) {
    if (error) {
      event.fail(error);
    } else {
      event.release();
    }
  };
  Journal& journal = actor_->place().core().journal();
  if (journal.durable() >= confirmed_) {
    settle(*ending.event, ending.error);
    return;
  }
  count(core().counters().gateWaits);
  count(actor_->gateWaits);
  std::int64_t sinceNs = core().nowNs();
  held_.push_back({ending.event, sinceNs});
  watchGate();
  journal.onDurable(confirmed_, [weak = weak_from_this(), event = ending.event,
                                 error = ending.error, settle, &core = core(),
                                 sinceNs](const std::exception_ptr& failed) {
    if (!failed) {
      auto waitedNs = static_cast<std::uint64_t>(std::max<std::int64_t>(core.nowNs() - sinceNs, 0));
      core.counters().gateNs.add(waitedNs);
      if (std::shared_ptr<Instance> self = weak.lock())
        self->actor_->gateNs.fetch_add(waitedNs, std::memory_order_relaxed);
      settle(*event, error);
      return;
    }
    event->fail(resetBy(failed));
    breakLater(weak, failed);
  });
}

// What waits for the disk will not go on.
void Instance::breakLater(const std::weak_ptr<Instance>& weak, const std::exception_ptr& cause) {
  if (std::shared_ptr<Instance> self = weak.lock())
    self->actor_->control([self, cause] { self->breakWith(cause, Blame::kStorage); });
}

void Instance::watchGate() {
  if (std::exchange(gateWatched_, true)) return;
  std::int64_t limitMs = core().options().outputGateMs;
  core().addTimer(std::chrono::milliseconds(limitMs), [weak = weak_from_this(), limitMs] {
    std::shared_ptr<Instance> self = weak.lock();
    if (!self) return;
    self->actor_->control([self, limitMs] {
      if (self->broken_) return;
      self->gateWatched_ = false;
      while (!self->held_.empty() && self->held_.front().event->settled()) self->held_.pop_front();
      if (self->held_.empty()) return;
      std::int64_t waitedMs = (self->core().nowNs() - self->held_.front().sinceNs) / 1'000'000;
      if (waitedMs < limitMs) {
        self->watchGate();
        return;
      }
      self->breakWith(
          std::make_exception_ptr(Error(
              ErrorCode::kTimeout,
              fmt::format("a reply waited {} ms for the disk, {} are allowed", waitedMs, limitMs))),
          Blame::kStorage);
    });
  });
}

void Instance::output(UniqueFunction<void()> send, bool afterAll) {
  if (broken_) return;
  bool pending = inTurn_ && turn_ && transactions_ == 0 &&
                 (afterAll ? turn_->session().inTransaction() : confirmedWrites_);
  if (pending || !sends_.empty()) {
    sends_.push_back({std::move(send), afterAll});
  } else {
    dispatch({std::move(send), afterAll});
  }
}

void Instance::dispatch(Send send) {
  Lsn through = send.afterAll ? last_ : confirmed_;
  Journal& journal = actor_->place().core().journal();
  if (journal.durable() >= through && sendsHeld_->load() == 0) {
    send.run();
    return;
  }
  sendsHeld_->fetch_add(1);
  auto run = std::make_shared<UniqueFunction<void()>>(std::move(send.run));
  journal.onDurable(through, [run, open = open_, sendsHeld = sendsHeld_,
                              weak = weak_from_this()](const std::exception_ptr& failed) {
    if (!failed && open->load()) (*run)();
    sendsHeld->fetch_sub(1);
    if (failed) breakLater(weak, failed);
  });
}

Operation<> Instance::outputOpen(bool afterAll) {
  auto ticket = std::make_shared<Ticket>();
  auto opener = std::make_shared<Opener>(ticket, weak_from_this());
  output([opener = std::move(opener)] { opener->open(); }, afterAll);
  auto wait = [](std::shared_ptr<Instance> self, std::shared_ptr<Ticket> its) -> Task<> {
    {
      std::lock_guard lock(its->mutex);
      if (its->open) co_return;
    }
    std::shared_ptr<Scope> scope = runningScope();
    // Named: g++ 12 destroys a lambda's captures twice where the lambda is a temporary of an await.
    UniqueFunction<void(UniqueFunction<void()>)> arm = [self, its,
                                                        scope](UniqueFunction<void()> go) {
      auto held = std::make_shared<UniqueFunction<void()>>(std::move(go));
      UniqueFunction<void()> resume = [self, scope, held] {
        self->actor_->resume(scope, [held] { (*held)(); });
      };
      {
        std::lock_guard lock(its->mutex);
        if (!its->open && !its->dropped) {
          its->waiter = std::move(resume);
          return;
        }
      }
      if (its->open) {
        resume();
      } else {
        self->actor_->control([waiter = std::move(resume)] {});
      }
    };
    co_await self->suspend(std::move(arm));
  };
  return Operation<>(wait(shared_from_this(), std::move(ticket)));
}

}  // namespace cairn::host
