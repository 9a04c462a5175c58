#include "tests/conformance/sync_steps.h"

#include <cairn/value_objects.h>
#include <set>

#include "tests/conformance/js_error.h"

namespace cairn::conformance {

namespace {

Value sqlToJs(const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return decodeText(*text);
  if (const auto* bytes = std::get_if<Bytes>(&value)) return Value::arrayBuffer(*bytes);
  return nullptr;
}

Value rowToJs(const SqlRow& row) {
  Value object = Value::object();
  for (std::size_t i = 0; i < row.size(); ++i)
    object.asObject().set(decodeText(row.names()[i]).asString(), sqlToJs(row[i]));
  return object;
}

Value rawToJs(const std::vector<SqlValue>& row) {
  Value array = Value::array();
  for (const SqlValue& value : row) array.asArray().push(sqlToJs(value));
  return array;
}

template <typename Rows, typename Convert>
Value arrayOf(Rows&& rows, Convert convert) {
  Value array = Value::array();
  for (auto&& row : rows) array.asArray().push(convert(row));
  return array;
}

Value columnNames(const SqlCursor& cursor) {
  return arrayOf(cursor.columnNames(), [](const std::string& name) { return decodeText(name); });
}

/// A bound parameter and what it borrows.
class Binding {
 public:
  explicit Binding(const JsValue& input) {
    const Value& value = input.value;
    if (input.kind != JsValue::Kind::kPlain) {
      text(toJsString(input));
    } else if (value.isNullish()) {
      parameter_ = SqlParameter(nullptr);
    } else if (value.is(Value::Type::kNumber)) {
      parameter_ = SqlParameter(value.asNumber());
    } else if (value.is(Value::Type::kArrayBuffer)) {
      keep_ = value;
      parameter_ = SqlParameter(BytesView(keep_.asArrayBuffer().bytes()));
    } else if (value.is(Value::Type::kView)) {
      keep_ = value;
      parameter_ = SqlParameter(BytesView(keep_.asView().bytes()));
    } else if (value.is(Value::Type::kBigInt)) {
      throw typeError("Cannot convert a BigInt value to a number");
    } else {
      text(toJsString(input));
    }
  }

  [[nodiscard]] const SqlParameter& parameter() const { return parameter_; }

 private:
  void text(std::string content) {
    text_ = std::make_unique<std::string>(std::move(content));
    parameter_ = SqlParameter(*text_);
  }

