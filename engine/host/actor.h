// A live object: its mailbox and its strand. What comes for it is queued here, and a worker of the
// executor takes it turn by turn; whoever takes turns is alone with the object.
//
// The actor outlives resets: its instance is the part that is thrown away and made anew.
#pragma once

#include <atomic>
#include <cairn/engine.h>
#include <cairn/host.h>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/host/core.h"
#include "engine/host/gate.h"

namespace cairn::host {

class Instance;

/// An alarm on its way from the scheduler to the object. If it is dropped before the object has
/// looked at it, the scheduler gets it back.
class AlarmDelivery {
 public:
  AlarmDelivery(Core& core, Place& place, alarms::Due due)
      : core_(core), place_(place), due_(std::move(due)) {}
  ~AlarmDelivery();
  AlarmDelivery(const AlarmDelivery&) = delete;
  AlarmDelivery& operator=(const AlarmDelivery&) = delete;

  [[nodiscard]] const alarms::Due& due() const { return due_; }
  /// The object's row tells from here on.
  void handled() { handled_ = true; }
  /// The scheduler shall look at it again then, whatever the store says.
  void again(UnixMillis time) { again_ = time; }

 private:
  Core& core_;
  Place& place_;
  alarms::Due due_;
  bool handled_ = false;
  std::optional<UnixMillis> again_;
};

class Actor : public std::enable_shared_from_this<Actor> {
 public:
  Actor(Core& core, Place& place, const ClassRecord& record, DurableObjectId id,
        std::string locationHint);
  ~Actor();

  // From any thread. False: the actor is gone; look it up again.
  bool send(const std::shared_ptr<Event>& event);
  bool sendAlarm(const std::shared_ptr<AlarmDelivery>& delivery);
  /// Goes on with something of a scope; dropped if the scope's instance is gone.
  void resume(std::shared_ptr<Scope> scope, UniqueFunction<void()> run);
  /// Runs `work` on the strand, whatever the gate says.
  void control(UniqueFunction<void()> work);
  /// Lets the instance go if nothing has happened for that long; `done` is dropped when that is
  /// decided.
  void evict(std::int64_t idleNs, std::shared_ptr<void> done = nullptr);
  void reset(const std::string& reason);
  /// Ends for good: nothing more runs, everything under way fails.
  void shutDown(const std::exception_ptr& cause);

  [[nodiscard]] Core& core() const { return core_; }
  [[nodiscard]] Place& place() const { return place_; }
  [[nodiscard]] const ClassRecord& classRecord() const { return class_; }
  [[nodiscard]] const DurableObjectId& id() const { return id_; }
  /// Of the call that made the actor.
  [[nodiscard]] const std::string& locationHint() const { return locationHint_; }
  [[nodiscard]] const ObjectRef& object() const { return object_; }
  [[nodiscard]] std::int64_t lastActiveNs() const {
    return lastActiveNs_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool busy() const { return busy_.load(std::memory_order_relaxed); }
  [[nodiscard]] ObjectMetrics metrics() const;
  [[nodiscard]] std::uint64_t queueLength() const {
    return queued_.load(std::memory_order_relaxed);
  }

  // The instance's.
  void instanceGone(const Instance* instance);
  void eventBegun() { queued_.fetch_sub(1, std::memory_order_relaxed); }

  Counter events{0};
  Counter commits{0};
  Counter committedBytes{0};
  Counter gateWaits{0};
  Counter gateNs{0};
  Counter alarmsRun{0};
  std::atomic<std::uint64_t> active{0};
  std::exception_ptr resetCause;  ///< Of the last reset; for the strand.

 private:
  struct Item {
    std::shared_ptr<Scope> scope;  ///< Null: for whatever instance lives.
    UniqueFunction<void()> run;
    std::shared_ptr<Event> event;
    std::shared_ptr<AlarmDelivery> alarm;
  };

  bool push(Item item);
  void scheduleDrain();
  void drain();
  void take(Item item);
  bool runOne(bool& waits);
  Instance& instance();
  bool evictNow(std::int64_t idleNs);

  Core& core_;
  Place& place_;
  const ClassRecord& class_;
  const DurableObjectId id_;
  const std::string locationHint_;
  ObjectRef object_;  ///< Let go of when the actor ends: the engine may go before the actor does.

  std::mutex mutex_;
  std::vector<Item> incoming_;
  bool scheduled_ = false;  ///< A drain is queued or running.
  bool gone_ = false;
  std::atomic<std::uint64_t> queued_{0};
  std::atomic<std::int64_t> lastActiveNs_{0};
  std::atomic<bool> busy_{false};

  std::mutex strand_;  ///< Held by whoever takes turns.
  std::shared_ptr<Instance> instance_;
  std::size_t taking_ = 0;  ///< What was taken from `incoming_` and not looked at yet.
};

}  // namespace cairn::host
