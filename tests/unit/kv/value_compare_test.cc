// Goal: both notions of equality hold on any graph in nearly linear time, and printing is bounded
// whatever it is given.
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

TEST(ValueEquality, NumbersAreEqualAsInAMap) {
  EXPECT_EQ(Value(kNaN), Value(kNaN));
  EXPECT_EQ(Value(0.0), Value(-0.0));
  EXPECT_FALSE(Value(0.0).strictlyEquals(-0.0));
  EXPECT_TRUE(Value(kNaN).strictlyEquals(kNaN));
  EXPECT_FALSE(Value(1) == Value("1"));
  EXPECT_FALSE(Value(1) == Value(BigInt(1)));
  EXPECT_FALSE(Value(nullptr) == Value());
}

TEST(ValueEquality, PropertyOrderCountsOnlyStrictly) {
  Value left = Value::object({{"a", 1}, {"b", 2}});
  Value right = Value::object({{"b", 2}, {"a", 1}});
  EXPECT_EQ(left, right);
  EXPECT_FALSE(left.strictlyEquals(right));
  EXPECT_FALSE(left == Value::object({{"a", 1}, {"c", 2}}));
  EXPECT_FALSE(left == Value::object({{"a", 1}}));
}

TEST(ValueEquality, OrderOfMapsAndSetsCounts) {
  EXPECT_FALSE(Value::set({1, 2}) == Value::set({2, 1}));
  EXPECT_FALSE(Value::map({{1, 1}, {2, 2}}) == Value::map({{2, 2}, {1, 1}}));
  EXPECT_EQ(Value::map({{Value::object(), 1}}), Value::map({{Value::object(), 1}}));
}

TEST(ValueEquality, HolesDifferFromUndefined) {
  Value holes = Value::array();
  holes.asArray().setLength(1);
  EXPECT_FALSE(holes == Value::array({Value()}));
}

TEST(ValueEquality, SharingCountsOnlyStrictly) {
  Value one = Value::object();
  Value shared = Value::array({one, one});
  Value apart = Value::array({Value::object(), Value::object()});
  EXPECT_EQ(shared, apart);
  EXPECT_FALSE(shared.strictlyEquals(apart));
  EXPECT_FALSE(apart.strictlyEquals(shared));
  Value two = Value::object();
  EXPECT_TRUE(shared.strictlyEquals(Value::array({two, two})));
}

Value ring(int size) {
  Value first = Value::object();
  Value last = first;
  for (int i = 1; i < size; ++i) {
    Value next = Value::object();
    last.asObject().set("next", next);
    last = next;
  }
  last.asObject().set("next", first.weak());
  return first;
}

TEST(ValueEquality, CyclesThatUnfoldAlikeAreEqual) {
  EXPECT_EQ(ring(2), ring(3));
  EXPECT_FALSE(ring(2).strictlyEquals(ring(3)));
  EXPECT_TRUE(ring(3).strictlyEquals(ring(3)));
  EXPECT_FALSE(ring(2) == Value::object({{"next", Value::object()}}));
}

TEST(ValueEquality, TakesNearlyLinearTimeOnCyclesOfCoprimeLength) {
  EXPECT_EQ(ring(10'007), ring(10'009));
}

TEST(ValueEquality, DiamondsAreNotUnfolded) {
  auto diamonds = [] {
    Value value = Value::object();
    for (int i = 0; i < 100; ++i) value = Value::array({value, value});
    return value;
  };
  EXPECT_EQ(diamonds(), diamonds());
}

TEST(ValueEquality, ErrorsBuffersAndTheRestCompareByContent) {
  Value left = Value::error(Value::ErrorKind::kTypeError, "m");
  Value right = Value::error(Value::ErrorKind::kTypeError, "m");
  EXPECT_EQ(left, right);
  left.asError().setCause(Value());
  EXPECT_FALSE(left == right);
  EXPECT_EQ(Value::uint8Array(Bytes(3)), Value::uint8Array(Bytes(3)));
  EXPECT_FALSE(Value::uint8Array(Bytes(3)) == Value::uint8Array(Bytes(4)));
  EXPECT_FALSE(Value::arrayBuffer(Bytes(3)) == Value::resizableArrayBuffer(Bytes(3), 3));
  EXPECT_FALSE(Value::regExp("a") == Value::regExp("a", "g"));
  EXPECT_EQ(Value::date(5), Value::date(5));
  EXPECT_FALSE(Value::boxed(1) == Value(1));
}

TEST(ValuePrinting, ShowsEveryKindAsAPersonWouldWriteIt) {
  EXPECT_EQ(
      Value::array({Value(), nullptr, true, -0.0, 1e21, kNaN, BigInt(-5), "a\"\n\x01"}).toString(),
      R"([undefined, null, true, -0, 1e+21, NaN, -5n, "a\"\n\x01"])");
  EXPECT_EQ(Value::object({{"a", 1}, {"odd name", Value::map({{1, Value::set()}})}}).toString(),
            R"({a: 1, "odd name": Map(1) {1 => Set(0) {}}})");
  EXPECT_EQ(Value::date(1'700'000'000'123).toString(), "Date(2023-11-14T22:13:20.123Z)");
  EXPECT_EQ(Value::date(kNaN).toString(), "Date(invalid)");
  EXPECT_EQ(Value::date(-8.64e15).toString(), "Date(-8640000000000000 ms)");
  EXPECT_EQ(Value::regExp("a/", "g").toString(), "/a//g");
  EXPECT_EQ(Value::boxed("s").toString(), R"([string: "s"])");
  EXPECT_EQ(Value::uint8Array(std::as_bytes(std::span("\x01\xff", 2))).toString(),
            "Uint8Array(2) <01 ff>");
  EXPECT_EQ(Value::error(Value::ErrorKind::kRangeError, "m").toString(), "[RangeError: m]");
}

TEST(ValuePrinting, CountsHolesAndMarksCycles) {
  Value array = Value::array({1});
  array.asArray().set(3, array.weak());
  array.asArray().setLength(1'000'000);
  array.asArray().setProperty("x", 2);
  EXPECT_EQ(array.toString(), "[1, <2 holes>, [Circular], <999996 holes>, x: 2]");
}

TEST(ValuePrinting, IsBoundedInDepthAndLength) {
  Value deep = 1;
  for (int i = 0; i < 100'000; ++i) {
    Value outer = Value::array();
    outer.asArray().push(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_EQ(deep.toString({.depthMax = 2}), "[[[Array]]]");
  EXPECT_LE(deep.toString({.depthMax = 1'000'000}).size(), 140U);
  Value wide = Value::array();
  for (int i = 0; i < 100'000; ++i) wide.asArray().push("€€€€");
  EXPECT_EQ(wide.toString({.lengthMax = 6}), "[\"€…");
  std::ostringstream out;
  out << Value(1);
  EXPECT_EQ(out.str(), "1");
}

TEST(ValuePrinting, TerminatesOnWideDiamonds) {
  Value value = 1;
  for (int i = 0; i < 60; ++i) value = Value::array({value, value});
  EXPECT_LE(value.toString({.depthMax = 64}).size(), 1'100U);
}

}  // namespace
}  // namespace cairn
