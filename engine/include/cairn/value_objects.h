// The objects a Value can be: arrays, maps, buffers, errors. Reached through Value::asArray() and
// its like, made by Value::array() and its like; they live in nodes that Values share and are never
// copied.
//
//   Value list = Value::array({1, 2});
//   list.asArray().push("three");
//   for (auto [index, element] : list.asArray().elements()) …
//
// References and iterators into an object stay valid until it is changed or its last owning Value
// goes. Adding an edge that closes a cycle: pass `value.weak()` (see value.h).
#pragma once

#include <cairn/types.h>
#include <cairn/value.h>
#include <cairn/value_bigint.h>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {
namespace detail {

class KeyIndex;

/// Values by array index. Indices near each other lie in a vector, far ones in a tree, so that
/// neither a length nor an index decides how much memory is taken; only the number of elements
/// does.
class Elements {
 public:
  [[nodiscard]] std::size_t count() const { return present_; }
  [[nodiscard]] const Value* find(std::uint32_t index) const;
  /// The first element at or after `index`, which is moved to it; nullptr when there is none.
  const Value* nextFrom(std::uint64_t& index) const;
  /// Adds or replaces.
  void set(std::uint32_t index, Value value);
  bool erase(std::uint32_t index);
  /// Removes everything from `length` on.
  void truncate(std::uint32_t length);
  void reserve(std::size_t count) { near_.reserve(count); }

 private:
  friend struct cairn::Value::Internals;
  [[nodiscard]] bool belongsNear(std::uint32_t index) const;
  void moveNear();

  std::vector<Value> near_;  ///< Index 0 on; a hole is a Value of its own hidden type.
  std::unique_ptr<std::map<std::uint32_t, Value>> far_;  ///< All indices are past `near_`.
  std::size_t present_ = 0;
};

/// Entries in the order they were added, found by key in constant time.
class OrderedTable {
 public:
  struct Entry {
    Value key;
    Value value;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  OrderedTable();
  ~OrderedTable();
  OrderedTable(const OrderedTable&) = delete;
  OrderedTable& operator=(const OrderedTable&) = delete;

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] Entry& at(std::size_t position) { return entries_[position]; }
  /// The position, or kNone. Keys are equal as JavaScript's Map has it: objects by identity, NaN
  /// equals NaN.
  [[nodiscard]] std::size_t find(const Value& key) const;
  [[nodiscard]] std::size_t find(std::string_view key) const;
  /// Adds or replaces; a replaced entry keeps its place and its key.
  void set(Value key, Value value);
  /// Adds; false, and nothing done, when the key is there already.
  bool add(Value key, Value value);
  /// Adds a key known not to be there.
  void append(Value key, Value value);
  void erase(std::size_t position);
  void clear();

 private:
  friend struct cairn::Value::Internals;

  std::vector<Entry> entries_;
  std::unique_ptr<KeyIndex> index_;  ///< Only beyond a handful of entries.
};

/// Head of the nodes that are objects.
struct ObjectNode : ValueNode {
  using ValueNode::ValueNode;
  ObjectNode* next = nullptr;  ///< While the node waits to be disposed of.
};

/// What iterating over indices gives.
struct ElementEntry {
  std::uint32_t index;
  const Value& value;
};

class ElementRange {
 public:
  class Iterator {
   public:
    Iterator(const Elements* elements, std::uint64_t index) : elements_(elements), index_(index) {
      settle();
    }
    ElementEntry operator*() const { return {static_cast<std::uint32_t>(index_), *value_}; }
    Iterator& operator++() {
      ++index_;
      settle();
      return *this;
    }
    bool operator==(const Iterator& other) const { return value_ == other.value_; }

   private:
    void settle() { value_ = elements_ == nullptr ? nullptr : elements_->nextFrom(index_); }

    const Elements* elements_;
    std::uint64_t index_;
    const Value* value_ = nullptr;
  };

  explicit ElementRange(const Elements* elements) : elements_(elements) {}
  [[nodiscard]] Iterator begin() const { return {elements_, 0}; }
  [[nodiscard]] Iterator end() const { return {nullptr, 0}; }

 private:
  const Elements* elements_;
};

}  // namespace detail

/// An ordinary object. Enumerates as JavaScript does: names that are array indices ("0" to
/// "4294967294") ascending, then the others in the order they were added.
class Value::Object : private detail::ObjectNode {
 public:
  struct Property {
    std::string_view name;  ///< Of an index: valid until the iterator moves.
    const Value& value;
  };

  class Iterator {
   public:
    /// At the first property.
    explicit Iterator(const Object* object);
    /// Behind all indices.
    Iterator(const Object* object, std::size_t position) : object_(object), position_(position) {}
    Property operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const {
      return indexed_ == other.indexed_ && position_ == other.position_;
    }

   private:
    void settle();

