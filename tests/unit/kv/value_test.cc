// Goal: a Value behaves as the JavaScript value it stands for: sharing, enumeration order, holes,
// equality; and no graph, however deep or cyclic, leaks or overflows the stack (the sanitizer
// builds look for that).
#include <cairn/value.h>
#include <cairn/value_bigint.h>
#include <cairn/value_objects.h>
#include <cmath>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

namespace cairn {
namespace {

using Type = Value::Type;

const double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(Value, IsSixteenBytes) { EXPECT_EQ(sizeof(Value), 16U); }

TEST(Value, PrimitivesAreWhatTheyWereMadeFrom) {
  EXPECT_TRUE(Value().isUndefined());
  EXPECT_TRUE(Value(nullptr).isNull());
  EXPECT_TRUE(Value(true).asBoolean());
  EXPECT_FALSE(Value(false).asBoolean());
  EXPECT_EQ(Value(-7).asNumber(), -7);
  EXPECT_EQ(Value(2.5F).asNumber(), 2.5);
  EXPECT_EQ(Value(std::uint8_t{200}).asNumber(), 200);
  EXPECT_EQ(Value("text").asString(), "text");
  EXPECT_FALSE(Value("text").is(Type::kBoolean));
  static_assert(!std::is_constructible_v<Value, char>);
  static_assert(!std::is_constructible_v<Value, void*>);
}

TEST(Value, IntegersBeyondTwoToThe53BecomeBigInts) {
  EXPECT_TRUE(Value(std::int64_t{1} << 53).is(Type::kNumber));
  EXPECT_TRUE(Value(-(std::int64_t{1} << 53)).is(Type::kNumber));
  EXPECT_EQ(Value((std::int64_t{1} << 53) + 1).asBigInt().toInt64(), (std::int64_t{1} << 53) + 1);
  EXPECT_EQ(Value(INT64_MIN).asBigInt().toInt64(), INT64_MIN);
  EXPECT_EQ(Value(UINT64_MAX).asBigInt().toUint64(), UINT64_MAX);
}

TEST(Value, StringsOfEveryLengthKeepTheirText) {
  for (std::size_t length = 0; length < 40; ++length) {
    std::string text(length, 'x');
    Value value(text);
    Value copy = value;
    Value moved = std::move(value);
    EXPECT_EQ(copy.asString(), text);
    EXPECT_EQ(moved.asString(), text);
  }
}

TEST(Value, TextThatIsNotUtf8IsRefusedWithItsOffset) {
  try {
    Value value(std::string_view("ab\xff", 3));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "text is not UTF-8 at byte 2 of 3");
  }
}

TEST(Value, AnyUtf16GoesInAndComesOut) {
  for (const std::u16string& text :
       {std::u16string(u"a€😀"), std::u16string{0xd800}, std::u16string{u'a', 0xdc00, 0xd800, u'b'},
        std::u16string(100, u'\xffff'), std::u16string()}) {
    EXPECT_EQ(Value::utf16(text).asUtf16(), text);
  }
  EXPECT_EQ(Value::utf16(u"€😀").asString(), "€😀");
  EXPECT_EQ(Value::utf16(std::u16string{0xd800}).asString(), "\xed\xa0\x80");
}

TEST(Value, AskingForAnotherTypeSaysWhatWasFound) {
  try {
    static_cast<void>(Value("text").asNumber());
    FAIL() << "accepted";
  } catch (const ValueMismatch& mismatch) {
    EXPECT_EQ(mismatch.code(), ErrorCode::kTypeMismatch);
    EXPECT_STREQ(mismatch.what(), "found string, wanted number");
  }
  EXPECT_THROW(static_cast<void>(Value(1).asObject()), ValueMismatch);
  EXPECT_THROW(static_cast<void>(Value::array().asMap()), ValueMismatch);
  EXPECT_THROW(static_cast<void>(Value()["name"]), ValueMismatch);
}

TEST(Value, CopiesOfAnObjectShareIt) {
  Value first = Value::object({{"n", 1}});
  Value second = first;
  second.asObject().set("n", 2);
  EXPECT_EQ(first["n"].asNumber(), 2);
  EXPECT_TRUE(first.isSameObject(second));
  EXPECT_FALSE(first.isSameObject(Value::object({{"n", 2}})));
  EXPECT_FALSE(Value(1).isSameObject(Value(1)));
}

TEST(Value, DatesAreCutToMillisecondsInTheirRange) {
  EXPECT_EQ(Value::date(1.9).asDateMs(), 1);
  EXPECT_EQ(Value::date(-1.9).asDateMs(), -1);
  EXPECT_FALSE(std::signbit(Value::date(-0.5).asDateMs()));
  EXPECT_EQ(Value::date(UnixMillis{8'640'000'000'000'000}).asDateMs(), 8.64e15);
  EXPECT_TRUE(std::isnan(Value::date(8.64e15 + 1).asDateMs()));
  EXPECT_TRUE(std::isnan(Value::date(kNaN).asDateMs()));
}

TEST(Value, RegExpFlagsComeInJavaScriptsOrder) {
  EXPECT_EQ(Value::regExp("a+", "ygd").asRegExp().flags(), "dgy");
  EXPECT_EQ(Value::regExp("").asRegExp().source(), "(?:)");
  EXPECT_THROW(static_cast<void>(Value::regExp("a", "gg")), Error);
  EXPECT_THROW(static_cast<void>(Value::regExp("a", "x")), Error);
}

TEST(Value, OnlyPrimitivesAreBoxed) {
  EXPECT_EQ(Value::boxed(5).asBoxed().primitive(), Value(5));
  EXPECT_THROW(static_cast<void>(Value::boxed(Value::array())), Error);
  EXPECT_THROW(static_cast<void>(Value::boxed(nullptr)), Error);
}

TEST(ValueEdges, AWeakEdgeReadsWhileItsTargetLivesAndIsUndefinedAfterwards) {
  Value object = Value::object({{"n", 1}});
  Value weak = object.weak();
  EXPECT_TRUE(weak.isWeak());
  EXPECT_EQ(weak["n"].asNumber(), 1);
  EXPECT_EQ(weak, object);
  object = Value();
  EXPECT_TRUE(weak.isUndefined());
  EXPECT_TRUE(weak.strong().isUndefined());
  EXPECT_FALSE(weak.hasIdentity());
}

TEST(ValueEdges, AStrongCopyOfAWeakEdgeOwnsItsTarget) {
  Value object = Value::object();
  Value strong = object.weak().strong();
  EXPECT_FALSE(strong.isWeak());
  object = Value();
  EXPECT_TRUE(strong.is(Type::kObject));
  EXPECT_EQ(Value("text").weak().asString(), "text");
}

TEST(ValueEdges, ACycleClosedByAWeakEdgeIsFreed) {
  Value parent = Value::object();
  Value child = Value::object({{"parent", parent.weak()}});
  parent.asObject().set("child", child);
  Value watch = child.weak();
  child = Value();
  EXPECT_TRUE(watch["parent"].isSameObject(parent));
  parent = Value();
  EXPECT_TRUE(watch.isUndefined());
}

TEST(ValueEdges, ManyThreadsMayReadAndCopyTheSameObjects) {
  Value root =
      Value::object({{"list", Value::array({"some longer text here", 2, Value::object()})}});
  root.asObject().set("up", root.weak());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([root] {
      for (int round = 0; round < 2'000; ++round) {
        Value copy = root["list"];
        Value weak = copy.weak();
        Value text = copy[0];
        EXPECT_TRUE(weak.strong().isSameObject(root["up"]["list"]));
        EXPECT_EQ(root, root["up"]);
      }
    });
  }
  root = Value();
}

TEST(ValueEdges, AChainOfAMillionIsFreedWithoutRecursion) {
  Value chain = Value::array();
  for (int i = 0; i < 1'000'000; ++i) {
    Value outer = Value::array();
    outer.asArray().push(std::move(chain));
    chain = std::move(outer);
  }
  Value copy = chain;
  chain = Value();
  EXPECT_TRUE(copy.is(Type::kArray));
}

}  // namespace
}  // namespace cairn
