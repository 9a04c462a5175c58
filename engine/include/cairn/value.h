// A JavaScript value as structured clone keeps it, in C++: what `put` stores and `get` gives back.
//
//   auto user = Value::object({{"name", "Ann"}, {"tags", Value::array({"new", "eu"})}});
//   user.asObject().set("seen", Value::date(now));
//   std::string_view name = user["name"].asString();
//   for (auto [key, value] : user.asObject()) std::cout << key << ": " << value << "\n";
//
// Undefined, null, booleans, numbers and strings of up to 14 bytes live inside the Value (16 bytes)
// and never allocate. Everything that JavaScript calls an object lives in a node that copies of the
// Value share, as JavaScript variables share an object: changing it through one is seen through
// all. `const Value` is shallow, like a const pointer.
//
// Ownership: a Value keeps its node alive. So that cycles do not leak, the edge that closes one
// must be weak: made with `weak()` by who builds a cycle, and by the decoder for every edge that
// leads back to a value which is still being read (its own ancestor). A weak Value reads like any
// other while somebody else holds its target, normally through the root of the tree; afterwards it
// reads as undefined. Copies of a weak Value are weak; `strong()` gives one that owns. Strong edges
// never form a cycle in a decoded tree.
//
// Limits: a Value is as large as memory; storing one is what is bounded, in depth by
// EncodeOptions::depthMax (1,800 by default, what every V8 reads back), in encoded bytes by the
// limits of <cairn/kv.h>. Values live in memory only: nothing here is durable.
//
// Thread safety: reading nodes from many threads is fine; changing one needs that no other thread
// uses it.
//
// The bytes are in <cairn/value_codec.h>, arrays, maps and the other objects in
// <cairn/value_objects.h>, conversions from and to C++ types (`as`, `from`) in
// <cairn/value_conversion.h>.
#pragma once

#include <atomic>
#include <cairn/error.h>
#include <cairn/types.h>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

class BigInt;
class Value;

/// How a C++ type becomes a Value and back; specialise it for your own types (see
/// value_conversion.h).
template <typename T>
struct ValueConverter;

/// A value was of another type than asked for. Says what was found, what was wanted and where
/// inside the value, e.g. "[3].name: found string, wanted int64". Code kTypeMismatch.
class ValueMismatch : public Error {
 public:
  ValueMismatch(std::string found, std::string wanted)
      : ValueMismatch(std::move(found), std::move(wanted), {}, {}) {}

  [[nodiscard]] const std::string& found() const { return found_; }
  [[nodiscard]] const std::string& wanted() const { return wanted_; }
  /// Steps from the root, e.g. `[3].name`; empty at the root.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// The same error seen from one level up. Made while unwinding, so conversions that succeed pay
  /// nothing.
  [[nodiscard]] ValueMismatch inElement(std::size_t index) const;
  [[nodiscard]] ValueMismatch inProperty(std::string_view name) const;
  /// The same error with what the value belongs to, e.g. `key "user:7"`, in front.
  [[nodiscard]] ValueMismatch of(const std::string& subject) const {
    return {found_, wanted_, path_, subject};
  }

 private:
  ValueMismatch(std::string found, std::string wanted, std::string path,
                const std::string& subject);

  std::string found_;
  std::string wanted_;
  std::string path_;
};

namespace detail {

/// Head of everything a Value can point at.
struct ValueNode {
  ValueNode(std::uint8_t typeOfNode, std::uint32_t extraOfNode)
      : extra(extraOfNode), type(typeOfNode) {}

  std::atomic<std::uint32_t> strong{1};
  std::atomic<std::uint32_t> weak{1};  ///< All strong references together count as one weak one.
  std::uint32_t extra;                 ///< What the type of node wants it for.
  std::uint8_t type;
  std::uint8_t flags = 0;
};

/// Called when the last strong reference went: empties the node, and whatever only it held, without
/// recursion.
void disposeNode(ValueNode* node) noexcept;
void releaseWeakNode(ValueNode* node) noexcept;

template <typename T>
concept ValueCharacter = std::same_as<T, char> || std::same_as<T, wchar_t> ||
    std::same_as<T, char8_t> || std::same_as<T, char16_t> || std::same_as<T, char32_t>;
template <typename T>
concept ValueInteger = std::integral<T> && !std::same_as<T, bool> && !ValueCharacter<T>;

}  // namespace detail

