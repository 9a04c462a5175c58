// Values as bytes: V8's structured-clone wire format, the one workerd stores, so that a JavaScript
// host and a C++ host read each other's data. Written in version 15 with its header (FF 0F);
// versions 13, 14 and 15 are read, and bytes without a header as version 13.
//
//   std::string bytes;
//   encodeTree(bytes, Value::object({{"n", 1}}));
//   Value value = decodeTree(bytes);
//
// What a V8 wrote in version 15 comes back to the same bytes when it is decoded and, unchanged,
// encoded in that V8's flavor. Bytes are judged as V8's own reader does, but stricter: a view,
// count or flag that is off, an element past an array's length and bytes after the value's end are
// refused.
//
// For C++ types use encodeValue and decodeValue<T> in <cairn/value_conversion.h>.
#pragma once

#include <cairn/types.h>
#include <cairn/value.h>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn {

/// Where encoded bytes go: anything with `append(std::string_view)`, such as std::string or the
/// engine's own buffers. Refers to its target, which outlives it.
class ValueSink {
 public:
  template <typename Target>
  requires(!std::same_as<Target, ValueSink> &&
           requires(Target & target, std::string_view bytes) { target.append(bytes); })
      ValueSink(Target& target)
      : target_(&target),
        append_([](void* to, std::string_view bytes) { static_cast<Target*>(to)->append(bytes); }) {
  }

  void append(std::string_view bytes) { append_(target_, bytes); }

 private:
  void* target_;
  void (*append_)(void*, std::string_view);
};

/// Which V8 to write like. Every V8 reads both; only the choice of form differs.
enum class V8Flavor : std::uint8_t {
  /// workerd 2026-11-17, as recorded: integers of 31 bits (pointer compression), an error's stack
  /// before its
  /// cause, and arrays of numbers with an undefined among them in the sparse form.
  kWorkerd,
  /// Node 20: integers of 32 bits, cause before stack, such arrays dense.
  kNode20,
};

struct EncodeOptions {
  V8Flavor flavor = V8Flavor::kWorkerd;
  /// Objects within objects. V8 recurses on its stack, so how deep it can read depends on its
  /// frames: workerd reads 1,900 sparse arrays and 2,416 objects within each other, Node 20 1,901
  /// and 1,960. What is written here by default every one of them reads back.
  std::uint32_t depthMax = 1'800;
};

struct DecodeOptions {
  /// The deepest that workerd can write is 5,495 (sets). Decoding does not recurse.
  std::uint32_t depthMax = 6'000;
  /// The most memory the decoded tree may take, estimated; 0 means 4 KiB and 200 times the input,
  /// which no value that V8 can write reaches.
  std::size_t memoryMax = 0;
  /// The length of the host object at the front of `bytes`, which only its writer knows; it may
  /// throw. Without it a host object is read only where it is the whole value and so ends with the
  /// bytes.
  std::size_t (*hostObjectLength)(std::string_view bytes) = nullptr;
};

/// Appends the value's bytes. A weak edge is written like any other; one whose target is gone as
/// undefined. Throws: kLimitExceeded (deeper than depthMax, or a part beyond 4 GiB),
/// kInvalidArgument (a view out of its buffer's bounds). What was appended before it threw is left
/// to the caller to cut off.
void encodeTree(ValueSink sink, const Value& value, const EncodeOptions& options = {});

/// The value in `bytes`, all of them. The result owns all it needs; nothing refers to `bytes`.
/// Throws, naming the byte: kDamaged (not the format), kForeign (a version not known), kUnsupported
/// (what only a JavaScript host can read: shared memory, WebAssembly, host objects),
/// kLimitExceeded.
[[nodiscard]] Value decodeTree(std::string_view bytes, const DecodeOptions& options = {});

/// A borrowed look at a value without parts: what the fast paths are made of. Valid as long as what
/// it was taken from.
struct ValueLeaf {
  enum class Text : std::uint8_t { kWtf8, kLatin1, kUtf16 };

  Value::Type type = Value::Type::kUndefined;
  bool boolean = false;      ///< Of a boolean; of a BigInt: it is negative.
  Text text = Text::kWtf8;   ///< How `content` spells a string.
  double number = 0;         ///< Of a number or Date.
  std::string_view content;  ///< Of a string; of a BigInt its digits, lowest byte first; of a
                             ///< buffer or view its bytes.

  /// Of an object that is no Date, ArrayBuffer or view only the type is told.
  [[nodiscard]] static ValueLeaf of(const Value& value);
};

/// The whole value in `bytes` when it is a primitive, Date, ArrayBuffer or view; nullopt when it is
/// anything else, which is then for decodeTree. Allocates nothing. Throws: as decodeTree.
[[nodiscard]] std::optional<ValueLeaf> decodeLeaf(std::string_view bytes);
/// Appends the text of a string leaf as UTF-8 (WTF-8 for lone surrogates).
void appendText(const ValueLeaf& leaf, std::string& out);

/// Each appends one whole value, header included, without allocating.
void encodeLeaf(ValueSink sink, std::nullptr_t null);
void encodeLeaf(ValueSink sink, bool boolean);
void encodeLeaf(ValueSink sink, double number, const EncodeOptions& options = {});
/// Throws: kInvalidArgument unless the text is UTF-8.
void encodeLeaf(ValueSink sink, std::string_view text);
/// A Date. Throws: kOutOfRange beyond ±8.64e15 ms.
void encodeLeaf(ValueSink sink, UnixMillis time);
/// A Uint8Array. Throws: kLimitExceeded beyond 4 GiB.
void encodeLeaf(ValueSink sink, BytesView bytes);
/// A number where a double holds it exactly, else a BigInt.
void encodeLeafInteger(ValueSink sink, bool isNegative, std::uint64_t magnitude,
                       const EncodeOptions& options = {});

}  // namespace cairn