    const Object* object_;
    const Value* indexed_ = nullptr;
    std::uint64_t index_ = 0;
    std::size_t position_ = 0;
    char digits_[10] = {};
    std::uint8_t digitCount_ = 0;
  };

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// nullptr when there is none.
  [[nodiscard]] const Value* find(std::string_view name) const;
  /// Undefined when there is none.
  [[nodiscard]] const Value& get(std::string_view name) const;
  /// Adds or replaces; a replaced property keeps its place. Throws: kInvalidArgument unless the
  /// name is UTF-8.
  void set(std::string_view name, Value value);
  /// False when there was none. Linear in the number of properties.
  bool erase(std::string_view name);
  [[nodiscard]] Iterator begin() const { return Iterator(this); }
  [[nodiscard]] Iterator end() const { return {this, named_.entries().size()}; }

 private:
  friend struct Value::Internals;
  Object() : ObjectNode(static_cast<std::uint8_t>(Type::kObject), 0) {}

  std::unique_ptr<detail::Elements> indexed_;
  detail::OrderedTable named_;
};

/// An array: a length, elements with possible holes, and possibly named properties.
class Value::Array : private detail::ObjectNode {
 public:
  static constexpr std::uint32_t kLengthMax = 0xffffffff;

  [[nodiscard]] std::uint32_t length() const { return extra; }
  /// Cuts, or extends with holes (which take no memory).
  void setLength(std::uint32_t length);
  /// False for a hole and past the end.
  [[nodiscard]] bool has(std::uint32_t index) const { return elements_.find(index) != nullptr; }
  /// Whether any index below the length is a hole.
  [[nodiscard]] bool hasHoles() const { return countPresent() != length(); }
  /// How many elements are no holes.
  [[nodiscard]] std::size_t countPresent() const { return elements_.count(); }
  /// Undefined for a hole and past the end; `has` tells.
  [[nodiscard]] const Value& at(std::uint32_t index) const;
  /// Grows the array where needed; what is skipped becomes holes. Throws: kOutOfRange for index
  /// 2^32 - 1.
  void set(std::uint32_t index, Value value);
  void push(Value value) { set(length(), std::move(value)); }
  /// Leaves a hole; the length stays. False when there was none.
  bool erase(std::uint32_t index);
  /// The elements that are there, ascending: pairs of index and value.
  [[nodiscard]] detail::ElementRange elements() const { return detail::ElementRange(&elements_); }

  /// Named properties, e.g. `index` and `input` of what String.match returns. Names that are array
  /// indices are elements and refused with kInvalidArgument.
  [[nodiscard]] const Value* findProperty(std::string_view name) const;
  void setProperty(std::string_view name, Value value);
  bool eraseProperty(std::string_view name);
  /// In order: entries of `key` (a string) and `value`.
  [[nodiscard]] std::span<const detail::OrderedTable::Entry> properties() const;

 private:
  friend struct Value::Internals;
  Array() : ObjectNode(static_cast<std::uint8_t>(Type::kArray), 0) {}

  detail::Elements elements_;
  std::unique_ptr<detail::OrderedTable> named_;
};

/// Keys of any kind, in insertion order. Objects as keys are equal only to themselves.
class Value::Map : private detail::ObjectNode {
 public:
  using Entry = detail::OrderedTable::Entry;

  [[nodiscard]] std::size_t size() const { return table_.entries().size(); }
  [[nodiscard]] bool has(const Value& key) const { return find(key) != nullptr; }
  [[nodiscard]] const Value* find(const Value& key) const;
  /// Undefined when there is none.
  [[nodiscard]] const Value& get(const Value& key) const;
  void set(Value key, Value value);
  /// Linear in the size.
  bool erase(const Value& key);
  void clear() { table_.clear(); }
  [[nodiscard]] auto begin() const { return table_.entries().begin(); }
  [[nodiscard]] auto end() const { return table_.entries().end(); }

 private:
  friend struct Value::Internals;
  Map() : ObjectNode(static_cast<std::uint8_t>(Type::kMap), 0) {}

  detail::OrderedTable table_;
};

class Value::Set : private detail::ObjectNode {
 public:
  class Iterator {
   public:
    explicit Iterator(std::vector<detail::OrderedTable::Entry>::const_iterator entry)
        : entry_(entry) {}
    const Value& operator*() const { return entry_->key; }
    Iterator& operator++() {
      ++entry_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    std::vector<detail::OrderedTable::Entry>::const_iterator entry_;
  };

  [[nodiscard]] std::size_t size() const { return table_.entries().size(); }
  [[nodiscard]] bool has(const Value& member) const {
    return table_.find(member) != detail::OrderedTable::kNone;
  }
  /// False when it was there already.
  bool add(Value member);
  /// Linear in the size.
  bool erase(const Value& member);
  void clear() { table_.clear(); }
  [[nodiscard]] Iterator begin() const { return Iterator(table_.entries().begin()); }
  [[nodiscard]] Iterator end() const { return Iterator(table_.entries().end()); }

