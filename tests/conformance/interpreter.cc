#include "tests/conformance/interpreter.h"

#include <algorithm>
#include <cairn/bookmark.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <set>

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include "tests/conformance/js_call.h"

namespace cairn::conformance {

namespace {

Task<JsValue> resolved(JsValue value) { co_return value; }
Task<JsValue> rejected(std::exception_ptr error) {
  std::rethrow_exception(error);
  co_return JsValue();
}

// What an asynchronous call gives, as JavaScript sees it.
JsValue toJs(const std::optional<Value>& value) { return value.value_or(Value()); }
JsValue toJs(std::uint64_t count) { return Value(static_cast<double>(count)); }
JsValue toJs(bool flag) { return Value(flag); }
JsValue toJs(const Bookmark& bookmark) { return Value(bookmark.toString()); }
template <typename Pairs>
JsValue mapToJs(const Pairs& pairs) {
  Value map = Value::map();
  for (const auto& [key, value] : pairs) map.asMap().set(decodeText(key), value);
  return map;
}
JsValue toJs(const std::map<std::string, Value>& pairs) { return mapToJs(pairs); }
JsValue toJs(const ValuePairs& pairs) { return mapToJs(pairs); }

template <typename T>
Task<JsValue> converted(Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    co_return JsValue();
  } else {
    T result = co_await std::move(task);
    co_return toJs(result);
  }
}

Task<JsValue> keysOf(Task<ValuePairs> task) {
  ValuePairs pairs = co_await std::move(task);
  Value keys = Value::array();
  for (const auto& [key, value] : pairs) keys.asArray().push(decodeText(key));
  co_return keys;
}

std::string opOf(const Json& step) { return step["op"].get<std::string>(); }

/// Errors that JavaScript could catch; the rest ends the object's code.
bool isCatchable(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const asio::system_error& failed) {
    return failed.code() != asio::error::operation_aborted;
  } catch (const std::exception&) {
    return true;
  } catch (...) {
    return false;
  }
}

void replaceIndex(Json& json, const std::string& index) {
  if (json.is_string()) {
    std::string text = json;
    for (std::size_t at; (at = text.find("{i}")) != std::string::npos;) text.replace(at, 3, index);
    json = text;
  } else if (json.is_structured()) {
    for (Json& part : json) replaceIndex(part, index);
  }
}

}  // namespace

Json errorOutcome(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const JsError& thrown) {
    if (thrown.thrown()) return Json{{"thrown", describe(*thrown.thrown())}};
    return Json{{"name", thrown.name()}, {"message", thrown.message()}};
  } catch (const Error& thrown) {
    return Json{{"name", errorName(thrown.code())}, {"message", thrown.what()}};
  } catch (const std::exception& thrown) {
    return Json{{"name", "Error"}, {"message", std::string("the harness: ") + thrown.what()}};
  }
}

JsError errorToThrow(const SyncSteps& values, const Json& description) {
  if (description.is_object() && description.contains("value"))
    return JsError(values.read(description["value"]).value);
  return {"Error", toJsString(values.read(description))};
}

Interpreter::Interpreter(ObjectMemory& memory, DurableObjectState& state)
    : memory_(memory), state_(state), now_(memory, state), storageKv_(kvOf(state.storage())) {}

// ---- lists of steps

Task<> Interpreter::run(const Json& steps, Json& outcomes) {
  Self self = shared_from_this();
  for (const Json& step : steps) {
    std::exception_ptr error;
    if (isSynchronous(step) || !step.value("await", true)) {
      outcomes.push_back(runStepNow(step, error));
      if (error) std::rethrow_exception(error);
      continue;
    }
    auto body = std::make_shared<Json>();
    Json outcome;
    try {
      Promise promise = invoke(step);
      body = promise.steps;
      JsValue value = co_await std::move(promise.task);
      outcome = succeeded(step, value, *body);
    } catch (...) {
      error = std::current_exception();
    }
    if (error && !isCatchable(error)) std::rethrow_exception(error);
    if (error) outcome = failed(error, *body);
    outcomes.push_back(std::move(outcome));
    if (error && step.value("rethrow", false)) std::rethrow_exception(error);
  }
}

