// Stored values to JSON.
#include <cairn/value_bigint.h>
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <optional>

#include "tools/cli/text.h"
#include "tools/cli/value_json.h"
#include "tools/cli/value_sharing.h"

namespace cairn::cli {

namespace {

// Beyond this a tree of brackets helps nobody, and the stored bytes say as much.
constexpr std::uint32_t kDepthMax = 400;

class ValueWriter {
 public:
  ValueWriter(JsonWriter& out, const Value& root) : out_(out), sharing_(root) {}

  void write(const Value& value) {
    Sharing::Place* place = sharing_.find(value);
    if (place != nullptr && place->id != 0) {
      out_.beginObject().member("$ref", place->id).endObject();
      return;
    }
    id_ = 0;
    if (place != nullptr && place->met > 1) id_ = place->id = sharing_.nextId();
    writeFirst(value);
  }

 private:
  void writeFirst(const Value& value) {
    switch (value.type()) {
      case Value::Type::kUndefined:
        begin("undefined").endObject();
        break;
      case Value::Type::kNull:
        out_.null();
        break;
      case Value::Type::kBoolean:
        out_.boolean(value.asBoolean());
        break;
      case Value::Type::kNumber:
        number(value.asNumber());
        break;
      case Value::Type::kBigInt:
        begin("bigint").member("v", value.asBigInt().toString()).endObject();
        break;
      case Value::Type::kString:
        text(value);
        break;
      case Value::Type::kArray:
        array(value.asArray());
        break;
      case Value::Type::kObject:
        object(value.asObject());
        break;
      case Value::Type::kMap:
        map(value.asMap());
        break;
      case Value::Type::kSet:
        set(value.asSet());
        break;
      default:
        leafObject(value);
    }
  }

  void leafObject(const Value& value) {
    switch (value.type()) {
      case Value::Type::kBoxed:
        begin("boxed").key("v");
        write(value.asBoxed().primitive());
        out_.endObject();
        break;
      case Value::Type::kDate:
        begin("date").key("v");
        std::isnan(value.asDateMs()) ? out_.text("NaN") : out_.number(value.asDateMs());
        out_.endObject();
        break;
      case Value::Type::kRegExp:
        begin("regexp").key("source");
        text(Value(value.asRegExp().source()));
        out_.member("flags", value.asRegExp().flags()).endObject();
        break;
      case Value::Type::kArrayBuffer:
        buffer(value.asArrayBuffer());
        break;
      case Value::Type::kView:
        view(value.asView());
        break;
      case Value::Type::kError:
        error(value.asError());
        break;
      default:
        begin("host").member("hex", toHex(asText(value.asHostObject().bytes()))).endObject();
    }
  }

  // Opens a tagged object, with the "$id" that is due.
  JsonWriter& begin(std::string_view type) {
    out_.beginObject().member("$type", type);
    if (id_ != 0) out_.member("$id", id_);
    id_ = 0;
    return out_;
  }

  void number(double value) {
    if (std::isfinite(value) && !(value == 0 && std::signbit(value))) {
      out_.number(value);
      return;
    }
    const char* name = std::isnan(value) ? "NaN"
                       : value == 0      ? "-0"
                       : value > 0       ? "Infinity"
                                         : "-Infinity";
    begin("number").member("v", name).endObject();
  }

  // A lone surrogate is no character; such a string is written as its units.
  void text(const Value& value) {
    std::string_view utf8 = value.asString();
    if (isUtf8(utf8)) {
      out_.text(utf8);
      return;
    }
    begin("string").key("utf16").beginArray();
    for (char16_t unit : value.asUtf16()) out_.integer(unit);
    out_.endArray().endObject();
  }

  void array(const Value::Array& array) {
    bool plain = id_ == 0 && !array.hasHoles() && array.properties().empty();
    if (plain) {
      out_.beginArray();
      for (auto [index, element] : array.elements()) write(element);
      out_.endArray();
      return;
    }
    begin("array").member("length", array.length()).key("entries").beginArray();
    for (auto [index, element] : array.elements()) entry(Value(std::to_string(index)), element);
    for (const auto& property : array.properties()) entry(property.key, property.value);
    out_.endArray().endObject();
  }

  // An object that would be taken for one of ours is spelled out.
  static bool isPlain(const Value::Object& object) {
    for (auto [name, value] : object) {
      bool alone = object.size() == 1 &&
                   (name == "$base64" || (name == "$ref" && value.is(Value::Type::kNumber)));
      if (name == "$type" || alone || !isUtf8(name)) return false;
    }
    return true;
  }

