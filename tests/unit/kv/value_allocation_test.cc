// Goal: what is cheap by promise stays cheap. Counts every allocation of the program while a piece
// of it runs.
#include <cairn/value_conversion.h>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

namespace {

// Of this thread; other tests of the program have more.
thread_local std::size_t allocations = 0;

}  // namespace

// Not inlined, or g++ takes malloc and operator delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace cairn {
namespace {

template <typename Work>
std::size_t allocationsOf(Work work) {
  std::size_t before = allocations;
  work();
  return allocations - before;
}

TEST(ValueAllocation, ScalarsAndShortTextTakeNone) {
  EXPECT_EQ(allocationsOf([] {
              Value undefined;
              Value null = nullptr;
              Value boolean = true;
              Value number = 1.5;
              Value integer = 12345;
              Value text = "fourteen bytes";
              Value copy = text;
              Value moved = std::move(copy);
              EXPECT_EQ(moved.asString().size(), 14U);
            }),
            0U);
}

TEST(ValueAllocation, LongTextTakesOneAndItsCopiesNone) {
  EXPECT_EQ(allocationsOf([] {
              Value text = "fifteen bytes!!";
              Value copy = text;
              EXPECT_EQ(copy.asString().size(), 15U);
            }),
            1U);
}

TEST(ValueAllocation, LeavesAreWrittenStraightIntoTheSink) {
  std::string sink;
  sink.reserve(100'000);
  std::string text(20'000, 'x');
  std::string wide;
  for (int i = 0; i < 2'000; ++i) wide += "€é";
  Bytes bytes(20'000);
  EXPECT_EQ(allocationsOf([&] {
              encodeValue(sink, 42);
              encodeValue(sink, std::int64_t{INT64_MIN});
              encodeValue(sink, 1.5);
              encodeValue(sink, true);
              encodeValue(sink, text);
              encodeValue(sink, wide);
              encodeValue(sink, bytes);
              encodeValue(sink, UnixMillis{5});
              encodeValue(sink, std::optional<double>(2.5));
              encodeValue(sink, "literal");
            }),
            0U);
}

template <typename T>
std::size_t allocationsToRead(const T& content) {
  std::string bytes;
  encodeValue(bytes, content);
  return allocationsOf([&] { EXPECT_EQ(decodeValue<T>(bytes), content); });
}

TEST(ValueAllocation, LeavesAreReadWithNothingButTheResult) {
  EXPECT_EQ(allocationsToRead(42), 0U);
  EXPECT_EQ(allocationsToRead(std::int64_t{INT64_MAX}), 0U);
  EXPECT_EQ(allocationsToRead(1.5), 0U);
  EXPECT_EQ(allocationsToRead(true), 0U);
  EXPECT_EQ(allocationsToRead(UnixMillis{5}), 0U);
  EXPECT_EQ(allocationsToRead(std::optional<int>(5)), 0U);
  EXPECT_EQ(allocationsToRead(std::string("short")), 0U);
  EXPECT_EQ(allocationsToRead(std::string(20'000, 'x')), 1U);
  EXPECT_EQ(allocationsToRead(std::string("wide text € that is longer")), 1U);
  EXPECT_EQ(allocationsToRead(Bytes(20'000)), 1U);
}

}  // namespace
}  // namespace cairn
