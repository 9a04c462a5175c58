#include "tests/conformance/world.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include <asio/post.hpp>

#include "tests/conformance/interpreter.h"
#include "tests/conformance/js_error.h"

namespace cairn::conformance {

namespace {

// How long nothing has to happen before the clock moves on.
constexpr auto kQuiet = std::chrono::milliseconds(10);
// What a client waits for an answer, and for alarms it gives no time for.
constexpr std::int64_t kPatienceMs = 600'000;
constexpr std::int64_t kAlarmPatienceMs = 30'000;
// After the last alarm that is waited for has begun, its handler ends.
constexpr std::int64_t kSettleMs = 100;

/// A class without an alarm handler.
class ScenarioObject : public DurableObject {
 public:
  ScenarioObject(DurableObjectState& state, ObjectMemory& memory)
      : DurableObject(state), memory_(memory) {
    ++memory_.starts;
  }
  ~ScenarioObject() override { memory_.forgetStorage(); }

  Task<Json> handle(Json steps) {
    auto interpreter = std::make_shared<Interpreter>(memory_, ctx());
    Json outcomes = Json::array();
    co_await interpreter->run(steps, outcomes);
    co_return outcomes;
  }

 protected:
  [[nodiscard]] ObjectMemory& memory() const { return memory_; }

 private:
  ObjectMemory& memory_;
};

class AlarmedObject final : public ScenarioObject {
 public:
  using ScenarioObject::ScenarioObject;

