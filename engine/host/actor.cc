#include "engine/host/actor.h"

#include <cairn/error.h>

#include <asio/post.hpp>
#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/host/instance.h"

namespace cairn::host {

namespace {

// Turns a worker takes before it lets others have their turn.
constexpr unsigned kTurnsPerDrain = 64;

/// An event on its way through the gate; dropped on the way, it fails with what reset the object.
class QueuedEvent {
 public:
  QueuedEvent(std::shared_ptr<Actor> actor, std::shared_ptr<Event> event)
      : actor_(std::move(actor)), event_(std::move(event)) {}
  QueuedEvent(QueuedEvent&&) = default;
  ~QueuedEvent() {
    if (!event_) return;
    actor_->eventBegun();
    event_->fail(actor_->resetCause);
  }
  std::shared_ptr<Event> take() {
    actor_->eventBegun();
    return std::move(event_);
  }

 private:
  std::shared_ptr<Actor> actor_;
  std::shared_ptr<Event> event_;
};

}  // namespace

AlarmDelivery::~AlarmDelivery() {
  if (!core_.closing()) {
    if (!handled_) {
      place_.alarms->again(due_);
    } else if (again_) {
      alarms::Due due = due_;
      due.time = *again_;
      place_.alarms->again(due);
    }
  }
  core_.alarmDone(place_);
}

Actor::Actor(Core& core, Place& place, const ClassRecord& record, DurableObjectId id,
             std::string locationHint)
    : core_(core),
      place_(place),
      class_(record),
      id_(std::move(id)),
      locationHint_(std::move(locationHint)),
      object_(place.engine->object(id_.className(), id_.objectName())),
      lastActiveNs_(core.nowNs()) {}

Actor::~Actor() = default;

bool Actor::send(const std::shared_ptr<Event>& event) {
  std::uint64_t length = queued_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (length > core_.options().queueLengthMax) {
    queued_.fetch_sub(1, std::memory_order_relaxed);
    count(core_.counters().overloaded);
    event->fail(std::make_exception_ptr(
        Error(ErrorCode::kOverloaded,
              fmt::format("object {} is overloaded: {} calls wait, {} are allowed", id_.toString(),
                          length - 1, core_.options().queueLengthMax))));
    return true;
  }
  event->queuedNs = core_.nowNs();
  if (push({nullptr, {}, event, nullptr})) return true;
  queued_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

bool Actor::sendAlarm(const std::shared_ptr<AlarmDelivery>& delivery) {
  return push({nullptr, {}, nullptr, delivery});
}

void Actor::resume(std::shared_ptr<Scope> scope, UniqueFunction<void()> run) {
  push({std::move(scope), std::move(run), nullptr, nullptr});
}

void Actor::control(UniqueFunction<void()> work) {
  push({nullptr, std::move(work), nullptr, nullptr});
}

// False leaves the item to be dropped here, outside the lock.
bool Actor::push(Item item) {
  {
    std::lock_guard lock(mutex_);
    if (gone_) return false;
    incoming_.push_back(std::move(item));
    if (std::exchange(scheduled_, true)) return true;
  }
  scheduleDrain();
  return true;
}

void Actor::scheduleDrain() {
  asio::post(core_.executor(), [self = shared_from_this()] { self->drain(); });
}

void Actor::drain() {
  std::lock_guard alone(strand_);
  for (unsigned turns = 0; turns < kTurnsPerDrain; ++turns) {
    std::vector<Item> items;
    {
      std::lock_guard lock(mutex_);
      if (gone_) return;
      items.swap(incoming_);
    }
    taking_ = items.size();
    for (Item& item : items) {
      --taking_;
      take(std::move(item));
    }
    bool waits = false;
    if (runOne(waits)) continue;
    if (waits) return;  // Still scheduled: memory becoming free goes on with it.
    std::lock_guard lock(mutex_);
    if (!incoming_.empty()) continue;
    busy_.store(instance_ && !instance_->idle(), std::memory_order_relaxed);
    lastActiveNs_.store(core_.nowNs(), std::memory_order_relaxed);
    scheduled_ = false;
    return;
  }
  scheduleDrain();
}

void Actor::take(Item item) {
  if (item.event) {
    auto begin = [queued = QueuedEvent(shared_from_this(), item.event),
                  self = &instance()]() mutable { self->begin(queued.take()); };
    instance().gate().deliver(instance().gate().root(), std::move(begin));
  } else if (item.alarm) {
    instance().gate().deliver(
        instance().gate().root(),
        [delivery = std::move(item.alarm), self = &instance()] { self->beginAlarm(delivery); });
  } else if (!item.scope) {
    item.run();
  } else if (instance_ && item.scope->instance() == instance_) {
    instance_->gate().deliver(item.scope, std::move(item.run));
  }
  // What belongs to an instance that is gone is dropped, and its coroutine with it.
}

Instance& Actor::instance() {
  if (!instance_) {
    busy_.store(true, std::memory_order_relaxed);
    instance_ = std::make_shared<Instance>(shared_from_this());
    instance_->start();
  }
  return *instance_;
}

bool Actor::runOne(bool& waits) {
  if (!instance_ || instance_->gate().empty()) return false;
  EngineCore& engine = place_.core();
  // A broken engine stays as full as it is, and tells whoever asks.
  if (engine.budget().overHard() && !instance_->hasTurn() && !engine.broken()) {
    waits = true;
    count(core_.counters().memoryWaits);
    engine.wantRound();
    engine.budget().whenBelowHard([self = shared_from_this()] { self->scheduleDrain(); },
                                  [&engine] { return engine.broken(); });
    return false;
  }
  std::optional<InputGate::Next> next = instance_->gate().next();
  if (!next) return false;
  std::shared_ptr<Instance> instance = instance_;
  instance->runTurn(std::move(*next));
  return true;
}

void Actor::instanceGone(const Instance* instance) {
  if (instance_.get() == instance) instance_.reset();
}

void Actor::evict(std::int64_t idleNs, std::shared_ptr<void> done) {
  control([this, idleNs, held = std::move(done)] {
    std::shared_ptr<Actor> self = shared_from_this();
    if (evictNow(idleNs)) core_.remove(self);
  });
}

// What came behind the eviction needs the actor.
bool Actor::evictNow(std::int64_t idleNs) {
  if (taking_ > 0) return false;
  if (instance_) {
    if (!instance_->idle()) return false;
    if (core_.nowNs() - lastActiveNs() < idleNs) return false;
    std::shared_ptr<Instance> instance = instance_;
    instance->retire();
    count(core_.counters().objectsEvicted);
  }
  std::lock_guard lock(mutex_);
  if (!incoming_.empty()) return false;
  gone_ = true;
  return true;
}

void Actor::reset(const std::string& reason) {
  control([this, reason] {
    if (!instance_) return;
    std::shared_ptr<Instance> instance = instance_;
    instance->breakWith(std::make_exception_ptr(Error(ErrorCode::kCanceled, reason)),
                        Blame::kHandler);
  });
}

void Actor::shutDown(const std::exception_ptr& cause) {
  std::lock_guard alone(strand_);
  std::vector<Item> items;
  {
    std::lock_guard lock(mutex_);
    gone_ = true;
    items.swap(incoming_);
  }
  for (Item& item : items) {
    if (!item.event) continue;
    queued_.fetch_sub(1, std::memory_order_relaxed);
    item.event->fail(cause);
  }
  items.clear();
  if (std::shared_ptr<Instance> instance = instance_) {
    if (instance->idle()) {
      instance->retire();
    } else {
      instance->breakWith(cause, Blame::kStorage);
    }
  }
  object_ = {};
}

ObjectMetrics Actor::metrics() const {
  ObjectMetrics metrics;
  metrics.events = events.load(std::memory_order_relaxed);
  metrics.commits = commits.load(std::memory_order_relaxed);
  metrics.className = id_.className();
  metrics.object = id_.objectName();
  metrics.committedBytes = committedBytes.load(std::memory_order_relaxed);
  metrics.gateNs = gateNs.load(std::memory_order_relaxed);
  metrics.alarmsRun = alarmsRun.load(std::memory_order_relaxed);
  metrics.gateWaits = gateWaits.load(std::memory_order_relaxed);
  metrics.queueLength = queued_.load(std::memory_order_relaxed);
  metrics.active = active.load(std::memory_order_relaxed);
  return metrics;
}

}  // namespace cairn::host
