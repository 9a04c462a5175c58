#include "engine/host/instance.h"

#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/host/executor.h"

namespace cairn::host {

namespace {

struct Running {
  Instance* instance = nullptr;
  std::shared_ptr<Scope> scope;
};
thread_local Running running;

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

Blame blameFor(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& known) {
    switch (known.code()) {
      case ErrorCode::kNoSpace:
      case ErrorCode::kBroken:
      case ErrorCode::kIo:
      case ErrorCode::kDamaged:
        return Blame::kStorage;
      default:
        return Blame::kHandler;
    }
  } catch (...) {
    return Blame::kHandler;
  }
}

}  // namespace

Instance::Instance(std::shared_ptr<Actor> actor)
    : actor_(std::move(actor)),
      sendsHeld_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      open_(std::make_shared<std::atomic<bool>>(true)) {}

Instance::~Instance() = default;

void Instance::start() {
  gate_ = std::make_unique<InputGate>(shared_from_this());
  state_ = std::make_unique<DurableObjectState>(*this);
  gate_->deliver(gate_->root(), [this] { construct(); });
  count(core().counters().objectsStarted);
}

Instance* Instance::running() { return host::running.instance; }
const std::shared_ptr<Scope>& Instance::runningScope() { return host::running.scope; }

void Instance::construct() {
  EventScope scope(std::make_shared<sql::CpuBudget>());
  constructing_ = true;
  try {
    object_ = actor_->classRecord().make(*state_);
  } catch (const AbortSignal&) {
  } catch (...) {
    breakWith(std::current_exception(), blameFor(std::current_exception()));
  }
  constructing_ = false;
}

// ---- turns

void Instance::runTurn(InputGate::Next next) {
  Running outer = std::exchange(host::running, Running{this, next.scope});
  inTurn_ = true;
  count(core().counters().turns);
  try {
    if (turn_) turn_->resume();
    next.run();
    next.run = {};
  } catch (const AbortSignal&) {
  } catch (...) {
    breakWith(std::current_exception(), Blame::kHandler);
  }
  endTurn();
  host::running = std::move(outer);
}

void Instance::endTurn() {
  if (turn_) {
    std::exception_ptr failure;
    try {
      commitNow();
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      breakWith(failure, blameFor(failure));
    } else if (transactions_ > 0) {
      turn_->pause();
    } else {
      turn_.reset();
    }
  }
  inTurn_ = false;
  if (!broken_) letOut();
}

Session& Instance::session() {
  if (running() != this || !inTurn_) {
    throw Error(ErrorCode::kConflict,
                fmt::format("the storage of object {} is used outside of its strand",
                            actor_->id().toString()));
  }
  if (broken_) std::rethrow_exception(cause_);
  if (!turn_) {
    ObjectState& object = *actor_->object().state();
    turn_.emplace(actor_->place().core(), object);
    if (object.number.isZero()) object.locationHint = actor_->locationHint();
    // Commits of an earlier instance may not be durable yet, and have been seen now.
    if (last_.isZero()) last_ = confirmed_ = object.lastLsn;
  }
  return turn_->session();
}

const std::string& Instance::locationHint() {
  session();
  return locationHint_ = actor_->object().state()->locationHint;
}

Lsn Instance::commitNow() {
  if (!turn_ || transactions_ > 0) return last_;
  turn_->commit();
  noteCommit();
  return last_;
}

void Instance::noteCommit() {
  Lsn lsn = actor_->object().state()->lastLsn;
  if (lsn > last_) {
    last_ = lsn;
    if (confirmedWrites_) confirmed_ = lsn;
    count(core().counters().commits);
    count(actor_->commits);
    actor_->committedBytes.fetch_add(turn_->session().lastCommitBytes(), std::memory_order_relaxed);
  }
  confirmedWrites_ = false;
}

// ---- events

std::shared_ptr<Instance::Active> Instance::addActive(std::shared_ptr<Event> event,
                                                      std::string what) {
  auto active = std::make_shared<Active>();
  active->event = std::move(event);
  active->what = std::move(what);
  active->index = active_.size();
  active_.push_back(active);
  actor_->active.store(active_.size(), std::memory_order_relaxed);
  return active;
}

void Instance::dropActive(const std::shared_ptr<Active>& active) {
  if (broken_) return;
  std::swap(active_[active->index], active_.back());
  active_[active->index]->index = active->index;
  active_.pop_back();
  actor_->active.store(active_.size(), std::memory_order_relaxed);
}

