// Goal: reads and listings of the store with commits and a transaction on top of it answer as one
// sorted map would, whatever the keys. Method: random operations against std::map, with keys that
// share long prefixes, rounds in between, and every option.
#include "kv/list.h"

#include <cairn/error.h>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "kv/keys.h"
#include "tests/support/temporary_directory.h"

namespace cairn::kv {
namespace {

using Model = std::map<std::string, std::string>;

class FakeObject final : public TurnContext {
 public:
  explicit FakeObject(const std::string& directory)
      : environment_(newEnvironment(directory)), turn_(*this) {
    turn_.bind(SpaceId(9), overlay_);
  }

  const RecordRef& openRecord() override {
    if (!record_) record_ = RecordRef::make(SpaceId(9));
    return record_;
  }
  ObjectNumber objectNumber() const override { return ObjectNumber(1); }
  const ReadAccess& store() override {
    if (!snapshot_) snapshot_ = environment_.snapshot();
    return snapshot_;
  }

  void endTurn() {
    if (record_) record_->lsn = Lsn(++lsn_);
    if (record_) committed_.push_back(record_);
    record_ = {};
    turn_.finish();
    snapshot_ = {};
    ++storeGeneration_;
  }
  // What a checkpoint round does, in small.
  void round() {
    environment_.write([&](WriteTransaction& transaction) {
      for (const RecordRef& record : committed_) {
        visitOps(record->ops.view(), [&](const auto& op) { apply(transaction, op); });
      }
    });
    overlay_.dropThrough(Lsn(lsn_));
    committed_.clear();
  }

  Turn& turn() { return turn_; }
  Overlay& overlay() { return overlay_; }
  const RecordRef& record() const { return record_; }

 private:
  template <typename Op>
  static void apply(WriteTransaction& transaction, const Op& op) {
    if constexpr (std::is_same_v<Op, PutOp>) write(transaction, op.key, op.value);
    if constexpr (std::is_same_v<Op, EraseOp>) write(transaction, op.key, std::nullopt);
  }
  static Environment::Options newEnvironment(const std::string& directory) {
    Environment::create(posixFileSystem(), directory);
    return {.directory = directory, .mapBytes = 1 << 20};
  }
  static void write(WriteTransaction& transaction, std::string_view key,
                    std::optional<std::string_view> value) {
    StoreKey storeKey(SpaceId(9), key);
    std::string bucket;
    if (isLongKey(key)) {
      bucket =
          replaceInBucket(transaction.get(Table::kKv, storeKey.view()).value_or(""), key, value);
      if (bucket.empty()) value.reset();
      if (!bucket.empty()) value = bucket;
    }
    if (value) {
      transaction.put(Table::kKv, storeKey.view(), *value);
    } else {
      transaction.erase(Table::kKv, storeKey.view());
    }
  }

  Environment environment_;
  Overlay overlay_;
  Turn turn_;
  RecordRef record_;
  Snapshot snapshot_;
  std::vector<RecordRef> committed_;
  std::uint64_t lsn_ = 0;
};

// Keys from a small alphabet, some at and around the length where LMDB's limit bites, many sharing
// a long prefix.
std::string someKey(std::mt19937_64& random) {
  std::string key;
  switch (random() % 5) {
    case 0:
      break;
    case 1:
      key = std::string(kInlineKeyBytes - 2, 'p');
      break;
    case 2:
      key = std::string(kInlineKeyBytes + random() % 3, 'p');
      break;
    case 3:
      key = std::string(kInlineKeyBytes, random() % 2 == 0 ? 'p' : '\xff');
      break;
    default:
      key = "user:";
      break;
  }
  for (std::size_t i = random() % 5; i > 0; --i)
    key += std::string_view("\0a\xff\x01z", 5)[random() % 5];
  return key;
}

std::vector<std::pair<std::string, std::string>> listAll(Turn& turn, const ListOptions& options) {
  std::vector<std::pair<std::string, std::string>> found;
  std::optional<std::uint64_t> limit;
  if (options.limit) limit = static_cast<std::uint64_t>(*options.limit);
  List list(turn, toRange(options), options.reverse, limit);
  while (list.next()) found.emplace_back(list.key(), list.value());
  return found;
}

std::vector<std::pair<std::string, std::string>> expected(const Model& model,
                                                          const ListOptions& options) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [key, value] : model) {
    if (options.start && key < *options.start) continue;
    if (options.startAfter && key <= *options.startAfter) continue;
    if (options.end && key >= *options.end) continue;
    if (options.prefix && !key.starts_with(*options.prefix)) continue;
    all.emplace_back(key, value);
  }
  if (options.reverse) std::reverse(all.begin(), all.end());
  if (options.limit && all.size() > static_cast<std::size_t>(*options.limit))
    all.resize(static_cast<std::size_t>(*options.limit));
  return all;
}

