// Values as the outcomes write them.
#include <cairn/value_bigint.h>
#include <cairn/value_objects.h>
#include <cmath>

#include "kv/value_text.h"
#include "tests/conformance/js_value.h"
#include "tests/support/value_description.h"
#include "tools/cli/value_sharing.h"

namespace cairn::conformance {

namespace {

constexpr std::size_t kLongText = 512;
constexpr std::size_t kLongBytes = 512;
constexpr std::size_t kHeadUnits = 24;
constexpr std::size_t kFingerprintPart = 32 << 10;

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash) {
  for (char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  return hash;
}

std::string fingerprint(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  if (bytes.size() <= 2 * kFingerprintPart) {
    hash = fnv1a(bytes, hash);
  } else {
    hash = fnv1a(bytes.substr(0, kFingerprintPart), hash);
    hash = fnv1a(bytes.substr(bytes.size() - kFingerprintPart), hash);
  }
  std::string hex;
  for (int shift = 60; shift >= 0; shift -= 4) hex += "0123456789abcdef"[(hash >> shift) & 15];
  return hex;
}

Json typed(const char* type) { return Json{{"$type", type}}; }

Json number(double value) {
  constexpr double kExact = 9'007'199'254'740'992;
  if (value == 0 && std::signbit(value)) return Json{{"$type", "number"}, {"v", "-0"}};
  if (std::isnan(value)) return Json{{"$type", "number"}, {"v", "NaN"}};
  if (std::isinf(value))
    return Json{{"$type", "number"}, {"v", value > 0 ? "Infinity" : "-Infinity"}};
  if (std::trunc(value) == value && std::abs(value) < kExact)
    return static_cast<std::int64_t>(value);
  return value;
}

bool isWellFormed(std::u16string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool isHigh = (text[i] & 0xfc00) == 0xd800;
    if (isHigh && i + 1 < text.size() && (text[i + 1] & 0xfc00) == 0xdc00) {
      ++i;
    } else if ((text[i] & 0xf800) == 0xd800) {
      return false;
    }
  }
  return true;
}

Json unitsOf(std::u16string_view text) {
  Json units = Json::array();
  for (char16_t unit : text) units.push_back(static_cast<int>(unit));
  return Json{{"$type", "string"}, {"utf16", units}};
}

/// As TextEncoder writes it. WTF-8 spells a lone surrogate ED A0..BF xx, which nothing else is.
std::string replacingLoneSurrogates(std::string_view wtf8) {
  std::string text(wtf8);
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    bool isSurrogate = text[i] == '\xed' && static_cast<unsigned char>(text[i + 1]) >= 0xa0;
    if (isSurrogate) text.replace(i, 3, "\xef\xbf\xbd");
  }
  return text;
}

Json text(const Value& value) {
  std::string_view wtf8 = value.asString();
  if (utf16UnitCount(wtf8) <= kLongText) {
    std::u16string units = value.asUtf16();
    return isWellFormed(units) ? Json(std::string(wtf8)) : unitsOf(units);
  }
  std::u16string units = value.asUtf16();
  std::string encoded = isWellFormed(units) ? std::string(wtf8) : replacingLoneSurrogates(wtf8);
  std::u16string head = units.substr(0, kHeadUnits);
  Json headJson =
      isWellFormed(head) ? Json(std::string(Value::utf16(head).asString())) : unitsOf(head);
  return Json{{"$type", "longString"},
              {"length", units.size()},
              {"bytes", encoded.size()},
              {"fp", fingerprint(encoded)},
              {"head", headJson}};
}

class Writer {
 public:
  explicit Writer(const Value& root) : sharing_(root) {}

  Json write(const Value& value, const std::string& className = {}) {
    if (!value.hasIdentity()) return primitive(value);
    cli::Sharing::Place& place = *sharing_.find(value);
    if (place.id != 0) return Json{{"$ref", place.id}};
    if (place.met > 1) place.id = sharing_.nextId();
    unsigned id = place.id;
    if (value.is(Value::Type::kArray)) return array(value.asArray(), id);
    if (value.is(Value::Type::kObject)) return object(value.asObject(), id, className);
    return other(value, id);
  }

 private:
  static Json primitive(const Value& value) {
    switch (value.type()) {
      case Value::Type::kUndefined:
        return typed("undefined");
      case Value::Type::kNull:
        return nullptr;
      case Value::Type::kBoolean:
        return value.asBoolean();
      case Value::Type::kNumber:
        return number(value.asNumber());
      case Value::Type::kBigInt:
        return Json{{"$type", "bigint"}, {"v", value.asBigInt().toString()}};
      default:
        return text(value);
    }
  }

  static Json begin(const char* type, unsigned id) {
    Json json = typed(type);
    if (id != 0) json["$id"] = id;
    return json;
  }

