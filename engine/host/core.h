// The parts of a host: its roots, its classes, the live objects and the timers. `Host` is its
// public face.
#pragma once

#include <array>
#include <atomic>
#include <cairn/engine.h>
#include <cairn/host.h>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>

#include "alarms/scheduler.h"
#include "engine/base/fork_guard.h"
#include "engine/host/counters.h"
#include "engine/host/timers.h"

namespace cairn::host {

class Actor;

/// A class as the host runs it.
struct ClassRecord {
  std::string name;
  Backend backend;
  ObjectFactory make;
  bool hasAlarm;
};

/// A root directory: that of a jurisdiction.
struct Place {
  Jurisdiction jurisdiction;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<alarms::Scheduler> alarms;

  [[nodiscard]] EngineCore& core() const { return engine->core(); }
};

class Core {
 public:
  Core(Host& host, HostOptions options);
  ~Core();

  void close(std::chrono::milliseconds patience);

  [[nodiscard]] Host& host() const { return host_; }
  [[nodiscard]] const HostOptions& options() const { return options_; }
  [[nodiscard]] const ForkGuard& forkGuard() const { return forkGuard_; }
  [[nodiscard]] const Clock& clock() const { return *options_.engine.clock; }
  [[nodiscard]] std::int64_t nowNs() const { return clock().monotonic().count(); }
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] Counters& counters() { return counters_; }

  // Classes and roots.
  void define(std::string className, ClassOptions options, bool hasAlarm);
  /// Null when it is not defined.
  [[nodiscard]] const ClassRecord* classRecord(std::string_view name) const;
  /// Opens the root if that has not been done.
  Place& place(Jurisdiction jurisdiction);
  void applyMigrations(std::span<const Migration> migrations);
  void refuseDefined(const Migration& migration) const;
  void migrate(Place& place, const Migration& migration);

  // Events.
  void send(const DurableObjectId& id, const std::string& locationHint,
            std::shared_ptr<Event> event);
  void watchDeadline(const std::shared_ptr<Event>& event, std::chrono::milliseconds timeout);
  /// The live object; null when there is none.
  std::shared_ptr<Actor> find(const DurableObjectId& id);
  void remove(const std::shared_ptr<Actor>& actor);
  std::size_t evictIdle(std::int64_t idleNs);
  void reset(const DurableObjectId& id, const std::string& reason);

  // Time.
  std::uint64_t addTimer(std::chrono::nanoseconds after, UniqueFunction<void()> work);
  bool cancelTimer(std::uint64_t id) { return timers_.cancel(id); }
  void tick();
  [[nodiscard]] std::optional<std::chrono::nanoseconds> untilNextTick();

  // Alarms.
  void alarmSooner() { armTicker(); }
  void runAlarms(Place& place);
  void alarmDone(Place& place);
  /// From 0 to a quarter of `delay`.
  [[nodiscard]] std::int64_t jitter(std::int64_t delay);

  void log(LogLevel level, std::string_view name, const DurableObjectId* object,
           std::vector<std::pair<std::string_view, std::string>> fields) const;
  [[nodiscard]] bool logs() const { return static_cast<bool>(options_.log); }
  [[nodiscard]] HostMetrics metrics();
  [[nodiscard]] std::vector<ObjectMetrics> objectMetrics(std::size_t limit);

  [[nodiscard]] bool closing() const { return closing_.load(std::memory_order_acquire); }

 private:
  struct Key {
    Jurisdiction jurisdiction;
    std::string_view className;
    std::string_view name;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const;
    std::size_t operator()(const std::shared_ptr<Actor>& actor) const;
  };
  struct Equal {
    using is_transparent = void;
    static Key key(const Key& key) { return key; }
    static Key key(const std::shared_ptr<Actor>& actor);
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      Key x = key(a);
      Key y = key(b);
      return x.name == y.name && x.jurisdiction == y.jurisdiction && x.className == y.className;
    }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_set<std::shared_ptr<Actor>, Hash, Equal> actors;
  };
  static Key keyOf(const DurableObjectId& id) {
    return {id.jurisdiction(), id.className(), id.objectName()};
  }
  Shard& shardOf(const Key& key) { return shards_[(Hash()(key) >> 7) % shards_.size()]; }

  std::unique_ptr<Place> openPlace(Jurisdiction jurisdiction, const std::string& root);
  [[nodiscard]] std::string rootOf(Jurisdiction jurisdiction) const;
  std::shared_ptr<Actor> actor(const DurableObjectId& id, const ClassRecord& record,
                               const std::string& locationHint);
  void makeRoom();
  std::vector<std::shared_ptr<Actor>> liveActors();
  /// False: nobody can run it now.
  bool deliverAlarm(Place& place, alarms::Due due);
  void continueAlarms(Place& place);
  void armTicker();
  void armTicker(std::chrono::nanoseconds after);
  void ensureEvictionTimer();

  Host& host_;
  HostOptions options_;
  ForkGuard forkGuard_;
  std::unique_ptr<asio::thread_pool> pool_;
  asio::any_io_executor executor_;
  Counters counters_;

  mutable std::shared_mutex classesMutex_;
  std::map<std::string, std::unique_ptr<ClassRecord>, std::less<>> classes_;
  std::atomic<bool> anyClass_{false};  ///< Until then no alarm can be delivered.
  std::mutex placesMutex_;
  std::vector<Migration> migrations_;  ///< For roots that are opened later.
  std::array<std::unique_ptr<Place>, 3> places_;
  std::array<std::atomic<Place*>, 3> openPlaces_{};

  std::array<Shard, 64> shards_;
  std::atomic<std::size_t> live_{0};
  std::atomic<std::size_t> leaving_{0};  ///< Of the live ones: asked to make room.
  std::atomic<bool> evictionTimer_{false};
  std::mutex roomMutex_;

  Timers timers_;
  std::mutex randomMutex_;
  std::mt19937_64 random_;

  std::mutex tickerMutex_;
  std::shared_ptr<asio::steady_timer> ticker_;
  std::optional<std::chrono::nanoseconds> tickerDue_;
  std::atomic<bool> closing_{false};
  bool closed_ = false;
};

}  // namespace cairn::host
