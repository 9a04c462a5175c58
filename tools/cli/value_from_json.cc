// JSON to stored values: reads "$type" and its like out of what the parser gave.
#include <cairn/value_bigint.h>
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"
#include "tools/cli/value_json.h"

namespace cairn::cli {

namespace {

[[noreturn]] void refuse(const std::string& what) { throw Failure(ExitCode::kUsage, what); }

// A member of a tagged object, with the tag in the message when it is not as it should be.
class Members {
 public:
  Members(const Value::Object& object, std::string type)
      : object_(object), type_(std::move(type)) {}

  [[nodiscard]] const Value* find(std::string_view name) const { return object_.find(name); }
  [[nodiscard]] const Value& need(std::string_view name) const {
    if (const Value* value = object_.find(name)) return *value;
    refuse(fmt::format("\"$type\":\"{}\" needs \"{}\"", type_, name));
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    const Value& value = need(name);
    if (!value.is(Value::Type::kString)) wrong(name, "text");
    return std::string(value.asString());
  }
  [[nodiscard]] std::uint32_t count(std::string_view name) const {
    const Value& value = need(name);
    double number = value.is(Value::Type::kNumber) ? value.asNumber() : -1;
    if (number < 0 || number > UINT32_MAX || number != std::trunc(number))
      wrong(name, "a whole number below 2^32");
    return static_cast<std::uint32_t>(number);
  }
  [[nodiscard]] const Value::Array& list(std::string_view name) const {
    const Value& value = need(name);
    if (!value.is(Value::Type::kArray)) wrong(name, "an array");
    return value.asArray();
  }
  [[noreturn]] void wrong(std::string_view name, std::string_view wanted) const {
    refuse(fmt::format("\"{}\" of \"$type\":\"{}\" should be {}", name, type_, wanted));
  }

 private:
  const Value::Object& object_;
  std::string type_;
};

template <typename Kind>
Kind kindNamed(const Members& members, const char* member, std::string_view name, Kind last,
               std::string_view (*nameOf)(Kind)) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (nameOf(static_cast<Kind>(i)) == name) return static_cast<Kind>(i);
  }
  members.wrong(member, "the name of a JavaScript class");
}

class ValueReader {
 public:
  Value read(const Value& json) {
    if (json.is(Value::Type::kArray)) return plainArray(json);
    if (!json.is(Value::Type::kObject)) return json;
    const Value::Object& object = json.asObject();
    if (object.size() == 1) {
      if (const Value* base64 = object.find("$base64")) return bytes(*base64);
      const Value* id = object.find("$ref");
      if (id != nullptr && id->is(Value::Type::kNumber)) return reference(id->asNumber());
    }
    const Value* type = object.find("$type");
    if (type == nullptr) return plainObject(json);
    if (!type->is(Value::Type::kString)) refuse(unknownType());
    Members members(object, std::string(type->asString()));
    std::size_t outer = std::exchange(id_, idOf(members));
    Value value = typed(members, type->asString());
    if (id_ != kNoId) known_[id_] = {value, false};
    id_ = outer;
    return value;
  }

 private:
  static constexpr std::size_t kNoId = SIZE_MAX;
  struct Known {
    Value value;
    bool isOpen = true;
  };

  static std::string unknownType() {
    return "\"$type\" is none of those in `cairn help values`; an object that really has such a "
           "key is written as {\"$type\":\"object\",\"entries\":[[\"$type\",…]]}";
  }

  std::size_t idOf(const Members& members) const {
    if (members.find("$id") == nullptr) return kNoId;
    std::size_t id = members.count("$id");
    if (known_.contains(id)) refuse(fmt::format("\"$id\":{} is given twice", id));
    return id;
  }

  // What is inside may refer to it from now on.
  Value open(Value value) {
    if (id_ != kNoId) known_[id_].value = value;
    return value;
  }

  Value reference(double id) {
    auto found = id >= 0 && id < 4e9 ? known_.find(static_cast<std::size_t>(id)) : known_.end();
    if (found == known_.end() || found->second.value.isUndefined())
      refuse(fmt::format("\"$ref\":{} refers to no \"$id\" before it", id));
    return found->second.isOpen ? found->second.value.weak() : found->second.value;
  }

