// The library's own way into Values and their nodes.
//
// Wire hints: V8 has more than one form for one value (the number 2 as integer or as double, an
// array dense or sparse, Latin-1 text in one or two bytes a unit), and which one it writes depends
// on how the value came to be. What the decoder read in the form that V8 would not choose for a
// fresh value carries a hint, so that decoding and encoding gives the same bytes. Hints never
// change what a value is equal to.
#pragma once

#include <cairn/value.h>
#include <cairn/value_objects.h>
#include <cstdint>
#include <new>
#include <string_view>

namespace cairn {

namespace detail {

struct StringNode : ValueNode {
  explicit StringNode(std::uint32_t size)
      : ValueNode(static_cast<std::uint8_t>(Value::Type::kString), size) {}
  [[nodiscard]] char* text() { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(this + 1), extra};
  }
};

/// `extra` is 1 for a negative number.
struct alignas(8) BigIntNode : ValueNode {
  BigIntNode(std::size_t words, bool isNegative)
      : ValueNode(static_cast<std::uint8_t>(Value::Type::kBigInt), isNegative ? 1 : 0),
        count(words) {}
  [[nodiscard]] std::uint64_t* words() { return reinterpret_cast<std::uint64_t*>(this + 1); }
  [[nodiscard]] std::span<const std::uint64_t> view() const {
    return {reinterpret_cast<const std::uint64_t*>(this + 1), count};
  }

  std::uint64_t count;
};

struct DateNode : ObjectNode {
  explicit DateNode(double time)
      : ObjectNode(static_cast<std::uint8_t>(Value::Type::kDate), 0), ms(time) {}
  double ms;
};

}  // namespace detail

/// How the decoder found an array; any change of the array resets it to kAuto.
enum class ArrayForm : std::uint8_t { kAuto, kDense, kSparse };

struct Value::Internals {
  static constexpr std::uint8_t kHole = 0xff;
  static constexpr std::uint32_t kViewLengthTracking = 0x80;

  // Holes exist inside Elements only.
  static Value hole() {
    Value value;
    value.rep_.kind = kHole;
    return value;
  }
  static bool isHole(const Value& value) { return value.rep_.kind == kHole; }

  static bool hasWireHint(const Value& value) { return (value.rep_.info & kWireHint) != 0; }
  static void setWireHint(Value& value) { value.rep_.info |= kWireHint; }
  static ArrayForm form(const Array& array) { return static_cast<ArrayForm>(array.flags); }
  static void setForm(Array& array, ArrayForm form) {
    array.flags = static_cast<std::uint8_t>(form);
  }

  /// The node of a value of that type; the caller has checked the type.
  template <typename Node>
  static Node& node(const Value& value) {
    return static_cast<Node&>(static_cast<detail::ObjectNode&>(*value.node()));
  }
  template <typename Node>
  static const Node* as(const detail::ObjectNode* node) {
    return static_cast<const Node*>(node);
  }
  static const detail::StringNode& stringNode(const Value& value) {
    return static_cast<const detail::StringNode&>(*value.node());
  }
  static const detail::BigIntNode& bigIntNode(const Value& value) {
    return static_cast<const detail::BigIntNode&>(*value.node());
  }
  static detail::ObjectNode* objectNode(const Value& value) {
    return static_cast<detail::ObjectNode*>(value.node());
  }
  /// The text of a value that is known to be a string.
  static std::string_view textOf(const Value& value) {
    if ((value.rep_.info & kCounted) != 0) return stringNode(value).view();
    return {value.rep_.data, static_cast<std::size_t>(value.rep_.info & kLengthMask)};
  }

  /// Takes over the reference a fresh node is born with.
  static Value adopt(detail::ValueNode* node) {
    Value value;
    value.rep_.kind = node->type;
    value.rep_.info = kCounted;
    std::memcpy(value.rep_.data + kWordAt, &node, kWordSize);
    return value;
  }
  template <typename Node, typename... Arguments>
  static Value make(Arguments&&... arguments) {
    return adopt(static_cast<detail::ObjectNode*>(new Node(std::forward<Arguments>(arguments)...)));
  }