  void object(const Value::Object& object) {
    if (id_ == 0 && isPlain(object)) {
      out_.beginObject();
      for (auto [name, value] : object) {
        out_.key(name);
        write(value);
      }
      out_.endObject();
      return;
    }
    begin("object").key("entries").beginArray();
    for (auto [name, value] : object) entry(Value(name), value);
    out_.endArray().endObject();
  }

  void entry(const Value& key, const Value& value) {
    out_.beginArray();
    write(key);
    write(value);
    out_.endArray();
  }

  void map(const Value::Map& map) {
    begin("map").key("entries").beginArray();
    for (const auto& [key, value] : map) entry(key, value);
    out_.endArray().endObject();
  }

  void set(const Value::Set& set) {
    begin("set").key("values").beginArray();
    for (const Value& member : set) write(member);
    out_.endArray().endObject();
  }

  void buffer(const Value::ArrayBuffer& buffer) {
    begin("arraybuffer").member("hex", toHex(asText(buffer.bytes())));
    if (buffer.isResizable()) out_.member("maxByteLength", buffer.byteLengthMax());
    out_.endObject();
  }

  void view(const Value::View& view) {
    const Value::ArrayBuffer& buffer = view.buffer().asArrayBuffer();
    bool plain = id_ == 0 && view.kind() == Value::ViewKind::kUint8Array && !view.isOutOfBounds() &&
                 !view.isLengthTracking() && !buffer.isResizable() && view.byteOffset() == 0 &&
                 view.byteLength() == buffer.byteLength() && sharing_.find(view.buffer())->met == 1;
    if (plain) {
      out_.base64(asText(buffer.bytes()));
      return;
    }
    begin("view").member("kind", viewKindName(view.kind())).member("byteOffset", view.byteOffset());
    if (view.isLengthTracking()) {
      out_.member("lengthTracking", true);
    } else {
      out_.member("length", view.length());
    }
    out_.key("buffer");
    write(view.buffer());
    out_.endObject();
  }

  void error(const Value::ErrorObject& error) {
    begin("error").member("name", errorKindName(error.kind()));
    if (error.message()) {
      out_.key("message");
      text(Value(*error.message()));
    }
    if (error.stack()) {
      out_.key("stack");
      text(Value(*error.stack()));
    }
    if (error.cause() != nullptr) {
      out_.key("cause");
      write(*error.cause());
    }
    out_.endObject();
  }

  JsonWriter& out_;
  Sharing sharing_;
  unsigned id_ = 0;  ///< Due at the next `begin`.
};

std::optional<Value> decode(std::string_view stored) {
  try {
    return decodeTree(stored, {.depthMax = kDepthMax});
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

void appendValueJson(JsonWriter& out, std::string_view stored) {
  if (std::optional<Value> value = decode(stored)) {
    ValueWriter(out, *value).write(*value);
  } else {
    out.beginObject().member("$type", "stored").member("hex", toHex(stored)).endObject();
  }
}

const std::string_view kValueHelp =
    R"(Plain JSON is stored as JavaScript would store it. What JSON cannot say is written, and read back,
as an object with "$type":
  {"$base64":"AQID"}                                  a Uint8Array of its own
  {"$type":"undefined"}
  {"$type":"number","v":"NaN"}                        also -0, Infinity, -Infinity
  {"$type":"bigint","v":"12345678901234567890"}
  {"$type":"date","v":1700000000000}                  ms since 1970, or "NaN"
  {"$type":"map","entries":[[KEY,VALUE],…]}           {"$type":"set","values":[…]}
  {"$type":"regexp","source":"a+","flags":"g"}        {"$type":"boxed","v":1}
  {"$type":"error","name":"TypeError","message":"…"}  also stack, cause
  {"$type":"string","utf16":[55357]}                  a string with a lone surrogate
  {"$type":"array","length":9,"entries":[["0",1],…]}  holes, or properties of its own
  {"$type":"object","entries":[["$type",1],…]}        an object that has such keys itself
  {"$type":"arraybuffer","hex":"0102"}                also maxByteLength
  {"$type":"view","kind":"Int16Array","byteOffset":0,"length":1,"buffer":…}
  {"$type":"stored","hex":"ff0f…"}                    the stored bytes, whatever they are
"$id":N on such an object and {"$ref":N} elsewhere stand for the same object. Integers that a
JavaScript number does not hold exactly are refused, not rounded.
)";

}  // namespace cairn::cli