  static Value bytes(const Value& base64) {
    if (!base64.is(Value::Type::kString)) refuse("\"$base64\" should be text");
    return Value::uint8Array(asBytes(fromBase64(base64.asString())));
  }

  // Parts are replaced in place: the parsed tree is ours.
  Value plainArray(const Value& json) {
    Value::Array& array = json.asArray();
    for (std::uint32_t i = 0; i < array.length(); ++i) {
      if (Value element = array.at(i); element.hasIdentity()) array.set(i, read(element));
    }
    return json;
  }

  Value plainObject(const Value& json) {
    std::vector<std::pair<std::string, Value>> parts;
    for (auto [name, value] : json.asObject()) {
      if (value.hasIdentity()) parts.emplace_back(name, value);
    }
    for (auto& [name, value] : parts) json.asObject().set(name, read(value));
    return json;
  }

  Value typed(const Members& members, std::string_view type) {
    if (type == "undefined") return {};
    if (type == "number") return number(members);
    if (type == "bigint") return bigInt(members);
    if (type == "string") return text(members);
    if (type == "array") return array(members);
    if (type == "object") return object(members);
    if (type == "map") return map(members);
    if (type == "set") return set(members);
    if (type == "error") return error(members);
    if (type == "view") return view(members);
    return leafObject(members, type);
  }

  Value leafObject(const Members& members, std::string_view type) {
    if (type == "boxed") return Value::boxed(read(members.need("v")));
    if (type == "regexp")
      return Value::regExp(string(members, "source").asString(), members.text("flags"));
    if (type == "date") {
      const Value& time = members.need("v");
      if (time.is(Value::Type::kNumber)) return Value::date(time.asNumber());
      if (members.text("v") != "NaN") members.wrong("v", "milliseconds or \"NaN\"");
      return Value::date(std::nan(""));
    }
    if (type == "arraybuffer") {
      std::string bytes = fromHex(members.text("hex"));
      if (members.find("maxByteLength") == nullptr) return Value::arrayBuffer(asBytes(bytes));
      return Value::resizableArrayBuffer(asBytes(bytes), members.count("maxByteLength"));
    }
    if (type == "host") return Value::hostObject(asBytes(fromHex(members.text("hex"))));
    if (type == "stored")
      refuse("\"$type\":\"stored\" stands for a whole value, not a part of one");
    refuse(unknownType());
  }

  static Value number(const Members& members) {
    std::string name = members.text("v");
    if (name == "NaN") return std::nan("");
    if (name == "-0") return -0.0;
    if (name == "Infinity") return HUGE_VAL;
    if (name == "-Infinity") return -HUGE_VAL;
    members.wrong("v", "NaN, -0, Infinity or -Infinity");
  }

