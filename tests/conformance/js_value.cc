#include "tests/conformance/js_value.h"

#include <cairn/value_bigint.h>
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <charconv>
#include <cmath>
#include <ctime>

#include "kv/value_number.h"
#include "kv/value_text.h"
#include "tests/conformance/js_error.h"
#include "tests/support/value_description.h"

namespace cairn::conformance {

namespace {

// The host's own classes, as workerd writes them: `new Headers({a: "b"})`.
const std::string kHeaders = "\x04\x03\x01\x00\x01\x01\x61\x01\x62";

std::string padded(std::int64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  return digits.size() >= width ? digits : std::string(width - digits.size(), '0') + digits;
}

class Reader {
 public:
  Reader(const JsScope& scope, JsValue& whole) : scope_(scope), whole_(whole) {}

  Value read(const Json& json) {
    return valueFromDescription(json, [this](const Json& other) { return input(other); });
  }

 private:
  Value input(const Json& json) {
    const std::string type = json["$type"];
    auto number = [&](const char* name, double otherwise) {
      return json.contains(name) ? json[name].get<double>() : otherwise;
    };
    auto count = [&](const char* name) { return static_cast<std::size_t>(number(name, 0)); };
    if (type == "repeat") return repeated(read(json["s"]), count("n"));
    if (type == "concat") return concatenated(json["parts"]);
    if (type == "bytes")
      return Value::arrayBuffer(Bytes(count("n"), static_cast<std::byte>(count("fill"))));
    if (type == "genArray") return generatedArray(json, count("n"), count("pad"), count("from"));
    if (type == "genObject") return generatedObject(json, count("n"), count("pad"));
    if (type == "nest") return nested(json, count("depth"));
    if (type == "nowPlus") return static_cast<double>(scope_.now.value) + number("ms", 0);
    if (type == "datePlus")
      return Value::date(static_cast<double>(scope_.now.value) + number("ms", 0));
    if (type == "var") return variable(json);
    return special(json, type);
  }

  static Value repeated(const Value& part, std::size_t count) {
    std::string text;
    text.reserve(part.asString().size() * count);
    for (std::size_t i = 0; i < count; ++i) text += part.asString();
    return text;
  }

  Value concatenated(const Json& parts) {
    std::string text;
    for (const Json& part : parts) text += toJsString(read(part));
    return text;
  }

  static Value generatedArray(const Json& json, std::size_t count, std::size_t pad,
                              std::size_t from) {
    Value array = Value::array();
    for (std::size_t i = 0; i < count; ++i) {
      auto index = static_cast<std::int64_t>(from + i);
      if (json.contains("prefix")) {
        array.asArray().push(json["prefix"].get<std::string>() + padded(index, pad));
      } else {
        array.asArray().push(static_cast<double>(index));
      }
    }
    return array;
  }

  Value generatedObject(const Json& json, std::size_t count, std::size_t pad) {
    Value object = Value::object();
    for (std::size_t i = 0; i < count; ++i) {
      object.asObject().set(
          json["prefix"].get<std::string>() + padded(static_cast<std::int64_t>(i), pad),
          read(json["value"]));
    }
    return object;
  }

  Value nested(const Json& json, std::size_t depth) {
    const std::string as = json["as"];
    Value value = read(json.contains("leaf") ? json["leaf"] : Json());
    for (std::size_t i = 0; i < depth; ++i) {
      if (as == "object") {
        value = Value::object({{"a", value}});
      } else if (as == "map") {
        value = Value::map({{"a", value}});
      } else if (as == "set") {
        value = Value::set({value});
      } else {
        value = Value::array({value});
      }
    }
    return value;
  }

  Value variable(const Json& json) {
    JsValue saved = scope_.variable(json["name"]);
    if (!json.contains("plus")) {
      if (saved.kind != JsValue::Kind::kPlain) note(saved);
      return saved.value;
    }
    JsValue plus = readJsValue(json["plus"], scope_);
    if (saved.value.is(Value::Type::kString) || plus.value.is(Value::Type::kString))
      return toJsString(saved) + toJsString(plus);
    return toJsNumber(saved) + toJsNumber(plus);
  }