struct ValuePrintOptions {
  int depthMax = 4;               ///< Deeper objects print as `[Object]`. At most 64.
  std::size_t lengthMax = 1'000;  ///< Bytes; longer output is cut and ends with `…`.
};

class Value {
 public:
  enum class Type : std::uint8_t {
    kUndefined,
    kNull,
    kBoolean,
    kNumber,
    kBigInt,
    kString,
    // From here on objects: they have identity and live in shared nodes.
    kBoxed,        ///< A Boolean, Number, BigInt or String object: Value::Boxed.
    kDate,         ///< See asDateMs.
    kRegExp,       ///< Value::RegExp.
    kArray,        ///< Value::Array.
    kObject,       ///< Value::Object.
    kMap,          ///< Value::Map.
    kSet,          ///< Value::Set.
    kArrayBuffer,  ///< Value::ArrayBuffer.
    kView,         ///< A typed array or DataView: Value::View.
    kError,        ///< Value::ErrorObject.
    kHostObject,   ///< Bytes only the JavaScript host understands: Value::HostObject.
  };
  enum class ViewKind : std::uint8_t {
    kInt8Array,
    kUint8Array,
    kUint8ClampedArray,
    kInt16Array,
    kUint16Array,
    kInt32Array,
    kUint32Array,
    kFloat16Array,
    kFloat32Array,
    kFloat64Array,
    kBigInt64Array,
    kBigUint64Array,
    kDataView,
  };
  enum class ErrorKind : std::uint8_t {
    kError,
    kEvalError,
    kRangeError,
    kReferenceError,
    kSyntaxError,
    kTypeError,
    kUriError,
  };

  class Boxed;
  class RegExp;
  class Array;
  class Object;
  class Map;
  class Set;
  class ArrayBuffer;
  class View;
  class ErrorObject;
  class HostObject;
  struct Internals;  ///< The library's own way in.

  // Making values. Text is UTF-8, or WTF-8 where a lone surrogate is meant; anything else
  // throws kInvalidArgument with the offset of the first wrong byte.

  Value() noexcept = default;  ///< undefined
  Value(std::nullptr_t) noexcept { rep_.kind = static_cast<std::uint8_t>(Type::kNull); }
  template <std::same_as<bool> Bool>
  Value(Bool boolean) noexcept {
    rep_.kind = static_cast<std::uint8_t>(Type::kBoolean);
    rep_.info = boolean ? 1 : 0;
  }
  Value(double number) noexcept {
    rep_.kind = static_cast<std::uint8_t>(Type::kNumber);
    std::memcpy(rep_.data + kWordAt, &number, sizeof(number));
  }
  /// A number where a double holds it exactly (up to ±2^53), else a BigInt.
  template <detail::ValueInteger Integer>
  Value(Integer integer) {
    if constexpr (sizeof(Integer) < 8) {
      *this = Value(static_cast<double>(integer));
    } else if constexpr (std::signed_integral<Integer>) {
      *this = fromInt64(integer);
    } else {
      *this = fromUint64(integer);
    }
  }
  /// A character is neither a number nor a string; say which.
  template <detail::ValueCharacter Character>
  Value(Character) = delete;
  Value(std::string_view text);
  Value(const std::string& text) : Value(std::string_view(text)) {}
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(const BigInt& integer);

  Value(const Value& other) noexcept : rep_(other.rep_) { retain(); }
  Value(Value&& other) noexcept : rep_(std::exchange(other.rep_, Rep{})) {}
  Value& operator=(const Value& other) noexcept {
    Value copy(other);
    std::swap(rep_, copy.rep_);
    return *this;
  }
  Value& operator=(Value&& other) noexcept {
    Value moved(std::move(other));
    std::swap(rep_, moved.rep_);
    return *this;
  }
  ~Value() { release(); }

