// Bytes to trees.
//
// The bytes may come from anywhere, so three things are bounded by them:
//
// Stack: nothing recurses; containers that have begun and not ended stand on a stack of their own.
//
// Memory: what is allocated is charged against a limit before it is used, and a length is believed
// only as far as the bytes that must follow it are there. Dense arrays count what they are still
// owed together, so nested ones cannot each claim the same bytes.
//
// Time: every byte is looked at a bounded number of times; keys are found by hashes the bytes
// cannot choose.
#include <cairn/error.h>
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kv/value_internals.h"
#include "kv/value_number.h"
#include "kv/value_reader.h"
#include "kv/value_wire_reader.h"

namespace cairn {

namespace {

using Internals = Value::Internals;
using Type = Value::Type;

// What things cost, with the allocator's share and the slack of growing vectors.
constexpr std::size_t kLeafCost = 96;
constexpr std::size_t kContainerCost = 160;
constexpr std::size_t kElementCost = 16;
constexpr std::size_t kEntryCost = 96;

class TreeDecoder {
 public:
  TreeDecoder(std::string_view bytes, const DecodeOptions& options, bool hasViewFlags)
      : reader_(bytes, options, hasViewFlags), in_(reader_.wire()), depthMax_(options.depthMax) {}

  [[nodiscard]] std::uint32_t version() const { return in_.version(); }

  Value decode() {
    bool isComplete = beginValue();
    while (true) {
      if (isComplete) {
        if (open_.empty()) break;
        deliver(open_.back());
      }
      isComplete = advance();
    }
    if (!in_.done())
      in_.fail("value: " + std::to_string(in_.remaining()) + " bytes follow its end");
    return std::move(value_);
  }

 private:
  enum class Stage : std::uint8_t { kElements, kProperties, kMap, kSet, kError };

  /// A container whose end has not been read yet.
  struct Open {
    Value container;
    Stage stage;
    std::uint8_t endTag;
    bool hasKey = false;
    std::uint32_t id;
    std::uint32_t length = 0;  ///< Of an array.
    std::uint32_t index = 0;   ///< The next element of a dense array.
    std::uint64_t count = 0;   ///< Properties, or values of a map or set, so far.
    Value key;                 ///< A name or a map's key, waiting for its value.
  };
  struct Known {
    Value object;
    bool isOpen = false;
  };

  // Each `begin…` either completes `value_` and returns true, or opens a container.

  bool beginValue() {
    while (true) {
      std::uint8_t tag = in_.tag();
      if (tag == wire::kVerifyObjectCount) {
        static_cast<void>(in_.uint32("object count"));
        continue;
      }
      if (reader_.primitive(tag, value_)) return true;
      return beginObject(tag);
    }
  }

  bool beginObject(std::uint8_t tag) {
    switch (tag) {
      case wire::kBeginObject:
        return open(Value::object(), Stage::kProperties, wire::kEndObject);
      case wire::kBeginDenseArray:
        return openDenseArray();
      case wire::kBeginSparseArray:
        return openSparseArray();
      case wire::kBeginMap:
        return open(Value::map(), Stage::kMap, wire::kEndMap);
      case wire::kBeginSet:
        return open(Value::set(), Stage::kSet, wire::kEndSet);
      case wire::kError:
        return open(Internals::make<Value::ErrorObject>(Value::ErrorKind::kError), Stage::kError,
                    wire::kErrorEnd);
      case wire::kReference:
        value_ = reference();
        break;
      default:
        if (!reader_.object(tag, open_.empty(), value_)) refuseTag(tag);
        remember();
    }
    if (value_.is(Type::kArrayBuffer) && in_.consume(wire::kArrayBufferView)) {
      // A view takes the place of the buffer, or reference to one, before it.
      value_ = reader_.view(value_);
      remember();
    }
    return true;
  }

  [[noreturn]] void refuseTag(std::uint8_t tag) const {
    constexpr std::string_view kHostOnly = "tupwmMbifedlL#gGHKk";
    if (tag != 0 && kHostOnly.find(static_cast<char>(tag)) != std::string_view::npos) {
      throw Error(ErrorCode::kUnsupported, std::string("value: an object with tag '") +
                                               static_cast<char>(tag) + "' before byte " +
                                               std::to_string(in_.position()) +
                                               " can be read only by the process that wrote it");
    }
    in_.fail("value: no value has the tag " + std::to_string(tag));
  }

