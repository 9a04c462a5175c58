// A host runs durable objects: it delivers events to them, one at a time each and many objects in
// parallel, holds their replies until what they wrote is durable, fires their alarms and lets idle
// ones go.
//
//   cairn::Host host({.root = "data"});
//   auto counters = host.define<Counter>("Counter");
//   auto stub = counters.get(counters.idFromName("room-42"));
//   std::int64_t n = stub.call(&Counter::increment).get();  // or co_await it
//
// Thread-safe. This header needs standalone Asio; link cairn::host.
#pragma once

#include <cairn/durable_object.h>
#include <cairn/engine.h>
#include <cairn/host_options.h>
#include <cairn/metrics.h>
#include <cairn/migrations.h>
#include <cairn/namespace.h>
#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cairn {

using ObjectFactory = std::function<std::unique_ptr<DurableObject>(DurableObjectState&)>;

struct ClassOptions {
  Backend backend = Backend::kSqlite;
  /// Makes an instance; by default `T(state)`. Called on the object's strand.
  ObjectFactory make;
};

class Host {
 public:
  /// Opens the root, and those of jurisdictions that exist. Overdue alarms of a class fire once it
  /// is defined. Throws as Engine::open.
  explicit Host(HostOptions options);
  /// Closes, if `close` was not called.
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Says what runs the objects of a class. Throws: kConflict when the class exists with another
  /// backend, or is defined already.
  template <std::derived_from<DurableObject> T>
  Namespace<T> define(std::string_view className, ClassOptions options = {}) {
    if constexpr (std::constructible_from<T, DurableObjectState&>) {
      if (!options.make)
        options.make = [](DurableObjectState& state) { return std::make_unique<T>(state); };
    }
    // Whether T has an alarm handler of its own.
    constexpr bool kAlarm = !std::same_as<decltype(&T::alarm), decltype(&DurableObject::alarm)>;
    defineClass(std::string(className), std::move(options), kAlarm);
    return Namespace<T>(*core_, std::string(className), Jurisdiction::kNone);
  }

  /// Applies those whose tags the roots have not seen, in order, each atomically. Before `define`
  /// of the classes concerned. Throws: kInvalidArgument for a tag given twice; kConflict for a
  /// class that exists, or does not, or is defined; what came before it in the list stays applied.
  void applyMigrations(std::span<const Migration> migrations);
  /// Those of a `wrangler.jsonc` or `wrangler.toml`. See also HostOptions::wrangler.
  void applyMigrations(const std::string& path);

  /// Does what is due by the clock: alarms, deadlines, evictions. For Ticking::kByHand.
  void tick();
  /// When there will be something to do, at the latest, from now on; nothing: nothing is waiting.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> untilNextTick();

  /// Resets an object as DurableObjectState::abort does.
  void reset(const DurableObjectId& id, const std::string& reason);
  /// Lets every object go that is doing nothing, on its strand. Returns how many were asked to.
  std::size_t evictIdle();

  /// Ends: refuses new events, waits for those under way at most that long, resets the rest, closes
  /// the engines. Throws what prevented the engines from closing.
  void close(std::chrono::milliseconds patience = std::chrono::seconds(10));

  [[nodiscard]] HostMetrics metrics();
  /// Nothing when the object is not live.
  [[nodiscard]] std::optional<ObjectMetrics> metrics(const DurableObjectId& id);
  /// At most `limit` live objects, those with most events first.
  [[nodiscard]] std::vector<ObjectMetrics> objectMetrics(std::size_t limit = 100);
  /// The engine of a jurisdiction's root.
  [[nodiscard]] Engine& engine(Jurisdiction jurisdiction = Jurisdiction::kNone);
  [[nodiscard]] asio::any_io_executor executor() const;

 private:
  void defineClass(std::string className, ClassOptions options, bool hasAlarm);

  std::unique_ptr<host::Core> core_;
};

}  // namespace cairn