Task<> Interpreter::runBody(Self self, Json steps, std::shared_ptr<Json> outcomes) {
  co_await self->run(steps, *outcomes);
}

void Interpreter::runNow(const Json& steps, Json& outcomes) {
  for (const Json& step : steps) {
    std::exception_ptr rethrown;
    outcomes.push_back(runStepNow(step, rethrown));
    if (rethrown) std::rethrow_exception(rethrown);
  }
}

Json Interpreter::runStepNow(const Json& step, std::exception_ptr& rethrown) {
  Json body;
  try {
    if (!isSynchronous(step)) {
      Promise promise = invoke(step);
      if (step.contains("as")) promises_.insert_or_assign(step["as"], std::move(promise));
      return Json{{"pending", true}};
    }
    JsValue value = performNow(step, body);
    return succeeded(step, value, std::move(body));
  } catch (...) {
    std::exception_ptr error = std::current_exception();
    if (!isCatchable(error)) throw;
    if (step.value("rethrow", false)) rethrown = error;
    return failed(error, std::move(body));
  }
}

bool Interpreter::isSynchronous(const Json& step) {
  static const std::set<std::string> kControl = {"txnSync", "syncBlock", "onAlarm",
                                                 "abort",   "typeof",    "txn.rollback"};
  std::string op = opOf(step);
  if (op == "call") return isSynchronousCall(step);
  return SyncSteps::knows(op) || kControl.contains(op);
}

Json Interpreter::succeeded(const Json& step, const JsValue& value, Json steps) {
  bool keepsHandle = opOf(step) == "sql.exec" || opOf(step) == "cur.raw" || opOf(step) == "kv.list";
  if (step.contains("as") && !keepsHandle) memory_.variables[step["as"]] = value;
  Json outcome;
  outcome["ok"] = step.value("hide", false) ? Json("*") : describe(value);
  if (!steps.is_null()) outcome["steps"] = std::move(steps);
  return outcome;
}

Json Interpreter::failed(const std::exception_ptr& error, Json steps) {
  Json outcome;
  outcome["err"] = errorOutcome(error);
  try {
    std::rethrow_exception(error);
  } catch (const ThrownAtCall&) {
    outcome["sync"] = true;
  } catch (...) {
  }
  if (!steps.is_null()) outcome["steps"] = std::move(steps);
  return outcome;
}

// ---- synchronous steps

void Interpreter::leaveBody(const Json& step) const {
  if (step.contains("throw")) throw errorToThrow(now_, step["throw"]);
}

JsValue Interpreter::returned(const Json& step) const {
  if (step.value("returnPromise", false)) return {JsValue::Kind::kPromise, "Promise"};
  return now_.field(step, "return");
}

JsValue Interpreter::performNow(const Json& step, Json& steps) {
  std::string op = opOf(step);
  if (op == "txnSync") return transactionSync(step, steps);
  if (op == "typeof") return typeOfMember(step);
  if (op == "call")
    return callNow(step, now_, [&](const Json& as) { return performNow(as, steps); });
  if (op == "onAlarm") {
    memory_.alarmScript = AlarmScript{step.value("steps", Json::array()),
                                      step.contains("throw") ? step["throw"] : Json(),
                                      step.value("failTimes", std::int64_t{-1})};
    return {};
  }
  if (op == "syncBlock") {
    steps = Json::array();
    runNow(step["steps"], steps);
    leaveBody(step);
    return returned(step);
  }
  if (op == "abort") {
    JsValue reason = now_.field(step, "reason");
    state_.abort(reason.isUndefined() ? kAbortMessage : toJsString(reason));
  }
  if (op == "txn.rollback") {
    target(Json{{"via", step.value("via", std::string("txn"))}}).rollback();
    return {};
  }
  return now_.run(step);
}

JsValue Interpreter::transactionSync(const Json& step, Json& steps) {
  steps = Json::array();
  return state_.storage().transactionSync([&] {
    runNow(step["steps"], steps);
    leaveBody(step);
    return returned(step);
  });
}

// ---- asynchronous calls

Interpreter::Promise Interpreter::invoke(const Json& step) {
  try {
    return invokeMethod(step, opOf(step));
  } catch (const ThrownAtCall&) {
    throw;
  } catch (...) {
    if (!isCatchable(std::current_exception())) throw;
    return {rejected(std::current_exception()), std::make_shared<Json>()};
  }
}

