// Many objects with a counter each.
#include "bench/engines/objects.h"

#include <cairn/engine.h>
#include <filesystem>
#include <set>

#include "bench/support/memory.h"
#include "bench/workloads/workloads.h"

namespace bench {
namespace {

std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

}  // namespace

void counter(Run& run) {
  std::uint64_t count = run.parameter("objects");
  auto inflight = static_cast<unsigned>(run.parameter("inflight"));
  std::unique_ptr<Objects> objects = openObjects(run.engine(), run.directory(), inflight > 1);
  objects->populate(count);
  objects->settle();
  auto request = [&](std::uint64_t, Random& random, Done done) {
    objects->increment(random.below(count), done);
  };
  LoadOptions options{.inflight = inflight, .overlaps = objects->overlaps()};
  // Opening 100,000 files, or reading them, takes longer than everything else.
  bool quickToVisit = run.engine() == Engine::kCairn || count <= 1'000;
  // Warm: each object once, so that what a first commit costs (SQLite makes a log, with syncs of
  // its own) is not measured, then some time.
  std::uint64_t before = 0;
  if (quickToVisit) {
    LoadOptions visit{
        .inflight = inflight, .overlaps = objects->overlaps(), .seconds = 120, .requests = count};
    before = drive(visit, [&](std::uint64_t number, Random&, Done done) {
               objects->increment(number, done);
             }).requests;
  }
  options.seconds = run.settings().seconds / 4;
  before += drive(options, request).requests;
  options.seconds = run.settings().seconds;
  options.seed = 4'242;
  std::uint64_t measured = run.load(options, 0, 1, request).requests;
  if (!objects->isolated() || !quickToVisit) return;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) sum += static_cast<std::uint64_t>(objects->value(i));
  require(sum == before + measured, "increments were lost");
}

void create(Run& run) {
  auto inflight = static_cast<unsigned>(run.parameter("inflight"));
  std::unique_ptr<Objects> objects = openObjects(run.engine(), run.directory(), inflight > 1);
  LoadResult result = run.load(
      {.inflight = inflight, .overlaps = objects->overlaps(), .seconds = run.settings().seconds}, 0,
      1, [&](std::uint64_t number, Random&, Done done) { objects->create(number, done); });
  require(objects->value(result.requests - 1) == 0, "a created object has no counter");
}

// An object that nobody refers to is opened by name, asked for its counter and let go.
void open(Run& run) {
  std::uint64_t count = run.parameter("objects");
  std::unique_ptr<Objects> objects = openObjects(run.engine(), run.directory(), false);
  objects->populate(count);
  objects->closeAll();
  Latencies latencies;
  std::uint64_t items = 0;
  run.begin();
  for (std::int64_t end = nowNs() + static_cast<std::int64_t>(run.settings().seconds * 1e9);
       nowNs() < end; objects->closeAll()) {
    for (std::uint64_t i = 0; i < count && nowNs() < end; ++i, ++items) {
      std::int64_t begun = nowNs();
      require(objects->value(i) == 0, "an object was not found");
      latencies.add(nowNs() - begun);
    }
  }
  run.end({.items = items, .latencies = &latencies});
}

// What an object costs while it is open and when nobody refers to it any more.
void resident(Run& run) {
  std::uint64_t count = run.parameter("objects");
  std::unique_ptr<Objects> objects = openObjects(run.engine(), run.directory(), false);
  objects->populate(1);
  objects->closeAll();
  std::uint64_t bytesBefore = residentBytes();
  std::size_t descriptorsBefore = descriptors();
  std::filesystem::create_directories(run.directory() + "/many");
  objects = openObjects(run.engine(), run.directory() + "/many", false);
  run.begin();
  objects->populate(count);
  if (run.engine() != Engine::kCairn) {
    for (std::uint64_t i = 0; i < count; ++i) require(objects->value(i) == 0, "not found");
  }
  run.end({.items = count});
  objects->settle();
  auto perObject = [&](double figure) { return figure / static_cast<double>(count); };
  auto bytesSinceBefore = [&] {
    return static_cast<double>(residentBytes()) - static_cast<double>(bytesBefore);
  };
  run.report("open_bytes_per_object", perObject(bytesSinceBefore()));
  run.report("descriptors_per_object", perObject(static_cast<double>(descriptors()) -
                                                 static_cast<double>(descriptorsBefore)));
  objects->closeAll();
  run.report("idle_bytes_per_object", perObject(bytesSinceBefore()));
}

// Increments for long enough that rounds run beside them all the time, second by second.
void sustained(Run& run) {
  std::uint64_t count = run.parameter("objects");
  auto inflight = static_cast<unsigned>(run.parameter("inflight"));
  auto seconds = static_cast<double>(run.parameter("seconds"));
  auto engine = cairn::Engine::open({.root = run.directory() + "/root"});
  std::vector<cairn::ObjectRef> objects;
  for (std::uint64_t i = 0; i < count; ++i)
    objects.push_back(engine->object("Counter", "object-" + std::to_string(i)));
  auto request = [&](std::uint64_t, Random& random, Done done) {
    engine->onDurable(engine->turn(objects[random.below(count)],
                                   [](cairn::Storage& storage) {
                                     auto& kv = storage.kv();
                                     kv.put("value", kv.get<std::int64_t>("value").value_or(0) + 1);
                                   }),
                      done);
  };
  LoadOptions options{.inflight = inflight, .overlaps = true, .seconds = 0.2};
  drive(options, request);
  // A burst ends before the first round begins; the rest has rounds in every second.
  engine->checkpoint();
  std::uint64_t roundsBefore = engine->stats().rounds;
  options.seconds = std::min(0.3, seconds / 4);
  LoadResult burst = drive(options, request);
  bool burstUndisturbed = engine->stats().rounds == roundsBefore;
  std::uint64_t dirtyMax = 0;
  double slowest = 1e18;
  LoadResult all;
  run.begin();
  for (double begun = 0; begun < seconds; begun += 1) {
    options.seconds = std::min(1.0, seconds - begun);
    options.seed += 1;
    LoadResult second = drive(options, request);
    dirtyMax = std::max(dirtyMax, engine->stats().dirtyBytes);
    slowest = std::min(slowest, static_cast<double>(second.requests) / second.seconds);
    all.requests += second.requests;
    all.latencies.add(second.latencies);
  }
  run.end({.items = all.requests, .commits = all.requests, .latencies = &all.latencies});
  run.report("burst_per_second", static_cast<double>(burst.requests) / burst.seconds);
  run.report("burst_had_rounds", burstUndisturbed ? 0 : 1);
  run.report("slowest_second", slowest);
  run.report("dirty_mib_max", static_cast<double>(dirtyMax) / (1 << 20));
  run.report("rounds", static_cast<double>(engine->stats().rounds - roundsBefore));
}

}  // namespace bench
