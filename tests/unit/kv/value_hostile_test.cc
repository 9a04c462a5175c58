// Goal: bytes from anywhere never crash, hang or eat the machine: they decode or throw an Error
// that says where.
//
// Method: each way of lying about a length, a count, a reference or the depth has its own test; a
// random one damages good bytes in many ways. The fuzz target (tests/fuzz/value_fuzz.cc) looks for
// what nobody thought of.
#include <cairn/value_codec.h>
#include <cairn/value_objects.h>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/value_description.h"

namespace cairn {
namespace {

ErrorCode codeOf(std::string_view bytes, const DecodeOptions& options = {}) {
  try {
    static_cast<void>(decodeTree(bytes, options));
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << bytesToHex(bytes.substr(0, 40)) << " was read";
  return ErrorCode::kBroken;
}

void expectDamaged(std::string_view hex) {
  EXPECT_EQ(codeOf(hexToBytes(hex)), ErrorCode::kDamaged) << hex;
}

TEST(ValueHostile, TheErrorSaysWhatIsWrongAndAtWhichByte) {
  try {
    static_cast<void>(decodeTree(hexToBytes("ff0f41024902")));
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    EXPECT_STREQ(error.what(), "value: malformed value: it ends where a tag should be at byte 6");
  }
}

TEST(ValueHostile, NothingAndHalfAHeaderAreDamaged) {
  for (const char* hex : {"", "ff", "ff8f", "ff0f", "ff0f00"}) expectDamaged(hex);
}

TEST(ValueHostile, EveryUnknownTagIsRefused) {
  constexpr std::string_view kKnown("?_0TFIUNZS\"c^oAaDyxnzsR;'B~r\\", 29);
  for (int tag = 1; tag < 256; ++tag) {
    char byte = static_cast<char>(tag);
    if (kKnown.find(byte) != std::string_view::npos) continue;
    std::string bytes = {'\xff', '\x0f', byte, 0, 0, 0};
    ErrorCode code = codeOf(bytes);
    EXPECT_TRUE(code == ErrorCode::kDamaged || code == ErrorCode::kUnsupported) << tag;
  }
}

TEST(ValueHostile, WhatOnlyAnotherProcessCouldReadIsUnsupported) {
  for (char tag : {'t', 'u', 'p', 'w', 'm'}) {
    EXPECT_EQ(codeOf(std::string("\xff\x0f") + tag + std::string(4, '\0')), ErrorCode::kUnsupported)
        << tag;
  }
}

TEST(ValueHostile, LengthsBeyondTheInputAreNotBelieved) {
  for (const char* hex : {"ff0f22ff"
                          "ffffff0f61",
                          "ff0f63feffffff0f6100", "ff0f53ffffffff0f61", "ff0f42ffffffff0f00",
                          "ff0f7e0510"
                          "0000",
                          "ff0f5afeffffff0f00", "ff0f41ffffffff0f4902", "ff0f41054902"}) {
    expectDamaged(hex);
  }
}

TEST(ValueHostile, NumbersBeyondTheirWidthAreRefused) {
  for (const char* hex :
       {"ff0f49ffffffffff01", "ff0f55ffffffff1f", "ff0f49ffffffffffffffffffff01", "ff0f4e00000000"})
    expectDamaged(hex);
}

TEST(ValueHostile, TextMustBeText) {
  for (const char* hex : {"ff0f63036100"
                          "62",
                          "ff0f5302c328", "ff0f5306eda080edb080", "ff0f734902",
                          "ff0f524902"
                          "00"})
    expectDamaged(hex);
}

TEST(ValueHostile, CountsMustAgree) {
  for (const char* hex :
       {"ff0f6f22016149027b02", "ff0f6f7b01", "ff0f41014902240101", "ff0f41014902240002",
        "ff0f61014900490240"
        "0201",
        "ff0f6101490049024001"
        "02",
        "ff0f3b490249043a01", "ff0f3b49023a01", "ff0f2749022c02"}) {
    expectDamaged(hex);
  }
}

TEST(ValueHostile, NamesMustBeNewStringsOrNumbersInPlace) {
  for (const char* hex : {"ff0f6f2201614902220161"
                          "49047b02",  // Twice the same name.
                          "ff0f6f490249022201314904"
                          "7b02",                  // 1 and "1".
                          "ff0f6f5449027b01",      // A boolean as name.
                          "ff0f6f6f7b0049027b01",  // An object as name.
                          "ff0f6102490a490240"
                          "0102",                        // Element 5 of 2.
                          "ff0f4101490249004904240101",  // Element 0 twice.
                          "ff0f6f2d49027b01"}) {         // A hole outside an array.
    expectDamaged(hex);
  }
}

TEST(ValueHostile, ReferencesLeadToObjectsAlreadyMet) {
  for (const char* hex : {"ff0f5e00", "ff0f41015e01240001",
                          "ff0f41015e"
                          "ffffffff0f240001"})
    expectDamaged(hex);
}

TEST(ValueHostile, ViewsStayWithinTheirBuffer) {
  for (const char* hex :
       {"ff0f420201025642030000", "ff0f420201025642000300", "ff0f42020102564201020000",
        "ff0f42020102"
        "5657010100",
        "ff0f420201025657000100", "ff0f42020102567a000200", "ff0f420201025642000201",
        "ff0f420201025642000204",
        "ff0f7e02100102"
        "5642000200",
        "ff0f5642000000", "ff0f6f7b005642000000"}) {
    expectDamaged(hex);
  }
}

TEST(ValueHostile, BigIntsErrorsAndExpressionsKeepTheirRules) {
  for (const char* hex : {"ff0f5a01",
                          "ff0f7258"
                          "2e",
                          "ff0f726d49022e", "ff0f7245", "ff0f5222016140", "ff0f522201618004"})
    expectDamaged(hex);
}

TEST(ValueHostile, BytesAfterTheValueAreRefused) { expectDamaged("ff0f49024902"); }

std::string nested(std::string_view begin, std::string_view leaf, std::string_view end,
                   std::size_t depth) {
  std::string bytes = "\xff\x0f";
  for (std::size_t i = 0; i < depth; ++i) bytes += begin;
  bytes += leaf;
  for (std::size_t i = 0; i < depth; ++i) bytes += end;
  return bytes;
}

const std::string kArrayEnd{'$', 0, 1};

TEST(ValueHostile, DepthIsLimitedAndTheLimitIsAnOption) {
  EXPECT_NO_THROW(static_cast<void>(decodeTree(nested("A\x01", "_", kArrayEnd, 6'000))));
  EXPECT_EQ(codeOf(nested("A\x01", "_", kArrayEnd, 6'001)), ErrorCode::kLimitExceeded);
  EXPECT_EQ(codeOf(nested("A\x01", "_", kArrayEnd, 3), {.depthMax = 2}), ErrorCode::kLimitExceeded);
  EXPECT_NO_THROW(static_cast<void>(
      decodeTree(nested("A\x01", "_", kArrayEnd, 300'000), {.depthMax = 300'000})));
}

TEST(ValueHostile, TheRecordedDepthsOfThePlatformHold) {
  auto nest = [](int depth) {
    Value value = 1;
    for (int i = 0; i < depth; ++i) value = Value::array({value});
    return value;
  };
  std::string bytes;
  EXPECT_NO_THROW(encodeTree(bytes, nest(1'000)));
  EXPECT_TRUE(decodeTree(bytes).strictlyEquals(nest(1'000)));
  for (int depth : {5'000, 20'000, 200'000}) {
    try {
      encodeTree(bytes, nest(depth));
      FAIL() << depth << " was written";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLimitExceeded);
    }
  }
}

TEST(ValueHostile, EveryContainerMayBeTheDeepOne) {
  EXPECT_EQ(codeOf(nested("o\"\x01"
                          "a",
                          "_", std::string("{\x01"), 7'000)),
            ErrorCode::kLimitExceeded);
  EXPECT_EQ(codeOf(nested("'", "_", ",\x01", 7'000)), ErrorCode::kLimitExceeded);
  EXPECT_EQ(codeOf(nested(";_", "_", ":\x02", 7'000)), ErrorCode::kLimitExceeded);
  EXPECT_EQ(codeOf(nested("rc", "_", ".", 7'000)), ErrorCode::kLimitExceeded);
  EXPECT_EQ(codeOf(nested(std::string("a\x01I\0", 4), "_", "@\x01\x01", 7'000)),
            ErrorCode::kLimitExceeded);
}

TEST(ValueHostile, NestedArraysCannotEachClaimTheSameBytes) {
  // Each of 1,000 arrays claims all of the 64 KiB that follow; believed, they would take a
  // gigabyte.
  std::string bytes = "\xff\x0f";
  for (int i = 0; i < 1'000; ++i) bytes += "A\x80\x80\x04";
  bytes.resize(70'000, '_');
  EXPECT_EQ(codeOf(bytes), ErrorCode::kDamaged);
}

TEST(ValueHostile, AnArrayThatIsAlreadyOwedMoreThanIsLeftTakesNoOther) {
  // Four elements are owed when three bytes are left; the inner array claims 250 million.
  std::string bytes = hexToBytes(
      "ff0f410622036162634"
      "1ff93eb7700");
  try {
    static_cast<void>(decodeTree(bytes, {.memoryMax = std::size_t{1} << 40}));
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "value: malformed array: 251316735 elements in 0 bytes at byte 14");
  }
}

TEST(ValueHostile, LengthsOfSparseArraysAndResizableBuffersTakeNoMemory) {
  Value array = decodeTree(hexToBytes("ff0f61ffffffff0f4000ffffffff0f"));
  EXPECT_EQ(array.asArray().length(), 4'294'967'295U);
  Value buffer = decodeTree(hexToBytes("ff0f7e00ffffffff0f"));
  EXPECT_EQ(buffer.asArrayBuffer().byteLengthMax(), 4'294'967'295U);
}

std::string repeated(std::string_view begin, std::string_view unit, std::size_t count,
                     std::string end) {
  std::string bytes = "\xff\x0f" + std::string(begin);
  for (std::size_t i = 0; i < count; ++i) bytes += unit;
  return bytes + end;
}

/// A count of 1,000 as a varint.
const std::string kThousand = "\xe8\x07";

TEST(ValueHostile, TheDefaultMemoryLimitStopsNothingThatV8CanWrite) {
  const std::string noProperties(1, '\0');
  EXPECT_NO_THROW(static_cast<void>(decodeTree(repeated("'", "y", 1'000, "," + kThousand))));
  EXPECT_NO_THROW(static_cast<void>(decodeTree(repeated(";", "y_", 1'000, ":\xd0\x0f"))));
  EXPECT_NO_THROW(static_cast<void>(
      decodeTree(repeated("A" + kThousand, "y", 1'000, "$" + noProperties + kThousand))));
  EXPECT_NO_THROW(static_cast<void>(decodeTree(repeated("'", "r.", 1'000, "," + kThousand))));
  EXPECT_NO_THROW(
      static_cast<void>(decodeTree(repeated("'", std::string("o{\0", 3), 1'000, "," + kThousand))));
  EXPECT_NO_THROW(static_cast<void>(
      decodeTree(repeated("'", std::string("a\0@\0\0", 5), 1'000, "," + kThousand))));
}

TEST(ValueHostile, ALowerMemoryLimitIsKept) {
  std::string bytes = repeated("'", "y", 1'000, "," + kThousand);
  EXPECT_EQ(codeOf(bytes, {.memoryMax = 10'000}), ErrorCode::kLimitExceeded);
  EXPECT_EQ(codeOf(repeated("\"\xe8\x07", "x", 1'000, ""), {.memoryMax = 1'000}),
            ErrorCode::kLimitExceeded);
  EXPECT_EQ(codeOf(repeated("B\xe8\x07", "x", 1'000, ""), {.memoryMax = 1'000}),
            ErrorCode::kLimitExceeded);
}

TEST(ValueHostile, ManyPropertiesAndFarElementsTakeNearlyLinearTime) {
  auto seconds = [](const std::string& bytes) {
    auto begin = std::chrono::steady_clock::now();
    static_cast<void>(decodeTree(bytes));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  Value object = Value::object();
  Value array = Value::array();
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    object.asObject().set("property" + std::to_string(i), i);
    array.asArray().set((99'999 - i) * 40'000, i);
  }
  for (const Value& value : {object, array}) {
    std::string bytes;
    encodeTree(bytes, value);
    EXPECT_LT(seconds(bytes), 5) << "a quadratic decoder takes minutes";
  }
}

TEST(ValueHostile, DamagedBytesDecodeOrThrowAndNothingElse) {
  std::ifstream in(std::filesystem::path(CAIRN_SOURCE_DIR) / "tests" / "format" / "values" /
                   "workerd.jsonl");
  std::mt19937 random(20260101);
  int read = 0;
  for (std::string line; std::getline(in, line);) {
    std::string good = hexToBytes(nlohmann::ordered_json::parse(line)["hex"].get<std::string>());
    if (good.size() > 2'000) continue;
    for (int round = 0; round < 40; ++round) {
      std::string bytes = good;
      for (auto changes = random() % 3 + 1; changes > 0; --changes) {
        bytes[2 + random() % (bytes.size() - 2)] = static_cast<char>(random());
      }
      try {
        Value value = decodeTree(bytes);
        std::string once;
        encodeTree(once, value);
        Value again = decodeTree(once);
        ASSERT_TRUE(again.strictlyEquals(value)) << bytesToHex(bytes);
        ++read;
      } catch (const Error&) {
      }
    }
  }
  EXPECT_GT(read, 1'000);
}

}  // namespace
}  // namespace cairn