TEST(List, AnswersAsASortedMapUnderRandomOperations) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    test::TemporaryDirectory directory;
    FakeObject object(directory.path());
    Model model;
    std::mt19937_64 random(seed);
    for (int step = 0; step < 1'500; ++step) {
      std::string key = someKey(random);
      switch (random() % 12) {
        case 0:
          object.endTurn();
          break;
        case 1:
          object.endTurn();
          if (random() % 3 == 0) object.round();
          break;
        case 2:
        case 3:
          EXPECT_EQ(object.turn().erase(key), model.erase(key) > 0)
              << "seed " << seed << " step " << step;
          break;
        case 4: {
          std::optional<std::string_view> got = object.turn().get(key);
          auto found = model.find(key);
          ASSERT_EQ(got.has_value(), found != model.end());
          if (got) ASSERT_EQ(*got, found->second);
          break;
        }
        case 5: {
          std::string low = someKey(random);
          std::string high = someKey(random);
          std::string prefix = someKey(random).substr(0, random() % 500);
          ListOptions options;
          if (random() % 3 == 0) options.start = low;
          if (!options.start && random() % 3 == 0) options.startAfter = low;
          if (random() % 3 == 0) options.end = high;
          if (random() % 3 == 0) options.prefix = prefix;
          if (random() % 3 == 0) options.limit = 1 + static_cast<std::int64_t>(random() % 5);
          options.reverse = random() % 2 == 0;
          ASSERT_EQ(listAll(object.turn(), options), expected(model, options))
              << "seed " << seed << " step " << step;
          break;
        }
        default: {
          std::string value(random() % 20, static_cast<char>('a' + random() % 26));
          object.turn().put(key, value);
          model[key] = value;
        }
      }
    }
  }
}

TEST(List, GroupLargerThanAWindowComesInOrderBothWays) {
  test::TemporaryDirectory directory;
  FakeObject object(directory.path());
  Model model;
  std::mt19937_64 random(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string key = std::string(kInlineKeyBytes, 'p') + std::to_string(random());
    object.turn().put(key, "v");
    model[key] = "v";
  }
  object.endTurn();
  object.round();
  EXPECT_TRUE(listAll(object.turn(), {}) == expected(model, {}));
  EXPECT_TRUE(listAll(object.turn(), {.reverse = true}) == expected(model, {.reverse = true}));
}

TEST(List, TwoLongKeysWithOneHashKeepTheirOwnValues) {
  // Buckets are what keeps colliding keys apart; a collision of the hash itself cannot be made to
  // order here.
  std::string bucket = replaceInBucket({}, "first", "1");
  bucket = replaceInBucket(bucket, "second", "2");
  bucket = replaceInBucket(bucket, "first", "one");
  EXPECT_EQ(findInBucket(bucket, "first"), "one");
  EXPECT_EQ(findInBucket(bucket, "second"), "2");
  bucket = replaceInBucket(bucket, "first", std::nullopt);
  EXPECT_EQ(findInBucket(bucket, "first"), std::nullopt);
  EXPECT_EQ(replaceInBucket(bucket, "second", std::nullopt), "");
}