Interpreter::Promise Interpreter::invokeMethod(const Json& step, const std::string& op) {
  static const std::set<std::string> kKv = {"get", "put", "delete", "list", "deleteAll"};
  static const std::set<std::string> kAlarm = {"getAlarm", "setAlarm", "deleteAlarm"};
  auto promise = [](Task<JsValue> task) {
    return Promise{std::move(task), std::make_shared<Json>()};
  };
  Self self = shared_from_this();
  if (kKv.contains(op)) return promise(invokeKv(step, op));
  if (kAlarm.contains(op)) return promise(invokeAlarm(step, op));
  if (op == "sync") return promise(converted<void>(state_.storage().sync()));
  if (op == "sleep")
    return promise(sleepUntil(self, state_.now().value + step.value("ms", std::int64_t{0})));
  if (op == "txn") return transaction(step);
  if (op == "lateTxn") return lateTransaction(step);
  if (op == "blockConcurrencyWhile") return blockConcurrencyWhile(step);
  if (op == "parallel") return parallel(step);
  if (op == "repeat") return promise(repeat(self, step));
  if (op == "await") return promise(awaitSaved(self, step["ref"]));
  if (op == "call") return invoke(stepOfCall(step));
  if (op == "asyncAliasTest") {
    Json as = step;
    as["op"] = "aliasTest";
    return promise(resolved(now_.run(as)));
  }
  return promise(invokeBookmarks(step, op));
}

AsyncKv& Interpreter::target(const Json& step) {
  std::string via = step.value("via", std::string());
  if (via.empty()) return *storageKv_;
  if (transactions_.empty()) throw typeError("there is no transaction");
  return via == "outerTxn" ? *transactions_.front() : *transactions_.back();
}

WriteOptions Interpreter::writeOptions(const Json& step) const {
  JsValue input = now_.field(step, "options");
  if (!input.value.is(Value::Type::kObject)) {
    if (!input.value.isNullish() && !input.value.hasIdentity())
      throw typeError("the options are not an object");
    return {};
  }
  auto flag = [&](const char* name) { return toJsBoolean(input.value[name]); };
  return {flag("allowConcurrency"), flag("allowUnconfirmed"), flag("noCache")};
}

ReadOptions Interpreter::readOptions(const Json& step) const {
  WriteOptions options = writeOptions(step);
  return {options.allowConcurrency, options.noCache};
}

std::vector<std::string> Interpreter::keys(const Json& step) const {
  std::vector<std::string> keys;
  JsValue list = now_.field(step, "keys");
  for (auto [index, key] : list.value.asArray().elements()) keys.push_back(toJsString(key));
  return keys;
}

Task<JsValue> Interpreter::invokeKv(const Json& step, const std::string& op) {
  AsyncKv& kv = target(step);
  if (op == "deleteAll") return converted(kv.deleteAll({}));
  if (op == "put") return put(kv, step);
  if (op == "list") {
    JsListOptions which(now_.field(step, "options"));
    Task<ValuePairs> pairs = kv.list(which.options, readOptions(step));
    if (step.value("consume", std::string()) == "keys") return keysOf(std::move(pairs));
    return converted(std::move(pairs));
  }
  if (op == "get") {
    if (step.contains("keys")) return converted(kv.get(keys(step), readOptions(step)));
    return converted(kv.get(toJsString(now_.field(step, "key")), readOptions(step)));
  }
  if (step.contains("keys")) return converted(kv.erase(keys(step), writeOptions(step)));
  return converted(kv.erase(toJsString(now_.field(step, "key")), writeOptions(step)));
}

Task<JsValue> Interpreter::put(AsyncKv& kv, const Json& step) {
  if (!step.contains("entries")) {
    JsValue value = now_.field(step, "value");
    if (value.isUndefined() && !value.uncloneable)
      throw typeError("put() called with undefined value.");
    static_cast<void>(cloneToBytes(value));
    return converted(kv.put(toJsString(now_.field(step, "key")), value.value, writeOptions(step)));
  }
  // The own properties of an object; a Map, for one, has none.
  ValuePairs pairs;
  JsValue entries = now_.read(step["entries"]);
  static_cast<void>(cloneToBytes(entries));
  if (entries.value.is(Value::Type::kObject)) {
    for (auto [name, value] : entries.value.asObject()) pairs.emplace_back(name, value);
  }
  return converted(kv.put(pairs, writeOptions(step)));
}

