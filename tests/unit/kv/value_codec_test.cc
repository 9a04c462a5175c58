// Goal: what the golden files cannot show: older versions, options, sinks, weak edges on the wire,
// and that decoding builds the graph the bytes describe without a cycle of owners.
#include <cairn/value_bigint.h>
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "engine/base/buffer.h"
#include "tests/support/value_description.h"

namespace cairn {
namespace {

using Type = Value::Type;

Value decodeHex(std::string_view hex, const DecodeOptions& options = {}) {
  return decodeTree(hexToBytes(hex), options);
}

std::string encodeHex(const Value& value, const EncodeOptions& options = {}) {
  std::string bytes;
  encodeTree(bytes, value, options);
  return bytesToHex(bytes);
}

TEST(ValueCodec, ReadsTheThreeVersionsAndHeaderlessBytes) {
  for (const char* hex : {"ff0f4902", "ff0e4902", "ff0d4902", "4902"})
    EXPECT_EQ(decodeHex(hex), Value(1)) << hex;
}

TEST(ValueCodec, OtherVersionsAreForeign) {
  for (const char* hex : {"ff104902", "ff0c4902", "ff004902", "ffffffffff0f4902"}) {
    try {
      static_cast<void>(decodeHex(hex));
      FAIL() << hex << " was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kForeign) << error.what();
    }
  }
}

TEST(ValueCodec, ViewsOfVersion13HaveNoFlags) {
  Value expected = Value::uint8Array(std::as_bytes(std::span("\x01", 1)));
  EXPECT_EQ(decodeHex("ff0d42010156420001"), expected);
  EXPECT_EQ(decodeHex("42010156420001"), expected);
  EXPECT_EQ(decodeHex("ff0e4201015642000100"), expected);
  EXPECT_THROW(static_cast<void>(decodeHex("ff0e42010156420001")), Error);
}

TEST(ValueCodec, ViewsWithFlagsThatClaimVersion13AreReadLikeV8Does) {
  EXPECT_EQ(decodeHex("ff0d4201015642000100"),
            Value::uint8Array(std::as_bytes(std::span("\x01", 1))));
  // Two views in an array: only reading all of it with flags makes sense of it.
  Value both = decodeHex(
      "ff0d41024201015642000100420102564200010024"
      "0002");
  EXPECT_EQ(both[1].asView().bytes()[0], std::byte{2});
}

TEST(ValueCodec, OldFormsReadAsTodays) {
  EXPECT_EQ(decodeHex("ff0f55ffffffff0f"), Value(4294967295.0));
  EXPECT_EQ(decodeHex("ff0f5303e282ac"), Value("€"));
  EXPECT_EQ(decodeHex("ff0f3f054902"), Value(1));
  EXPECT_EQ(decodeHex("ff0f0000004902"), Value(1));
  EXPECT_EQ(decodeHex("ff0f5a0205"), Value(BigInt(5)));
  EXPECT_EQ(decodeHex("ff0f5a100000000000000000"), Value(BigInt(0)));
}

TEST(ValueCodec, NumbersAsNamesBecomeWhatJavaScriptNamesThem) {
  EXPECT_EQ(decodeHex("ff0f6f490149027b01").toString(), R"({"-1": 1})");
  EXPECT_EQ(decodeHex("ff0f6f4e000000000000f87f49027b01").toString(), "{NaN: 1}");
  EXPECT_EQ(decodeHex("ff0f6f4e000000000000f83f49027b01").toString(), R"({"1.5": 1})");
  Value five = decodeHex("ff0f6f22013549027b01");
  EXPECT_EQ(encodeHex(five), "ff0f6f490a49027b01");
}

TEST(ValueCodec, ARepeatedMapKeyKeepsItsPlaceAndTakesTheLastValue) {
  EXPECT_EQ(decodeHex("ff0f3b49024904490249063a04"), Value::map({{1, 3}}));
}

TEST(ValueCodec, AHoleInADenseArrayStaysWhereItIs) {
  Value array = decodeHex("ff0f41032d49022d240003");
  EXPECT_EQ(array.toString(), "[<1 hole>, 1, <1 hole>]");
  EXPECT_EQ(encodeHex(array), "ff0f41032d49022d240003");
}

TEST(ValueCodec, FormsThatV8WouldNotChooseFreshSurviveUntilTheValueChanges) {
  for (const char* hex :
       {"ff0f4e0000000000000040",
        "ff0f630261"
        "00",
        "ff0f6103490049004902490049044900400303", "ff0f410249024e0000000000000440240002"}) {
    EXPECT_EQ(encodeHex(decodeHex(hex)), hex);
  }
  Value sparse = decodeHex("ff0f6103490049004902490049044900400303");
  sparse.asArray().set(0, 0);
  EXPECT_EQ(encodeHex(sparse), "ff0f4103490049004900240003");
}

TEST(ValueCodec, AHintDoesNotMakeAValueUnequal) {
  EXPECT_TRUE(decodeHex("ff0f4e0000000000000040").strictlyEquals(2));
  EXPECT_TRUE(decodeHex("ff0f6302610"
                        "0")
                  .strictlyEquals("a"));
  Value map = Value::map({{"a", 1}});
  EXPECT_EQ(map.asMap().get(decodeHex("ff0f63026100")), Value(1));
}

TEST(ValueCodec, FlavorsDifferInIntegerRangeErrorOrderAndUndefinedAmongNumbers) {
  EncodeOptions node{.flavor = V8Flavor::kNode20};
  EXPECT_EQ(encodeHex(1073741824), "ff0f4e000000000000d041");
  EXPECT_EQ(encodeHex(1073741824, node), "ff0f498080808008");
  EXPECT_EQ(encodeHex(-1073741824), "ff0f49ffffffff07");
  Value error = Value::error(Value::ErrorKind::kError, "m");
  error.asError().setStack("s");
  error.asError().setCause(1);
  EXPECT_EQ(encodeHex(error),
            "ff0f726d22016d7322017363"
            "49022e");
  EXPECT_EQ(encodeHex(error, node),
            "ff0f726d22016d6349027322"
            "01732e");
  Value numbers = Value::array({1.5, Value()});
  EXPECT_EQ(encodeHex(numbers), "ff0f610249004e000000000000f83f49025f400202");
  EXPECT_EQ(encodeHex(numbers, node), "ff0f41024e000000000000f83f5f240002");
}

TEST(ValueCodec, EdgesToAncestorsAreWeakAndOthersOwn) {
  // a = {self: ↑, list: [a, b = {}, b]}
  Value root = decodeHex(
      "ff0f6f"
      "220473656c66"
      "5e00"
      "22046c697374"
      "4103"
      "5e00"
      "6f7b00"
      "5e02"
      "240003"
      "7b02");
  EXPECT_TRUE(root["self"].isWeak());
  EXPECT_TRUE(root["self"].isSameObject(root));
  EXPECT_TRUE(root["list"][0].isWeak());
  EXPECT_FALSE(root["list"][1].isWeak());
  EXPECT_FALSE(root["list"][2].isWeak());
  EXPECT_TRUE(root["list"][1].isSameObject(root["list"][2]));
  Value list = root["list"];
  root = Value();
  EXPECT_TRUE(list[0].isUndefined());
  EXPECT_TRUE(list[2].is(Type::kObject));
}

TEST(ValueCodec, AnErrorMayBeItsOwnCause) {
  Value error = decodeHex(
      "ff0f726d22017863"
      "5e00"
      "2e");
  ASSERT_NE(error.asError().cause(), nullptr);
  EXPECT_TRUE(error.asError().cause()->isSameObject(error));
  EXPECT_EQ(encodeHex(error), "ff0f726d220178635e002e");
}

TEST(ValueCodec, AGoneWeakTargetIsWrittenAsUndefined) {
  Value list = Value::array({Value::object().weak(), "x"});
  EXPECT_EQ(encodeHex(list), "ff0f41025f220178240002");
}

TEST(ValueCodec, StrongEdgesBuiltIntoACycleEncodeToo) {
  Value object = Value::object();
  object.asObject().set("self", object);
  EXPECT_EQ(encodeHex(object), "ff0f6f220473656c665e007b01");
  object.asObject().erase("self");  // Or it would never be freed.
}

TEST(ValueCodec, HandlesOutsideTheTreeDoNotChangeItsBytes) {
  Value inner = Value::object({{"a", Value::date(1)}});
  Value outer = Value::array({inner, Value::uint8Array(Bytes(2))});
  std::string alone = encodeHex(outer);
  std::vector<Value> handles = {
      outer, inner, inner["a"], outer[1], outer[1].asView().buffer(), outer.weak()};
  EXPECT_EQ(encodeHex(outer), alone);
}

TEST(ValueCodec, AViewOutOfItsBuffersBoundsCannotBeWritten) {
  Value buffer = Value::resizableArrayBuffer(Bytes(4), 8);
  Value view = Value::view(Value::ViewKind::kUint8Array, buffer, 2, 2);
  buffer.asArrayBuffer().resize(3);
  EXPECT_THROW(static_cast<void>(encodeHex(view)), Error);
}

TEST(ValueCodec, TwoByteTextIsAlignedToTheValuesOwnStartWhateverTheSinkHolds) {
  std::string sink = "x";
  encodeTree(sink, "€");
  EXPECT_EQ(bytesToHex(sink), "78ff0f6302ac20");
  Buffer buffer;
  buffer.append("yy");
  encodeTree(buffer, Value::array({"x", "€"}));
  EXPECT_EQ(bytesToHex(buffer.view()), "7979ff0f4102220178006302ac20240002");
}

TEST(ValueCodec, LongTextAndBytesPassThroughInPieces) {
  for (std::size_t length : {500U, 511U, 512U, 513U, 1'023U, 5'000U}) {
    for (const char* unit : {"a", "é", "€", "😀"}) {
      std::string text;
      for (std::size_t i = 0; i < length; ++i) text += unit;
      Value value =
          Value::array({text, Value::uint8Array(std::as_bytes(std::span(text))), "x" + text});
      std::string bytes;
      encodeTree(bytes, value);
      EXPECT_TRUE(decodeTree(bytes).strictlyEquals(value)) << length << unit;
    }
  }
}

std::size_t eightBytes(std::string_view bytes) { return std::min<std::size_t>(bytes.size(), 8); }

TEST(ValueCodec, HostObjectsInsideOthersNeedTheHostsHelp) {
  std::string_view hex = "ff0f41025c04030100016101624902240002";
  try {
    static_cast<void>(decodeHex(hex));
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
  Value list = decodeHex(hex, {.hostObjectLength = eightBytes});
  EXPECT_TRUE(list[0].is(Type::kHostObject));
  EXPECT_EQ(list[1], Value(1));
  EXPECT_EQ(encodeHex(list), hex);
}

std::string leafHex(auto content) {
  std::string bytes;
  encodeLeaf(bytes, content);
  return bytesToHex(bytes);
}

TEST(ValueLeaf, IsWrittenLikeItsTree) {
  EXPECT_EQ(leafHex(nullptr), encodeHex(nullptr));
  EXPECT_EQ(leafHex(true), encodeHex(true));
  EXPECT_EQ(leafHex(1.5), encodeHex(1.5));
  EXPECT_EQ(leafHex(-0.0), encodeHex(-0.0));
  EXPECT_EQ(leafHex(std::numeric_limits<double>::quiet_NaN()), "ff0f4e000000000000f87f");
  EXPECT_EQ(leafHex(std::string_view("é€")), encodeHex("é€"));
  EXPECT_EQ(leafHex(UnixMillis{-5}), encodeHex(Value::date(-5)));
  Bytes bytes(700, std::byte{9});
  EXPECT_EQ(leafHex(BytesView(bytes)), encodeHex(Value::uint8Array(bytes)));
}

TEST(ValueLeaf, OfAnythingWithPartsThereIsNone) {
  for (const Value& value :
       {Value::array(), Value::object(), Value::map(), Value::set(), Value::boxed(1),
        Value::regExp("a"), Value::error(Value::ErrorKind::kError, "m")}) {
    std::string bytes;
    encodeTree(bytes, value);
    EXPECT_FALSE(decodeLeaf(bytes).has_value()) << value;
  }
}

TEST(ValueLeaf, BytesOfAViewAreThoseItShows) {
  std::string fixed = hexToBytes("ff0f4204010203045642010200");
  std::optional<ValueLeaf> leaf = decodeLeaf(fixed);
  ASSERT_TRUE(leaf.has_value());
  EXPECT_EQ(leaf->type, Type::kView);
  EXPECT_EQ(leaf->content, "\x02\x03");
  std::string tracking = hexToBytes("ff0f7e051001020304055657020003");
  leaf = decodeLeaf(tracking);
  ASSERT_TRUE(leaf.has_value());
  EXPECT_EQ(leaf->content, "\x03\x04");
}

TEST(ValueLeaf, WhatFollowsIsRefused) {
  EXPECT_THROW(static_cast<void>(decodeLeaf(hexToBytes("ff0f49024902"))), Error);
  EXPECT_THROW(static_cast<void>(decodeLeaf(hexToBytes("ff0f42010100"))), Error);
  EXPECT_THROW(static_cast<void>(decodeLeaf("")), Error);
  EXPECT_THROW(encodeLeaf(*std::make_unique<std::string>(), UnixMillis{INT64_MAX}), Error);
}

}  // namespace
}  // namespace cairn