TEST(List, IteratorShowsWritesAheadOfItsPosition) {
  test::TemporaryDirectory directory;
  FakeObject object(directory.path());
  for (const char* key : {"a", "c", "e"}) object.turn().put(key, "1");
  object.endTurn();
  object.round();
  List list(object.turn(), toRange({}), false, std::nullopt);
  ASSERT_TRUE(list.next());
  EXPECT_EQ(list.key(), "a");
  object.turn().put("b", "2");
  object.turn().erase("c");
  ASSERT_TRUE(list.next());
  EXPECT_EQ(list.key(), "b");
  object.endTurn();
  object.round();
  ASSERT_TRUE(list.next());
  EXPECT_EQ(list.key(), "e");
  EXPECT_FALSE(list.next());
  object.turn().put("f", "3");
  EXPECT_FALSE(list.next());
}

TEST(List, OptionsAreCheckedAsThePlatformDoes) {
  EXPECT_THROW(static_cast<void>(toRange({.start = "", .startAfter = ""})), Error);
  EXPECT_THROW(static_cast<void>(toRange({.limit = 0})), Error);
  EXPECT_THROW(static_cast<void>(toRange({.end = "", .limit = -1})), Error);
  EXPECT_TRUE(toRange({.start = "b", .end = "b"}).empty);
  EXPECT_TRUE(toRange({.end = ""}).empty);
  EXPECT_TRUE(toRange({.start = "b", .prefix = "a"}).empty);
  EXPECT_EQ(toRange({.prefix = "a\xff\xff"}).high, "b");
  EXPECT_EQ(toRange({.prefix = "\xff"}).high, std::nullopt);
}

TEST(Turn, RolledBackScopesRestoreWhatTheyFound) {
  test::TemporaryDirectory directory;
  FakeObject object(directory.path());
  Turn& turn = object.turn();
  turn.put("kept", "before");
  turn.put("stored", "1");
  object.endTurn();
  object.round();

  turn.put("a", "outer");
  Turn::Mark outer = turn.mark();
  std::size_t outerOps = object.record()->ops.size();
  turn.put("a", "changed");
  turn.erase("stored");
  Turn::Mark inner = turn.mark();
  std::size_t innerOps = object.record()->ops.size();
  turn.put("a", "inner");
  turn.put("new", "inner");
  turn.put("stored", "again");
  turn.rollback(inner);
  object.record()->ops.truncate(innerOps);
  EXPECT_EQ(turn.get("a"), "changed");
  EXPECT_EQ(turn.get("new"), std::nullopt);
  EXPECT_EQ(turn.get("stored"), std::nullopt);
  turn.rollback(outer);
  object.record()->ops.truncate(outerOps);
  EXPECT_EQ(turn.get("a"), "outer");
  EXPECT_EQ(turn.get("stored"), "1");
  EXPECT_EQ(turn.get("kept"), "before");
}

TEST(Turn, WritingOneKeyOverAndOverDoesNotGrowTheCommit) {
  test::TemporaryDirectory directory;
  FakeObject object(directory.path());
  std::mt19937_64 random(4);
  std::string last;
  object.turn().put("other", "kept");
  for (int i = 0; i < 20'000; ++i) {
    last = std::string(1'000 + random() % 500, static_cast<char>('a' + i % 26));
    object.turn().put("key", last);
    if (i % 10 == 0) object.turn().put("second", std::string(random() % 3'000, 's'));
  }
  EXPECT_LT(object.record()->ops.size(), std::size_t{8} << 20);
  object.endTurn();
  object.round();
  EXPECT_EQ(object.turn().get("key"), last);
  EXPECT_EQ(object.turn().get("other"), "kept");
}

}  // namespace
}  // namespace cairn::kv