  /// Any UTF-16, lone surrogates included.
  [[nodiscard]] static Value utf16(std::u16string_view text);
  /// Milliseconds since 1970, cut to whole ones; beyond ±8.64e15, and NaN, it is an invalid date,
  /// as in JavaScript.
  [[nodiscard]] static Value date(double ms);
  [[nodiscard]] static Value date(UnixMillis time) { return date(static_cast<double>(time.value)); }
  /// `source` as JavaScript's `RegExp.prototype.source` gives it; it is not compiled. Flags are
  /// letters out of `dgimsuvy`. Throws: kInvalidArgument for unknown or repeated flags.
  [[nodiscard]] static Value regExp(std::string_view source, std::string_view flags = {});
  /// `new Number(5)` and the like. Throws: kInvalidArgument unless given a boolean, number, BigInt
  /// or string.
  [[nodiscard]] static Value boxed(Value primitive);
  [[nodiscard]] static Value array(std::initializer_list<Value> elements = {});
  [[nodiscard]] static Value array(std::vector<Value> elements);
  /// Properties in the order given; of two with one name the last wins.
  [[nodiscard]] static Value object(
      std::initializer_list<std::pair<std::string_view, Value>> properties = {});
  [[nodiscard]] static Value map(std::initializer_list<std::pair<Value, Value>> entries = {});
  [[nodiscard]] static Value set(std::initializer_list<Value> members = {});
  /// Copies the bytes. Throws: kOutOfRange beyond 4 GiB.
  [[nodiscard]] static Value arrayBuffer(BytesView bytes);
  [[nodiscard]] static Value resizableArrayBuffer(BytesView bytes, std::uint32_t byteLengthMax);
  /// A view of `byteLength` bytes from `byteOffset` on. Throws: kTypeMismatch unless `buffer` is an
  /// ArrayBuffer, kOutOfRange when it is too short or offset or length are no multiple of the
  /// element's size.
  [[nodiscard]] static Value view(ViewKind kind, const Value& buffer, std::uint32_t byteOffset,
                                  std::uint32_t byteLength);
  /// A view from `byteOffset` to wherever its resizable buffer ends. Throws: as above.
  [[nodiscard]] static Value lengthTrackingView(ViewKind kind, const Value& buffer,
                                                std::uint32_t byteOffset);
  /// A Uint8Array over a new ArrayBuffer of its own.
  [[nodiscard]] static Value uint8Array(BytesView bytes);
  [[nodiscard]] static Value error(ErrorKind kind, std::string_view message);
  /// What follows V8's host-object tag, kept as it is.
  [[nodiscard]] static Value hostObject(BytesView bytes);

  [[nodiscard]] Type type() const noexcept {
    return isWeak() && isExpired() ? Type::kUndefined : static_cast<Type>(rep_.kind);
  }
  [[nodiscard]] bool is(Type wanted) const noexcept { return type() == wanted; }
  [[nodiscard]] bool isUndefined() const noexcept { return is(Type::kUndefined); }
  [[nodiscard]] bool isNull() const noexcept { return is(Type::kNull); }
  [[nodiscard]] bool isNullish() const noexcept { return isUndefined() || isNull(); }
  /// Whether JavaScript would call it an object: it has identity, and copies share it.
  [[nodiscard]] bool hasIdentity() const noexcept { return type() >= Type::kBoxed; }
  /// Whether both are the same object (`===` on objects). Never true of primitives.
  [[nodiscard]] bool isSameObject(const Value& other) const noexcept {
    return hasIdentity() && other.hasIdentity() && node() == other.node();
  }

  // The content. Each throws kTypeMismatch (a ValueMismatch) when the value is of another
  // type. References and string_views live as long as the node they point into, string_views of
  // short strings as long as this Value itself is neither changed nor destroyed.

  [[nodiscard]] bool asBoolean() const;
  [[nodiscard]] double asNumber() const;
  [[nodiscard]] BigInt asBigInt() const;
  /// UTF-8 for every well-formed string; lone surrogates are three bytes each (WTF-8).
  [[nodiscard]] std::string_view asString() const;
  [[nodiscard]] std::u16string asUtf16() const;
  /// Whole milliseconds since 1970, NaN for an invalid date.
  [[nodiscard]] double asDateMs() const;
  [[nodiscard]] Boxed& asBoxed() const;
  [[nodiscard]] RegExp& asRegExp() const;
  [[nodiscard]] Array& asArray() const;
  [[nodiscard]] Object& asObject() const;
  [[nodiscard]] Map& asMap() const;
  [[nodiscard]] Set& asSet() const;
  [[nodiscard]] ArrayBuffer& asArrayBuffer() const;
  [[nodiscard]] View& asView() const;
  [[nodiscard]] ErrorObject& asError() const;
  [[nodiscard]] HostObject& asHostObject() const;

