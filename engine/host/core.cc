#include "engine/host/core.h"

#include <algorithm>
#include <cairn/error.h>
#include <sys/stat.h>
#include <thread>
#include <tuple>

#include <asio/post.hpp>
#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/host/actor.h"
#include "engine/host/instance.h"
#include "engine/rows.h"
#include "kv/keys.h"

namespace cairn::host {

namespace {

// With alarms pending the wall clock is looked at so often, in case it was set.
constexpr std::chrono::seconds kClockLook{1};
// Alarms of classes that nobody defined are passed over so many at a time.
constexpr std::size_t kPassedOverAtOnce = 1'024;
// Idle objects are looked for so many times in their idle time.
constexpr std::int64_t kEvictionLooks = 8;

std::optional<alarms::ObjectAddress> resolveObject(const kv::ReadAccess& store,
                                                   ObjectNumber number) {
  std::optional<std::string_view> bytes = store.get(kv::Table::kObjects, kv::numberKey(number));
  if (!bytes) return std::nullopt;
  ObjectRow object = ObjectRow::decode(*bytes);
  bytes = store.get(kv::Table::kClasses, kv::numberKey(object.classNumber));
  if (!bytes) return std::nullopt;
  ClassRow row = ClassRow::decode(*bytes);
  if (row.name.empty()) return std::nullopt;
  return alarms::ObjectAddress{row.name, object.name};
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace

Core::Core(Host& host, HostOptions options) : host_(host), options_(std::move(options)) {
  options_.engine.root = options_.root;
  if (options_.euRoot.empty()) options_.euRoot = options_.root + "-eu";
  if (options_.fedrampRoot.empty()) options_.fedrampRoot = options_.root + "-fedramp";
  random_.seed(options_.seed != 0 ? options_.seed : std::random_device()());
  if (options_.executor) {
    executor_ = *options_.executor;
  } else {
    unsigned threads = options_.threads != 0 ? options_.threads
                                             : std::max(1U, std::thread::hardware_concurrency());
    pool_ = std::make_unique<asio::thread_pool>(threads);
    executor_ = pool_->get_executor();
  }
  WranglerConfig config;
  if (!options_.wrangler.empty()) config = WranglerConfig::read(options_.wrangler);
  if (config.cpuMs) options_.engine.limits.cpuMs = *config.cpuMs;
  place(Jurisdiction::kNone);
  for (Jurisdiction each : {Jurisdiction::kEu, Jurisdiction::kFedramp}) {
    if (exists(rootOf(each))) place(each);
  }
  applyMigrations(config.migrations);
}

Core::~Core() {
  try {
    close(std::chrono::seconds(10));
  } catch (const std::exception&) {
    // What is not in the stores is in the journals: the next open finds it.
  }
}

// ---- roots and classes

std::string Core::rootOf(Jurisdiction jurisdiction) const {
  switch (jurisdiction) {
    case Jurisdiction::kEu:
      return options_.euRoot;
    case Jurisdiction::kFedramp:
      return options_.fedrampRoot;
    case Jurisdiction::kNone:
      break;
  }
  return options_.root;
}

Place& Core::place(Jurisdiction jurisdiction) {
  auto index = static_cast<std::size_t>(jurisdiction);
  if (Place* open = openPlaces_[index].load(std::memory_order_acquire)) return *open;
  std::lock_guard lock(placesMutex_);
  if (!places_[index]) {
    places_[index] = openPlace(jurisdiction, rootOf(jurisdiction));
    openPlaces_[index].store(places_[index].get(), std::memory_order_release);
    armTicker(std::chrono::nanoseconds(0));
  }
  return *places_[index];
}

std::unique_ptr<Place> Core::openPlace(Jurisdiction jurisdiction, const std::string& root) {
  auto place = std::make_unique<Place>();
  place->jurisdiction = jurisdiction;
  EngineOptions options = options_.engine;
  options.root = root;
  place->engine = Engine::open(options);
  EngineCore& core = place->core();
  place->alarms = std::make_unique<alarms::Scheduler>(
      alarms::Scheduler::Source{core.lmdb(), [&core] { return core.storedLsn(); }, resolveObject},
      alarms::Scheduler::Options{options_.alarmsInMemory, options_.alarmsAtOnce});
  core.onAlarmCommitted([this, itsPlace = place.get()](const EngineCore::AlarmNotice& notice) {
    std::optional<UnixMillis> time;
    if (notice.alarm) time = notice.alarm->time;
    if (itsPlace->alarms->committed(notice.object.number,
                                    {notice.object.classEntry.name, notice.object.name},
                                    notice.name, time, notice.lsn))
      alarmSooner();
  });
  // What a crash kept from being deleted.
  core.deleteObjectsOfDeadClasses();
  for (const Migration& migration : migrations_) migrate(*place, migration);
  std::shared_lock classesLock(classesMutex_);
  for (const auto& [name, record] : classes_) place->engine->defineClass(name, record->backend);
  return place;
}

void Core::define(std::string className, ClassOptions options, bool hasAlarm) {
  {
    std::unique_lock lock(classesMutex_);
    if (classes_.contains(className))
      throw Error(ErrorCode::kConflict, fmt::format("class {} is defined already", className));
    for (std::atomic<Place*>& open : openPlaces_) {
      if (Place* place = open.load()) place->engine->defineClass(className, options.backend);
    }
    auto record = std::make_unique<ClassRecord>(
        ClassRecord{className, options.backend, std::move(options.make), hasAlarm});
    if (!record->make) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("class {} cannot be made from a DurableObjectState& alone, and "
                              "ClassOptions::make is missing",
                              className));
    }
    classes_.emplace(std::move(className), std::move(record));
    anyClass_ = true;
  }
  // Alarms of its objects could not be delivered before.
  for (std::atomic<Place*>& open : openPlaces_) {
    if (Place* place = open.load()) place->alarms->restart();
  }
  armTicker(std::chrono::nanoseconds(0));
}

const ClassRecord* Core::classRecord(std::string_view name) const {
  std::shared_lock lock(classesMutex_);
  auto found = classes_.find(name);
  return found == classes_.end() ? nullptr : found->second.get();
}

void Core::applyMigrations(std::span<const Migration> migrations) {
  std::lock_guard lock(placesMutex_);
  for (const Migration& migration : migrations) {
    for (const Migration& other : migrations) {
      if (&other != &migration && other.tag == migration.tag)
        throw Error(ErrorCode::kInvalidArgument,
                    fmt::format("two migrations have the tag {}", migration.tag));
    }
    for (const std::unique_ptr<Place>& place : places_) {
      if (place && !place->core().classesChanged(migration.tag)) {
        refuseDefined(migration);
        migrate(*place, migration);
      }
    }
    migrations_.push_back(migration);
  }
}

// Objects of classes that are renamed or deleted must not be live.
void Core::refuseDefined(const Migration& migration) const {
  auto refuse = [&](const std::string& name) {
    if (classRecord(name) == nullptr) return;
    throw Error(ErrorCode::kConflict,
                fmt::format("migration {}: class {} is defined already; migrations come first",
                            migration.tag, name));
  };
  for (const RenamedClass& each : migration.renamedClasses) refuse(each.from);
  for (const std::string& each : migration.deletedClasses) refuse(each);
}

void Core::migrate(Place& place, const Migration& migration) {
  if (migration.tag.empty()) throw Error(ErrorCode::kInvalidArgument, "a migration has no tag");
  std::vector<EngineCore::ClassChange> changes;
  for (const RenamedClass& each : migration.renamedClasses)
    changes.push_back({each.from, std::nullopt, each.to});
  for (const std::string& name : migration.deletedClasses)
    changes.push_back({name, std::nullopt, {}});
  for (const std::string& name : migration.newSqliteClasses)
    changes.push_back({name, Backend::kSqlite, {}});
  for (const std::string& name : migration.newClasses)
    changes.push_back({name, Backend::kKeyValue, {}});
  if (!place.core().changeClasses(migration.tag, changes)) return;
  log(LogLevel::kInfo, "migrated", nullptr, {{"tag", migration.tag}});
  place.core().deleteObjectsOfDeadClasses();
}

// ---- objects

std::size_t Core::Hash::operator()(const Key& key) const {
  return std::hash<std::string_view>()(key.name) ^
         (std::hash<std::string_view>()(key.className) * 31 +
          static_cast<std::size_t>(key.jurisdiction));
}
std::size_t Core::Hash::operator()(const std::shared_ptr<Actor>& actor) const {
  return (*this)(keyOf(actor->id()));
}
Core::Key Core::Equal::key(const std::shared_ptr<Actor>& actor) { return keyOf(actor->id()); }

std::shared_ptr<Actor> Core::find(const DurableObjectId& id) {
  Shard& shard = shardOf(keyOf(id));
  std::lock_guard lock(shard.mutex);
  auto found = shard.actors.find(keyOf(id));
  return found == shard.actors.end() ? nullptr : *found;
}

std::shared_ptr<Actor> Core::actor(const DurableObjectId& id, const ClassRecord& record,
                                   const std::string& locationHint) {
  if (std::shared_ptr<Actor> found = find(id)) return found;
  if (closing()) throw Error(ErrorCode::kCanceled, "the host is closed");
  if (live_.load() >= options_.liveObjectsMax + leaving_.load()) makeRoom();
  auto made = std::make_shared<Actor>(*this, place(id.jurisdiction()), record, id, locationHint);
  Shard& shard = shardOf(keyOf(id));
  {
    std::lock_guard lock(shard.mutex);
    auto [place, added] = shard.actors.insert(made);
    if (!added) return *place;
  }
  ++live_;
  ensureEvictionTimer();
  return made;
}

void Core::remove(const std::shared_ptr<Actor>& actor) {
  Shard& shard = shardOf(keyOf(actor->id()));
  std::lock_guard lock(shard.mutex);
  auto found = shard.actors.find(keyOf(actor->id()));
  if (found == shard.actors.end() || *found != actor) return;
  shard.actors.erase(found);
  --live_;
}

std::vector<std::shared_ptr<Actor>> Core::liveActors() {
  std::vector<std::shared_ptr<Actor>> actors;
  for (Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    actors.insert(actors.end(), shard.actors.begin(), shard.actors.end());
  }
  return actors;
}

// Lets a sixteenth of the objects go, those that were idle for longest.
void Core::makeRoom() {
  std::lock_guard lock(roomMutex_);
  if (live_.load() < options_.liveObjectsMax + leaving_.load()) return;
  std::vector<std::shared_ptr<Actor>> actors = liveActors();
  std::erase_if(actors, [](const std::shared_ptr<Actor>& actor) { return actor->busy(); });
  if (actors.empty()) {
    count(counters_.overloaded);
    throw Error(ErrorCode::kOverloaded,
                fmt::format("the host is overloaded: {} objects are live and busy, {} are allowed",
                            live_.load(), options_.liveObjectsMax));
  }
  std::size_t victims = std::min(actors.size(), options_.liveObjectsMax / 16 + 1);
  std::partial_sort(
      actors.begin(), actors.begin() + static_cast<std::ptrdiff_t>(victims), actors.end(),
      [](const auto& a, const auto& b) { return a->lastActiveNs() < b->lastActiveNs(); });
  for (std::size_t i = 0; i < victims; ++i) {
    ++leaving_;
    std::shared_ptr<void> gone(nullptr, [this](void*) { --leaving_; });
    actors[i]->evict(0, std::move(gone));
  }
}

std::size_t Core::evictIdle(std::int64_t idleNs) {
  std::size_t asked = 0;
  std::int64_t now = nowNs();
  for (const std::shared_ptr<Actor>& actor : liveActors()) {
    if (actor->busy() || now - actor->lastActiveNs() < idleNs) continue;
    actor->evict(idleNs);
    ++asked;
  }
  return asked;
}

void Core::ensureEvictionTimer() {
  if (evictionTimer_.exchange(true)) return;
  std::int64_t idleNs = options_.idleEvictionMs * 1'000'000;
  addTimer(std::chrono::nanoseconds(std::max<std::int64_t>(idleNs / kEvictionLooks, 1'000'000)),
           [this, idleNs] {
             evictionTimer_ = false;
             evictIdle(idleNs);
             if (live_.load() > 0) ensureEvictionTimer();
           });
}

// ---- events

void Core::send(const DurableObjectId& id, const std::string& locationHint,
                std::shared_ptr<Event> event) {
  try {
    forkGuard_.refuseFork();
    const ClassRecord* record = classRecord(id.className());
    if (record == nullptr)
      throw Error(ErrorCode::kNotFound, fmt::format("class {} is not defined", id.className()));
    if (closing()) throw Error(ErrorCode::kCanceled, "the host is closed");
    for (;;) {
      std::shared_ptr<Actor> its = actor(id, *record, locationHint);
      if (its->send(event)) return;
      remove(its);
    }
  } catch (const Error&) {
    event->fail(std::current_exception());
  }
}

void Core::watchDeadline(const std::shared_ptr<Event>& event, std::chrono::milliseconds timeout) {
  std::uint64_t timer = addTimer(timeout, [this, weak = std::weak_ptr(event), timeout] {
    if (std::shared_ptr<Event> late = weak.lock()) {
      count(counters_.timedOut);
      late->withdraw(ErrorCode::kTimeout,
                     fmt::format("the call had no answer within {} ms", timeout.count()));
    }
  });
  event->onSettled([this, timer] { cancelTimer(timer); });
}

void Core::reset(const DurableObjectId& id, const std::string& reason) {
  std::shared_ptr<Actor> found = find(id);
  if (!found) {
    // What is armed for the next session happens then even if the object was not live.
    Engine& engine = *place(id.jurisdiction()).engine;
    engine.endSession(engine.object(id.className(), id.objectName()));
    return;
  }
  found->reset(reason);
}

// ---- time

std::uint64_t Core::addTimer(std::chrono::nanoseconds after, UniqueFunction<void()> work) {
  Timers::Added added = timers_.add(clock().monotonic() + after, std::move(work));
  if (added.first) armTicker(after);
  return added.id;
}

void Core::tick() {
  if (closing()) return;
  timers_.runDue(clock().monotonic());
  for (std::atomic<Place*>& open : openPlaces_) {
    if (Place* place = open.load(std::memory_order_acquire)) runAlarms(*place);
  }
  armTicker();
}

std::optional<std::chrono::nanoseconds> Core::untilNextTick() {
  std::optional<std::chrono::nanoseconds> next;
  auto sooner = [&](std::chrono::nanoseconds after) {
    after = std::max(after, std::chrono::nanoseconds(0));
    if (!next || after < *next) next = after;
  };
  if (std::optional<std::chrono::nanoseconds> due = timers_.next())
    sooner(*due - clock().monotonic());
  if (!anyClass_) return next;
  for (std::atomic<Place*>& open : openPlaces_) {
    Place* place = open.load(std::memory_order_acquire);
    if (place == nullptr) continue;
    if (std::optional<UnixMillis> due = place->alarms->next())
      sooner(std::chrono::milliseconds(due->value - clock().now().value));
  }
  return next;
}

void Core::armTicker() {
  if (options_.ticking == Ticking::kByHand || closing()) return;
  std::optional<std::chrono::nanoseconds> after = untilNextTick();
  if (after) armTicker(*after);
}

void Core::armTicker(std::chrono::nanoseconds after) {
  if (options_.ticking == Ticking::kByHand || closing()) return;
  after = std::min<std::chrono::nanoseconds>(after, kClockLook);
  std::lock_guard lock(tickerMutex_);
  std::chrono::nanoseconds due = clock().monotonic() + after;
  if (tickerDue_ && *tickerDue_ <= due) return;
  tickerDue_ = due;
  if (!ticker_) ticker_ = std::make_shared<asio::steady_timer>(executor_);
  ticker_->expires_after(after);
  ticker_->async_wait([this, ticker = ticker_](const std::error_code& error) {
    if (error) return;
    {
      std::lock_guard tickerLock(tickerMutex_);
      tickerDue_.reset();
    }
    tick();
  });
}

// ---- alarms

void Core::runAlarms(Place& place) {
  if (!anyClass_) return;
  for (std::size_t passedOver = 0; passedOver < kPassedOverAtOnce;) {
    std::optional<alarms::Due> due = place.alarms->take(clock().now());
    if (!due) return;
    if (!deliverAlarm(place, std::move(*due))) ++passedOver;
  }
  continueAlarms(place);
}

bool Core::deliverAlarm(Place& place, alarms::Due due) {
  auto delivery = std::make_shared<AlarmDelivery>(*this, place, std::move(due));
  const alarms::ObjectAddress& address = delivery->due().address;
  const ClassRecord* record = classRecord(address.className);
  if (record == nullptr) {
    // Its class may be defined later; the store is read again then.
    delivery->handled();
    return false;
  }
  DurableObjectId id =
      DurableObjectId::fromObjectName(address.className, place.jurisdiction, address.objectName);
  try {
    for (;;) {
      std::shared_ptr<Actor> its = actor(id, *record, {});
      if (its->sendAlarm(delivery)) return true;
      remove(its);
    }
  } catch (const Error& error) {
    log(LogLevel::kWarning, "alarm_undelivered", &id, {{"error", error.what()}});
    delivery->handled();
    delivery->again(UnixMillis{clock().now().value + 1'000});
    return false;
  }
}

void Core::alarmDone(Place& place) {
  if (place.alarms->done() && !closing()) continueAlarms(place);
}

void Core::continueAlarms(Place& place) {
  if (options_.ticking == Ticking::kByHand) {
    asio::post(executor_, [this, &place] {
      if (!closing()) runAlarms(place);
    });
  } else {
    armTicker(std::chrono::nanoseconds(0));
  }
}

std::int64_t Core::jitter(std::int64_t delay) {
  std::lock_guard lock(randomMutex_);
  return std::uniform_int_distribution<std::int64_t>(0, delay / 4)(random_);
}

void Core::log(LogLevel level, std::string_view name, const DurableObjectId* object,
               std::vector<std::pair<std::string_view, std::string>> fields) const {
  if (!options_.log) return;
  LogEvent event{level, name, {}, {}, std::move(fields)};
  if (object != nullptr) {
    event.className = object->className();
    event.object = object->objectName();
  }
  options_.log(event);
}

// ---- the end

void Core::close(std::chrono::milliseconds patience) {
  if (std::exchange(closed_, true)) return;
  closing_ = true;
  auto until = std::chrono::steady_clock::now() + patience;
  auto anyBusy = [this] {
    std::vector<std::shared_ptr<Actor>> actors = liveActors();
    return std::any_of(actors.begin(), actors.end(),
                       [](const std::shared_ptr<Actor>& actor) { return actor->busy(); });
  };
  // Without threads of our own, nothing goes on while we wait here.
  if (pool_) {
    while (anyBusy() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  timers_.clear();
  {
    std::lock_guard lock(tickerMutex_);
    if (ticker_) ticker_->cancel();
  }
  auto cause = std::make_exception_ptr(Error(ErrorCode::kCanceled, "the host was closed"));
  for (const std::shared_ptr<Actor>& actor : liveActors()) {
    actor->shutDown(cause);
    remove(actor);
  }
  if (pool_) {
    pool_->stop();
    pool_->join();
  }
  std::exception_ptr failure;
  for (std::unique_ptr<Place>& place : places_) {
    if (!place) continue;
    try {
      place->engine->close();
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

std::vector<ObjectMetrics> Core::objectMetrics(std::size_t limit) {
  std::vector<ObjectMetrics> metrics;
  for (const std::shared_ptr<Actor>& actor : liveActors()) metrics.push_back(actor->metrics());
  auto busiest = [](const ObjectMetrics& a, const ObjectMetrics& b) {
    return std::tie(b.events, a.className, a.object) < std::tie(a.events, b.className, b.object);
  };
  limit = std::min(limit, metrics.size());
  std::partial_sort(metrics.begin(), metrics.begin() + static_cast<std::ptrdiff_t>(limit),
                    metrics.end(), busiest);
  metrics.resize(limit);
  return metrics;
}

HostMetrics Core::metrics() {
  auto read = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  HostMetrics metrics;
  metrics.events = read(counters_.events);
  metrics.eventsFailed = read(counters_.eventsFailed);
  metrics.overloaded = read(counters_.overloaded);
  metrics.timedOut = read(counters_.timedOut);
  metrics.turns = read(counters_.turns);
  metrics.commits = read(counters_.commits);
  metrics.gateWaits = read(counters_.gateWaits);
  metrics.criticalSections = read(counters_.criticalSections);
  metrics.objectsStarted = read(counters_.objectsStarted);
  metrics.objectsEvicted = read(counters_.objectsEvicted);
  metrics.objectsReset = read(counters_.objectsReset);
  metrics.alarmsRun = read(counters_.alarmsRun);
  metrics.alarmsFailed = read(counters_.alarmsFailed);
  metrics.alarmsGivenUp = read(counters_.alarmsGivenUp);
  metrics.queueNs = counters_.queueNs.read();
  metrics.gateNs = counters_.gateNs.read();
  metrics.alarmLagMs = counters_.alarmLagMs.read();
  metrics.memoryWaits = read(counters_.memoryWaits);
  metrics.liveObjects = live_.load();
  for (const std::shared_ptr<Actor>& actor : liveActors()) {
    std::uint64_t length = actor->queueLength();
    metrics.queueLength += length;
    metrics.queueLengthMax = std::max(metrics.queueLengthMax, length);
  }
  for (std::atomic<Place*>& open : openPlaces_) {
    Place* place = open.load(std::memory_order_acquire);
    if (place == nullptr) continue;
    metrics.alarmsInMemory += place->alarms->inMemory();
    metrics.alarmRowsRead += place->alarms->rowsRead();
    metrics.engines.push_back({place->jurisdiction, place->engine->stats()});
  }
  return metrics;
}

}  // namespace cairn::host