  Value keep_;
  std::unique_ptr<std::string> text_;
  SqlParameter parameter_;
};

const char* orderOf(const std::string& a, const std::string& b) {
  if (a < b) return "lt";
  return a == b ? "eq" : "gt";
}

}  // namespace

Value pairOf(std::string_view key, const JsValue& value) {
  return Value::array({decodeText(key), value.value});
}

JsValue iterationResult(const std::optional<JsValue>& value) {
  return Value::object({{"done", !value.has_value()}, {"value", value ? value->value : Value()}});
}

JsListOptions::JsListOptions(const JsValue& input) {
  if (input.isUndefined() || input.value.isNull()) return;
  if (input.kind == JsValue::Kind::kPlain && !input.value.hasIdentity())
    throw typeError("parameter 1 is not of type 'ListOptions'.");
  if (!input.value.is(Value::Type::kObject)) return;
  const Value& object = input.value;
  auto text = [&](const char* name, std::optional<std::string>& into,
                  std::optional<std::string_view>& option) {
    if (object[name].isUndefined()) return;
    into = toJsString(object[name]);
    option = *into;
  };
  text("start", start, options.start);
  text("startAfter", startAfter, options.startAfter);
  text("end", end, options.end);
  text("prefix", prefix, options.prefix);
  options.reverse = toJsBoolean(object["reverse"]);
  if (!object["limit"].isUndefined()) options.limit = toJsInt32(object["limit"]);
}

bool SyncSteps::knows(std::string_view op) {
  static const std::set<std::string_view> kHarness = {"compare", "now",   "log",      "getLog",
                                                      "starts",  "throw", "aliasTest"};
  return op.starts_with("sql.") || op.starts_with("cur.") || op.starts_with("kv.") ||
         op.starts_with("it.") || kHarness.contains(op);
}

JsValue SyncSteps::read(const Json& description) const {
  JsScope scope;
  scope.now = state_.now();
  scope.variable = [this](const std::string& name) {
    auto at = memory_.variables.find(name);
    return at == memory_.variables.end() ? JsValue() : at->second;
  };
  return readJsValue(description, scope);
}

JsValue SyncSteps::field(const Json& step, const char* name) const {
  return step.contains(name) ? read(step[name]) : JsValue();
}

JsValue SyncSteps::run(const Json& step) {
  std::string_view op = step["op"].get_ref<const std::string&>();
  if (op.starts_with("sql.")) return runSql(step, op);
  if (op.starts_with("cur.")) return useCursor(step, op);
  if (op.starts_with("kv.")) return runKv(step, op);
  if (op.starts_with("it.")) return useIterator(step, op);
  return runHarness(step, op);
}

// ---- SQL

JsValue SyncSteps::runSql(const Json& step, std::string_view op) {
  if (op == "sql.exec") return exec(step);
  return Value(static_cast<double>(state_.storage().sql().databaseSize()));
}

JsValue SyncSteps::exec(const Json& step) {
  std::string text = toJsString(field(step, "sql"));
  std::vector<Binding> bindings;
  if (step.contains("params")) {
    for (const Json& parameter : step["params"]) bindings.emplace_back(read(parameter));
  }
  std::vector<SqlParameter> parameters;
  for (const Binding& binding : bindings) parameters.push_back(binding.parameter());
  std::shared_ptr<SqlCursor> cursor;
  try {
    cursor = std::make_shared<SqlCursor>(state_.storage().sql().execute(text, parameters));
  } catch (const Error& error) {
    // The platform knows one kind of error of SQL.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw JsError("Error", error.what());
  }
  if (step.contains("as")) memory_.cursors[step["as"]] = cursor;
  return consume(cursor, step.value("consume", std::string("toArray")));
}

JsValue SyncSteps::consume(const std::shared_ptr<SqlCursor>& cursor, const std::string& how) {
  if (how == "none") return {};
  if (how == "one") return rowToJs(cursor->one());
  if (how == "raw") return arrayOf(cursor->toRawArray(), rawToJs);
  if (how == "iter") return arrayOf(*cursor, rowToJs);
  if (how == "all" || how == "metrics") {
    Value names = columnNames(*cursor);
    Value rows = arrayOf(cursor->toRawArray(), rawToJs);
    auto read = static_cast<double>(cursor->rowsRead());
    auto written = static_cast<double>(cursor->rowsWritten());
    if (how == "metrics") {
      return Value::object(
          {{"n", rows.asArray().length()}, {"rowsRead", read}, {"rowsWritten", written}});
    }
    return Value::object(
        {{"columnNames", names}, {"rows", rows}, {"rowsRead", read}, {"rowsWritten", written}});
  }
  return arrayOf(cursor->toArray(), rowToJs);
}

JsValue SyncSteps::useCursor(const Json& step, std::string_view op) {
  auto at = memory_.cursors.find(step["cur"]);
  if (at == memory_.cursors.end()) throw typeError("there is no cursor " + step["cur"].dump());
  std::shared_ptr<SqlCursor> cursor = at->second;
  if (op == "cur.next") {
    std::optional<SqlRow> row = cursor->next();
    return iterationResult(row ? std::optional<JsValue>(rowToJs(*row)) : std::nullopt);
  }
  if (op == "cur.toArray") return arrayOf(cursor->toArray(), rowToJs);
  if (op == "cur.one") return rowToJs(cursor->one());
  if (op == "cur.rawToArray") return arrayOf(cursor->toRawArray(), rawToJs);
  if (op == "cur.raw") {
    if (!step.contains("as")) return {};
    memory_.iterators[step["as"]] = [cursor]() -> std::optional<JsValue> {
      std::optional<std::vector<SqlValue>> row = cursor->nextRaw();
      if (!row) return std::nullopt;
      return JsValue(rawToJs(*row));
    };
    return {};
  }
  if (op == "cur.iter") {
    // `for (const row of cursor)`, left after `max` rows.
    Value rows = Value::array();
    std::uint32_t most = step.value("max", UINT32_MAX);
    while (rows.asArray().length() < most) {
      std::optional<SqlRow> row = cursor->next();
      if (!row) break;
      rows.asArray().push(rowToJs(*row));
    }
    return rows;
  }
  std::string property = step.value("prop", std::string());
  if (property == "columnNames") return columnNames(*cursor);
  if (property == "rowsRead") return Value(static_cast<double>(cursor->rowsRead()));
  if (property == "rowsWritten") return Value(static_cast<double>(cursor->rowsWritten()));
  return {};
}

// ---- synchronous KV

JsValue SyncSteps::runKv(const Json& step, std::string_view op) {
  if (op == "kv.list") return list(step);
  std::string key = toJsString(field(step, "key"));
  SyncKv& kv = state_.storage().kv();
  if (op == "kv.put") {
    std::string bytes = cloneToBytes(field(step, "value"));
    kv.putBytes(key, std::as_bytes(std::span(bytes)));
    return {};
  }
  if (op == "kv.delete") return Value(kv.erase(key));
  std::optional<Bytes> bytes = kv.getBytes(key);
  if (!bytes) return {};
  return cloneFromBytes({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

JsValue SyncSteps::list(const Json& step) {
  JsListOptions options(field(step, "options"));
  auto cursor = std::make_shared<KvCursor>(state_.storage().kv().cursor(options.options));
  JsIterator next = [cursor]() -> std::optional<JsValue> {
    if (!cursor->next()) return std::nullopt;
    return JsValue(pairOf(cursor->key(), cloneFromBytes(cursor->bytes())));
  };
  if (step.contains("as")) {
    memory_.iterators[step["as"]] = std::move(next);
    return {};
  }
  bool keysOnly = step.value("consume", std::string()) == "keys";
  Value all = Value::array();
  while (std::optional<JsValue> pair = next())
    all.asArray().push(keysOnly ? pair->value[std::size_t{0}] : pair->value);
  return all;
}

JsValue SyncSteps::useIterator(const Json& step, std::string_view op) {
  auto at = memory_.iterators.find(step["it"]);
  if (at == memory_.iterators.end()) throw typeError("there is no iterator " + step["it"].dump());
  JsIterator next = at->second;
  if (op == "it.next") return iterationResult(next());
  Value rest = Value::array();
  while (std::optional<JsValue> value = next()) rest.asArray().push(value->value);
  return rest;
}

// Values are copies: changing what was put, or what was got, changes nothing stored.
JsValue SyncSteps::alias(const Json& step) {
  std::string key = toJsString(field(step, "key"));
  SyncKv& kv = state_.storage().kv();
  Value value = Value::object({{"a", Value::array({1, 2})}});
  kv.put(key, value);
  value["a"].asArray().push(3);
  kv.get(key)->asObject().set("b", 1);
  return *kv.get(key);
}

// ---- the harness's own

JsValue SyncSteps::runHarness(const Json& step, std::string_view op) {
  if (op == "aliasTest") return alias(step);
  if (op == "now") return Value(static_cast<double>(state_.now().value));
  if (op == "starts") return Value(memory_.starts);
  if (op == "log") {
    memory_.log.push_back(describe(field(step, "v")));
    return {};
  }
  if (op == "getLog") return read(memory_.log);
  if (op == "compare") {
    auto text = [&](const char* name) {
      return toJsString(memory_.variables[step[name].get<std::string>()]);
    };
    return Value(orderOf(text("a"), text("b")));
  }
  throw JsError(step.value("name", std::string("Error")), toJsString(field(step, "message")));
}

}  // namespace cairn::conformance
