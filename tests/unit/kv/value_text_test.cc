// Goal: text, numbers and BigInts are spelled as JavaScript spells them, and every spelling that is
// not one is told apart.
#include "kv/value_text.h"

#include <cairn/error.h>
#include <cairn/value_bigint.h>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kv/value_number.h"

namespace cairn {
namespace {

std::string utf16Bytes(std::u16string_view text) {
  return {reinterpret_cast<const char*>(text.data()), text.size() * 2};
}

std::string fromUtf16(std::u16string_view text) {
  std::string bytes = utf16Bytes(text);
  std::string result(wtf8LengthOfUtf16(bytes), '\0');
  EXPECT_EQ(utf16ToWtf8(bytes, result.data()), result.data() + result.size());
  return result;
}

std::u16string toUtf16(std::string_view wtf8, std::size_t pieceSize) {
  std::string bytes;
  std::vector<char> piece(pieceSize);
  for (Wtf8Reader reader(wtf8); !reader.done();) {
    bytes.append(piece.data(),
                 static_cast<std::size_t>(reader.toUtf16(piece.data(), pieceSize) - piece.data()));
  }
  EXPECT_EQ(bytes.size(), utf16UnitCount(wtf8) * 2);
  std::u16string units(bytes.size() / 2, u'\0');
  if (!bytes.empty()) std::memcpy(units.data(), bytes.data(), bytes.size());
  return units;
}

TEST(Wtf8, EveryCodePointSurvivesUtf16) {
  for (char32_t codePoint = 0; codePoint <= 0x10ffff; codePoint += codePoint < 0x11000 ? 1 : 97) {
    std::string text;
    appendWtf8(text, codePoint);
    ASSERT_EQ(wtf8ValidPrefix(text), text.size())
        << std::hex << static_cast<std::uint32_t>(codePoint);
    ASSERT_EQ(fromUtf16(toUtf16(text, 4)), text)
        << std::hex << static_cast<std::uint32_t>(codePoint);
  }
}

TEST(Wtf8, WrongBytesAreFoundWhereTheyAre) {
  struct Case {
    std::string_view bytes;
    std::size_t valid;
  };
  for (auto [bytes, valid] : std::initializer_list<Case>{{"plain", 5},
                                                         {"\x80", 0},
                                                         {"12345678\xc3", 8},
                                                         {"\xc0\x80", 0},
                                                         {"\xc1\xbf", 0},
                                                         {"\xe0\x9f\xbf", 0},
                                                         {"\xf0\x8f\xbf\xbf", 0},
                                                         {"\xf4\x90\x80\x80", 0},
                                                         {"\xf5\x80\x80\x80", 0},
                                                         {"a\xe2\x82", 1},
                                                         {"\xe2\x82\xac\xff", 3},
                                                         {"\xed\xa0\x80", 3},
                                                         {"\xed\xb0\x80\xed\xa0\x80", 6},
                                                         {"\xed\xa0\x80\xed\xb0\x80", 0}}) {
    EXPECT_EQ(wtf8ValidPrefix(bytes), valid) << testing::PrintToString(std::string(bytes));
  }
}

TEST(Wtf8, TheNarrowestFormIsChosenByTheWidestCharacter) {
  EXPECT_EQ(narrowestWidth(""), TextWidth::kAscii);
  EXPECT_EQ(narrowestWidth("plain text"), TextWidth::kAscii);
  EXPECT_EQ(narrowestWidth("caf\u00e9 \u00ff"), TextWidth::kLatin1);
  EXPECT_EQ(narrowestWidth("\u0100"), TextWidth::kUtf16);
  EXPECT_EQ(narrowestWidth("\xed\xa0\x80"), TextWidth::kUtf16);
}

TEST(Wtf8, Latin1GoesBothWaysInPiecesOfAnySize) {
  std::string latin1;
  for (int i = 0; i < 256; ++i) latin1.push_back(static_cast<char>(i));
  std::string wtf8(wtf8LengthOfLatin1(latin1), '\0');
  latin1ToWtf8(latin1, wtf8.data());
  EXPECT_EQ(wtf8ValidPrefix(wtf8), wtf8.size());
  EXPECT_EQ(latin1Length(wtf8), 256U);
  std::string back;
  char piece[7];
  for (Wtf8Reader reader(wtf8); !reader.done();) {
    back.append(piece, static_cast<std::size_t>(reader.toLatin1(piece, sizeof(piece)) - piece));
  }
  EXPECT_EQ(back, latin1);
}

TEST(JsNumber, IsWrittenAsJavaScriptWritesIt) {
  struct Case {
    double number;
    const char* text;
  };
  for (auto [number, text] :
       std::initializer_list<Case>{{0, "0"},
                                   {-0.0, "0"},
                                   {1, "1"},
                                   {-1.5, "-1.5"},
                                   {0.1, "0.1"},
                                   {100, "100"},
                                   {123456789012345680000.0, "123456789012345680000"},
                                   {1e21, "1e+21"},
                                   {1.5e300, "1.5e+300"},
                                   {0.000001, "0.000001"},
                                   {1e-7, "1e-7"},
                                   {1.25e-9, "1.25e-9"},
                                   {9007199254740993.0, "9007199254740992"},
                                   {5e-324, "5e-324"}}) {
    EXPECT_EQ(numberToString(number), text);
  }
  EXPECT_EQ(numberToString(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(numberToString(-std::numeric_limits<double>::infinity()), "-Infinity");
}

TEST(JsNumber, OnlyTheCanonicalSpellingIsAnArrayIndex) {
  EXPECT_EQ(arrayIndexOf("0"), 0U);
  EXPECT_EQ(arrayIndexOf("4294967294"), 4294967294U);
  for (const char* name :
       {"", "00", "01", "-1", "+1", "1.0", "4294967295", "9999999999", "10000000000", "1a", " 1"}) {
    EXPECT_EQ(arrayIndexOf(name), std::nullopt) << name;
  }
}

TEST(BigIntText, DecimalAndHexadecimalComeBack) {
  for (const char* text : {"0", "1", "-1", "18446744073709551615", "18446744073709551616",
                           "-340282366920938463463374607431768211456", "10000000000000000000",
                           "99999999999999999999999999999999999999999999999999999999999999"}) {
    BigInt integer = BigInt::parse(text);
    EXPECT_EQ(integer.toString(), text);
    EXPECT_EQ(BigInt::parse(integer.toHexString()), integer);
  }
  EXPECT_EQ(BigInt::parse("0x10000000000000000").words().size(), 2U);
  EXPECT_EQ(BigInt::parse("0x10000000000000000").toHexString(), "0x10000000000000000");
  EXPECT_EQ(BigInt::parse("-0"), BigInt());
  EXPECT_FALSE(BigInt::parse("-000").isNegative());
}

TEST(BigIntText, WhatIsNoNumberIsRefused) {
  for (const char* text : {"", "-", "0x", "1.5", "12n", "--1", "0xg", " 1", "+1", "1e5"}) {
    EXPECT_THROW(static_cast<void>(BigInt::parse(text)), Error) << text;
  }
}

TEST(BigIntText, FitsAWordOnlyWhenItDoes) {
  EXPECT_EQ(BigInt(INT64_MIN).toInt64(), INT64_MIN);
  EXPECT_EQ(BigInt(INT64_MIN).toUint64(), std::nullopt);
  EXPECT_EQ(BigInt(UINT64_MAX).toInt64(), std::nullopt);
  EXPECT_EQ(BigInt(std::uint64_t{1} << 63).toInt64(), std::nullopt);
  EXPECT_EQ(BigInt(UINT64_MAX).toUint64(), UINT64_MAX);
  EXPECT_EQ(BigInt::parse("18446744073709551616").toUint64(), std::nullopt);
  EXPECT_EQ(BigInt(0).toInt64(), 0);
}

}  // namespace
}  // namespace cairn
