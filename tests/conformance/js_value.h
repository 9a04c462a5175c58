// What a JavaScript host has in hand before it calls Cairn: values of the language, of which some
// cannot be stored, and the conversions that the platform's bindings make of them.
#pragma once

#include <cairn/types.h>
#include <cairn/value.h>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cairn::conformance {

using Json = nlohmann::ordered_json;

struct JsValue {
  enum class Kind : std::uint8_t {
    kPlain,     ///< What `value` says.
    kFunction,  ///< `value` is undefined.
    kSymbol,    ///< `value` is undefined.
    kInstance,  ///< An object of class `label`; `value` holds its own properties.
    kHost,      ///< An object of the host's class `label`; `value` is what the host stores of it.
    kPromise,
  };

  JsValue() = default;
  JsValue(Value plain) : value(std::move(plain)) {}
  JsValue(Kind kindOfValue, std::string labelOfValue, Value content = {})
      : value(std::move(content)), kind(kindOfValue), label(std::move(labelOfValue)) {}

  [[nodiscard]] bool isUndefined() const { return kind == Kind::kPlain && value.isUndefined(); }

  Value value;
  Kind kind = Kind::kPlain;
  std::string label;
  /// How the first part that cannot be cloned, itself included, prints.
  std::optional<std::string> uncloneable;
};

/// What the input forms of scenarios refer to.
struct JsScope {
  std::function<JsValue(const std::string& name)> variable;
  UnixMillis now;
};

/// Reads a value of a scenario, in the form that its README gives.
[[nodiscard]] JsValue readJsValue(const Json& description, const JsScope& scope);

/// JavaScript's ToString. Throws: JsError (TypeError) for a symbol.
[[nodiscard]] std::string toJsString(const JsValue& value);
/// JavaScript's ToNumber. Throws: JsError (TypeError) for a symbol or BigInt.
[[nodiscard]] double toJsNumber(const JsValue& value);
[[nodiscard]] bool toJsBoolean(const JsValue& value);
/// Web IDL's `long` as the platform's bindings convert it. Throws: JsError (TypeError).
[[nodiscard]] std::int32_t toJsInt32(const JsValue& value);
/// The instant that a Date or a number of milliseconds names; nothing for anything else and for
/// NaN and infinities. Cut to whole milliseconds.
[[nodiscard]] std::optional<double> toJsTime(const JsValue& value);

/// The bytes a host stores. Throws: JsError: DataCloneError for what cannot be cloned, RangeError
/// for what is nested too deeply.
[[nodiscard]] std::string cloneToBytes(const JsValue& value);
[[nodiscard]] JsValue cloneFromBytes(std::string_view bytes);

/// UTF-8 as TextDecoder reads it: what is malformed becomes U+FFFD.
[[nodiscard]] Value decodeText(std::string_view bytes);

/// The value as the outcomes write it.
[[nodiscard]] Json describe(const JsValue& value);

}  // namespace cairn::conformance
