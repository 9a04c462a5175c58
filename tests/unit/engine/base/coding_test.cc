// Goal: a decoder gives back what an encoder wrote and never reads past its input.
#include "engine/base/coding.h"

#include <gtest/gtest.h>

#include "engine/base/buffer.h"

namespace cairn {
namespace {

TEST(Coding, VarintsOfEveryLengthComeBack) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (std::uint64_t value : {std::uint64_t{1} << bits, (std::uint64_t{1} << bits) - 1}) {
      Buffer buffer;
      putVarint(buffer, value);
      EXPECT_EQ(buffer.size(), varintLength(value)) << value;
      Decoder decoder(buffer.view());
      EXPECT_EQ(decoder.varint("value"), value);
      EXPECT_TRUE(decoder.done());
    }
  }
}

TEST(Coding, VarintThatOverflows64BitsIsRefused) {
  std::string bytes(9, '\xff');
  bytes.push_back('\x02');
  Decoder decoder(bytes);
  EXPECT_THROW(decoder.varint("value"), DecodeError);
}

TEST(Coding, VarintCutShortIsRefused) {
  Decoder decoder(std::string_view("\x80", 1));
  EXPECT_THROW(decoder.varint("value"), DecodeError);
}

TEST(Coding, StringLongerThanTheInputIsRefused) {
  std::string bytes;
  putVarint(bytes, 1000);
  bytes += "short";
  Decoder decoder(bytes);
  EXPECT_THROW(decoder.string("key"), DecodeError);
}

TEST(Coding, ZigzagKeepsEveryMagnitude) {
  for (std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(unzigzag(zigzag(value)), value);
  }
}

TEST(Coding, BigEndianKeysSortAsTheirNumbers) {
  char one[8];
  char two[8];
  storeBigEndian64(one, 0xff);
  storeBigEndian64(two, 0x100);
  EXPECT_LT(std::string_view(one, 8), std::string_view(two, 8));
  EXPECT_EQ(loadBigEndian64(two), 0x100U);
}

TEST(Buffer, GrowsAndKeepsItsContent) {
  Buffer buffer;
  for (int i = 0; i < 1000; ++i) putFixed<std::uint32_t>(buffer, static_cast<std::uint32_t>(i));
  ASSERT_EQ(buffer.size(), 4000U);
  EXPECT_EQ(loadFixed<std::uint32_t>(buffer.data() + 4 * 777), 777U);
  buffer.truncate(8);
  buffer.shrinkToFit();
  EXPECT_EQ(buffer.capacity(), 8U);
}

}  // namespace
}  // namespace cairn