Task<JsValue> Interpreter::invokeAlarm(const Json& step, const std::string& op) {
  AsyncKv& kv = target(step);
  if (op == "deleteAlarm") return converted(kv.deleteAlarm(writeOptions(step)));
  if (op == "setAlarm") {
    std::optional<double> ms = toJsTime(now_.field(step, "time"));
    if (!ms) throw typeError("setAlarm() takes a date or a number of milliseconds");
    auto time = static_cast<std::int64_t>(std::min(std::max(*ms, -1.0), 9e15));
    auto settingAlarm = [](Task<> task) -> Task<JsValue> {
      try {
        co_await std::move(task);
      } catch (const Error& error) {
        // A class without a handler is the caller's mistake to the platform.
        if (error.code() != ErrorCode::kUnsupported) throw;
        throw typeError(error.what());
      }
      co_return JsValue();
    };
    return settingAlarm(kv.setAlarm(UnixMillis{time}, writeOptions(step)));
  }
  auto readingAlarm = [](Task<std::optional<UnixMillis>> task, Json how,
                         double from) -> Task<JsValue> {
    std::optional<UnixMillis> alarm = co_await std::move(task);
    if (!alarm) co_return Value(nullptr);
    auto time = static_cast<double>(alarm->value);
    if (!how.contains("near")) co_return Value(time);
    double near = how["near"];
    double tolerance = how.value("tol", 0.0);
    bool hit = std::abs(time - from - near) <= tolerance;
    co_return Value::object({{"near", near}, {"tol", tolerance}, {"hit", hit}});
  };
  auto from = static_cast<double>(state_.now().value);
  if (step.contains("minus")) from = toJsNumber(memory_.variables[step["minus"]]);
  return readingAlarm(kv.getAlarm(readOptions(step)), step, from);
}

Task<JsValue> Interpreter::invokeBookmarks(const Json& step, const std::string& op) {
  DurableObjectStorage& storage = state_.storage();
  if (op == "getCurrentBookmark") return converted<Bookmark>(storage.getCurrentBookmark());
  if (op == "getBookmarkForTime") {
    std::optional<double> ms = toJsTime(now_.field(step, "time"));
    if (!ms) throw typeError("getBookmarkForTime() takes a date or a number of milliseconds");
    UnixMillis time{static_cast<std::int64_t>(*ms)};
    return converted<Bookmark>(storage.getBookmarkForTime(time));
  }
  if (op == "onNextSessionRestoreBookmark") {
    JsValue bookmark = now_.field(step, "bookmark");
    if (bookmark.isUndefined()) throw typeError("onNextSessionRestoreBookmark() takes a bookmark");
    Bookmark target = Bookmark::parse(toJsString(bookmark));
    return converted<Bookmark>(storage.onNextSessionRestoreBookmark(target));
  }
  throw std::invalid_argument("a step " + op);
}

// ---- bodies

Interpreter::Promise Interpreter::transaction(const Json& step) {
  auto steps = std::make_shared<Json>(Json::array());
  Self self = shared_from_this();
  auto body = [self, step, steps](Transaction& opened) -> Task<JsValue> {
    std::shared_ptr<TransactionKv> kv = kvOf(opened);
    if (step.contains("saveTxn")) self->savedTransactions_[step["saveTxn"]] = kv;
    self->transactions_.push_back(kv);
    std::exception_ptr error;
    JsValue result;
    try {
      co_await runBody(self, step["steps"], steps);
      self->leaveBody(step);
      result = self->returned(step);
    } catch (...) {
      error = std::current_exception();
    }
    std::erase(self->transactions_, kv);
    kv->end();
    if (error) std::rethrow_exception(error);
    co_return result;
  };
  return {state_.storage().transaction(std::move(body)), steps};
}