void Instance::begin(const std::shared_ptr<Event>& event) {
  if (event->settled()) return;
  std::int64_t waitedNs = core().nowNs() - event->queuedNs;
  core().counters().queueNs.add(static_cast<std::uint64_t>(std::max<std::int64_t>(waitedNs, 0)));
  if (waitedNs > core().options().queueAgeMaxMs * 1'000'000) {
    count(core().counters().overloaded);
    event->fail(std::make_exception_ptr(
        Error(ErrorCode::kOverloaded,
              fmt::format("object {} is overloaded: the call waited {} ms, {} are allowed",
                          actor_->id().toString(), waitedNs / 1'000'000,
                          core().options().queueAgeMaxMs))));
    return;
  }
  EventScope scope(std::make_shared<sql::CpuBudget>());
  count(core().counters().events);
  count(actor_->events);
  std::shared_ptr<Active> active = addActive(event, {});
  std::optional<Task<>> task;
  try {
    task = event->perform(*object_);
  } catch (const AbortSignal&) {
    throw;
  } catch (...) {
    finish(active, std::current_exception());
    return;
  }
  if (!task) {
    finish(active, nullptr);
    return;
  }
  event->onWithdrawn([weak = weak_from_this(), weakActive = std::weak_ptr(active)] {
    std::shared_ptr<Instance> self = weak.lock();
    if (!self) return;
    self->actor_->control([weakActive] {
      if (std::shared_ptr<Active> withdrawn = weakActive.lock())
        withdrawn->cancel.emit(asio::cancellation_type::terminal);
    });
  });
  spawn(active, runEvent(shared_from_this(), active, std::move(*task)));
}

Task<> Instance::runEvent(std::shared_ptr<Instance> self, std::shared_ptr<Active> active,
                          Task<> task) {
  std::exception_ptr error;
  try {
    co_await std::move(task);
  } catch (const AbortSignal&) {
    co_return;
  } catch (...) {
    error = std::current_exception();
  }
  self->finish(active, std::move(error));
}

void Instance::finish(const std::shared_ptr<Active>& active, std::exception_ptr error) {
  if (broken_) return;
  if (error) count(core().counters().eventsFailed);
  ending_.push_back({active->event, std::move(error)});
  dropActive(active);
}

void Instance::waitUntil(Task<> work) {
  std::shared_ptr<Active> active = addActive(nullptr, "waitUntil");
  spawn(active, runBackground(shared_from_this(), active, std::move(work)));
}

Task<> Instance::runBackground(std::shared_ptr<Instance> self, std::shared_ptr<Active> active,
                               Task<> task) {
  std::exception_ptr error;
  try {
    co_await std::move(task);
  } catch (const AbortSignal&) {
    co_return;
  } catch (...) {
    error = std::current_exception();
  }
  if (error) {
    self->core().log(LogLevel::kWarning, "background_failed", &self->actor_->id(),
                     {{"what", active->what}, {"error", describe(error)}});
  }
  self->dropActive(active);
}

// ---- critical sections

std::shared_ptr<SectionResult> Instance::openSection(SectionBody body) {
  return openScope(std::move(body), false);
}
std::shared_ptr<SectionResult> Instance::openTransaction(SectionBody body) {
  return openScope(std::move(body), true);
}

std::shared_ptr<SectionResult> Instance::openScope(SectionBody body, bool transactional) {
  if (broken_) std::rethrow_exception(cause_);
  if (running() != this)
    throw Error(ErrorCode::kConflict, "a critical section was opened outside the object's strand");
  auto section = std::make_shared<SectionResult>();
  section->scope =
      gate_->open(runningScope(), [this, section, transactional, work = std::move(body),
                                   event = EventScope::running()]() mutable {
        EventScope scope(std::move(event));
        beginSection(section, std::move(work), transactional);
      });
  ++sections_;
  return section;
}

void Instance::beginSection(const std::shared_ptr<SectionResult>& section, SectionBody body,
                            bool transactional) {
  count(core().counters().criticalSections);
  std::int64_t limitMs = core().options().criticalSectionMs;
  section->timer = core().addTimer(
      std::chrono::milliseconds(limitMs), [weak = weak_from_this(), limitMs, transactional] {
        std::shared_ptr<Instance> self = weak.lock();
        if (!self) return;
        self->actor_->control([self, limitMs, transactional] {
          self->breakWith(
              std::make_exception_ptr(Error(
                  ErrorCode::kTimeout,
                  fmt::format("{} held the object's input gate for more than {} ms",
                              transactional ? "transaction" : "blockConcurrencyWhile", limitMs))),
              Blame::kHandler);
        });
      });
  spawn(section->scope, runSection(shared_from_this(), section, std::move(body), transactional));
}

Task<> Instance::runSection(std::shared_ptr<Instance> self, std::shared_ptr<SectionResult> section,
                            SectionBody body, bool transactional) {
  std::exception_ptr error;
  std::unique_ptr<Transaction> transaction;
  try {
    if (transactional) transaction = self->beginTransaction();
    co_await body(transaction.get());
  } catch (const AbortSignal&) {
    co_return;
  } catch (...) {
    error = std::current_exception();
  }
  if (self->broken_) co_return;
  if (transactional && !transaction) {
    // What was pending could not be committed.
    self->breakWith(error, blameFor(error));
    co_return;
  }
  if (transaction) {
    try {
      error = self->endTransaction(*transaction, std::move(error));
    } catch (...) {
      error = std::current_exception();
      self->breakWith(error, blameFor(error));
      co_return;
    }
  } else if (error) {
    self->breakWith(error, Blame::kHandler);
    co_return;
  }
  self->finishSection(section, std::move(error));
}

