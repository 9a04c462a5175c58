// Trees to bytes. Does not recurse: what is begun and not yet ended stands on a stack of its own.
#include <cairn/error.h>
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <string>
#include <unordered_map>
#include <vector>

#include "kv/value_internals.h"
#include "kv/value_wire_writer.h"

namespace cairn {

namespace {

using Internals = Value::Internals;
using Type = Value::Type;

class TreeEncoder {
 public:
  TreeEncoder(ValueSink sink, const EncodeOptions& options)
      : out_(sink, options.flavor), depthMax_(options.depthMax) {}

  void encode(const Value& root) {
    put(root);
    while (!open_.empty()) advance();
    out_.finish();
  }

 private:
  /// A container whose end is not written yet.
  struct Open {
    const detail::ObjectNode* node;
    std::uint64_t index = 0;    ///< The next element.
    std::size_t position = 0;   ///< The next entry of the table.
    std::uint32_t written = 0;  ///< Properties so far.
    bool asDoubles = false;     ///< Every number in this array is written as a double.
    bool isValueNext = false;   ///< Of a map's entry: the key is written.
  };

  void put(const Value& value) {
    if (!value.hasIdentity()) {
      out_.primitive(value);
    } else if (value.is(Type::kView)) {
      putView(value);
    } else if (isFirstSight(value)) {
      putObject(value);
    }
  }

  /// Gives the object its id, or writes a reference to it when it has one.
  bool isFirstSight(const Value& value) {
    const detail::ObjectNode* node = Internals::objectNode(value);
    std::uint32_t id = nextId_;
    // What is held once cannot turn up again; most objects of a tree never enter the table.
    bool isShared = node->strong.load(std::memory_order_relaxed) > 1 ||
                    node->weak.load(std::memory_order_relaxed) > 1;
    if (isShared) {
      auto [found, isNew] = ids_.try_emplace(node, id);
      if (!isNew) {
        out_.byte(wire::kReference);
        out_.varint(found->second);
        return false;
      }
    }
    ++nextId_;
    return true;
  }

  void putObject(const Value& value) {
    switch (value.type()) {
      case Type::kDate:
        out_.date(value.asDateMs());
        break;
      case Type::kBoxed:
        putBoxed(value.asBoxed().primitive());
        break;
      case Type::kRegExp:
        putRegExp(value.asRegExp());
        break;
      case Type::kArrayBuffer:
        putArrayBuffer(value.asArrayBuffer());
        break;
      case Type::kHostObject:
        out_.byte(wire::kHostObject);
        out_.raw(asText(value.asHostObject().bytes()));
        break;
      case Type::kArray:
        beginArray(value);
        break;
      case Type::kError:
        beginError(value);
        break;
      case Type::kObject:
        begin(value, wire::kBeginObject);
        break;
      case Type::kMap:
        begin(value, wire::kBeginMap);
        break;
      default:
        begin(value, wire::kBeginSet);
        break;
    }
  }