  Value special(const Json& json, const std::string& type) {
    if (type == "function") {
      cannotClone("() => 1");
      note({JsValue::Kind::kFunction, {}});
      return {};
    }
    if (type == "symbol") {
      cannotClone("Symbol(s)");
      note({JsValue::Kind::kSymbol, {}});
      return {};
    }
    if (type == "instance") {
      Value properties = Value::object();
      for (const Json& entry : json["entries"])
        properties.asObject().set(entry[0].get<std::string>(), read(entry[1]));
      note({JsValue::Kind::kInstance, json.value("class", std::string("Object"))});
      return properties;
    }
    if (type == "host") return host(json.value("kind", std::string()));
    throw std::invalid_argument("a scenario's value of type " + type);
  }

  Value host(const std::string& kind) {
    note({JsValue::Kind::kHost, kind});
    if (kind == "Headers") return Value::hostObject(std::as_bytes(std::span(kHeaders)));
    // An object with a method of its own.
    cannotClone("() => \"json\"");
    return {};
  }

  void cannotClone(const char* text) {
    if (!whole_.uncloneable) whole_.uncloneable = text;
  }
  // Counts only if it turns out to be the whole value.
  void note(const JsValue& special) {
    whole_.kind = special.kind;
    whole_.label = special.label;
  }