void Instance::finishSection(const std::shared_ptr<SectionResult>& section,
                             std::exception_ptr error) {
  core().cancelTimer(section->timer);
  --sections_;
  section->over = true;
  section->error = std::move(error);
  gate_->finish(section->scope);
  std::erase(awaited_, section);
  if (section->waiter) gate_->deliverFirst(section->waiterScope, std::move(section->waiter));
}

Task<> Instance::whenOver(std::shared_ptr<SectionResult> section) {
  if (!section->over) {
    section->waiterScope = runningScope();
    // Named: g++ 12 destroys a lambda's captures twice where the lambda is a temporary of an await.
    UniqueFunction<void(UniqueFunction<void()>)> arm = [this, section](UniqueFunction<void()> go) {
      section->waiter = std::move(go);
      awaited_.push_back(section);
    };
    co_await suspend(std::move(arm));
  }
  if (section->error) std::rethrow_exception(section->error);
}

// ---- transactions

std::unique_ptr<Transaction> Instance::beginTransaction() {
  commitNow();
  session().enterScope();
  ++transactions_;
  return std::make_unique<Transaction>(state_->storage(), *this, transactions_);
}

std::exception_ptr Instance::endTransaction(Transaction& transaction, std::exception_ptr error) {
  using State = Transaction::State;
  bool open = transaction.state_ == State::kOpen;
  transaction.state_ = State::kEnded;
  if (transactions_ != transaction.depth_) {
    throw Error(ErrorCode::kConflict,
                "a transaction ended while one that was begun inside it was still running");
  }
  if (open && error) session().rollbackScope();
  if (open && !error) session().releaseScope();
  --transactions_;
  commitNow();
  return error;
}

void Instance::rollback(Transaction& transaction) {
  if (transaction.state_ == Transaction::State::kRolledBack) return;
  if (transactions_ != transaction.depth_) {
    throw Error(ErrorCode::kConflict,
                "an outer transaction cannot be rolled back while a nested one is running");
  }
  session().rollbackScope();
  transaction.state_ = Transaction::State::kRolledBack;
}

// ---- resetting

std::exception_ptr Instance::resetBy(const std::exception_ptr& cause) {
  return std::make_exception_ptr(
      ObjectReset(fmt::format("the object was reset: {}", describe(cause)), cause));
}

void Instance::breakWith(const std::exception_ptr& cause, Blame blame) {
  if (broken_) return;
  std::shared_ptr<Instance> self = shared_from_this();
  broken_ = true;
  blame_ = blame;
  cause_ = resetBy(cause);
  open_->store(false);
  if (turn_) {
    if (!inTurn_) turn_->resume();
    turn_.reset();
  }
  actor_->resetCause = cause_;
  actor_->instanceGone(this);
  count(core().counters().objectsReset);
  core().log(LogLevel::kWarning, "object_reset", &actor_->id(), {{"cause", describe(cause)}});
  try {
    actor_->place().engine->endSession(actor_->object());
  } catch (const Error&) {
  }
  std::vector<std::shared_ptr<Active>> active = std::move(active_);
  for (const std::shared_ptr<Active>& each : active) {
    if (each->event) each->event->fail(cause_);
  }
  for (const Ending& each : ending_) each.event->fail(cause_);
  for (const Held& each : held_) each.event->fail(cause_);
  ending_.clear();
  held_.clear();
  sends_.clear();
  for (auto& [name, alarm] : alarms_) {
    core().cancelTimer(alarm.timer);
    settleAlarm(name, alarm);
  }
  alarms_.clear();
  gate_->clear();
  actor_->active.store(0, std::memory_order_relaxed);
  // What is suspended comes back sooner, to be dropped.
  for (const std::shared_ptr<Active>& each : active)
    each->cancel.emit(asio::cancellation_type::terminal);
  // A coroutine that awaits a section holds it, and is held by it.
  std::vector<std::shared_ptr<SectionResult>> awaited = std::move(awaited_);
  for (const std::shared_ptr<SectionResult>& section : awaited)
    UniqueFunction<void()> dropped = std::move(section->waiter);
}

void Instance::abort(const std::string& reason, const AbortOptions& options) {
  retryAlarm_ = options.retryAlarm;
  breakWith(std::make_exception_ptr(Error(
                ErrorCode::kCanceled,
                reason.empty() ? "the application called abort() to reset the object" : reason)),
            Blame::kHandler);
  throw AbortSignal{};
}

void Instance::retire() {
  std::shared_ptr<Instance> self = shared_from_this();
  broken_ = true;
  cause_ = std::make_exception_ptr(
      Error(ErrorCode::kBroken, "the object was let go because it did nothing"));
  actor_->resetCause = cause_;
  actor_->instanceGone(this);
  try {
    actor_->place().engine->endSession(actor_->object());
  } catch (const Error&) {
  }
  gate_->clear();
  object_.reset();
}

}  // namespace cairn::host
