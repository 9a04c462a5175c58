// SQL of one object and of many.
#include "bench/engines/sql.h"

#include <utility>

#include "bench/workloads/workloads.h"

namespace bench {
namespace {

// Calls `one`, which does `items` reads, until the time is up.
void repeat(Run& run, std::uint64_t items, const std::function<void(Random&)>& one) {
  Random random(42);
  one(random);
  std::uint64_t done = 0;
  run.begin();
  for (std::int64_t end = nowNs() + static_cast<std::int64_t>(run.settings().seconds * 1e9);
       nowNs() < end; done += items)
    one(random);
  run.end({.items = done});
}

}  // namespace

void sqlCommit(Run& run) {
  std::uint64_t rows = run.parameter("rows");
  bool waited = run.parameter("waited", 1) != 0;
  auto objects = openSqlObjects(run, 1, false);
  SqlObject& object = *objects[0];
  object.populate(rows, 0);
  auto score = [](Random& random) { return static_cast<std::int64_t>(random.below(1'000'000)); };
  run.begin();
  LoadResult result =
      drive({.seconds = run.settings().seconds}, [&](std::uint64_t, Random& random, Done done) {
        std::uint64_t id = random.below(rows) + 1;
        if (waited) {
          object.update(id, score(random), done);
        } else {
          object.updateUnwaited(id, score(random));
          done.now();
        }
      });
  object.flush();
  run.end({.items = result.requests, .commits = result.requests, .latencies = &result.latencies});
}

void sqlPoint(Run& run) {
  constexpr std::uint64_t kPerTurn = 1'000;
  std::uint64_t rows = run.parameter("rows");
  auto objects = openSqlObjects(run, 1, false);
  objects[0]->populate(rows, 0);
  repeat(run, kPerTurn, [&](Random& random) {
    require(objects[0]->points(kPerTurn, rows, random) > 0, "no rows");
  });
}

void sqlRange(Run& run) {
  std::uint64_t rows = run.parameter("rows");
  std::uint64_t count = run.parameter("count");
  auto objects = openSqlObjects(run, 1, false);
  objects[0]->populate(rows, 0);
  repeat(run, count, [&](Random& random) {
    require(objects[0]->range(random.below(rows - count) + 1, count) > 0, "no rows");
  });
}

void sqlSearch(Run& run) {
  auto objects = openSqlObjects(run, 1, false);
  objects[0]->populate(1, run.parameter("docs"));
  std::int64_t found = 0;
  repeat(run, 1, [&](Random& random) { found += objects[0]->search(someWord(random)); });
  require(found > 0, "no doc was found");
}

void kvSqlAlarmTurn(Run& run) {
  std::uint64_t count = run.parameter("objects");
  auto inflight = static_cast<unsigned>(run.parameter("inflight"));
  auto objects = openSqlObjects(run, count, inflight > 1);
  for (auto& object : objects) object->populate(100, 0);
  run.load(
      {.inflight = inflight, .overlaps = objects[0]->overlaps(), .seconds = run.settings().seconds},
      0, 1, [&](std::uint64_t number, Random& random, Done done) {
        objects[random.below(count)]->turn(number, done);
      });
}

}  // namespace bench
