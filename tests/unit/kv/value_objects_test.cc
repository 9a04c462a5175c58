// Goal: arrays, objects, maps, sets, buffers and views behave as JavaScript's: enumeration order,
// holes, keys of any kind, views that share their buffer.
#include <cairn/value.h>
#include <cairn/value_bigint.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

namespace cairn {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> namesOf(const Value& object) {
  std::vector<std::string> names;
  for (auto [name, value] : object.asObject()) names.emplace_back(name);
  return names;
}

TEST(ValueObject, EnumeratesIndicesAscendingThenNamesAsAdded) {
  Value object = Value::object(
      {{"b", 1}, {"10", 2}, {"a", 3}, {"2", 4}, {"01", 5}, {"4294967294", 6}, {"4294967295", 7}});
  EXPECT_EQ(namesOf(object),
            (std::vector<std::string>{"2", "10", "4294967294", "b", "a", "01", "4294967295"}));
  EXPECT_EQ(object.asObject().size(), 7U);
  EXPECT_EQ(object["10"].asNumber(), 2);
  EXPECT_EQ(object[10].asNumber(), 2);
}

TEST(ValueObject, PropertiesThatAreAllIndicesAreEnumeratedToo) {
  Value object = Value::object({{"7", 1}, {"0", 2}});
  EXPECT_EQ(namesOf(object), (std::vector<std::string>{"0", "7"}));
  EXPECT_TRUE(namesOf(Value::object()).empty());
}

TEST(ValueObject, ReplacingKeepsThePlaceAndErasingForgetsIt) {
  Value object = Value::object({{"a", 1}, {"b", 2}, {"5", 5}});
  object.asObject().set("a", "again");
  EXPECT_TRUE(object.asObject().erase("5"));
  EXPECT_FALSE(object.asObject().erase("5"));
  EXPECT_EQ(namesOf(object), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(object.asObject().erase("a"));
  object.asObject().set("a", 3);
  EXPECT_EQ(namesOf(object), (std::vector<std::string>{"b", "a"}));
}

TEST(ValueObject, FindsEveryOneOfManyProperties) {
  Value object = Value::object();
  for (int i = 0; i < 5'000; ++i) object.asObject().set("name" + std::to_string(i), i);
  for (int i = 0; i < 5'000; ++i) ASSERT_EQ(object["name" + std::to_string(i)].asNumber(), i);
  EXPECT_EQ(object.asObject().find("name5000"), nullptr);
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(object.asObject().erase("name" + std::to_string(i * 7)));
  EXPECT_FALSE(object.asObject().has("name7"));
  EXPECT_EQ(object["name4999"].asNumber(), 4'999);
}

TEST(ValueObject, MissingPropertyIsUndefined) {
  Value object = Value::object({{"u", Value()}});
  EXPECT_TRUE(object["u"].isUndefined());
  EXPECT_TRUE(object["missing"].isUndefined());
  EXPECT_TRUE(object.asObject().has("u"));
  EXPECT_FALSE(object.asObject().has("missing"));
}

TEST(ValueArray, HolesAreNotUndefined) {
  Value array = Value::array({1});
  array.asArray().set(3, Value());
  EXPECT_EQ(array.asArray().length(), 4U);
  EXPECT_FALSE(array.asArray().has(1));
  EXPECT_TRUE(array.asArray().has(3));
  EXPECT_TRUE(array[1].isUndefined());
  EXPECT_TRUE(array.asArray().hasHoles());
  array.asArray().set(1, 2);
  array.asArray().set(2, 3);
  EXPECT_FALSE(array.asArray().hasHoles());
  EXPECT_TRUE(array.asArray().erase(0));
  EXPECT_FALSE(array.asArray().erase(0));
  EXPECT_EQ(array.asArray().length(), 4U);
}

TEST(ValueArray, AFarIndexTakesNoMemoryForTheHolesBeforeIt) {
  Value array = Value::array();
  array.asArray().set(4'294'967'294, "last");
  array.asArray().set(1'000'000, "middle");
  array.asArray().set(0, "first");
  EXPECT_EQ(array.asArray().length(), 4'294'967'295U);
  std::vector<std::uint32_t> indices;
  for (auto [index, element] : array.asArray().elements()) indices.push_back(index);
  EXPECT_EQ(indices, (std::vector<std::uint32_t>{0, 1'000'000, 4'294'967'294}));
  EXPECT_THROW(array.asArray().set(4'294'967'295, 1), Error);
  array.asArray().setLength(5);
  EXPECT_EQ(array.asArray().countPresent(), 1U);
}

TEST(ValueArray, ElementsSetInAnyOrderAreTheSame) {
  Value ascending = Value::array();
  Value descending = Value::array();
  Value strided = Value::array();
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    ascending.asArray().set(i, i);
    descending.asArray().set(999 - i, 999 - i);
    strided.asArray().set(i * 7 % 1'000, i * 7 % 1'000);
  }
  EXPECT_EQ(ascending, descending);
  EXPECT_EQ(ascending, strided);
  EXPECT_FALSE(strided.asArray().hasHoles());
}

TEST(ValueArray, NamedPropertiesStandApartFromElements) {
  Value array = Value::array({1, 2});
  array.asArray().setProperty("index", 5);
  EXPECT_EQ(array["index"].asNumber(), 5);
  EXPECT_EQ(array["1"].asNumber(), 2);
  EXPECT_EQ(array.asArray().properties().size(), 1U);
  EXPECT_THROW(array.asArray().setProperty("0", 1), Error);
  EXPECT_TRUE(array.asArray().eraseProperty("index"));
  EXPECT_TRUE(array.asArray().properties().empty());
}

TEST(ValueMap, KeysOfEveryKindAreFound) {
  Value object = Value::object();
  Value map = Value::map({{"a", 1},
                          {1, 2},
                          {object, 3},
                          {kNaN, 4},
                          {Value(), 5},
                          {nullptr, 6},
                          {true, 7},
                          {BigInt(9), 8},
                          {-0.0, 9}});
  EXPECT_EQ(map.asMap().size(), 9U);
  EXPECT_EQ(map.asMap().get("a"), Value(1));
  EXPECT_EQ(map.asMap().get(1.0), Value(2));
  EXPECT_EQ(map.asMap().get(object), Value(3));
  EXPECT_EQ(map.asMap().get(kNaN), Value(4));
  EXPECT_EQ(map.asMap().get(Value()), Value(5));
  EXPECT_EQ(map.asMap().get(nullptr), Value(6));
  EXPECT_EQ(map.asMap().get(true), Value(7));
  EXPECT_EQ(map.asMap().get(BigInt(9)), Value(8));
  EXPECT_EQ(map.asMap().get(0), Value(9));
  EXPECT_EQ(map.asMap().find(Value::object()), nullptr);
  EXPECT_EQ(map.asMap().find("1"), nullptr);
  EXPECT_TRUE(map.asMap().erase(object));
  EXPECT_FALSE(map.asMap().has(object));
}

TEST(ValueSet, MembersKeepTheirOrderAndCountOnce) {
  Value set = Value::set({3, 1, 3, "1"});
  EXPECT_EQ(set.asSet().size(), 3U);
  EXPECT_FALSE(set.asSet().add(1));
  EXPECT_TRUE(set.asSet().erase(3));
  EXPECT_TRUE(set.asSet().add(3));
  EXPECT_EQ(set.toString(), R"(Set(3) {1, "1", 3})");
  set.asSet().clear();
  EXPECT_EQ(set.asSet().size(), 0U);
}

TEST(ValueView, ViewsOfOneBufferSeeEachOthersBytes) {
  Bytes bytes(8);
  Value buffer = Value::arrayBuffer(bytes);
  Value all = Value::view(Value::ViewKind::kUint8Array, buffer, 0, 8);
  Value part = Value::view(Value::ViewKind::kUint16Array, buffer, 4, 4);
  all.asView().bytes()[4] = std::byte{7};
  EXPECT_EQ(part.asView().bytes()[0], std::byte{7});
  EXPECT_EQ(part.asView().length(), 2U);
}

TEST(ValueView, BoundsAndAlignmentAreChecked) {
  Value buffer = Value::arrayBuffer(Bytes(8));
  EXPECT_THROW(static_cast<void>(Value::view(Value::ViewKind::kUint8Array, buffer, 9, 0)), Error);
  EXPECT_THROW(static_cast<void>(Value::view(Value::ViewKind::kUint8Array, buffer, 4, 5)), Error);
  EXPECT_THROW(static_cast<void>(Value::view(Value::ViewKind::kUint16Array, buffer, 1, 2)), Error);
  EXPECT_THROW(static_cast<void>(Value::view(Value::ViewKind::kFloat64Array, buffer, 0, 4)), Error);
  EXPECT_THROW(static_cast<void>(Value::view(Value::ViewKind::kUint8Array, Value(1), 0, 0)),
               ValueMismatch);
  EXPECT_THROW(
      static_cast<void>(Value::lengthTrackingView(Value::ViewKind::kUint8Array, buffer, 0)), Error);
}

TEST(ValueView, ResizingTheBufferMovesTrackingViewsAndCutsOthersOff) {
  Value buffer = Value::resizableArrayBuffer(Bytes(8), 16);
  Value tracking = Value::lengthTrackingView(Value::ViewKind::kUint32Array, buffer, 4);
  Value fixed = Value::view(Value::ViewKind::kUint8Array, buffer, 6, 2);
  buffer.asArrayBuffer().resize(15);
  EXPECT_EQ(tracking.asView().length(), 2U);
  buffer.asArrayBuffer().resize(7);
  EXPECT_TRUE(fixed.asView().isOutOfBounds());
  EXPECT_TRUE(fixed.asView().bytes().empty());
  EXPECT_EQ(tracking.asView().byteLength(), 0U);
  EXPECT_THROW(buffer.asArrayBuffer().resize(17), Error);
  EXPECT_THROW(Value::arrayBuffer({}).asArrayBuffer().resize(0), Error);
}

}  // namespace
}  // namespace cairn
