#include "bench/engines/store.h"

#include <charconv>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <vector>

namespace bench {

void Store::increment(std::string_view key, Done done) {
  std::uint64_t number = 0;
  read([&](Reader& reader) {
    if (std::optional<std::string_view> text = reader.get(key))
      std::from_chars(text->data(), text->data() + text->size(), number);
  });
  std::string text = std::to_string(number + 1);
  putOne({key, text}, done);
}

std::unique_ptr<Store> openStore(Engine engine, const std::string& directory, bool expectOverlap) {
  switch (engine) {
    case Engine::kCairn:
      return openCairnStore(directory, expectOverlap);
    case Engine::kSqliteFull:
    case Engine::kSqliteNormal:
      return openSqliteStore(directory, engine == Engine::kSqliteFull);
    case Engine::kLmdbSync:
    case Engine::kLmdbNosync:
      return openLmdbStore(directory, engine == Engine::kLmdbSync);
    case Engine::kRocksdbSync:
    case Engine::kRocksdbNosync:
      return openRocksdbStore(directory, engine == Engine::kRocksdbSync);
    case Engine::kLeveldbSync:
    case Engine::kLeveldbNosync:
      return openLeveldbStore(directory, engine == Engine::kLeveldbSync);
    case Engine::kFloor:
      return openFloor(directory);
  }
  throw std::logic_error("no such engine");
}

void loadKeys(Store& store, std::uint64_t count, std::uint64_t batch) {
  Values values;
  std::vector<Key> keys;
  std::vector<Pair> pairs;
  for (std::uint64_t first = 0; first < count; first += batch) {
    std::uint64_t end = std::min(first + batch, count);
    keys.clear();
    pairs.clear();
    keys.reserve(batch);
    for (std::uint64_t i = first; i < end; ++i) {
      keys.emplace_back(i);
      pairs.push_back({keys.back().view(), values.of(i)});
    }
    store.put(pairs);
  }
}

std::unique_ptr<Store> openLoadedStore(const Run& run, std::uint64_t count, bool expectOverlap) {
  static std::map<std::string, bool> loaded;
  // Synced and unsynced modes read and write the same files.
  std::string family(engineName(run.engine()));
  family = family.substr(0, family.find('_'));
  std::string directory =
      run.settings().directory + "/keys-" + family + "-" + std::to_string(count);
  if (!loaded[directory]) {
    std::filesystem::create_directories(directory);
    std::unique_ptr<Store> store = openStore(run.engine(), directory);
    loadKeys(*store, count, 10'000);
    store->settle();
    loaded[directory] = true;
  }
  return openStore(run.engine(), directory, expectOverlap);
}

}  // namespace bench