  static Value bigInt(const Members& members) {
    std::string digits = members.text("v");
    // Decimal takes quadratic time.
    if (digits.size() > 20'000 && !digits.starts_with("0x") && !digits.starts_with("-0x"))
      members.wrong("v", "at most 20,000 decimal digits, or hexadecimal ones behind 0x");
    return BigInt::parse(digits);
  }

  static Value text(const Members& members) {
    std::u16string units;
    for (auto [index, unit] : members.list("utf16").elements()) {
      double number = unit.is(Value::Type::kNumber) ? unit.asNumber() : -1;
      if (number < 0 || number > 0xffff) members.wrong("utf16", "numbers below 65536");
      units.push_back(static_cast<char16_t>(number));
    }
    return Value::utf16(units);
  }

  // Plain text or {"$type":"string"}.
  Value string(const Members& members, std::string_view name) {
    Value value = read(members.need(name));
    if (!value.is(Value::Type::kString)) members.wrong(name, "text");
    return value;
  }

  // Calls `take(key, value)` for each of [[key, value], …].
  template <typename Take>
  void eachEntry(const Members& members, Take&& take) {
    for (auto [index, entry] : members.list("entries").elements()) {
      if (!entry.is(Value::Type::kArray) || entry.asArray().length() != 2)
        members.wrong("entries", "pairs");
      Value key = read(entry.asArray().at(0));  // Before the value, which may refer to it.
      take(std::move(key), entry.asArray().at(1));
    }
  }

  Value array(const Members& members) {
    Value value = open(Value::array());
    Value::Array& array = value.asArray();
    array.setLength(members.count("length"));
    eachEntry(members, [&](const Value& key, const Value& part) {
      if (!key.is(Value::Type::kString)) members.wrong("entries", "pairs with text in front");
      std::string_view name = key.asString();
      bool isIndex = !name.empty() && name.size() <= 10 &&
                     name.find_first_not_of("0123456789") == std::string_view::npos;
      std::uint64_t index = isIndex ? std::stoull(std::string(name)) : 0;
      if (isIndex && index < array.length()) {
        array.set(static_cast<std::uint32_t>(index), read(part));
      } else {
        array.setProperty(name, read(part));
      }
    });
    return value;
  }

  Value object(const Members& members) {
    Value value = open(Value::object());
    eachEntry(members, [&](const Value& key, const Value& part) {
      if (!key.is(Value::Type::kString)) members.wrong("entries", "pairs with text in front");
      value.asObject().set(key.asString(), read(part));
    });
    return value;
  }

  Value map(const Members& members) {
    Value value = open(Value::map());
    eachEntry(members,
              [&](Value key, const Value& part) { value.asMap().set(std::move(key), read(part)); });
    return value;
  }

  Value set(const Members& members) {
    Value value = open(Value::set());
    for (auto [index, member] : members.list("values").elements()) value.asSet().add(read(member));
    return value;
  }

  Value view(const Members& members) {
    auto kind =
        kindNamed(members, "kind", members.text("kind"), Value::ViewKind::kDataView, viewKindName);
    Value buffer = read(members.need("buffer"));
    std::uint32_t offset = members.count("byteOffset");
    const Value* tracking = members.find("lengthTracking");
    if (tracking != nullptr && tracking->is(Value::Type::kBoolean) && tracking->asBoolean())
      return Value::lengthTrackingView(kind, buffer, offset);
    std::uint64_t bytes = std::uint64_t{members.count("length")} * viewElementSize(kind);
    if (bytes > UINT32_MAX) members.wrong("length", "within its buffer");
    return Value::view(kind, buffer, offset, static_cast<std::uint32_t>(bytes));
  }

  Value error(const Members& members) {
    auto kind = kindNamed(members, "name", members.text("name"), Value::ErrorKind::kUriError,
                          errorKindName);
    Value value = open(Value::error(kind, ""));
    Value::ErrorObject& error = value.asError();
    error.setMessage(std::nullopt);
    if (members.find("message") != nullptr) error.setMessage(string(members, "message").asString());
    if (members.find("stack") != nullptr) error.setStack(string(members, "stack").asString());
    if (const Value* cause = members.find("cause")) error.setCause(read(*cause));
    return value;
  }

  std::map<std::size_t, Known> known_;
  std::size_t id_ = kNoId;  ///< Of the tagged object that is being read.
};

// {"$type":"stored"} as the whole value; nullptr for anything else.
const Value* storedHex(const Value& parsed) {
  if (!parsed.is(Value::Type::kObject)) return nullptr;
  const Value* type = parsed.asObject().find("$type");
  if (type == nullptr || !type->is(Value::Type::kString) || type->asString() != "stored")
    return nullptr;
  const Value* hex = parsed.asObject().find("hex");
  return hex != nullptr && hex->is(Value::Type::kString) ? hex : nullptr;
}

}  // namespace

std::string storedFromParsed(const Value& parsed) {
  if (const Value* hex = storedHex(parsed)) return fromHex(hex->asString());
  std::string bytes;
  encodeTree(bytes, ValueReader().read(parsed));
  return bytes;
}

std::string storedFromJson(std::string_view json) { return storedFromParsed(parseJson(json)); }

}  // namespace cairn::cli