  static std::string_view asText(BytesView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  void putBoxed(const Value& primitive) {
    switch (primitive.type()) {
      case Type::kBoolean:
        out_.byte(primitive.asBoolean() ? wire::kTrueObject : wire::kFalseObject);
        break;
      case Type::kNumber:
        out_.byte(wire::kNumberObject);
        out_.rawDouble(primitive.asNumber());
        break;
      case Type::kBigInt:
        out_.byte(wire::kBigIntObject);
        out_.bigInt(primitive);
        break;
      default:
        out_.byte(wire::kStringObject);
        out_.primitive(primitive);
        break;
    }
  }

  void putRegExp(const Value::RegExp& expression) {
    out_.byte(wire::kRegExp);
    out_.primitive(Internals::source(expression));
    out_.varint(Internals::flagBits(expression));
  }

  void putArrayBuffer(const Value::ArrayBuffer& buffer) {
    if (!buffer.isResizable()) {
      out_.arrayBuffer(buffer.bytes());
      return;
    }
    out_.byte(wire::kResizableArrayBuffer);
    out_.varint(buffer.byteLength());
    out_.varint(buffer.byteLengthMax());
    out_.raw(asText(buffer.bytes()));
  }

  /// A view follows its buffer, or a reference to it, and takes its id after it.
  void putView(const Value& value) {
    const Value::View& view = value.asView();
    if (view.isOutOfBounds()) {
      throw Error(ErrorCode::kInvalidArgument,
                  std::string(valueTypeName(value)) +
                      " out of the bounds of its ArrayBuffer cannot be stored");
    }
    if (!ids_.contains(Internals::objectNode(value)) && isFirstSight(view.buffer()))
      putArrayBuffer(view.buffer().asArrayBuffer());
    if (!isFirstSight(value)) return;
    std::uint32_t flags =
        (view.isLengthTracking() ? wire::kViewLengthTracking : 0U) |
        (view.buffer().asArrayBuffer().isResizable() ? wire::kViewOfResizable : 0U);
    out_.view(view.kind(), view.byteOffset(), view.isLengthTracking() ? 0 : view.byteLength(),
              flags);
  }

  Open& begin(const Value& value, std::uint8_t tag) {
    if (open_.size() >= depthMax_) {
      throw Error(ErrorCode::kLimitExceeded,
                  "value nests deeper than " + std::to_string(depthMax_) + " objects");
    }
    out_.byte(tag);
    return open_.emplace_back(Open{Internals::objectNode(value)});
  }

  struct ArrayPlan {
    bool isDense = true;
    bool asDoubles = false;
  };

  /// V8 decides by how the array came to be; for a fresh one this is what a literal gives.
  [[nodiscard]] ArrayPlan plan(const Value::Array& array) const {
    switch (Internals::form(array)) {
      case ArrayForm::kDense:
        return {};
      case ArrayForm::kSparse:
        return {.isDense = false};
      case ArrayForm::kAuto:
        break;
    }
    if (array.hasHoles()) return {.isDense = false};
    bool hasUndefined = false;
    bool hasDouble = false;
    for (auto [index, element] : array.elements()) {
      if (element.is(Type::kNumber)) {
        hasDouble = hasDouble || !out_.isSmallInteger(element.asNumber());
      } else if (element.isUndefined()) {
        hasUndefined = true;
      } else {
        return {};
      }
    }
    if (hasUndefined) return {.isDense = out_.flavor() == V8Flavor::kNode20};
    return {.asDoubles = hasDouble};
  }

  void beginArray(const Value& value) {
    const Value::Array& array = value.asArray();
    ArrayPlan chosen = plan(array);
    Open& open = begin(value, chosen.isDense ? wire::kBeginDenseArray : wire::kBeginSparseArray);
    open.asDoubles = chosen.asDoubles;
    open.isValueNext = chosen.isDense;
    out_.varint(array.length());
  }

  void advanceArray(Open& open) {
    const Value::Array& array = *nodeOf<Value::Array>(open);
    bool isDense = open.isValueNext;
    if (isDense && open.index < array.length()) {
      putDenseElement(open, array);
      return;
    }
    if (!isDense && putIndexed(open, &Internals::elements(array))) return;
    if (putNamed(open, array.properties())) return;
    out_.byte(isDense ? wire::kEndDenseArray : wire::kEndSparseArray);
    out_.varint(open.written);
    out_.varint(array.length());
    open_.pop_back();
  }

  void putDenseElement(Open& open, const Value::Array& array) {
    const Value* element =
        Internals::elements(array).find(static_cast<std::uint32_t>(open.index++));
    if (element == nullptr) {
      out_.byte(wire::kTheHole);
    } else if (open.asDoubles) {
      out_.number(element->asNumber(), true);
    } else {
      put(*element);
    }
  }

  /// The next element as a property named by its number; false when there is none left.
  bool putIndexed(Open& open, const detail::Elements* elements) {
    const Value* value = elements == nullptr ? nullptr : elements->nextFrom(open.index);
    if (value == nullptr) return false;
    out_.number(static_cast<double>(open.index++));
    ++open.written;
    put(*value);
    return true;
  }

  bool putNamed(Open& open, std::span<const detail::OrderedTable::Entry> entries) {
    if (open.position == entries.size()) return false;
    const auto& entry = entries[open.position++];
    out_.primitive(entry.key);
    ++open.written;
    put(entry.value);
    return true;
  }

  void advanceObject(Open& open) {
    const Value::Object& object = *nodeOf<Value::Object>(open);
    if (putIndexed(open, Internals::indexed(object))) return;
    if (putNamed(open, Internals::named(object).entries())) return;
    end(wire::kEndObject, open.written);
  }

  void end(std::uint8_t tag, std::size_t count) {
    out_.byte(tag);
    out_.varint(requireUint32(count, "a count of entries"));
    open_.pop_back();
  }

  void advanceMap(Open& open) {
    const auto& entries = Internals::table(*nodeOf<Value::Map>(open)).entries();
    if (open.position == entries.size()) {
      end(wire::kEndMap, entries.size() * 2);
      return;
    }
    const auto& entry = entries[open.position];
    open.isValueNext = !open.isValueNext;
    if (open.isValueNext) {
      put(entry.key);
    } else {
      ++open.position;
      put(entry.value);
    }
  }

  void advanceSet(Open& open) {
    const auto& entries = Internals::table(*nodeOf<Value::Set>(open)).entries();
    if (open.position == entries.size()) {
      end(wire::kEndSet, entries.size());
    } else {
      put(entries[open.position++].key);
    }
  }

  void beginError(const Value& value) {
    begin(value, wire::kError);
    const Value::ErrorObject& error = value.asError();
    std::uint8_t prototype = wire::kErrorPrototypes[static_cast<std::size_t>(error.kind())];
    if (prototype != 0) out_.byte(prototype);
    putText(wire::kErrorMessage, Internals::message(error));
    if (out_.flavor() == V8Flavor::kWorkerd) putText(wire::kErrorStack, Internals::stack(error));
  }

  void putText(std::uint8_t tag, const std::optional<Value>& text) {
    if (!text) return;
    out_.byte(tag);
    out_.primitive(*text);
  }

  void advanceError(Open& open) {
    const Value::ErrorObject& error = *nodeOf<Value::ErrorObject>(open);
    if (open.position++ == 0 && error.cause() != nullptr) {
      out_.byte(wire::kErrorCause);
      put(*error.cause());
      return;
    }
    if (out_.flavor() == V8Flavor::kNode20) putText(wire::kErrorStack, Internals::stack(error));
    out_.byte(wire::kErrorEnd);
    open_.pop_back();
  }

  template <typename Node>
  static const Node* nodeOf(const Open& open) {
    return Internals::as<Node>(open.node);
  }

  /// Writes the next piece of the innermost container, or its end. `put` may open another one and
  /// so move the stack: nothing may use `open` after it.
  void advance() {
    Open& open = open_.back();
    switch (static_cast<Type>(open.node->type)) {
      case Type::kArray:
        advanceArray(open);
        break;
      case Type::kObject:
        advanceObject(open);
        break;
      case Type::kMap:
        advanceMap(open);
        break;
      case Type::kSet:
        advanceSet(open);
        break;
      default:
        advanceError(open);
        break;
    }
  }

  WireWriter out_;
  std::uint32_t depthMax_;
  std::uint32_t nextId_ = 0;
  std::unordered_map<const detail::ObjectNode*, std::uint32_t> ids_;
  std::vector<Open> open_;
};

}  // namespace

void encodeTree(ValueSink sink, const Value& value, const EncodeOptions& options) {
  TreeEncoder(sink, options).encode(value);
}

}  // namespace cairn
