// Goal: C++ values come back as they were, other people's values convert only where nothing is
// lost, and an error says where inside the value it was.
#include <cairn/value_conversion.h>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace {

struct Point {
  double x = 0;
  double y = 0;
  std::optional<std::string> label;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Tree {
  std::string name;
  std::vector<Tree> children;
};

}  // namespace

namespace cairn {

template <>
struct ValueConverter<Point> {
  static Value toValue(const Point& point) {
    return Value::object({{"x", point.x}, {"y", point.y}, {"label", Value::from(point.label)}});
  }
  static Point fromValue(const Value& value) {
    return {value.field<double>("x"), value.field<double>("y"),
            value.field<std::optional<std::string>>("label")};
  }
};

template <>
struct ValueConverter<Tree> {
  static Value toValue(const Tree& tree) {
    return Value::object({{"name", tree.name}, {"children", Value::from(tree.children)}});
  }
  static Tree fromValue(const Value& value) {
    return {value.field<std::string>("name"), value.field<std::vector<Tree>>("children")};
  }
};

namespace {

using namespace std::chrono_literals;

/// Over a Value and over bytes must be the same.
template <typename T>
void expectBack(const T& content) {
  EXPECT_EQ(Value::from(content).template as<T>(), content);
  std::string direct;
  encodeValue(direct, content);
  std::string overTree;
  encodeTree(overTree, Value::from(content));
  EXPECT_EQ(direct, overTree);
  EXPECT_EQ(decodeValue<T>(direct), content);
}

template <typename T>
std::string mismatchOf(const Value& value) {
  try {
    static_cast<void>(value.as<T>());
  } catch (const ValueMismatch& mismatch) {
    return mismatch.what();
  }
  return "no mismatch";
}

TEST(ValueConversion, ScalarsComeBack) {
  expectBack(true);
  expectBack(false);
  expectBack(1.5);
  expectBack(-0.0);
  expectBack(0.1F);
  expectBack(std::numeric_limits<double>::infinity());
  expectBack(std::string("caf\u00e9 € 😀"));
  expectBack(std::string(1'000, 'x'));
  expectBack(std::string());
  EXPECT_TRUE(std::isnan(Value::from(std::nan("")).as<double>()));
}

template <typename Integer>
void expectLimitsBack() {
  using Limits = std::numeric_limits<Integer>;
  for (Integer integer :
       {Limits::min(), Limits::max(), Integer{0}, Integer{1}, static_cast<Integer>(-1)})
    expectBack(integer);
}

TEST(ValueConversion, IntegersOfEveryWidthKeepTheirLimits) {
  expectLimitsBack<std::int8_t>();
  expectLimitsBack<std::uint8_t>();
  expectLimitsBack<std::int16_t>();
  expectLimitsBack<std::uint16_t>();
  expectLimitsBack<std::int32_t>();
  expectLimitsBack<std::uint32_t>();
  expectLimitsBack<std::int64_t>();
  expectLimitsBack<std::uint64_t>();
  for (int shift = 28; shift < 63; ++shift) {
    for (std::int64_t delta : {-1, 0, 1}) {
      expectBack((std::int64_t{1} << shift) + delta);
      expectBack(-(std::int64_t{1} << shift) + delta);
    }
  }
}

TEST(ValueConversion, AnIntegerIsReadFromWhateverHoldsItExactly) {
  EXPECT_EQ(Value(BigInt(7)).as<int>(), 7);
  EXPECT_EQ(Value(7.0).as<std::uint8_t>(), 7);
  EXPECT_EQ(Value(-0.0).as<unsigned>(), 0U);
  EXPECT_EQ(Value(9.0e18).as<std::int64_t>(), 9'000'000'000'000'000'000);
  EXPECT_EQ(Value(BigInt::parse("-9223372036854775808")).as<std::int64_t>(), INT64_MIN);
  EXPECT_EQ(mismatchOf<int>(3.5), "found number 3.5, wanted int32");
  EXPECT_EQ(mismatchOf<std::int8_t>(128), "found number 128, wanted int8");
  EXPECT_EQ(mismatchOf<unsigned>(-1), "found number -1, wanted uint32");
  EXPECT_EQ(mismatchOf<std::int64_t>(std::nan("")), "found number NaN, wanted int64");
  EXPECT_EQ(mismatchOf<std::int64_t>(9223372036854775808.0),
            "found number 9223372036854776000, wanted int64");
  EXPECT_EQ(mismatchOf<std::uint64_t>(18446744073709551616.0),
            "found number 18446744073709552000, wanted uint64");
  EXPECT_EQ(mismatchOf<std::uint64_t>(BigInt::parse("18446744073709551616")),
            "found BigInt, wanted uint64");
  EXPECT_EQ(mismatchOf<int>("7"), "found string, wanted int32");
  EXPECT_EQ(mismatchOf<int>(Value::boxed(7)), "found boxed primitive, wanted int32");
}

TEST(ValueConversion, NothingIsGuessed) {
  EXPECT_EQ(mismatchOf<bool>(1), "found number 1, wanted boolean");
  EXPECT_EQ(mismatchOf<double>("1"), "found string, wanted number");
  EXPECT_EQ(mismatchOf<double>(BigInt(1)), "found BigInt, wanted number");
  EXPECT_EQ(mismatchOf<float>(1e300), "found number 1e+300, wanted float");
  EXPECT_EQ(mismatchOf<std::string>(nullptr), "found null, wanted string");
  EXPECT_EQ(mismatchOf<Bytes>("bytes"), "found string, wanted ArrayBuffer or view");
  EXPECT_EQ(mismatchOf<UnixMillis>(5), "found number 5, wanted Date");
  EXPECT_EQ(mismatchOf<UnixMillis>(Value::date(std::nan(""))), "found invalid Date, wanted Date");
  EXPECT_EQ(mismatchOf<std::vector<int>>(Value::object()), "found Object, wanted Array");
}

TEST(ValueConversion, BytesAreAUint8ArrayAndReadFromAnyBuffer) {
  Bytes bytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  expectBack(bytes);
  expectBack(Bytes());
  EXPECT_EQ(valueTypeName(Value::from(bytes)), "Uint8Array");
  EXPECT_EQ(Value::arrayBuffer(bytes).as<Bytes>(), bytes);
  Value part = Value::view(Value::ViewKind::kUint16Array, Value::arrayBuffer(bytes), 2, 2);
  EXPECT_EQ(part.as<Bytes>(), Bytes(bytes.begin() + 2, bytes.end()));
}

TEST(ValueConversion, TextOfEveryKindIsWritten) {
  EXPECT_EQ(Value::from("literal"), Value("literal"));
  EXPECT_EQ(Value::from(std::string_view("view")), Value("view"));
  std::string bytes;
  encodeValue(bytes, "literal");
  EXPECT_EQ(decodeValue<std::string>(bytes), "literal");
  EXPECT_THROW(encodeValue(bytes, std::string("\xff")), Error);
}

TEST(ValueConversion, OptionalsAreNullWhenEmptyAndReadFromUndefinedToo) {
  expectBack(std::optional<int>(5));
  expectBack(std::optional<int>());
  expectBack(std::optional<std::string>("text"));
  expectBack(std::optional<std::vector<int>>({1, 2}));
  EXPECT_TRUE(Value::from(std::optional<int>()).isNull());
  EXPECT_EQ(Value().as<std::optional<int>>(), std::nullopt);
  std::string undefined;
  encodeTree(undefined, Value());
  EXPECT_EQ(decodeValue<std::optional<int>>(undefined), std::nullopt);
}

TEST(ValueConversion, ContainersComeBack) {
  expectBack(std::vector<int>{1, 2, 3});
  expectBack(std::vector<bool>{true, false});
  expectBack(std::vector<std::vector<std::string>>{{"a"}, {}});
  expectBack(std::array<double, 3>{1, 2.5, -1});
  expectBack(std::pair<std::string, int>("a", 1));
  expectBack(std::tuple<int, std::string, std::optional<bool>>(1, "a", std::nullopt));
  expectBack(std::tuple<>());
  expectBack(std::map<std::string, int>{{"a", 1}, {"10", 2}, {"€", 3}});
  expectBack(std::unordered_map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  expectBack(BigInt::parse("123456789012345678901234567890"));
}

TEST(ValueConversion, DictionariesAreReadFromMapsToo) {
  Value map = Value::map({{"a", 1}, {"b", 2}});
  EXPECT_EQ((map.as<std::map<std::string, int>>()),
            (std::map<std::string, int>{{"a", 1}, {"b", 2}}));
  Value odd = Value::map({{1, 1}});
  EXPECT_EQ((mismatchOf<std::map<std::string, int>>(odd)),
            "found number 1, wanted string as key of a Map");
}

TEST(ValueConversion, LengthsMustMatchWhereTheTypeFixesThem) {
  EXPECT_EQ((mismatchOf<std::array<int, 2>>(Value::array({1}))),
            "found Array of length 1, wanted Array of length 2");
  EXPECT_EQ((mismatchOf<std::pair<int, int>>(Value::array({1, 2, 3}))),
            "found Array of length 3, wanted Array of length 2");
}

TEST(ValueConversion, HolesReadAsUndefinedButNotByTheMillion) {
  Value array = Value::array({1});
  array.asArray().setLength(3);
  EXPECT_EQ(array.as<std::vector<std::optional<int>>>(),
            (std::vector<std::optional<int>>{1, std::nullopt, std::nullopt}));
  EXPECT_EQ(mismatchOf<std::vector<int>>(array), "[1]: found undefined, wanted int32");
  array.asArray().setLength(4'000'000'000);
  EXPECT_THROW(static_cast<void>(array.as<std::vector<std::optional<int>>>()), ValueMismatch);
}

TEST(ValueConversion, TimesAreDates) {
  expectBack(UnixMillis{1'700'000'000'123});
  expectBack(UnixMillis{-1});
  expectBack(std::chrono::sys_time<std::chrono::milliseconds>(1'700'000'000'123ms));
  expectBack(std::chrono::system_clock::time_point(1'700'000'000'123ms));
  using Seconds = std::chrono::sys_seconds;
  expectBack(Seconds(5s));
  EXPECT_EQ(Value::from(std::chrono::system_clock::time_point(-1us)).asDateMs(), -1);
  EXPECT_THROW(static_cast<void>(Value::date(5'500).as<Seconds>()), ValueMismatch);
  EXPECT_THROW(static_cast<void>(Value::date(8.64e15).as<std::chrono::system_clock::time_point>()),
               ValueMismatch);
}

TEST(ValueConversion, DurationsAreMilliseconds) {
  expectBack(std::chrono::milliseconds(1'500));
  expectBack(std::chrono::microseconds(100));
  expectBack(std::chrono::nanoseconds(1));
  expectBack(std::chrono::hours(-24));
  expectBack(std::chrono::duration<double>(0.25));
  EXPECT_EQ(Value::from(1'500us).asNumber(), 1.5);
  EXPECT_EQ(mismatchOf<std::chrono::seconds>(1'500),
            "found number 1500, wanted whole ticks of 1000 ms");
  EXPECT_THROW(static_cast<void>(Value(1e300).as<std::chrono::milliseconds>()), ValueMismatch);
  EXPECT_THROW(static_cast<void>(Value(std::nan("")).as<std::chrono::milliseconds>()),
               ValueMismatch);
}

TEST(ValueConversion, VariantsTakeTheFirstAlternativeThatMatches) {
  using Variant = std::variant<std::monostate, bool, std::int64_t, std::string, std::vector<int>>;
  for (const Variant& variant : {Variant(), Variant(true), Variant(std::int64_t{5}),
                                 Variant("text"), Variant(std::vector<int>{1})}) {
    expectBack(variant);
  }
  EXPECT_EQ((mismatchOf<std::variant<bool, std::string>>(5)), "found number 5, wanted string");
}

TEST(ValueConversion, TypesOfTheHostConvertThroughTheirConverter) {
  Point point{1, 2.5, "here"};
  expectBack(point);
  expectBack(std::vector<Point>{point, {}});
  Tree tree{"root", {{"a", {}}, {"b", {{"c", {}}}}}};
  std::string bytes;
  encodeValue(bytes, tree);
  EXPECT_EQ(decodeValue<Tree>(bytes).children[1].children[0].name, "c");
}

TEST(ValueConversion, AMismatchNamesThePathToIt) {
  Value points = Value::array({Value::from(Point{}), Value::object({{"x", 1}, {"y", "two"}})});
  EXPECT_EQ(mismatchOf<std::vector<Point>>(points), "[1].y: found string, wanted number");
  Value object = Value::object(
      {{"odd name", points}, {"list", Value::array({Value::array({1}), Value::array({true})})}});
  EXPECT_EQ((mismatchOf<std::map<std::string, std::vector<Point>>>(object)),
            R"(["odd name"][1].y: found string, wanted number)");
  EXPECT_EQ((mismatchOf<std::map<std::string, std::vector<std::vector<int>>>>(
                Value::object({{"list", object["list"]}}))),
            "list[1][0]: found boolean, wanted int32");
  EXPECT_EQ(mismatchOf<Point>(Value::object()), "x: found undefined, wanted number");
}

TEST(ValueConversion, TheLayerAboveAddsWhatTheValueBelongsTo) {
  try {
    static_cast<void>(Value::array({1, "two"}).as<std::vector<int>>());
    FAIL() << "converted";
  } catch (const ValueMismatch& mismatch) {
    ValueMismatch whole = mismatch.of("key \"user:7\"");
    EXPECT_EQ(whole.code(), ErrorCode::kTypeMismatch);
    EXPECT_STREQ(whole.what(), "key \"user:7\" at [1]: found string, wanted int32");
    EXPECT_EQ(whole.path(), "[1]");
    EXPECT_EQ(whole.found(), "string");
    EXPECT_EQ(whole.wanted(), "int32");
    EXPECT_STREQ(ValueMismatch("string", "number").of("key \"k\"").what(),
                 "key \"k\": found string, wanted number");
  }
}

TEST(ValueConversion, AWrongTypeInBytesIsAMismatchToo) {
  std::string bytes;
  encodeValue(bytes, std::vector<int>{1});
  EXPECT_THROW(static_cast<void>(decodeValue<int>(bytes)), ValueMismatch);
  EXPECT_THROW(static_cast<void>(decodeValue<std::string>(bytes)), ValueMismatch);
  bytes.pop_back();
  EXPECT_THROW(static_cast<void>(decodeValue<int>(bytes)), Error);
  EXPECT_TRUE(decodeValue(std::string("\xff\x0f_")).isUndefined());
}

}  // namespace
}  // namespace cairn