  /// An object without parts takes its id when it is complete.
  void remember() {
    reader_.charge(kLeafCost);
    known_.push_back({value_, false});
  }

  Value reference() {
    std::uint32_t id = in_.uint32("object reference");
    if (id >= known_.size()) {
      in_.fail("object reference: " + std::to_string(id) + " of " + std::to_string(known_.size()) +
               " objects");
    }
    const Known& known = known_[id];
    return known.isOpen ? known.object.weak() : known.object;
  }

  bool open(Value container, Stage stage, std::uint8_t endTag) {
    if (open_.size() >= depthMax_) {
      throw Error(ErrorCode::kLimitExceeded, "value at byte " + std::to_string(in_.position()) +
                                                 ": nests deeper than " +
                                                 std::to_string(depthMax_) + " objects");
    }
    reader_.charge(kContainerCost);
    if (known_.empty()) {
      known_.reserve(8);
      open_.reserve(8);
    }
    auto id = static_cast<std::uint32_t>(known_.size());
    known_.push_back({container, true});
    open_.push_back(
        {.container = std::move(container), .stage = stage, .endTag = endTag, .id = id, .key = {}});
    return false;
  }

  bool openDenseArray() {
    std::uint32_t length = in_.uint32("array length");
    std::uint64_t available = in_.remaining() > owed_ ? in_.remaining() - owed_ : 0;
    if (length > available) {
      in_.fail("array: " + std::to_string(length) + " elements in " + std::to_string(available) +
               " bytes");
    }
    reader_.charge(length * kElementCost);
    owed_ += length;
    open(Value::array(), Stage::kElements, wire::kEndDenseArray);
    open_.back().length = length;
    Internals::elements(open_.back().container.asArray()).reserve(length);
    return false;
  }

  bool openSparseArray() {
    std::uint32_t length = in_.uint32("array length");
    open(Value::array(), Stage::kProperties, wire::kEndSparseArray);
    open_.back().length = length;
    Internals::setLength(open_.back().container.asArray(), length);
    return false;
  }

  /// Reads on in the innermost container up to its next value, as `beginValue`, or its end.
  bool advance() {
    Open& top = open_.back();
    switch (top.stage) {
      case Stage::kElements:
        return advanceElements(top);
      case Stage::kError:
        return advanceError(top);
      case Stage::kProperties:
        if (in_.consume(top.endTag)) return endProperties(top);
        top.key = propertyName();
        return beginValue();
      default:
        if (!top.hasKey && in_.consume(top.endTag)) return endCounted(top);
        return beginValue();
    }
  }

  bool advanceElements(Open& top) {
    while (top.index < top.length && in_.consume(wire::kTheHole)) {
      ++top.index;
      --owed_;
    }
    if (top.index < top.length) return beginValue();
    Internals::setLength(top.container.asArray(), top.length);
    top.stage = Stage::kProperties;
    return advance();
  }

  /// A name, as a string or as the number of an element.
  Value propertyName() {
    std::uint8_t tag = in_.tag();
    Value name;
    bool isName =
        reader_.primitive(tag, name) && (name.is(Type::kString) || name.is(Type::kNumber));
    if (!isName) in_.fail("property: its name is neither string nor number");
    reader_.charge(kEntryCost);
    if (name.is(Type::kString)) {
      if (auto index = arrayIndexOf(name.asString())) return *index;
      return name;
    }
    double number = name.asNumber();
    if (number >= 0 && number <= kArrayIndexMax && number == std::trunc(number)) return number;
    return numberToString(number);
  }

  /// Puts the completed value where the container wants it.
  void deliver(Open& top) {
    switch (top.stage) {
      case Stage::kElements:
        Internals::elements(top.container.asArray()).set(top.index++, std::move(value_));
        --owed_;
        break;
      case Stage::kProperties:
        ++top.count;
        if (!addProperty(top)) in_.fail("property: it is there twice or out of place");
        break;
      case Stage::kMap:
        deliverToMap(top);
        break;
      case Stage::kSet:
        reader_.charge(kEntryCost);
        ++top.count;
        top.container.asSet().add(std::move(value_));
        break;
      case Stage::kError:
        top.container.asError().setCause(std::move(value_));
        break;
    }
  }