  const JsScope& scope_;
  JsValue& whole_;
};

bool isSpecial(const Json& json) {
  if (!json.is_object() || !json.contains("$type")) return false;
  const std::string type = json["$type"];
  return type == "function" || type == "symbol" || type == "instance" || type == "host" ||
         type == "var";
}

std::string dateText(double ms) {
  if (std::isnan(ms)) return "Invalid Date";
  auto seconds = static_cast<std::time_t>(std::floor(ms / 1'000));
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[80];
  std::size_t length = std::strftime(
      text, sizeof(text), "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &parts);
  return {text, length};
}

std::string errorText(const Value::ErrorObject& error) {
  std::string name(errorKindName(error.kind()));
  std::string message(error.message().value_or(""));
  return message.empty() ? name : name + ": " + message;
}

std::string joined(const Value::Array& array) {
  std::string text;
  for (std::uint32_t i = 0; i < array.length(); ++i) {
    if (i > 0) text += ",";
    if (!array.at(i).isNullish()) text += toJsString(array.at(i));
  }
  return text;
}

std::string bytesJoined(const Value::View& view) {
  std::string text;
  for (std::byte byte : view.bytes()) {
    if (!text.empty()) text += ",";
    text += std::to_string(static_cast<int>(byte));
  }
  return text;
}

double numberOfText(std::string_view text) {
  auto isSpace = [](char c) {
    return std::string_view(" \t\n\r\v\f").find(c) != std::string::npos;
  };
  while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
  if (text.empty()) return 0;
  std::string_view digits = text;
  if (digits.front() == '+') digits.remove_prefix(1);
  double number = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits == "Infinity") return HUGE_VAL;
  if (digits == "-Infinity") return -HUGE_VAL;
  bool isWord = digits.find_first_of("nNiI") != std::string::npos;
  if (error == std::errc::invalid_argument || end != digits.data() + digits.size() || isWord)
    return std::nan("");
  return number;
}

std::size_t hostObjectLength(std::string_view bytes) {
  if (bytes.substr(0, kHeaders.size()) == kHeaders) return kHeaders.size();
  throw Error(ErrorCode::kUnsupported, "a host object of another class");
}

// The length of the well-formed sequence at the front, or 0; `bad` then tells how many bytes one
// U+FFFD stands for.
std::size_t sequenceLength(std::string_view bytes, std::size_t& bad) {
  auto at = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  unsigned lead = at(0);
  bad = 1;
  if (lead < 0x80) return 1;
  std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (std::size_t i = 1; i < length; ++i) {
    if (at(i) < low || at(i) > high) return 0;
    bad = i + 1;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

}  // namespace

JsValue readJsValue(const Json& description, const JsScope& scope) {
  JsValue result;
  Value value = Reader(scope, result).read(description);
  if (!isSpecial(description)) {
    result.kind = JsValue::Kind::kPlain;
    result.label.clear();
  }
  result.value = std::move(value);
  return result;
}

std::string toJsString(const JsValue& input) {
  switch (input.kind) {
    case JsValue::Kind::kFunction:
      return "() => 1";
    case JsValue::Kind::kSymbol:
      throw typeError("Cannot convert a Symbol value to a string");
    case JsValue::Kind::kPromise:
      return "[object Promise]";
    case JsValue::Kind::kHost:
      return "[object " + (input.label == "ToJSON" ? "Object" : input.label) + "]";
    default:
      break;
  }
  const Value& value = input.value;
  switch (value.type()) {
    case Value::Type::kUndefined:
      return "undefined";
    case Value::Type::kNull:
      return "null";
    case Value::Type::kBoolean:
      return value.asBoolean() ? "true" : "false";
    case Value::Type::kNumber:
      return numberToString(value.asNumber());
    case Value::Type::kBigInt:
      return value.asBigInt().toString();
    case Value::Type::kString:
      return std::string(value.asString());
    case Value::Type::kBoxed:
      return toJsString(value.asBoxed().primitive());
    case Value::Type::kDate:
      return dateText(value.asDateMs());
    case Value::Type::kRegExp:
      return "/" + std::string(value.asRegExp().source()) + "/" + value.asRegExp().flags();
    case Value::Type::kArray:
      return joined(value.asArray());
    case Value::Type::kView:
      return bytesJoined(value.asView());
    case Value::Type::kError:
      return errorText(value.asError());
    case Value::Type::kMap:
      return "[object Map]";
    case Value::Type::kSet:
      return "[object Set]";
    case Value::Type::kArrayBuffer:
      return "[object ArrayBuffer]";
    default:
      return "[object Object]";
  }
}

double toJsNumber(const JsValue& input) {
  if (input.kind == JsValue::Kind::kSymbol)
    throw typeError("Cannot convert a Symbol value to a number");
  const Value& value = input.value;
  switch (value.type()) {
    case Value::Type::kNull:
      return 0;
    case Value::Type::kBoolean:
      return value.asBoolean() ? 1 : 0;
    case Value::Type::kNumber:
      return value.asNumber();
    case Value::Type::kBigInt:
      throw typeError("Cannot convert a BigInt value to a number");
    case Value::Type::kDate:
      return value.asDateMs();
    case Value::Type::kBoxed:
      return toJsNumber(value.asBoxed().primitive());
    case Value::Type::kUndefined:
      return std::nan("");
    default:
      return numberOfText(toJsString(input));
  }
}

bool toJsBoolean(const JsValue& input) {
  if (input.kind != JsValue::Kind::kPlain) return true;
  const Value& value = input.value;
  switch (value.type()) {
    case Value::Type::kUndefined:
    case Value::Type::kNull:
      return false;
    case Value::Type::kBoolean:
      return value.asBoolean();
    case Value::Type::kNumber:
      return value.asNumber() != 0 && !std::isnan(value.asNumber());
    case Value::Type::kBigInt:
      return !value.asBigInt().isZero();
    case Value::Type::kString:
      return !value.asString().empty();
    default:
      return true;
  }
}

std::int32_t toJsInt32(const JsValue& value) {
  double number = toJsNumber(value);
  if (!std::isfinite(number)) return 0;
  if (number < INT32_MIN || number > INT32_MAX) {
    throw typeError("Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
  }
  return static_cast<std::int32_t>(number);
}

std::optional<double> toJsTime(const JsValue& value) {
  if (value.kind != JsValue::Kind::kPlain) return std::nullopt;
  double ms = std::nan("");
  if (value.value.is(Value::Type::kNumber)) ms = value.value.asNumber();
  if (value.value.is(Value::Type::kDate)) ms = value.value.asDateMs();
  if (!std::isfinite(ms)) return std::nullopt;
  return std::trunc(ms);
}

std::string cloneToBytes(const JsValue& value) {
  if (value.uncloneable)
    throw JsError("DataCloneError", *value.uncloneable + " could not be cloned.");
  std::string bytes;
  try {
    encodeTree(bytes, value.value);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLimitExceeded) throw;
    throw JsError("RangeError", error.what());
  }
  return bytes;
}

JsValue cloneFromBytes(std::string_view bytes) {
  Value value = decodeTree(bytes, {.hostObjectLength = hostObjectLength});
  if (value.is(Value::Type::kHostObject)) return {JsValue::Kind::kHost, "Headers", value};
  return value;
}

Value decodeText(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    std::size_t bad = 0;
    std::size_t length = sequenceLength(bytes, bad);
    if (length == 0) text += "\xef\xbf\xbd";
    text += bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? bad : length);
  }
  return text;
}

}  // namespace cairn::conformance
