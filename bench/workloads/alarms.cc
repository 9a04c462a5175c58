// Alarms that are all due at once, fired through a host until every handler's commit is durable.
#include <atomic>
#include <cairn/host.h>
#include <future>

#include "bench/workloads/workloads.h"

namespace bench {

namespace {

/// The system's, until it is sent ahead.
class AheadClock final : public cairn::Clock {
 public:
  [[nodiscard]] cairn::UnixMillis now() const override {
    return {cairn::systemClock().now().value + aheadMs_.load()};
  }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return cairn::systemClock().monotonic();
  }
  void goAhead(std::int64_t milliseconds) { aheadMs_ += milliseconds; }

 private:
  std::atomic<std::int64_t> aheadMs_{0};
};

/// Counts handlers down.
struct Rest {
  std::atomic<std::uint64_t> count;
  std::promise<void> none;
};

class Alarmed : public cairn::DurableObject {
 public:
  Alarmed(cairn::DurableObjectState& state, Rest& rest) : DurableObject(state), rest_(rest) {}

  cairn::Task<> alarm(cairn::AlarmInvocation) override {
    auto runs = co_await storage().get<std::int64_t>("runs");
    storage().put("runs", runs.value_or(0) + 1);
    ctx().output([&rest = rest_] {
      if (--rest.count == 0) rest.none.set_value();
    });
  }

 private:
  Rest& rest_;
};

}  // namespace

void alarms(Run& run) {
  constexpr std::int64_t kHourMs = 3'600'000;
  std::uint64_t count = run.parameter("objects");
  AheadClock clock;
  Rest rest{count, {}};
  cairn::HostOptions options{.root = run.directory() + "/root"};
  options.engine.clock = &clock;
  options.alarmsAtOnce = run.parameter("inflight");
  cairn::Host host(options);
  host.define<Alarmed>("Alarmed", {.make = [&](cairn::DurableObjectState& state) {
                         return std::make_unique<Alarmed>(state, rest);
                       }});
  cairn::Engine& engine = host.engine();
  auto object = [&](std::uint64_t i) {
    return engine.object("Alarmed", "object-" + std::to_string(i));
  };
  cairn::UnixMillis due{clock.now().value + kHourMs};
  for (std::uint64_t i = 0; i < count; ++i)
    engine.turn(object(i), [&](cairn::Storage& storage) { storage.setAlarm(due); });
  engine.checkpoint();

  run.begin();
  clock.goAhead(kHourMs);
  host.tick();
  rest.none.get_future().wait();
  run.end({.items = count, .commits = count});

  for (std::uint64_t i = 0; i < count; ++i) {
    auto runs = engine.turn(object(i), [](cairn::Storage& storage) {
      return storage.getAlarm() ? -1 : storage.kv().get<std::int64_t>("runs").value_or(0);
    });
    require(runs.value == 1, "an alarm did not run once");
  }
}

}  // namespace bench