  void deliverToMap(Open& top) {
    ++top.count;
    top.hasKey = !top.hasKey;
    if (top.hasKey) {
      top.key = std::move(value_);
    } else {
      reader_.charge(kEntryCost);
      top.container.asMap().set(std::move(top.key), std::move(value_));
    }
  }

  bool addProperty(Open& top) {
    if (top.container.is(Type::kObject)) {
      Value::Object& object = top.container.asObject();
      if (top.key.is(Type::kString))
        return Internals::named(object).add(std::move(top.key), std::move(value_));
      auto& elements = Internals::indexed(object);
      if (!elements) elements = std::make_unique<detail::Elements>();
      return addElement(*elements, top);
    }
    Value::Array& array = top.container.asArray();
    if (top.key.is(Type::kNumber)) {
      return top.key.asNumber() < top.length && addElement(Internals::elements(array), top);
    }
    auto& named = Internals::named(array);
    if (!named) named = std::make_unique<detail::OrderedTable>();
    return named->add(std::move(top.key), std::move(value_));
  }

  bool addElement(detail::Elements& elements, Open& top) {
    auto index = static_cast<std::uint32_t>(top.key.asNumber());
    if (elements.find(index) != nullptr) return false;
    elements.set(index, std::move(value_));
    return true;
  }

  bool endProperties(Open& top) {
    if (in_.uint32("property count") != top.count) in_.fail("object: its property count is wrong");
    if (top.container.is(Type::kArray)) {
      if (in_.uint32("array length") != top.length) in_.fail("array: its two lengths differ");
      bool isDense = top.endTag == wire::kEndDenseArray;
      Internals::setForm(top.container.asArray(), isDense ? ArrayForm::kDense : ArrayForm::kSparse);
    }
    return close(top);
  }

  bool endCounted(Open& top) {
    if (in_.uint32("entry count") != top.count) in_.fail("map or set: its entry count is wrong");
    return close(top);
  }

  bool advanceError(Open& top) {
    Value::ErrorObject& error = top.container.asError();
    while (true) {
      std::uint8_t tag = in_.byte("error");
      switch (tag) {
        case wire::kErrorMessage:
          Internals::message(error) = reader_.string("error message");
          break;
        case wire::kErrorStack:
          Internals::stack(error) = reader_.string("error stack");
          break;
        case wire::kErrorCause:
          return beginValue();
        case wire::kErrorEnd:
          return close(top);
        default:
          error.setKind(errorKind(tag));
          break;
      }
    }
  }

  Value::ErrorKind errorKind(std::uint8_t tag) const {
    for (std::size_t kind = 1; kind < wire::kErrorPrototypes.size(); ++kind) {
      if (wire::kErrorPrototypes[kind] == tag) return static_cast<Value::ErrorKind>(kind);
    }
    in_.fail("error: nothing in it has the tag " + std::to_string(tag));
  }

  bool close(Open& top) {
    known_[top.id].isOpen = false;
    value_ = std::move(top.container);
    open_.pop_back();
    return true;
  }

  ValueReader reader_;
  WireReader& in_;
  std::uint32_t depthMax_;
  /// Elements that open dense arrays are still to read; each takes a byte at least.
  std::uint64_t owed_ = 0;
  /// What was completed last.
  Value value_;
  std::vector<Known> known_;
  std::vector<Open> open_;
};

}  // namespace

Value decodeTree(std::string_view bytes, const DecodeOptions& options) {
  TreeDecoder decoder(bytes, options, false);
  try {
    return decoder.decode();
  } catch (const DecodeError& error) {
    if (decoder.version() != wire::kVersionOldest) throw damagedValue(error);
    // For a while V8 wrote views with flags and still called it version 13 (crbug.com/1284506). Its
    // reader then tries again that way, and so does this one.
    try {
      return TreeDecoder(bytes, options, true).decode();
    } catch (const DecodeError&) {
      throw damagedValue(error);
    }
  }
}

}  // namespace cairn