Interpreter::Promise Interpreter::blockConcurrencyWhile(const Json& step) {
  auto steps = std::make_shared<Json>(Json::array());
  Self self = shared_from_this();
  auto body = [self, step, steps]() -> Task<JsValue> {
    co_await runBody(self, step["steps"], steps);
    self->leaveBody(step);
    co_return self->returned(step);
  };
  return {state_.blockConcurrencyWhile(std::move(body)), steps};
}

// Branches take turns at their awaits, as the microtasks of JavaScript do.
Interpreter::Promise Interpreter::parallel(const Json& step) {
  auto steps = std::make_shared<Json>(Json::array());
  auto branches = [](Self self, Json todo, std::shared_ptr<Json> outcomes) -> Task<JsValue> {
    std::size_t longest = 0;
    std::vector<Json> lists;
    for (const Json& branch : todo) {
      lists.push_back(branch.is_array() ? branch : branch["steps"]);
      longest = std::max(longest, lists.back().size());
      outcomes->push_back(Json::array());
    }
    std::exception_ptr first;
    std::set<std::size_t> ended;
    for (std::size_t i = 0; i < longest; ++i) {
      std::vector<std::pair<std::size_t, Promise>> waiting;
      for (std::size_t branch = 0; branch < lists.size(); ++branch) {
        if (i >= lists[branch].size() || ended.contains(branch)) continue;
        const Json& one = lists[branch][i];
        Json& into = (*outcomes)[branch];
        if (!isSynchronous(one) && one.value("await", true)) {
          waiting.emplace_back(branch, self->invoke(one));
          continue;
        }
        std::exception_ptr thrown;
        into.push_back(self->runStepNow(one, thrown));
        if (thrown) ended.insert(branch);
        if (thrown && !first) first = thrown;
      }
      for (auto& [branch, promise] : waiting) {
        const Json& one = lists[branch][i];
        std::exception_ptr error;
        Json outcome;
        try {
          JsValue value = co_await std::move(promise.task);
          outcome = self->succeeded(one, value, *promise.steps);
        } catch (...) {
          error = std::current_exception();
        }
        if (error && !isCatchable(error)) std::rethrow_exception(error);
        if (error) outcome = failed(error, *promise.steps);
        (*outcomes)[branch].push_back(std::move(outcome));
        if (error && one.value("rethrow", false)) {
          ended.insert(branch);
          if (!first) first = error;
        }
      }
    }
    if (first) std::rethrow_exception(first);
    co_return JsValue();
  };
  return {branches(shared_from_this(), step["branches"], steps), steps};
}

Task<JsValue> Interpreter::repeat(Self self, Json step) {
  int times = step["n"];
  std::size_t pad = step.value("pad", std::size_t{0});
  int errors = 0;
  for (int i = 0; i < times; ++i) {
    std::string index = std::to_string(i);
    if (index.size() < pad) index.insert(0, pad - index.size(), '0');
    Json one = Json::array({step["step"]});
    replaceIndex(one, index);
    auto outcomes = std::make_shared<Json>(Json::array());
    co_await runBody(self, one, outcomes);
    if ((*outcomes)[0].contains("err")) ++errors;
  }
  co_return Value::object({{"n", times}, {"errs", errors}});
}

Task<JsValue> Interpreter::sleepUntil(Self self, std::int64_t timeMs) {
  std::int64_t left = std::max<std::int64_t>(timeMs - self->state_.now().value, 0);
  co_await self->state_.sleep(std::chrono::milliseconds(left));
  co_return JsValue();
}

Task<JsValue> Interpreter::awaitSaved(Self self, std::string name) {
  auto promise = self->promises_.extract(name);
  if (promise.empty()) co_return JsValue();
  co_return co_await std::move(promise.mapped().task);
}

Interpreter::Promise Interpreter::lateTransaction(const Json& step) {
  std::shared_ptr<TransactionKv> saved = savedTransactions_.at(step["txn"]);
  transactions_.push_back(saved);
  const Json& inner = step["step"];
  Json body;
  Promise promise;
  try {
    if (isSynchronous(inner)) {
      promise = {resolved(performNow(inner, body)), std::make_shared<Json>()};
    } else {
      promise = invoke(inner);
    }
  } catch (...) {
    transactions_.pop_back();
    throw;
  }
  transactions_.pop_back();
  return promise;
}

}  // namespace cairn::conformance
