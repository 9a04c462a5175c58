// The base of every durable object, and what it is given: its state (`ctx` on the platform) and its
// storage (`ctx.storage`).
//
//   class Counter : public cairn::DurableObject {
//    public:
//     using DurableObject::DurableObject;
//     cairn::Task<std::int64_t> increment() {
//       std::int64_t value = (co_await storage().get<std::int64_t>("value")).value_or(0) + 1;
//       storage().put("value", value);  // not awaited: the output gate holds the reply
//       co_return value;
//     }
//   };
//
// One event at a time runs, in one thread at a time. Other events come in only where a handler
// awaits something other than storage, and never inside `blockConcurrencyWhile` or `transaction`.
// What a handler writes between two such awaits is one commit; an exception rolls nothing back.
// Everything here is for the object's own strand, except where it says otherwise.
#pragma once

#include <cairn/alarm.h>
#include <cairn/durable_object_storage.h>
#include <cairn/id.h>
#include <cairn/reply.h>
#include <cairn/task.h>
#include <chrono>
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

class Host;

struct AbortOptions {
  bool retryAlarm = true;  ///< Whether an alarm handler that is under way counts as failed and is
                           ///< retried; else its alarm is given up.
};

/// What an object knows of itself: `ctx` on the platform. Lives as long as the object.
class DurableObjectState {
 public:
  explicit DurableObjectState(host::Instance& instance);
  DurableObjectState(const DurableObjectState&) = delete;
  DurableObjectState& operator=(const DurableObjectState&) = delete;

  [[nodiscard]] DurableObjectStorage& storage() { return storage_; }
  [[nodiscard]] const DurableObjectId& id() const;
  [[nodiscard]] const std::string& className() const;
  /// Where the caller that created the object wanted it, as recorded; before its first commit, what
  /// this instance's first caller says. Empty: nowhere in particular. Throws as storage does.
  [[nodiscard]] const std::string& locationHint() const;
  [[nodiscard]] Host& host() const;
  [[nodiscard]] UnixMillis now() const;

  /// Runs `work` while no other event is delivered, as soon as the turn in progress ends. Begun
  /// when called; awaiting gives its result. An exception that leaves `work`, or 30 s, resets the
  /// object; the await then never returns. Throws: kLimitExceeded past 64 levels of nesting.
  template <std::invocable Work>
  auto blockConcurrencyWhile(Work work) -> Operation<host::ResultOf<std::invoke_result_t<Work>>>;

  /// Keeps the object alive until `work` is done; it runs as further events of the object.
  void waitUntil(Task<> work);

  /// Awaits something outside storage on the host's executor, off the object's strand: other events
  /// come in meanwhile, and completion is an event of its own. An Asio operation awaited without
  /// this behaves the same but is started on the strand.
  template <typename T>
  Task<T> external(Task<T> work);
  /// Awaits that much time of the host's clock; other events come in meanwhile.
  Task<> sleep(std::chrono::milliseconds time);

  /// Completes when everything written before the call is durable. Await it before telling the
  /// world something by other means than a reply.
  Operation<> output();
  /// Calls `send` when everything written before is durable, in the order of the calls, in any
  /// thread; never, if the object is reset before.
  void output(UniqueFunction<void()> send);

  /// Resets the object at once: the turn's writes are undone, everything under way fails, the next
  /// event meets a fresh instance. Does not return, and no handler should catch what it throws.
  [[noreturn]] void abort(const std::string& reason = {}, const AbortOptions& options = {});

 private:
  std::shared_ptr<host::SectionResult> openSection(host::SectionBody body);
  Task<> offStrand(Task<> work);

  host::Instance& instance_;
  DurableObjectStorage storage_;
};

class DurableObject {
 public:
  /// Storage may be used from here on. An exception that leaves a constructor fails the events that
  /// wait, and the next one tries again.
  explicit DurableObject(DurableObjectState& state) : state_(state) {}
  virtual ~DurableObject() = default;
  DurableObject(const DurableObject&) = delete;
  DurableObject& operator=(const DurableObject&) = delete;

  /// Runs when the alarm is due, at least once: its row is cleared in the commit that the handler's
  /// last turn makes. Thrown exceptions are retried after 2 s, doubling, seven attempts in all.
  virtual Task<> alarm(AlarmInvocation info);

 protected:
  [[nodiscard]] DurableObjectState& ctx() const { return state_; }
  [[nodiscard]] DurableObjectStorage& storage() const { return state_.storage(); }

 private:
  DurableObjectState& state_;
};

// ---- implementation of the templates

template <std::invocable Work>
auto DurableObjectState::blockConcurrencyWhile(Work work)
    -> Operation<host::ResultOf<std::invoke_result_t<Work>>> {
  using Result = host::ResultOf<std::invoke_result_t<Work>>;
  auto result = std::make_shared<host::ResultSlot<Result>>();
  auto body = [result, work = std::make_shared<Work>(std::move(work))](Transaction*) {
    return host::fill(result, [work] { return (*work)(); });
  };
  return Operation<Result>(host::awaitSection(openSection(std::move(body)), std::move(result)));
}

template <typename T>
Task<T> DurableObjectState::external(Task<T> work) {
  auto result = std::make_shared<host::ResultSlot<T>>();
  co_await offStrand(host::fill(result, [&work] { return std::move(work); }));
  co_return result->take();
}

}  // namespace cairn