  /// The property of an Object or the element of an Array; undefined when there is none.
  /// Throws: kTypeMismatch when this is no Object or Array.
  const Value& operator[](std::string_view name) const;
  const Value& operator[](std::size_t index) const;

  /// As a C++ type; include <cairn/value_conversion.h>. Throws: ValueMismatch.
  template <typename T>
  [[nodiscard]] T as() const {
    return ValueConverter<T>::fromValue(*this);
  }
  template <typename T>
  [[nodiscard]] static Value from(const T& content) {
    return ValueConverter<T>::toValue(content);
  }
  /// `(*this)[name].as<T>()` with the name in the error's path: for converters of structs.
  template <typename T>
  [[nodiscard]] T field(std::string_view name) const {
    const Value& value = (*this)[name];
    try {
      return value.as<T>();
    } catch (const ValueMismatch& mismatch) {
      throw mismatch.inProperty(name);
    }
  }

  /// The same object without keeping it alive; primitives and strings come back as they are.
  [[nodiscard]] Value weak() const noexcept;
  /// The same object, owned; undefined when a weak target is gone.
  [[nodiscard]] Value strong() const noexcept;
  [[nodiscard]] bool isWeak() const noexcept { return (rep_.info & kWeak) != 0; }

  /// Deep equality: same types and content. NaN equals NaN and 0 equals -0 (SameValueZero); the
  /// order of an Object's properties and which parts are shared do not matter; the order of Map
  /// entries and Set members, holes against undefined, and error stacks do. Cycles are fine;
  /// nearly linear; does not recurse.
  friend bool operator==(const Value& left, const Value& right) { return left.deepEquals(right); }
  /// Whether JavaScript could not tell them apart by looking inside: as above, but 0 and -0 differ,
  /// properties have the same order, and what is one object on one side is one object on the other.
  [[nodiscard]] bool strictlyEquals(const Value& other) const;

  /// For people, bounded: `{name: "Ann", tags: ["new", <2 holes>], up: [Circular]}`.
  [[nodiscard]] std::string toString(const ValuePrintOptions& options = {}) const;

 private:
  static constexpr std::size_t kInlineMax = 14;
  static constexpr std::size_t kWordSize = sizeof(void*);
  static constexpr std::size_t kWordAt = 6;  ///< Where in `data` a double or pointer lies, aligned.
  // Bits of `info`. The low four hold a boolean, or the length of a string kept inline.
  static constexpr std::uint8_t kLengthMask = 0x0f;
  static constexpr std::uint8_t kWeak = 0x10;
  static constexpr std::uint8_t kCounted = 0x20;   ///< The word is a node with a reference counted.
  static constexpr std::uint8_t kWireHint = 0x80;  ///< See Internals.

  struct alignas(8) Rep {
    std::uint8_t kind = 0;
    std::uint8_t info = 0;
    char data[kInlineMax] = {};
  };

  static Value fromInt64(std::int64_t integer);
  static Value fromUint64(std::uint64_t integer);
  [[nodiscard]] bool deepEquals(const Value& other) const;

  [[nodiscard]] detail::ValueNode* node() const noexcept {
    detail::ValueNode* node = nullptr;
    std::memcpy(&node, rep_.data + kWordAt, kWordSize);
    return node;
  }
  [[nodiscard]] bool isExpired() const noexcept {
    return node()->strong.load(std::memory_order_acquire) == 0;
  }
  void retain() const noexcept {
    if ((rep_.info & kCounted) == 0) return;
    (isWeak() ? node()->weak : node()->strong).fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept {
    if ((rep_.info & kCounted) == 0) return;
    if (isWeak()) {
      detail::releaseWeakNode(node());
    } else if (node()->strong.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      detail::disposeNode(node());
    }
  }

  Rep rep_;
};

[[nodiscard]] std::string_view valueTypeName(Value::Type type);
/// E.g. "Array"; for views and errors the class, e.g. "Uint8Array".
[[nodiscard]] std::string_view valueTypeName(const Value& value);
[[nodiscard]] std::string_view viewKindName(Value::ViewKind kind);
[[nodiscard]] std::string_view errorKindName(Value::ErrorKind kind);
/// Bytes of one element; 1 for a DataView.
[[nodiscard]] std::uint32_t viewElementSize(Value::ViewKind kind);

std::ostream& operator<<(std::ostream& out, const Value& value);

}  // namespace cairn
