#include "bench/engines/objects.h"

#include <charconv>
#include <vector>

#include "bench/engines/store.h"

namespace bench {
namespace {

class SharedObjects final : public Objects {
 public:
  explicit SharedObjects(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  void populate(std::uint64_t count) override {
    constexpr std::uint64_t kBatch = 10'000;
    for (std::uint64_t first = 0; first < count; first += kBatch) {
      std::vector<Key> keys;
      std::vector<Pair> pairs;
      for (std::uint64_t i = first; i < std::min(first + kBatch, count); ++i) keys.emplace_back(i);
      for (const Key& key : keys) pairs.push_back({key.view(), "0"});
      store_->put(pairs);
    }
  }
  void create(std::uint64_t object, Done done) override {
    store_->putOne({Key(object), "0"}, done);
  }
  void increment(std::uint64_t object, Done done) override { store_->increment(Key(object), done); }
  [[nodiscard]] std::int64_t value(std::uint64_t object) override {
    std::int64_t value = 0;
    store_->read([&](Reader& reader) {
      if (std::optional<std::string_view> text = reader.get(Key(object)))
        std::from_chars(text->data(), text->data() + text->size(), value);
    });
    return value;
  }
  void settle() override { store_->settle(); }
  [[nodiscard]] bool isolated() const override { return false; }

 private:
  std::unique_ptr<Store> store_;
};

}  // namespace

std::unique_ptr<Objects> openObjects(Engine engine, const std::string& directory, bool overlap) {
  switch (engine) {
    case Engine::kCairn:
      return openCairnObjects(directory, overlap);
    case Engine::kSqliteFull:
    case Engine::kSqliteNormal:
      return openSqliteObjects(directory, engine == Engine::kSqliteFull);
    default:
      return std::make_unique<SharedObjects>(openStore(engine, directory));
  }
}

}  // namespace bench