  Task<> alarm(AlarmInvocation info) override {
    ObjectMemory& mine = memory();
    AlarmScript& script = mine.alarmScript;
    std::int64_t now = ctx().now().value;
    AlarmRun& run = mine.alarmRuns.emplace_back();
    run.beganAtMs = now;
    run.outcome = Json{{"retryCount", info.retryCount},
                       {"isRetry", info.isRetry},
                       {"steps", Json::array()},
                       {"scheduledTimeGiven", true},
                       {"notEarly", now >= info.scheduledTime.value}};
    auto interpreter = std::make_shared<Interpreter>(mine, ctx());
    Json steps = script.steps;
    Json outcomes = Json::array();
    std::exception_ptr error;
    try {
      co_await interpreter->run(steps, outcomes);
    } catch (...) {
      error = std::current_exception();
    }
    run.outcome["steps"] = std::move(outcomes);
    run.isOver = true;
    if (error) std::rethrow_exception(error);
    if (script.thrown.is_null() || script.failTimes == 0) co_return;
    if (script.failTimes > 0) --script.failTimes;
    throw errorToThrow(interpreter->values(), script.thrown);
  }
};

/// Whether a reset was the doing of the object's own code, which the platform marks, rather than
/// of a commit that could not be made.
bool isOwnReset(const ObjectReset& reset) {
  if (!reset.cause()) return true;
  try {
    std::rethrow_exception(reset.cause());
  } catch (const Error& cause) {
    return cause.code() != ErrorCode::kRolledBack && cause.code() != ErrorCode::kSql;
  } catch (...) {
    return true;
  }
}

Json resetOutcome(const ObjectReset& reset) {
  Json error{{"name", "Error"}, {"message", reset.what()}};
  bool hasError = false;
  try {
    if (reset.cause()) std::rethrow_exception(reset.cause());
  } catch (const JsError&) {
    hasError = true;
  } catch (...) {
  }
  if (hasError) error = errorOutcome(reset.cause());
  if (isOwnReset(reset)) error["durableObjectReset"] = true;
  return error;
}

}  // namespace

World::World(const std::string& root, UnixMillis notBefore)
    : clock_(std::max(systemClock().now(), notBefore).value), work_(asio::make_work_guard(io_)) {
  HostOptions options;
  options.root = root;
  options.engine.limits = Limits::workerd();
  options.engine.clock = &clock_;
  options.engine.storeMapBytes = std::uint64_t{1} << 30;
  options.executor = io_.get_executor();
  options.ticking = Ticking::kByHand;
  options.seed = 1;
  host_ = std::make_unique<Host>(std::move(options));
  define<AlarmedObject>("sqlite", Backend::kSqlite);
  define<AlarmedObject>("kv", Backend::kKeyValue);
  define<ScenarioObject>("noalarm", Backend::kSqlite);
}

template <typename Object>
void World::define(const std::string& className, Backend backend) {
  ClassOptions options;
  options.backend = backend;
  options.make = [this](DurableObjectState& state) -> std::unique_ptr<DurableObject> {
    return std::make_unique<Object>(state, memories_[state.id().objectName()]);
  };
  Namespace<Object> objects = host_->define<Object>(className, std::move(options));
  senders_[className] = [objects](const std::string& object, const Json& steps) {
    return objects.getByName(object).call(&ScenarioObject::handle, steps);
  };
}

World::~World() {
  // Ends as a process does that is told to: what is under way is not finished, but nothing of it is
  // left on the executor.
  passTime(0);
  host_->close(std::chrono::milliseconds(0));
  host_.reset();
  work_.reset();
  io_.restart();
  io_.poll();
}

Json World::event(const Json& scenario, const Json& event) {
  if (event.contains("steps")) return request(scenario, event["steps"]);
  if (event.contains("concurrent")) return concurrent(scenario, event["concurrent"]);
  if (event.contains("restart")) return restart(scenario);
  if (event.contains("waitAlarms")) return waitAlarms(scenario, event);
  if (event.contains("sleepMs")) {
    passTime(event["sleepMs"]);
    return Json{{"slept", true}};
  }
  throw std::invalid_argument("an event " + event.dump());
}

Json World::request(const Json& scenario, const Json& steps) {
  Call call = send(scenario, steps);
  runUntil([&] { return call.ready(); }, clock_.now().value + kPatienceMs);
  return answerOf(call);
}

Json World::concurrent(const Json& scenario, const Json& requests) {
  std::int64_t began = clock_.now().value;
  std::vector<std::unique_ptr<Call>> calls(requests.size());
  std::vector<std::size_t> order(requests.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  auto delayOf = [&](std::size_t i) { return requests[i].value("delayMs", std::int64_t{0}); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return delayOf(a) < delayOf(b); });
  for (std::size_t i : order) {
    std::int64_t due = began + delayOf(i);
    if (clock_.now().value < due) runUntil([] { return false; }, due);
    calls[i] = std::make_unique<Call>(send(scenario, requests[i]["steps"]));
  }
  auto allReady = [&] {
    return std::all_of(calls.begin(), calls.end(), [](const auto& call) { return call->ready(); });
  };
  runUntil(allReady, clock_.now().value + kPatienceMs);
  Json answers = Json::array();
  for (const auto& call : calls) answers.push_back(answerOf(*call));
  return Json{{"concurrent", std::move(answers)}};
}

// The object resets itself: `ctx.abort()`.
Json World::restart(const Json& scenario) {
  static_cast<void>(request(scenario, Json::array({Json{{"op", "abort"}}})));
  return Json{{"restarted", true}};
}

Json World::waitAlarms(const Json& scenario, const Json& event) {
  ObjectMemory& memory = memories_[scenario["name"].get<std::string>()];
  std::size_t count = event["waitAlarms"];
  std::int64_t patience = event.value("timeoutMs", kAlarmPatienceMs);
  runUntil([&] { return memory.alarmRuns.size() >= count; }, clock_.now().value + patience);
  passTime(event.value("settleMs", kSettleMs));
  Json alarms = Json::array();
  Json gaps = Json::array();
  for (std::size_t i = 0; i < memory.alarmRuns.size(); ++i) {
    alarms.push_back(memory.alarmRuns[i].outcome);
    if (i == 0) continue;
    std::int64_t gap = memory.alarmRuns[i].beganAtMs - memory.alarmRuns[i - 1].beganAtMs;
    double log = std::floor(std::log2(static_cast<double>(gap) / 1'000));
    gaps.push_back(gap < 1'000 ? 0 : static_cast<int>(log));
  }
  Json outcome{{"alarms", std::move(alarms)}};
  if (event.value("gaps", false)) outcome["gapsLog2Sec"] = std::move(gaps);
  return outcome;
}

World::Call World::send(const Json& scenario, const Json& steps) {
  const Sender& sender = senders_.at(scenario.value("backend", std::string("sqlite")));
  Call call = sender(scenario["name"], steps);
  // Whoever runs the executor is to look up.
  call.onReady([this] { asio::post(io_, [] {}); });
  return call;
}

Json World::answerOf(Call& call) {
  if (!call.ready()) return Json{{"error", {{"name", "Error"}, {"message", "no answer came"}}}};
  try {
    return Json{{"steps", call.get()}};
  } catch (const ObjectReset& reset) {
    return Json{{"error", resetOutcome(reset)}};
  } catch (...) {
    return Json{{"error", errorOutcome(std::current_exception())}};
  }
}

bool World::isWaitingForDisk() {
  EngineStats stats = host_->engine().stats();
  return stats.durableLsn < stats.lastLsn;
}

void World::runUntil(const std::function<bool()>& isDone, std::int64_t deadlineMs) {
  while (!isDone()) {
    if (io_.run_one_for(kQuiet) > 0 || isWaitingForDisk()) continue;
    std::int64_t left = deadlineMs - clock_.now().value;
    if (left <= 0) return;
    std::int64_t step = left;
    if (auto next = host_->untilNextTick()) {
      auto ms = std::chrono::ceil<std::chrono::milliseconds>(*next).count();
      step = std::clamp<std::int64_t>(ms, 0, left);
    }
    clock_.advance(step);
    host_->tick();
  }
}

void World::passTime(std::int64_t ms) {
  runUntil([] { return false; }, clock_.now().value + ms);
}

}  // namespace cairn::conformance
