#include "tests/support/value_description.h"

#include <cairn/value_bigint.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <map>
#include <stdexcept>

namespace cairn {

namespace {

using Json = nlohmann::ordered_json;

class Reader {
 public:
  explicit Reader(OtherDescription other) : other_(std::move(other)) {}

  Value read(const Json& json) {
    if (json.is_null()) return nullptr;
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number()) return json.get<double>();
    if (json.is_string()) return json.get<std::string>();
    if (json.is_array()) return list(json);
    if (json.contains("$ref")) return reference(json["$ref"].get<int>());
    if (!json.contains("$type")) return plainObject(json);
    Value value = typed(json, json["$type"].get<std::string>());
    if (json.contains("$id")) known_[json["$id"].get<int>()].isOpen = false;
    return value;
  }

 private:
  struct Known {
    Value value;
    bool isOpen = true;
  };

  Value reference(int id) {
    return known_.at(id).isOpen ? known_.at(id).value.weak() : known_.at(id).value;
  }

  /// What is inside may refer to it from now on.
  Value named(const Json& json, Value value) {
    if (json.contains("$id")) known_[json["$id"].get<int>()].value = value;
    return value;
  }

  Value list(const Json& json) {
    Value value = Value::array();
    for (const Json& element : json) value.asArray().push(read(element));
    return value;
  }

  Value plainObject(const Json& json) {
    Value value = Value::object();
    for (const auto& [name, content] : json.items()) value.asObject().set(name, read(content));
    return value;
  }

  Value typed(const Json& json, const std::string& type) {
    if (type == "undefined") return {};
    if (type == "number") return number(json["v"].get<std::string>());
    if (type == "bigint") return BigInt::parse(json["v"].get<std::string>());
    if (type == "string") return text(json);
    if (type == "array") return array(json);
    if (type == "object") return object(json);
    if (type == "map") return map(json);
    if (type == "set") return set(json);
    if (type == "error") return error(json);
    return named(json, leafObject(json, type));
  }

  Value leafObject(const Json& json, const std::string& type) {
    if (type == "boxed") return Value::boxed(read(json["v"]));
    if (type == "date")
      return Value::date(json["v"].is_number() ? json["v"].get<double>() : std::nan(""));
    if (type == "regexp")
      return Value::regExp(read(json["source"]).asString(), json["flags"].get<std::string>());
    if (type == "arraybuffer") return buffer(json);
    if (type == "view") return view(json);
    if (other_) return other_(json);
    throw std::invalid_argument("description of type " + type);
  }

  static Value number(const std::string& name) {
    if (name == "NaN") return std::nan("");
    if (name == "-0") return -0.0;
    return name == "Infinity" ? HUGE_VAL : -HUGE_VAL;
  }

  static Value text(const Json& json) {
    std::u16string units;
    for (const Json& unit : json["utf16"]) units.push_back(static_cast<char16_t>(unit.get<int>()));
    return Value::utf16(units);
  }

  Value array(const Json& json) {
    Value value = named(json, Value::array());
    value.asArray().setLength(json["length"].get<std::uint32_t>());
    for (const Json& entry : json["entries"]) {
      std::string name(read(entry[0]).asString());
      bool isIndex = name.find_first_not_of("0123456789") == std::string::npos && !name.empty();
      if (isIndex) {
        value.asArray().set(static_cast<std::uint32_t>(std::stoul(name)), read(entry[1]));
      } else {
        value.asArray().setProperty(name, read(entry[1]));
      }
    }
    return value;
  }

  Value object(const Json& json) {
    Value value = named(json, Value::object());
    for (const Json& entry : json["entries"])
      value.asObject().set(read(entry[0]).asString(), read(entry[1]));
    return value;
  }

  Value map(const Json& json) {
    Value value = named(json, Value::map());
    for (const Json& entry : json["entries"]) {
      Value key = read(entry[0]);  // Before its content, which may refer to it.
      value.asMap().set(std::move(key), read(entry[1]));
    }
    return value;
  }

  Value set(const Json& json) {
    Value value = named(json, Value::set());
    for (const Json& member : json["values"]) value.asSet().add(read(member));
    return value;
  }

  static Value buffer(const Json& json) {
    std::string bytes = hexToBytes(json["hex"].get<std::string>());
    BytesView view = std::as_bytes(std::span(bytes));
    if (!json.contains("maxByteLength")) return Value::arrayBuffer(view);
    return Value::resizableArrayBuffer(view, json["maxByteLength"].get<std::uint32_t>());
  }

  Value view(const Json& json) {
    auto name = json["kind"].get<std::string>();
    auto kind = Value::ViewKind::kInt8Array;
    while (viewKindName(kind) != name)
      kind = static_cast<Value::ViewKind>(static_cast<int>(kind) + 1);
    Value target = read(json["buffer"]);
    auto offset = json["byteOffset"].get<std::uint32_t>();
    if (json.contains("lengthTracking")) return Value::lengthTrackingView(kind, target, offset);
    return Value::view(kind, target, offset,
                       json["length"].get<std::uint32_t>() * viewElementSize(kind));
  }

  /// A clone knows the language's own kinds; every other is an Error.
  static Value::ErrorKind errorKind(const std::string& name) {
    for (int i = 0; i <= static_cast<int>(Value::ErrorKind::kUriError); ++i) {
      auto kind = static_cast<Value::ErrorKind>(i);
      if (errorKindName(kind) == name) return kind;
    }
    return Value::ErrorKind::kError;
  }

  Value error(const Json& json) {
    Value value = named(json, Value::error(errorKind(json["name"].get<std::string>()), ""));
    Value::ErrorObject& error = value.asError();
    error.setMessage(std::nullopt);
    if (json.contains("message")) error.setMessage(read(json["message"]).asString());
    if (json.contains("stack")) error.setStack(read(json["stack"]).asString());
    if (json.contains("cause")) error.setCause(read(json["cause"]));
    return value;
  }

  OtherDescription other_;
  std::map<int, Known> known_;
};

}  // namespace

Value valueFromDescription(const Json& description, OtherDescription other) {
  return Reader(std::move(other)).read(description);
}

std::string hexToBytes(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string bytesToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[c & 15]);
  }
  return hex;
}

}  // namespace cairn
