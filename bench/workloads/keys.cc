// Keys of one store: 16 bytes each, values of 100.
#include <algorithm>
#include <numeric>
#include <string>

#include "bench/engines/store.h"
#include "bench/workloads/workloads.h"

namespace bench {
namespace {

constexpr std::uint64_t kPairBytes = Key::kBytes + Values::kBytes;

std::unique_ptr<Store> openFor(const Run& run, std::uint64_t keys, unsigned inflight) {
  if (run.engine() == Engine::kFloor) return openFloor(run.directory());
  return openLoadedStore(run, keys, inflight > 1);
}

// Transactions of `per_turn` reads each until the time is up.
void readFor(Run& run, Store& store, const std::function<void(Reader&, Random&)>& one) {
  std::uint64_t perTurn = run.parameter("per_turn");
  Random random(42);
  auto turn = [&] {
    store.read([&](Reader& reader) {
      for (std::uint64_t i = 0; i < perTurn; ++i) one(reader, random);
    });
  };
  for (std::int64_t end = nowNs() + static_cast<std::int64_t>(run.settings().seconds * 3e8);
       nowNs() < end;)
    turn();  // Warm.
  std::uint64_t items = 0;
  run.begin();
  for (std::int64_t end = nowNs() + static_cast<std::int64_t>(run.settings().seconds * 1e9);
       nowNs() < end; items += perTurn)
    turn();
  run.end({.items = items});
}

}  // namespace

void put(Run& run) {
  std::uint64_t keys = run.parameter("keys");
  auto inflight = static_cast<unsigned>(run.parameter("inflight"));
  std::unique_ptr<Store> store = openFor(run, keys, inflight);
  Values values;
  run.load({.inflight = inflight, .overlaps = store->overlaps(), .seconds = run.settings().seconds},
           kPairBytes, 1, [&](std::uint64_t number, Random& random, Done done) {
             Key key(random.below(keys));
             store->putOne({key, values.of(number)}, done);
           });
}

void putBatch(Run& run) {
  std::uint64_t keys = run.parameter("keys");
  std::uint64_t batch = run.parameter("batch");
  std::unique_ptr<Store> store = openLoadedStore(run, keys);
  Values values;
  Latencies latencies;
  std::uint64_t items = 0;
  Random random(42);
  run.begin();
  for (std::int64_t end = nowNs() + static_cast<std::int64_t>(run.settings().seconds * 1e9);
       nowNs() < end; items += batch) {
    std::vector<Key> chosen;
    std::vector<Pair> pairs;
    for (std::uint64_t i = 0; i < batch; ++i) chosen.emplace_back(random.below(keys));
    for (const Key& key : chosen) pairs.push_back({key.view(), values.of(items)});
    std::int64_t begun = nowNs();
    store->put(pairs);
    latencies.add(nowNs() - begun);
  }
  run.end({.items = items,
           .userBytes = items * kPairBytes,
           .commits = items / batch,
           .latencies = &latencies});
}

void get(Run& run) {
  std::uint64_t keys = run.parameter("keys");
  bool overlay = run.parameter("overlay", 0) != 0;
  std::unique_ptr<Store> store;
  if (overlay) {
    store = openCairnStoreWithoutRounds(run.directory());
    loadKeys(*store, keys, 1'000);
  } else {
    store = openLoadedStore(run, keys);
  }
  std::uint64_t sum = 0;
  readFor(run, *store, [&](Reader& reader, Random& random) {
    std::optional<std::string_view> value = reader.get(Key(random.below(keys)));
    require(value && value->size() == Values::kBytes, "a key is missing");
    sum += static_cast<unsigned char>((*value)[0]);
  });
  benchmark::DoNotOptimize(sum);
}

void getMissing(Run& run) {
  std::uint64_t keys = run.parameter("keys");
  std::unique_ptr<Store> store = openLoadedStore(run, keys);
  readFor(run, *store, [&](Reader& reader, Random& random) {
    // Between two keys that are there.
    std::string key(Key(random.below(keys)).view());
    key.back() = 'x';
    require(!reader.get(key), "a key is there that nobody put");
  });
}

void scan(Run& run) {
  std::uint64_t keys = run.parameter("keys");
  std::unique_ptr<Store> store = openLoadedStore(run, keys);
  std::uint64_t sum = 0;
  auto whole = [&] {
    store->read([&](Reader& reader) {
      require(reader.scan(Key(0), keys, sum) == keys, "a scan missed keys");
    });
  };
  whole();
  std::uint64_t items = 0;
  run.begin();
  for (std::int64_t end = nowNs() + static_cast<std::int64_t>(run.settings().seconds * 1e9);
       nowNs() < end; items += keys)
    whole();
  run.end({.items = items});
  benchmark::DoNotOptimize(sum);
}

void bulkLoad(Run& run) {
  std::uint64_t keys = run.parameter("keys");
  std::uint64_t batch = run.parameter("batch");
  std::vector<std::uint64_t> order(keys);
  std::iota(order.begin(), order.end(), 0);
  if (run.parameter("sorted") == 0) {
    Random random(3);
    for (std::uint64_t i = keys; i-- > 1;) std::swap(order[i], order[random.below(i + 1)]);
  }
  std::unique_ptr<Store> store = openStore(run.engine(), run.directory());
  Values values;
  run.begin();
  for (std::uint64_t first = 0; first < keys; first += batch) {
    std::uint64_t end = std::min(first + batch, keys);
    std::vector<Key> chosen;
    std::vector<Pair> pairs;
    for (std::uint64_t i = first; i < end; ++i) chosen.emplace_back(order[i]);
    for (const Key& key : chosen) pairs.push_back({key.view(), values.of(first)});
    store->put(pairs);
  }
  run.end({.items = keys, .userBytes = keys * kPairBytes, .commits = (keys + batch - 1) / batch});
  std::int64_t begun = nowNs();
  store->settle();
  run.report("settle_seconds", static_cast<double>(nowNs() - begun) / 1e9);
}

}  // namespace bench
