// Runs the steps of one event, as the recorded worker does: each step has an outcome, a failed one
// does not stop the list unless it is to be thrown on.
#pragma once

#include <cairn/durable_object.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/conformance/async_kv.h"
#include "tests/conformance/js_error.h"
#include "tests/conformance/object_memory.h"
#include "tests/conformance/sync_steps.h"

namespace cairn::conformance {

/// The error as an outcome holds it: `{name, message}` or `{thrown}`.
[[nodiscard]] Json errorOutcome(const std::exception_ptr& error);
/// The error that a body throws: a message, or `{"value": V}`.
[[nodiscard]] JsError errorToThrow(const SyncSteps& values, const Json& description);

/// One for each event. Bodies that outlive the event, as those of promises nobody awaits do, keep
/// it alive.
class Interpreter : public std::enable_shared_from_this<Interpreter> {
 public:
  Interpreter(ObjectMemory& memory, DurableObjectState& state);

  /// Runs the steps, awaiting each; their outcomes are added to `outcomes` as they come. Throws
  /// what a step is to throw on, and what ends an object that is reset.
  Task<> run(const Json& steps, Json& outcomes);
  [[nodiscard]] const SyncSteps& values() const { return now_; }

 private:
  using Self = std::shared_ptr<Interpreter>;

  /// An asynchronous call that was made: it has acted, and can be awaited once.
  struct Promise {
    Task<JsValue> task;
    /// Outcomes of the steps of its body.
    std::shared_ptr<Json> steps;
  };

  static Task<> runBody(Self self, Json steps, std::shared_ptr<Json> outcomes);
  /// The same with no await between the steps.
  void runNow(const Json& steps, Json& outcomes);
  Json runStepNow(const Json& step, std::exception_ptr& rethrown);
  JsValue performNow(const Json& step, Json& steps);
  [[nodiscard]] static bool isSynchronous(const Json& step);
  JsValue transactionSync(const Json& step, Json& steps);

  /// Calls the asynchronous method. What it throws at the call is the platform's rejection, but for
  /// ThrownAtCall.
  Promise invoke(const Json& step);
  Promise invokeMethod(const Json& step, const std::string& op);
  Task<JsValue> invokeKv(const Json& step, const std::string& op);
  Task<JsValue> put(AsyncKv& kv, const Json& step);
  Task<JsValue> invokeAlarm(const Json& step, const std::string& op);
  Task<JsValue> invokeBookmarks(const Json& step, const std::string& op);
  Promise transaction(const Json& step);
  Promise blockConcurrencyWhile(const Json& step);
  Promise parallel(const Json& step);
  static Task<JsValue> repeat(Self self, Json step);
  static Task<JsValue> sleepUntil(Self self, std::int64_t timeMs);
  static Task<JsValue> awaitSaved(Self self, std::string name);
  Promise lateTransaction(const Json& step);

  Json succeeded(const Json& step, const JsValue& value, Json steps);
  static Json failed(const std::exception_ptr& error, Json steps);
  void leaveBody(const Json& step) const;
  JsValue returned(const Json& step) const;

  /// The storage or the transaction that the step names.
  AsyncKv& target(const Json& step);
  [[nodiscard]] WriteOptions writeOptions(const Json& step) const;
  [[nodiscard]] ReadOptions readOptions(const Json& step) const;
  [[nodiscard]] std::vector<std::string> keys(const Json& step) const;

  ObjectMemory& memory_;
  DurableObjectState& state_;
  SyncSteps now_;
  std::unique_ptr<AsyncKv> storageKv_;
  std::vector<std::shared_ptr<TransactionKv>> transactions_;  ///< The innermost last.
  std::map<std::string, std::shared_ptr<TransactionKv>> savedTransactions_;
  std::map<std::string, Promise> promises_;
};

}  // namespace cairn::conformance
