// The steps that JavaScript runs without waiting: SQL, synchronous KV, and the harness's own.
#pragma once

#include <cairn/durable_object.h>
#include <string_view>

#include "tests/conformance/object_memory.h"

namespace cairn::conformance {

class SyncSteps {
 public:
  SyncSteps(ObjectMemory& memory, DurableObjectState& state) : memory_(memory), state_(state) {}

  [[nodiscard]] static bool knows(std::string_view op);
  /// Throws: JsError, cairn::Error.
  JsValue run(const Json& step);

  [[nodiscard]] JsValue read(const Json& description) const;
  /// The field as a value; undefined when the step has none.
  [[nodiscard]] JsValue field(const Json& step, const char* name) const;

 private:
  JsValue runSql(const Json& step, std::string_view op);
  JsValue exec(const Json& step);
  JsValue consume(const std::shared_ptr<SqlCursor>& cursor, const std::string& how);
  JsValue useCursor(const Json& step, std::string_view op);
  JsValue runKv(const Json& step, std::string_view op);
  JsValue list(const Json& step);
  JsValue useIterator(const Json& step, std::string_view op);
  JsValue alias(const Json& step);
  JsValue runHarness(const Json& step, std::string_view op);

  ObjectMemory& memory_;
  DurableObjectState& state_;
};

/// The platform's ListOptions out of a JavaScript value. The strings belong to the result.
struct JsListOptions {
  explicit JsListOptions(const JsValue& options);
  JsListOptions(const JsListOptions&) = delete;

  std::optional<std::string> start, startAfter, end, prefix;
  ListOptions options;
};

/// `[key, value]`, and `{done, value}`.
[[nodiscard]] Value pairOf(std::string_view key, const JsValue& value);
[[nodiscard]] JsValue iterationResult(const std::optional<JsValue>& value);

}  // namespace cairn::conformance
