// Goal: a page's undo leads back to exactly the page it came from, whatever changed, and malformed
// undos are refused.
#include "pitr/page_undo.h"

#include <random>

#include <gtest/gtest.h>

#include "engine/base/coding.h"
#include "pitr/packed_page.h"

namespace cairn::pitr {
namespace {

using sql::kPageBytes;

std::string randomPage(std::mt19937_64& random) {
  std::string page(kPageBytes, '\0');
  for (std::size_t at = random() % 3'000; at < kPageBytes; ++at)
    page[at] = static_cast<char>(random() % 5 == 0 ? random() : 'a');
  return page;
}

// Changes like those of a B-tree page: bytes overwritten, shifted by a pointer, cleared, counted
// up.
std::string changed(std::string page, std::mt19937_64& random) {
  for (std::uint64_t count = 1 + random() % 6; count > 0; --count) {
    std::size_t length = 1 + random() % 200;
    std::size_t at = random() % (kPageBytes - length - 2);
    if (random() % 3 == 0) at = kPageBytes - length - 6 + random() % 3;
    switch (random() % 5) {
      case 0:
        page.replace(at, 2, ""), page.insert(at + length, 2, 'x');
        break;
      case 1:
        page.insert(at, 2, 'y'), page.erase(at + length, 2);
        break;
      case 2:
        std::fill_n(page.begin() + static_cast<std::ptrdiff_t>(at), length, '\0');
        break;
      case 3:
        storeBigEndian32(page.data() + at, loadBigEndian32(page.data() + at) +
                                               static_cast<std::uint32_t>(random() % 40));
        break;
      default:
        for (std::size_t i = 0; i < length; ++i) page[at + i] = static_cast<char>(random());
    }
  }
  page.resize(kPageBytes);
  return page;
}

TEST(PageUndo, LeadsBackToThePageBefore) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string before = i % 50 == 0 ? std::string(kPageBytes, '\0') : randomPage(random);
    std::string after = i % 49 == 0 ? randomPage(random) : changed(before, random);
    Buffer undo;
    encodePageUndo(before.data(), after.data(), undo);
    EXPECT_EQ(undo.empty(), before == after);
    std::string page = after;
    applyPageUndo(undo.view(), page.data());
    ASSERT_EQ(page, before);
  }
}

// Ranges begin and end with bytes that differ, hold no three equal bytes in a row, and miss
// nothing.
void expectChangesOf(const std::string& before, const std::string& after,
                     const std::vector<sql::PageRange>& ranges) {
  std::vector<sql::PageRange> expected;
  for (std::size_t at = 0; at < kPageBytes; ++at) {
    if (before[at] == after[at]) continue;
    if (expected.empty() || at - expected.back().end >= sql::kGapBytes)
      expected.push_back({at, at});
    expected.back().end = at + 1;
  }
  ASSERT_EQ(ranges.size(), expected.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ASSERT_EQ(ranges[i].begin, expected[i].begin);
    ASSERT_EQ(ranges[i].end, expected[i].end);
  }
}

TEST(PageUndo, IsTheSameFromWhatTheDeltaTouches) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    std::string before = randomPage(random);
    std::string after = i % 49 == 0 ? randomPage(random) : changed(before, random);
    Buffer delta;
    sql::encodeDelta(before.data(), after.data(), delta);
    std::string page = before;
    std::vector<sql::PageRange> ranges;
    sql::applyDelta(delta.view(), page.data(), ranges);
    ASSERT_EQ(page, after);
    expectChangesOf(before, after, ranges);
    Buffer fromRanges;
    encodePageUndo(before.data(), after.data(), ranges, fromRanges);
    Buffer fromAll;
    encodePageUndo(before.data(), after.data(), fromAll);
    ASSERT_EQ(fromRanges.view(), fromAll.view());
  }
}

TEST(PageUndo, PagesAtTheEndsOfTheirRangeComeBack) {
  std::string zeros(kPageBytes, '\0');
  std::string ones(kPageBytes, '\xff');
  for (const auto& [before, after] : {std::pair(zeros, ones), std::pair(ones, zeros)}) {
    Buffer undo;
    encodePageUndo(before.data(), after.data(), undo);
    std::string page = after;
    applyPageUndo(undo.view(), page.data());
    EXPECT_EQ(page, before);
  }
}

TEST(PageUndo, MalformedUndosAreRefusedOrHarmless) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 50'000; ++i) {
    std::string before = randomPage(random);
    std::string after = changed(before, random);
    Buffer undo;
    encodePageUndo(before.data(), after.data(), undo);
    if (undo.empty()) continue;
    std::string bad(undo.view());
    bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    if (random() % 3 == 0) bad.resize(random() % bad.size());
    try {
      applyPageUndo(bad, after.data());
    } catch (const DecodeError&) {
    }
  }
}

TEST(PageHash, ItsLowHalfIsTheChecksumOfDeltas) {
  std::mt19937_64 random(5);
  for (std::uint32_t number = 1; number < 1'000; ++number) {
    std::string page = randomPage(random);
    ASSERT_EQ(sql::pageHash(number, page.data()).low, sql::pageChecksum(number, page.data()));
    ASSERT_NE(sql::pageHash(number, page.data()), sql::pageHash(number + 1, page.data()));
  }
}

TEST(PackedPage, ComesBackWithTheSamePages) {
  std::mt19937_64 random(3);
  PagePacker packer;
  for (int i = 0; i < 300; ++i) {
    // A split: the cells of one page stand in two others afterwards.
    std::string before = randomPage(random);
    std::string left = before.substr(0, 2'000) + std::string(kPageBytes - 2'000, '\0');
    std::string right = before.substr(2'000) + std::string(2'000, 'r');
    Buffer packed;
    ASSERT_TRUE(packer.pack(before.data(), left + right, kPageBytes, packed));
    std::string page(kPageBytes, '\0');
    unpackPage(packed.view(), left + right, page.data());
    EXPECT_EQ(page, before);
    EXPECT_LT(packed.size(), 200U);
  }
}

}  // namespace
}  // namespace cairn::pitr