  Json array(const Value::Array& array, unsigned id) {
    bool isPlain = id == 0 && !array.hasHoles() && array.properties().empty();
    if (isPlain) {
      Json list = Json::array();
      for (auto [index, element] : array.elements()) list.push_back(write(element));
      return list;
    }
    Json json = begin("array", id);
    json["length"] = array.length();
    Json entries = Json::array();
    for (auto [index, element] : array.elements())
      entries.push_back(Json::array({std::to_string(index), write(element)}));
    for (const auto& property : array.properties())
      entries.push_back(Json::array({text(property.key), write(property.value)}));
    json["entries"] = std::move(entries);
    return json;
  }

  static bool isPlainName(std::string_view name) {
    return (name.empty() || name.front() != '$') && name != "__proto__" &&
           isWellFormed(Value(name).asUtf16());
  }

  Json object(const Value::Object& object, unsigned id, const std::string& className) {
    bool isPlain = id == 0 && className.empty();
    for (auto [name, part] : object) isPlain = isPlain && isPlainName(name);
    if (isPlain) {
      Json json = Json::object();
      for (auto [name, part] : object) json.emplace(std::string(name), write(part));
      return json;
    }
    Json json = begin("object", id);
    if (!className.empty()) json["class"] = className;
    Json entries = Json::array();
    for (auto [name, part] : object) {
      Json key = text(Value(name));
      entries.push_back(Json::array({std::move(key), write(part)}));
    }
    json["entries"] = std::move(entries);
    return json;
  }

  Json other(const Value& value, unsigned id) {
    switch (value.type()) {
      case Value::Type::kBoxed: {
        Json json = begin("boxed", id);
        json["v"] = write(value.asBoxed().primitive());
        return json;
      }
      case Value::Type::kDate: {
        Json json = begin("date", id);
        json["v"] = std::isnan(value.asDateMs()) ? Json("NaN") : number(value.asDateMs());
        return json;
      }
      case Value::Type::kRegExp: {
        Json json = begin("regexp", id);
        json["source"] = text(Value(value.asRegExp().source()));
        json["flags"] = value.asRegExp().flags();
        return json;
      }
      case Value::Type::kMap:
        return map(value.asMap(), begin("map", id));
      case Value::Type::kSet:
        return set(value.asSet(), begin("set", id));
      case Value::Type::kArrayBuffer:
        return buffer(value.asArrayBuffer(), begin("arraybuffer", id));
      case Value::Type::kView:
        return view(value.asView(), begin("view", id));
      case Value::Type::kError:
        return error(value.asError(), begin("error", id));
      default:
        return Json{{"$type", "object"}, {"class", "Headers"}, {"entries", Json::array()}};
    }
  }

  Json map(const Value::Map& map, Json json) {
    Json entries = Json::array();
    for (const auto& entry : map) {
      Json key = write(entry.key);
      entries.push_back(Json::array({std::move(key), write(entry.value)}));
    }
    json["entries"] = std::move(entries);
    return json;
  }

  Json set(const Value::Set& set, Json json) {
    Json values = Json::array();
    for (const Value& member : set) values.push_back(write(member));
    json["values"] = std::move(values);
    return json;
  }

  static Json buffer(const Value::ArrayBuffer& buffer, Json json) {
    std::string_view bytes(reinterpret_cast<const char*>(buffer.bytes().data()),
                           buffer.byteLength());
    if (bytes.size() > kLongBytes) {
      json["length"] = bytes.size();
      json["fp"] = fingerprint(bytes);
    } else {
      json["hex"] = bytesToHex(bytes);
    }
    if (buffer.isResizable()) json["maxByteLength"] = buffer.byteLengthMax();
    return json;
  }

  Json view(const Value::View& view, Json json) {
    json["kind"] = std::string(viewKindName(view.kind()));
    json["byteOffset"] = view.byteOffset();
    json["length"] = view.length();
    json["buffer"] = write(view.buffer());
    return json;
  }

  Json error(const Value::ErrorObject& error, Json json) {
    std::string name(errorKindName(error.kind()));
    json["name"] = name;
    json["message"] = text(Value(error.message().value_or("")));
    json["ctor"] = name;
    json["hasStack"] = error.stack().has_value();
    if (error.cause() != nullptr) json["cause"] = write(*error.cause());
    return json;
  }

  cli::Sharing sharing_;
};

}  // namespace

Json describe(const JsValue& value) {
  switch (value.kind) {
    case JsValue::Kind::kFunction:
      return typed("function");
    case JsValue::Kind::kSymbol:
      return typed("symbol");
    case JsValue::Kind::kPromise:
      return typed("promise");
    case JsValue::Kind::kHost:
      return Json{{"$type", "object"}, {"class", value.label}, {"entries", Json::array()}};
    case JsValue::Kind::kInstance:
      return Writer(value.value).write(value.value, value.label);
    default:
      return Writer(value.value).write(value.value);
  }
}

}  // namespace cairn::conformance
