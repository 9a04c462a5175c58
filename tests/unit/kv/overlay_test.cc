// Goal: an overlay finds exactly the entries it holds, however many come and go, with the index
// that many entries get and without it. Method: random changes beside a std::map.
#include "kv/overlay.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace cairn::kv {
namespace {

class OverlayTest : public ::testing::Test {
 protected:
  static std::string key(std::uint64_t number) { return "key-" + std::to_string(number); }

  void put(std::uint64_t number, Lsn lsn) {
    RecordRef record = RecordRef::make(SpaceId(1));
    record->lsn = lsn;
    bool created = false;
    Overlay::Map::iterator entry = overlay_.at(key(number), created);
    EXPECT_EQ(created, !model_.contains(number));
    EXPECT_EQ(entry->first, key(number));
    entry->second.record = record;
    model_[number] = lsn;
  }
  void remove(std::uint64_t number) {
    bool created = false;
    overlay_.remove(overlay_.at(key(number), created));
    model_.erase(number);
  }
  void check(std::uint64_t numbers) {
    ASSERT_EQ(overlay_.entries().size(), model_.size());
    for (std::uint64_t number = 0; number < numbers; ++number) {
      const Overlay::Entry* entry = overlay_.find(key(number));
      auto expected = model_.find(number);
      ASSERT_EQ(entry != nullptr, expected != model_.end()) << key(number);
      if (entry != nullptr) {
        ASSERT_EQ(entry->record->lsn, expected->second) << key(number);
      }
    }
  }

  Overlay overlay_;
  std::map<std::uint64_t, Lsn> model_;
};

TEST_F(OverlayTest, FindsWhatItHoldsWhileItGrowsAndShrinks) {
  std::mt19937_64 random(1);
  constexpr std::uint64_t kNumbers = 3'000;
  for (std::uint64_t step = 1; step <= 40'000; ++step) {
    std::uint64_t number = random() % kNumbers;
    // Phases of growth and of decline, so that entries go from every neighbourhood.
    bool grows = (step / 10'000) % 2 == 0;
    if (random() % 4 < (grows ? 3U : 1U)) {
      put(number, Lsn(step));
    } else if (model_.contains(number)) {
      remove(number);
    }
    if (step % 5'000 == 0) check(kNumbers);
  }
}

TEST_F(OverlayTest, DropsWhatTheStoreHoldsAndFindsTheRest) {
  for (std::uint64_t number = 0; number < 1'000; ++number) put(number, Lsn(number + 1));
  overlay_.dropThrough(Lsn(700));
  std::erase_if(model_, [](const auto& entry) { return entry.second <= Lsn(700); });
  check(1'000);
  overlay_.dropThrough(Lsn(1'000));
  model_.clear();
  check(1'000);
  EXPECT_EQ(overlay_.memoryBytes(), 0U);
  put(5, Lsn(2'000));
  check(1'000);
}

TEST_F(OverlayTest, AMovedOverlayFindsItsEntriesAndTheOldOneNone) {
  for (std::uint64_t number = 0; number < 500; ++number) put(number, Lsn(number + 1));
  Overlay taken = std::move(overlay_);
  overlay_ = Overlay();
  EXPECT_EQ(overlay_.find(key(7)), nullptr);
  std::swap(overlay_, taken);
  check(600);
}

}  // namespace
}  // namespace cairn::kv
