#include <algorithm>
#include <cairn/error.h>
#include <cairn/value_objects.h>
#include <charconv>

#include "kv/value_internals.h"
#include "kv/value_number.h"
#include "kv/value_text.h"

namespace cairn {

namespace {

const Value& undefinedValue() {
  static const Value undefined;
  return undefined;
}

const Value& orUndefined(const Value* value) {
  return value == nullptr ? undefinedValue() : *value;
}

/// The node, when the value is of that type.
template <typename Node>
Node& nodeOf(const Value& value, Value::Type type) {
  if (!value.is(type))
    throw ValueMismatch(std::string(valueTypeName(value)), std::string(valueTypeName(type)));
  return Value::Internals::node<Node>(value);
}

}  // namespace

Value::Boxed& Value::asBoxed() const { return nodeOf<Boxed>(*this, Type::kBoxed); }
Value::RegExp& Value::asRegExp() const { return nodeOf<RegExp>(*this, Type::kRegExp); }
Value::Array& Value::asArray() const { return nodeOf<Array>(*this, Type::kArray); }
Value::Object& Value::asObject() const { return nodeOf<Object>(*this, Type::kObject); }
Value::Map& Value::asMap() const { return nodeOf<Map>(*this, Type::kMap); }
Value::Set& Value::asSet() const { return nodeOf<Set>(*this, Type::kSet); }
Value::ArrayBuffer& Value::asArrayBuffer() const {
  return nodeOf<ArrayBuffer>(*this, Type::kArrayBuffer);
}
Value::View& Value::asView() const { return nodeOf<View>(*this, Type::kView); }
Value::ErrorObject& Value::asError() const { return nodeOf<ErrorObject>(*this, Type::kError); }
Value::HostObject& Value::asHostObject() const {
  return nodeOf<HostObject>(*this, Type::kHostObject);
}

double Value::asDateMs() const { return nodeOf<detail::DateNode>(*this, Type::kDate).ms; }

std::string_view valueTypeName(const Value& value) {
  if (value.is(Value::Type::kView)) return viewKindName(value.asView().kind());
  if (value.is(Value::Type::kError)) return errorKindName(value.asError().kind());
  return valueTypeName(value.type());
}

const Value& Value::operator[](std::string_view name) const {
  if (is(Type::kArray)) {
    if (auto index = arrayIndexOf(name)) return asArray().at(*index);
    return orUndefined(asArray().findProperty(name));
  }
  return asObject().get(name);
}

const Value& Value::operator[](std::size_t index) const {
  if (is(Type::kObject)) return asObject().get(std::to_string(index));
  if (index > kArrayIndexMax) return undefinedValue();
  return asArray().at(static_cast<std::uint32_t>(index));
}

Value::Object::Iterator::Iterator(const Object* object) : object_(object) { settle(); }

void Value::Object::Iterator::settle() {
  const detail::Elements* elements = object_->indexed_.get();
  indexed_ = elements == nullptr ? nullptr : elements->nextFrom(index_);
  if (indexed_ == nullptr) return;
  char* end = std::to_chars(digits_, digits_ + sizeof(digits_), index_).ptr;
  digitCount_ = static_cast<std::uint8_t>(end - digits_);
}

Value::Object::Property Value::Object::Iterator::operator*() const {
  if (indexed_ != nullptr) return {{digits_, digitCount_}, *indexed_};
  const auto& entry = object_->named_.entries()[position_];
  return {entry.key.asString(), entry.value};
}

Value::Object::Iterator& Value::Object::Iterator::operator++() {
  if (indexed_ == nullptr) {
    ++position_;
  } else {
    ++index_;
    settle();
  }
  return *this;
}

std::size_t Value::Object::size() const {
  return named_.entries().size() + (indexed_ ? indexed_->count() : 0);
}

const Value* Value::Object::find(std::string_view name) const {
  if (auto index = arrayIndexOf(name)) return indexed_ ? indexed_->find(*index) : nullptr;
  std::size_t at = named_.find(name);
  return at == detail::OrderedTable::kNone ? nullptr : &named_.entries()[at].value;
}

const Value& Value::Object::get(std::string_view name) const { return orUndefined(find(name)); }

void Value::Object::set(std::string_view name, Value value) {
  if (auto index = arrayIndexOf(name)) {
    if (!indexed_) indexed_ = std::make_unique<detail::Elements>();
    indexed_->set(*index, std::move(value));
    return;
  }
  std::size_t at = named_.find(name);
  if (at != detail::OrderedTable::kNone) {
    named_.at(at).value = std::move(value);
  } else {
    named_.append(Value(name), std::move(value));
  }
}

bool Value::Object::erase(std::string_view name) {
  if (auto index = arrayIndexOf(name)) return indexed_ && indexed_->erase(*index);
  std::size_t at = named_.find(name);
  if (at == detail::OrderedTable::kNone) return false;
  named_.erase(at);
  return true;
}

const Value& Value::Array::at(std::uint32_t index) const {
  return orUndefined(elements_.find(index));
}

void Value::Array::setLength(std::uint32_t length) {
  elements_.truncate(length);
  extra = length;
  flags = static_cast<std::uint8_t>(ArrayForm::kAuto);
}

void Value::Array::set(std::uint32_t index, Value value) {
  if (index > kArrayIndexMax)
    throw Error(ErrorCode::kOutOfRange, "array index 4294967295; the most is 4294967294");
  elements_.set(index, std::move(value));
  extra = std::max(extra, index + 1);
  flags = static_cast<std::uint8_t>(ArrayForm::kAuto);
}

bool Value::Array::erase(std::uint32_t index) {
  flags = static_cast<std::uint8_t>(ArrayForm::kAuto);
  return elements_.erase(index);
}

const Value* Value::Array::findProperty(std::string_view name) const {
  std::size_t at = named_ ? named_->find(name) : detail::OrderedTable::kNone;
  return at == detail::OrderedTable::kNone ? nullptr : &named_->entries()[at].value;
}

void Value::Array::setProperty(std::string_view name, Value value) {
  if (arrayIndexOf(name)) {
    throw Error(ErrorCode::kInvalidArgument,
                "\"" + std::string(name) + "\" names an element, not a property");
  }
  if (!named_) named_ = std::make_unique<detail::OrderedTable>();
  named_->set(Value(name), std::move(value));
}

bool Value::Array::eraseProperty(std::string_view name) {
  std::size_t at = named_ ? named_->find(name) : detail::OrderedTable::kNone;
  if (at == detail::OrderedTable::kNone) return false;
  named_->erase(at);
  return true;
}

std::span<const detail::OrderedTable::Entry> Value::Array::properties() const {
  if (!named_) return {};
  return named_->entries();
}

const Value* Value::Map::find(const Value& key) const {
  std::size_t at = table_.find(key);
  return at == detail::OrderedTable::kNone ? nullptr : &table_.entries()[at].value;
}

const Value& Value::Map::get(const Value& key) const { return orUndefined(find(key)); }

namespace {

/// As in JavaScript, -0 becomes 0 on its way into a Map or Set.
Value asKey(Value key) {
  if (key.is(Value::Type::kNumber) && key.asNumber() == 0) return 0;
  return key;
}

bool eraseKey(detail::OrderedTable& table, const Value& key) {
  std::size_t at = table.find(key);
  if (at == detail::OrderedTable::kNone) return false;
  table.erase(at);
  return true;
}

}  // namespace

void Value::Map::set(Value key, Value value) {
  table_.set(asKey(std::move(key)), std::move(value));
}
bool Value::Map::erase(const Value& key) { return eraseKey(table_, key); }
bool Value::Set::add(Value member) { return table_.add(asKey(std::move(member)), Value()); }
bool Value::Set::erase(const Value& member) { return eraseKey(table_, member); }

std::string Value::RegExp::flags() const {
  std::string letters;
  for (const RegExpFlag& flag : kRegExpFlags) {
    if ((extra & flag.bit) != 0) letters.push_back(flag.letter);
  }
  return letters;
}

void Value::ArrayBuffer::resize(std::uint32_t byteLength) {
  if (!isResizable()) throw Error(ErrorCode::kInvalidArgument, "this ArrayBuffer is not resizable");
  if (byteLength > extra) {
    throw Error(ErrorCode::kOutOfRange, "ArrayBuffer of " + std::to_string(byteLength) +
                                            " bytes; its byteLengthMax is " +
                                            std::to_string(extra));
  }
  bytes_.resize(byteLength);
}

Value::View::View(Value buffer, ViewKind kind, std::uint32_t byteOffset, std::uint32_t byteLength)
    : ObjectNode(static_cast<std::uint8_t>(Type::kView), byteOffset),
      buffer_(std::move(buffer)),
      byteLength_(byteLength) {
  flags = static_cast<std::uint8_t>(kind);
}

bool Value::View::isOutOfBounds() const {
  std::uint32_t available = buffer_.asArrayBuffer().byteLength();
  return extra > available || byteLength_ > available - extra;
}

std::uint32_t Value::View::byteLength() const {
  if (isOutOfBounds()) return 0;
  if (!isLengthTracking()) return byteLength_;
  std::uint32_t rest = buffer_.asArrayBuffer().byteLength() - extra;
  return rest - rest % viewElementSize(kind());
}

std::span<std::byte> Value::View::bytes() const {
  if (isOutOfBounds()) return {};
  return buffer_.asArrayBuffer().bytes().subspan(extra, byteLength());
}

std::optional<std::string_view> Value::ErrorObject::message() const {
  return message_ ? std::optional(message_->asString()) : std::nullopt;
}

std::optional<std::string_view> Value::ErrorObject::stack() const {
  return stack_ ? std::optional(stack_->asString()) : std::nullopt;
}

void Value::ErrorObject::setMessage(std::optional<std::string_view> message) {
  message_ = message ? std::optional<Value>(*message) : std::nullopt;
}

void Value::ErrorObject::setStack(std::optional<std::string_view> stack) {
  stack_ = stack ? std::optional<Value>(*stack) : std::nullopt;
}

}  // namespace cairn
