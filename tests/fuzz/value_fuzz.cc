// Goal: whatever decodes is a value like any other: it encodes, that decodes to an equal value, and
// encodes to the same bytes again; whatever does not decode throws an Error. Nothing else happens.
//
// The first byte chooses options; the rest is the input. A good corpus is the hex of
// tests/format/values.
#include <cairn/value_codec.h>
#include <cairn/value_conversion.h>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace cairn;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "value_fuzz: %s\n", what);
  std::abort();
}

std::size_t threeBytes(std::string_view bytes) { return bytes.size() < 3 ? bytes.size() : 3; }

std::string encoded(const Value& value, V8Flavor flavor) {
  std::string bytes;
  encodeTree(bytes, value, {.flavor = flavor, .depthMax = 10'000});
  return bytes;
}

/// The fast paths must agree with the tree, or refuse where it does.
void checkLeaf(std::string_view bytes, const Value& value) {
  std::optional<ValueLeaf> leaf = decodeLeaf(bytes);
  if (!leaf) return;
  ValueLeaf fromTree = ValueLeaf::of(value);
  require(leaf->type == fromTree.type, "leaf and tree are of one type");
  require(leaf->boolean == fromTree.boolean, "leaf and tree agree on the boolean");
  std::string text;
  std::string treeText;
  appendText(*leaf, text);
  appendText(fromTree, treeText);
  bool isBigInt =
      leaf->type == Value::Type::kBigInt;  // Its digits may have leading zeros on the wire.
  require(isBigInt || text == treeText, "leaf and tree agree on the content");
}

/// Conversions throw nothing but mismatches, and what converts comes back.
template <typename T>
void checkConversion(const Value& value) {
  try {
    T content = value.as<T>();
    std::string bytes;
    encodeValue(bytes, content);
    require(decodeValue<T>(bytes) == content, "what converts comes back");
  } catch (const ValueMismatch&) {
  }
}

void checkValue(std::string_view bytes, const Value& value, V8Flavor flavor,
                const DecodeOptions& options) {
  std::string once;
  try {
    once = encoded(value, flavor);
  } catch (const Error&) {
    require(false, "what decodes encodes");
  }
  Value again = decodeTree(once, options);
  require(again.strictlyEquals(value), "encoding keeps the value");
  require(again == value, "strictly equal values are equal");
  require(encoded(again, flavor) == once, "encoding is stable");
  static_cast<void>(value.toString({.depthMax = 8}));
  if (options.hostObjectLength == nullptr) checkLeaf(bytes, value);
  checkConversion<std::int64_t>(value);
  checkConversion<std::string>(value);
  checkConversion<std::vector<std::optional<std::int32_t>>>(value);
  checkConversion<std::map<std::string, std::optional<std::string>>>(value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  V8Flavor flavor = (data[0] & 1) != 0 ? V8Flavor::kNode20 : V8Flavor::kWorkerd;
  // More memory the second time: what was shared or hinted on the wire may have been spelled out.
  DecodeOptions options{.depthMax = 10'000, .memoryMax = 4'096 + 1'000 * size};
  if ((data[0] & 2) != 0) options.hostObjectLength = threeBytes;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    Value value = decodeTree(bytes, options);
    checkValue(bytes, value, flavor, options);
  } catch (const Error&) {
    try {
      static_cast<void>(decodeLeaf(bytes));
    } catch (const Error&) {
    }
  }
  return 0;
}