 private:
  friend struct Value::Internals;
  Set() : ObjectNode(static_cast<std::uint8_t>(Type::kSet), 0) {}

  detail::OrderedTable table_;
};

class Value::Boxed : private detail::ObjectNode {
 public:
  [[nodiscard]] const Value& primitive() const { return primitive_; }

 private:
  friend struct Value::Internals;
  explicit Boxed(Value primitive)
      : ObjectNode(static_cast<std::uint8_t>(Type::kBoxed), 0), primitive_(std::move(primitive)) {}

  Value primitive_;
};

class Value::RegExp : private detail::ObjectNode {
 public:
  [[nodiscard]] std::string_view source() const { return source_.asString(); }
  /// In JavaScript's order: `dgimsuvy`.
  [[nodiscard]] std::string flags() const;

 private:
  friend struct Value::Internals;
  RegExp(Value source, std::uint32_t flagBits)
      : ObjectNode(static_cast<std::uint8_t>(Type::kRegExp), flagBits),
        source_(std::move(source)) {}

  Value source_;
};

class Value::ArrayBuffer : private detail::ObjectNode {
 public:
  [[nodiscard]] std::uint32_t byteLength() const {
    return static_cast<std::uint32_t>(bytes_.size());
  }
  [[nodiscard]] bool isResizable() const { return flags != 0; }
  /// The byte length unless resizable.
  [[nodiscard]] std::uint32_t byteLengthMax() const { return isResizable() ? extra : byteLength(); }
  /// Valid until resized.
  [[nodiscard]] BytesView bytes() const { return bytes_; }
  [[nodiscard]] std::span<std::byte> bytes() { return bytes_; }
  /// New bytes are zero. Throws: kInvalidArgument unless resizable, kOutOfRange beyond
  /// byteLengthMax.
  void resize(std::uint32_t byteLength);

 private:
  friend struct Value::Internals;
  explicit ArrayBuffer(Bytes bytes)
      : ObjectNode(static_cast<std::uint8_t>(Type::kArrayBuffer), 0), bytes_(std::move(bytes)) {}

  Bytes bytes_;
};

/// A typed array or a DataView. Views of one buffer share it.
class Value::View : private detail::ObjectNode {
 public:
  [[nodiscard]] ViewKind kind() const { return static_cast<ViewKind>(flags & 0x7f); }
  [[nodiscard]] const Value& buffer() const { return buffer_; }
  [[nodiscard]] std::uint32_t byteOffset() const { return extra; }
  /// Whole elements only where it tracks its buffer's length; 0 when out of bounds.
  [[nodiscard]] std::uint32_t byteLength() const;
  [[nodiscard]] std::uint32_t length() const { return byteLength() / viewElementSize(kind()); }
  [[nodiscard]] bool isLengthTracking() const { return (flags & 0x80) != 0; }
  /// Its buffer was resized to end before the view does.
  [[nodiscard]] bool isOutOfBounds() const;
  /// The part of the buffer it shows. Valid until the buffer is resized.
  [[nodiscard]] std::span<std::byte> bytes() const;

 private:
  friend struct Value::Internals;
  View(Value buffer, ViewKind kind, std::uint32_t byteOffset, std::uint32_t byteLength);

  Value buffer_;
  std::uint32_t byteLength_;
};

/// An error as structured clone keeps it: its class, message, stack and cause; nothing else.
class Value::ErrorObject : private detail::ObjectNode {
 public:
  [[nodiscard]] ErrorKind kind() const { return static_cast<ErrorKind>(extra); }
  [[nodiscard]] std::optional<std::string_view> message() const;
  [[nodiscard]] std::optional<std::string_view> stack() const;
  /// nullptr when there is none, which is not the same as undefined.
  [[nodiscard]] const Value* cause() const { return cause_ ? &*cause_ : nullptr; }
  void setKind(ErrorKind kind) { extra = static_cast<std::uint32_t>(kind); }
  /// Throws: kInvalidArgument unless the text is UTF-8.
  void setMessage(std::optional<std::string_view> message);
  void setStack(std::optional<std::string_view> stack);
  void setCause(std::optional<Value> cause) { cause_ = std::move(cause); }

 private:
  friend struct Value::Internals;
  explicit ErrorObject(ErrorKind kind)
      : ObjectNode(static_cast<std::uint8_t>(Type::kError), static_cast<std::uint32_t>(kind)) {}

  std::optional<Value> message_;
  std::optional<Value> stack_;
  std::optional<Value> cause_;
};

/// An object the JavaScript host serialises itself (workerd: Headers, Request, DOMException, …).
class Value::HostObject : private detail::ObjectNode {
 public:
  [[nodiscard]] BytesView bytes() const { return bytes_; }

 private:
  friend struct Value::Internals;
  explicit HostObject(Bytes bytes)
      : ObjectNode(static_cast<std::uint8_t>(Type::kHostObject), 0), bytes_(std::move(bytes)) {}

  Bytes bytes_;
};

}  // namespace cairn
