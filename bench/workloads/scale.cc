// A root that grows: what a commit, a read, an object and the root itself cost in it.
#include <algorithm>
#include <cairn/engine.h>
#include <filesystem>
#include <functional>
#include <sys/stat.h>

#include "bench/support/memory.h"
#include "bench/workloads/workloads.h"

namespace bench {
namespace {

constexpr std::size_t kValueBytes = 1'000;

class GrownRoot {
 public:
  GrownRoot(const std::string& root, std::uint64_t objects, std::uint64_t active)
      : options_{.root = root}, objects_(objects), active_(active) {
    engine_ = cairn::Engine::open(options_);
  }

  // A counter for every object, and so many values.
  void load(std::uint64_t valuesPerObject) {
    Values values;
    std::string value(kValueBytes, 'v');
    for (std::uint64_t i = 0; i < objects_; ++i) {
      engine_->turn(object(i), [&](cairn::Storage& storage) {
        storage.kv().put("counter", std::int64_t{0});
        for (std::uint64_t v = 0; v < valuesPerObject; ++v) {
          value.replace(0, Values::kBytes, values.of(i + v));
          storage.kv().putBytes(Key(v),
                                {reinterpret_cast<const std::byte*>(value.data()), value.size()});
        }
      });
    }
    valuesPerObject_ = valuesPerObject;
    engine_->checkpoint();
  }

  // Spread over the root: an active object has inactive neighbours.
  void openActive() {
    for (std::uint64_t i = 0; i < active_; ++i) open_.push_back(object(i * (objects_ / active_)));
  }
  void closeActive() {
    open_.clear();
    open_.shrink_to_fit();
  }

  void increment(Random& random, Done done) {
    engine_->onDurable(engine_->turn(open_[random.below(active_)],
                                     [](cairn::Storage& storage) {
                                       auto& kv = storage.kv();
                                       kv.put("counter",
                                              kv.get<std::int64_t>("counter").value_or(0) + 1);
                                     }),
                       done);
  }

  // A value of an active object, or its counter where there are none.
  void read(Random& random) {
    bool found =
        engine_
            ->turn(open_[random.below(active_)],
                   [&](cairn::Storage& storage) {
                     if (valuesPerObject_ == 0)
                       return storage.kv().get<std::int64_t>("counter").has_value();
                     return storage.kv().getBytes(Key(random.below(valuesPerObject_))).has_value();
                   })
            .value;
    require(found, "a value is missing");
  }

  // Any object of all, by name.
  void openOne(Random& random) {
    cairn::ObjectRef one = object(random.below(objects_));
    bool found = engine_
                     ->turn(one,
                            [](cairn::Storage& storage) {
                              return storage.kv().get<std::int64_t>("counter").has_value();
                            })
                     .value;
    require(found, "an object is missing");
  }

  // Milliseconds from the call to the first turn that may be run.
  double reopen() {
    engine_->close();
    engine_.reset();
    std::int64_t begun = nowNs();
    engine_ = cairn::Engine::open(options_);
    return static_cast<double>(nowNs() - begun) / 1e6;
  }

  [[nodiscard]] cairn::EngineStats stats() const { return engine_->stats(); }

 private:
  cairn::ObjectRef object(std::uint64_t number) {
    return engine_->object("Counter", "object-" + std::to_string(number));
  }

  cairn::EngineOptions options_;
  std::uint64_t objects_;
  std::uint64_t active_;
  std::uint64_t valuesPerObject_ = 0;
  std::unique_ptr<cairn::Engine> engine_;
  std::vector<cairn::ObjectRef> open_;
};

// How often a second `one` can be done.
double rate(double seconds, const std::function<void(Random&)>& one) {
  Random random(4'711);
  std::uint64_t times = 0;
  std::int64_t begun = nowNs();
  auto end = begun + static_cast<std::int64_t>(seconds * 1e9);
  for (; nowNs() < end; ++times) one(random);
  return static_cast<double>(times) * 1e9 / static_cast<double>(nowNs() - begun);
}

double gibibytesOf(const std::string& root) {
  std::uint64_t blocks = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) == 0)
      blocks += static_cast<std::uint64_t>(status.st_blocks);
  }
  return static_cast<double>(blocks) * 512 / (1 << 30);
}

}  // namespace

void scale(Run& run) {
  std::uint64_t objects = run.parameter("objects");
  std::uint64_t active = std::min(objects, run.parameter("active"));
  std::uint64_t values = run.parameter("megabytes", 0) * 1'000'000 / (kValueBytes * objects);
  std::string directory = run.directory() + "/root";
  auto bytesBefore = static_cast<double>(residentBytes());
  auto mebibytes = [&] { return (static_cast<double>(residentBytes()) - bytesBefore) / (1 << 20); };
  GrownRoot root(directory, objects, active);
  std::int64_t begun = nowNs();
  root.load(values);
  run.report("load_seconds", static_cast<double>(nowNs() - begun) / 1e9);
  run.report("root_gib", gibibytesOf(directory));
  run.report("idle_mib", mebibytes());
  root.openActive();
  double seconds = run.settings().seconds;
  auto request = [&](std::uint64_t, Random& random, Done done) { root.increment(random, done); };
  LoadOptions options{.inflight = 64, .overlaps = true, .seconds = seconds / 4};
  drive(options, request);  // Warm.
  options.seconds = seconds;
  options.seed = 4'242;
  run.load(options, 0, 1, request);
  run.report("active_mib", mebibytes());
  run.report("gets_per_second", rate(seconds, [&](Random& random) { root.read(random); }));
  root.closeActive();
  run.report("opens_per_second", rate(seconds, [&](Random& random) { root.openOne(random); }));
  run.report("reopen_ms", root.reopen());
}

}  // namespace bench