  /// A string of `size` bytes written by `fill(char*)`, which must write WTF-8 and not throw.
  template <typename Fill>
  static Value text(std::size_t size, Fill fill) {
    if (size > kInlineMax) return longText(size, fill);
    Value value;
    value.rep_.kind = static_cast<std::uint8_t>(Type::kString);
    value.rep_.info = static_cast<std::uint8_t>(size);
    fill(value.rep_.data);
    return value;
  }
  /// The bytes are known to be WTF-8.
  static Value text(std::string_view wtf8) {
    return text(wtf8.size(), [&](char* out) {
      if (!wtf8.empty()) std::memcpy(out, wtf8.data(), wtf8.size());
    });
  }
  static Value bigInt(std::span<const std::uint64_t> words, bool isNegative);

  static const detail::Elements& elements(const Array& array) { return array.elements_; }
  static detail::Elements& elements(Array& array) { return array.elements_; }
  static const detail::OrderedTable* named(const Array& array) { return array.named_.get(); }
  static std::unique_ptr<detail::OrderedTable>& named(Array& array) { return array.named_; }
  static void setLength(Array& array, std::uint32_t length) { array.extra = length; }
  static void setElements(Array& array, std::vector<Value> elements) {
    array.elements_.near_ = std::move(elements);
    array.elements_.present_ = array.elements_.near_.size();
  }
  static const detail::Elements* indexed(const Object& object) { return object.indexed_.get(); }
  static std::unique_ptr<detail::Elements>& indexed(Object& object) { return object.indexed_; }
  static const detail::OrderedTable& named(const Object& object) { return object.named_; }
  static detail::OrderedTable& named(Object& object) { return object.named_; }
  static const detail::OrderedTable& table(const Map& map) { return map.table_; }
  static detail::OrderedTable& table(Map& map) { return map.table_; }
  static const detail::OrderedTable& table(const Set& set) { return set.table_; }
  static detail::OrderedTable& table(Set& set) { return set.table_; }
  static const Value& source(const RegExp& expression) { return expression.source_; }
  static std::uint32_t flagBits(const RegExp& expression) { return expression.extra; }
  static const std::optional<Value>& message(const ErrorObject& error) { return error.message_; }
  static std::optional<Value>& message(ErrorObject& error) { return error.message_; }
  static const std::optional<Value>& stack(const ErrorObject& error) { return error.stack_; }
  static std::optional<Value>& stack(ErrorObject& error) { return error.stack_; }
  static std::optional<Value>& cause(ErrorObject& error) { return error.cause_; }
  static void makeResizable(ArrayBuffer& buffer, std::uint32_t byteLengthMax) {
    buffer.flags = 1;
    buffer.extra = byteLengthMax;
  }
  static void makeLengthTracking(View& view) { view.flags |= kViewLengthTracking; }

  /// Empties the node of everything that refers to other nodes, handing each such Value to `take`.
  template <typename Take>
  static void empty(detail::ObjectNode& node, Take take);
  static void destroy(detail::ValueNode* node) noexcept;
  static void dispose(detail::ValueNode* node) noexcept;

 private:
  class Disposal;

  template <typename Fill>
  static Value longText(std::size_t size, Fill fill) {
    auto* node = newStringNode(size);
    fill(node->text());
    return adopt(node);
  }
  static detail::StringNode* newStringNode(std::size_t size);
  template <typename Take>
  static void empty(detail::Elements& elements, Take take);
  template <typename Take>
  static void empty(detail::OrderedTable& table, Take take);
};

/// The bits of a RegExp's flags on the wire, in JavaScript's order.
struct RegExpFlag {
  char letter;
  std::uint32_t bit;
};
inline constexpr RegExpFlag kRegExpFlags[] = {{'d', 0x80}, {'g', 0x01}, {'i', 0x02},  {'m', 0x04},
                                              {'s', 0x20}, {'u', 0x10}, {'v', 0x100}, {'y', 0x08}};
inline constexpr std::uint32_t kRegExpFlagMask = 0x1bf;

/// The value of a Date for any number, as JavaScript's TimeClip.
[[nodiscard]] double clipTime(double ms);

}  // namespace cairn
