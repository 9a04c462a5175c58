// An object's alarms: running their handlers, and what becomes of their rows.
#include <algorithm>
#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/host/executor.h"
#include "engine/host/instance.h"

namespace cairn::host {

namespace {

// "2 s, doubling"; the shift is capped as the platform caps it.
constexpr std::int64_t kFirstRetryMs = 2'000;
constexpr std::uint32_t kBackoffMax = 9;
constexpr std::uint32_t kAttemptsMax = 7;
// After an error of the engine's own the row is looked at again.
constexpr std::int64_t kLookAgainMs = 2'000;

}  // namespace

std::optional<UnixMillis> Instance::readAlarm(std::string_view name) {
  auto running = alarms_.find(name);
  if (running != alarms_.end() && !running->second.replaced) return std::nullopt;
  return Storage(session()).getAlarm(name);
}

void Instance::writeAlarm(std::string_view name, UnixMillis time) {
  if (!actor_->classRecord().hasAlarm && !constructing_) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("class {} has no alarm handler, an alarm cannot be set",
                            actor_->classRecord().name));
  }
  std::optional<alarms::Alarm> before = session().alarms().get(name);
  Storage(session()).setAlarm(time, name);
  if (session().alarms().get(name) != before) wrote();
  if (auto running = alarms_.find(name); running != alarms_.end()) running->second.replaced = true;
}

void Instance::clearAlarm(std::string_view name) {
  if (!session().alarms().get(name)) return;
  wrote();
  Storage(session()).deleteAlarm(name);
}

void Instance::beginAlarm(const std::shared_ptr<AlarmDelivery>& delivery) {
  const std::string& name = delivery->due().name;
  if (alarms_.contains(name)) {
    // The one that runs looks at the row when it ends.
    delivery->handled();
    return;
  }
  UnixMillis now = core().clock().now();
  std::optional<alarms::Alarm> row;
  try {
    row = session().alarms().get(name);
    if (row && row->time <= now && !actor_->classRecord().hasAlarm) {
      session().alarms().clear(name);
      wrote();
      row.reset();
      core().log(LogLevel::kWarning, "alarm_dropped", &actor_->id(),
                 {{"alarm", name}, {"cause", "its class has no alarm handler"}});
    }
  } catch (const Error& error) {
    core().log(LogLevel::kError, "alarm_unreadable", &actor_->id(),
               {{"alarm", name}, {"error", error.what()}});
    delivery->again(UnixMillis{now.value + kLookAgainMs});
  }
  delivery->handled();
  if (!row) return;
  if (row->time > now) {
    delivery->again(row->time);
    return;
  }
  EventScope scope(std::make_shared<sql::CpuBudget>());
  count(core().counters().alarmsRun);
  count(actor_->alarmsRun);
  core().counters().alarmLagMs.add(static_cast<std::uint64_t>(now.value - row->time.value));
  RunningAlarm& running = alarms_[name];
  running.delivery = delivery;
  running.row = *row;
  std::int64_t limitMs = core().options().alarmHandlerMs;
  running.timer =
      core().addTimer(std::chrono::milliseconds(limitMs), [weak = weak_from_this(), limitMs] {
        std::shared_ptr<Instance> self = weak.lock();
        if (!self) return;
        self->actor_->control([self, limitMs] {
          self->breakWith(std::make_exception_ptr(Error(
                              ErrorCode::kTimeout,
                              fmt::format("an alarm handler ran for more than {} ms", limitMs))),
                          Blame::kHandler);
        });
      });
  std::shared_ptr<Active> active = addActive(nullptr, "alarm");
  spawn(active, runAlarm(shared_from_this(), active, name));
}

Task<> Instance::runAlarm(std::shared_ptr<Instance> self, std::shared_ptr<Active> active,
                          std::string name) {
  alarms::Alarm row = self->alarms_.find(name)->second.row;
  AlarmInvocation info{row.scheduled(), row.attempts, row.attempts > 0 || row.backoff > 0, name};
  std::exception_ptr error;
  try {
    co_await self->object_->alarm(std::move(info));
  } catch (const AbortSignal&) {
    co_return;
  } catch (...) {
    error = std::current_exception();
  }
  if (self->broken_) co_return;
  self->dropActive(active);
  self->alarmEnded(name, error);
}

std::optional<alarms::Alarm> Instance::afterFailure(const std::string& name,
                                                    const alarms::Alarm& row, Blame blame) {
  alarms::Alarm next = row;
  if (blame == Blame::kHandler) {
    count(core().counters().alarmsFailed);
    // The first failure that counts after some that did not starts the delays anew.
    if (next.backoff > next.attempts) next.backoff = 0;
    ++next.attempts;
    if (next.attempts >= kAttemptsMax || !retryAlarm_) {
      count(core().counters().alarmsGivenUp);
      core().log(LogLevel::kError, "alarm_given_up", &actor_->id(),
                 {{"alarm", name}, {"attempts", std::to_string(next.attempts)}});
      return std::nullopt;
    }
  }
  std::int64_t delay = kFirstRetryMs << std::min(next.backoff, kBackoffMax);
  next.backoff = std::min(next.backoff + 1, kBackoffMax + 1);
  next.time = UnixMillis{core().clock().now().value + delay + core().jitter(delay)};
  next.delayMs = next.time.value - row.scheduled().value;
  return next;
}

// The row changes in the commit of the handler's last turn.
void Instance::alarmEnded(const std::string& name, const std::exception_ptr& error) {
  RunningAlarm& running = alarms_.find(name)->second;
  if (error) {
    std::string text = "not a std::exception";
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& exception) {
      text = exception.what();
    } catch (...) {
    }
    core().log(
        LogLevel::kWarning, "alarm_failed", &actor_->id(),
        {{"alarm", name}, {"attempt", std::to_string(running.row.attempts + 1)}, {"error", text}});
  }
  std::optional<alarms::Alarm> row = session().alarms().get(name);
  if (!running.replaced && row == running.row) {
    row = error ? afterFailure(name, *row, Blame::kHandler) : std::nullopt;
    wrote();
    if (row) {
      session().alarms().set(name, *row);
    } else {
      session().alarms().clear(name);
    }
  }
  if (row) running.delivery->again(row->time);
  alarmsEnding_.push_back(name);
}

// The instance was reset while the handler ran, or its last commit failed.
void Instance::settleAlarm(const std::string& name, RunningAlarm& running) {
  if (core().closing()) return;  // It is due again when the root is opened.
  UnixMillis later{core().clock().now().value + kLookAgainMs};
  try {
    OpenTurn turn(actor_->place().core(), *actor_->object().state());
    alarms::Turn& rows = turn.session().alarms();
    std::optional<alarms::Alarm> row = rows.get(name);
    if (row && *row == running.row) {
      row = afterFailure(name, *row, blame_);
      if (row) {
        rows.set(name, *row);
      } else {
        rows.clear(name);
      }
      turn.commit();
    }
    if (row) running.delivery->again(row->time);
  } catch (const Error&) {
    running.delivery->again(later);
  }
}

}  // namespace cairn::host
