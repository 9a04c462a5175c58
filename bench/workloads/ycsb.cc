// The six mixes of the Yahoo! Cloud Serving Benchmark over one store, Zipf-distributed with
// constant 0.99, one transaction per request, writes as durable as the engine's mode.
#include <atomic>

#include "bench/engines/store.h"
#include "bench/workloads/workloads.h"

namespace bench {
namespace {

struct Mix {
  unsigned read = 0;  ///< Percent.
  unsigned update = 0;
  unsigned insert = 0;
  unsigned scan = 0;
  unsigned readModifyWrite = 0;
  bool latest = false;  ///< Reads prefer what was inserted last.
};

constexpr std::uint64_t kScanMax = 100;

void ycsb(Run& run, const Mix& mix) {
  std::uint64_t keys = run.parameter("keys");
  auto inflight = static_cast<unsigned>(run.parameter("inflight"));
  std::unique_ptr<Store> store;
  if (mix.insert > 0) {
    store = openStore(run.engine(), run.directory(), inflight > 1);
    loadKeys(*store, keys, 10'000);
    store->settle();
  } else {
    store = openLoadedStore(run, keys, inflight > 1);
  }
  Values values;
  Zipf zipf(keys);
  std::atomic<std::uint64_t> count{keys};
  auto choose = [&](Random& random) {
    if (!mix.latest) return zipf.scrambled(random);
    std::uint64_t newest = count.load(std::memory_order_relaxed) - 1;
    return newest - std::min(newest, zipf.rank(random));
  };
  auto readOne = [&](std::uint64_t number) {
    store->read([&](Reader& reader) {
      // An insert may have taken its number and not be there yet.
      require(reader.get(Key(number)).has_value() || mix.latest, "a key is missing");
    });
  };
  auto request = [&](std::uint64_t number, Random& random, Done done) {
    std::uint64_t dice = random.below(100);
    if (dice < mix.read) {
      readOne(choose(random));
      done.now();
    } else if (dice < mix.read + mix.update) {
      store->putOne({Key(choose(random)), values.of(number)}, done);
    } else if (dice < mix.read + mix.update + mix.insert) {
      store->putOne({Key(count.fetch_add(1)), values.of(number)}, done);
    } else if (dice < mix.read + mix.update + mix.insert + mix.scan) {
      std::uint64_t sum = 0;
      store->read([&](Reader& reader) {
        reader.scan(Key(choose(random)), 1 + random.below(kScanMax), sum);
      });
      done.now();
    } else {
      std::uint64_t key = choose(random);
      readOne(key);
      store->putOne({Key(key), values.of(number)}, done);
    }
  };
  double writes = (mix.update + mix.insert + mix.readModifyWrite) / 100.0;
  run.load({.inflight = inflight, .overlaps = store->overlaps(), .seconds = run.settings().seconds},
           0, writes, request);
}

}  // namespace

void ycsbA(Run& run) { ycsb(run, {.read = 50, .update = 50}); }
void ycsbB(Run& run) { ycsb(run, {.read = 95, .update = 5}); }
void ycsbC(Run& run) { ycsb(run, {.read = 100}); }
void ycsbD(Run& run) { ycsb(run, {.read = 95, .insert = 5, .latest = true}); }
void ycsbE(Run& run) { ycsb(run, {.insert = 5, .scan = 95}); }
void ycsbF(Run& run) { ycsb(run, {.read = 50, .readModifyWrite = 50}); }

}  // namespace bench
