#include "tests/conformance/js_call.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/js_error.h"

namespace cairn::conformance {

namespace {

struct Method {
  const char* op;
  std::vector<const char*> parameters;  ///< Fields of the step, in the order of the arguments.
  std::size_t required = 0;
  bool isSynchronous = false;
};

using Methods = std::map<std::string, Method>;

const std::map<std::string, Methods>& allMethods() {
  static const std::map<std::string, Methods> kAll = {
      {"storage",
       {{"get", {"get", {"key", "options"}, 1}},
        {"put", {"put", {"key", "value", "options"}, 1}},
        {"delete", {"delete", {"key", "options"}, 1}},
        {"list", {"list", {"options"}}},
        {"deleteAll", {"deleteAll", {"options"}}},
        {"sync", {"sync", {}}},
        {"getAlarm", {"getAlarm", {"options"}}},
        {"setAlarm", {"setAlarm", {"time", "options"}, 1}},
        {"deleteAlarm", {"deleteAlarm", {"options"}}},
        {"getCurrentBookmark", {"getCurrentBookmark", {}}},
        {"getBookmarkForTime", {"getBookmarkForTime", {"time"}, 1}},
        {"onNextSessionRestoreBookmark", {"onNextSessionRestoreBookmark", {"bookmark"}, 1}},
        {"transaction", {"txn", {"callback"}, 1}},
        {"transactionSync", {"txnSync", {"callback"}, 1, true}}}},
      {"kv",
       {{"get", {"kv.get", {"key"}, 1, true}},
        {"put", {"kv.put", {"key", "value"}, 2, true}},
        {"delete", {"kv.delete", {"key"}, 1, true}},
        {"list", {"kv.list", {"options"}, 0, true}}}},
      {"sql", {{"exec", {"sql.exec", {"sql"}, 1, true}}}},
      {"ctx",
       {{"abort", {"abort", {"reason"}, 0, true}},
        {"blockConcurrencyWhile", {"blockConcurrencyWhile", {"callback"}, 1}}}},
  };
  return kAll;
}

const std::set<std::string> kProperties = {"ctx.storage", "ctx.id", "storage.sql", "storage.kv"};
const std::set<std::string> kOtherMethods = {"ctx.waitUntil", "ctx.acceptWebSocket",
                                             "ctx.getWebSockets"};

/// A transaction has the storage's key-value methods.
const Methods& methodsOf(const std::string& object) {
  const auto& all = allMethods();
  auto at = all.find(object == "txn" ? "storage" : object);
  static const Methods kNone;
  return at == all.end() ? kNone : at->second;
}

const Method* findMethod(const Json& call) {
  const Methods& methods = methodsOf(call.value("on", std::string()));
  auto at = methods.find(call.value("method", std::string()));
  return at == methods.end() ? nullptr : &at->second;
}

bool isArray(const Json& argument) {
  return argument.is_array() || (argument.is_object() && argument.contains("$type") &&
                                 (argument["$type"] == "array" || argument["$type"] == "genArray"));
}

bool isPlainObject(const Json& argument) {
  return argument.is_object() && (!argument.contains("$type") || argument["$type"] == "object" ||
                                  argument["$type"] == "genObject");
}

bool isFunction(const Json& argument) {
  return argument.is_object() && argument.contains("$type") && argument["$type"] == "function";
}

JsError refused(const Json& call, std::size_t index) {
  return typeError("Failed to execute '" + call.value("method", std::string()) + "' on " +
                   call.value("on", std::string()) + ": parameter " + std::to_string(index + 1) +
                   " is not of the type it takes.");
}

}  // namespace

bool isSynchronousCall(const Json& call) {
  const Method* method = findMethod(call);
  return method != nullptr && method->isSynchronous;
}

Json stepOfCall(const Json& call) {
  const Method* method = findMethod(call);
  if (method == nullptr) {
    throw typeError(call.value("on", std::string()) + "." + call.value("method", std::string()) +
                    " is not a function");
  }
  Json arguments = call.value("args", Json::array());
  if (arguments.size() < method->required) throw refused(call, arguments.size());
  Json step{{"op", method->op}};
  if (call["on"] == "txn") step["via"] = "txn";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (step["op"] == "sql.exec" && i > 0) {
      step["params"].push_back(arguments[i]);
      continue;
    }
    if (i >= method->parameters.size()) break;
    std::string name = method->parameters[i];
    bool isAsyncKey = name == "key" && !method->isSynchronous;
    if (name == "callback") {
      if (!isFunction(arguments[i])) throw refused(call, i);
      step["steps"] = Json::array();
      continue;
    }
    if (isAsyncKey && isArray(arguments[i]) && step["op"] != "put") name = "keys";
    if (isAsyncKey && step["op"] == "put" && isPlainObject(arguments[i])) name = "entries";
    step[name] = arguments[i];
  }
  // put(entries, options)
  if (step.contains("entries") && step.contains("value")) {
    Json options = step["value"];
    step.erase("value");
    step["options"] = std::move(options);
  }
  return step;
}

JsValue callNow(const Json& call, const SyncSteps& values,
                const std::function<JsValue(const Json& step)>& perform) {
  Json step = stepOfCall(call);
  if (step["op"] == "kv.list") {
    JsListOptions checked(values.field(step, "options"));
    return {JsValue::Kind::kInstance, "ListIterator", Value::object()};
  }
  if (step["op"] == "sql.exec") {
    step["consume"] = "none";
    static_cast<void>(perform(step));
    return {JsValue::Kind::kInstance, "Cursor", Value::object()};
  }
  return perform(step);
}

JsValue typeOfMember(const Json& step) {
  std::string object = step.value("on", std::string());
  std::string member = step.value("member", std::string());
  bool isMethod = methodsOf(object).contains(member) ||
                  kOtherMethods.contains(object + "." + member) ||
                  (object == "txn" && member == "rollback");
  if (isMethod) return Value("function");
  if (object == "sql" && member == "databaseSize") return Value("number");
  if (kProperties.contains(object + "." + member)) return Value("object");
  return Value("undefined");
}

}  // namespace cairn::conformance
