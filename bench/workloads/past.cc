// Point-in-time recovery: what a restore and what keeping the past costs.
#include <cairn/engine.h>
#include <cairn/history.h>

#include "bench/engines/sql_text.h"
#include "bench/workloads/workloads.h"

namespace bench {
namespace {

cairn::BytesView bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

struct Object {
  std::unique_ptr<cairn::Engine> engine;
  cairn::ObjectRef object;

  explicit Object(const Run& run)
      : engine(cairn::Engine::open({.root = run.directory() + "/root"})),
        object(engine->object("Bench", "object")) {}

  template <typename Work>
  cairn::Ticket turn(Work&& work) {
    return engine->turn(object, std::forward<Work>(work));
  }
};

// One page holds two of these rows.
constexpr std::size_t kRowBytes = 1'900;

// A value of so many bytes that differs from one number to the next.
class SizedValue {
 public:
  explicit SizedValue(std::size_t bytes) : text_(bytes, 'v') {}
  cairn::BytesView of(std::uint64_t number) {
    text_.replace(0, Values::kBytes, values_.of(number));
    return bytesOf(text_);
  }

 private:
  Values values_;
  std::string text_;
};

void fillKeys(Object& at, std::uint64_t count, std::size_t valueBytes) {
  SizedValue value(valueBytes);
  for (std::uint64_t first = 0; first < count; first += 10'000) {
    at.turn([&](cairn::Storage& storage) {
      for (std::uint64_t i = first; i < std::min(first + 10'000, count); ++i)
        storage.kv().putBytes(Key(i), value.of(i));
    });
  }
}

// A commit for each: every `step`th, from `first` on.
void changeKeys(Object& at, std::uint64_t first, std::uint64_t step, std::size_t valueBytes,
                std::uint64_t changed) {
  SizedValue value(valueBytes);
  for (std::uint64_t i = 0; i < changed; ++i) {
    std::uint64_t key = first + i * step;
    at.turn([&](cairn::Storage& storage) { storage.kv().putBytes(Key(key), value.of(key + 7)); });
  }
}

void fillPages(Object& at, std::uint64_t pages) {
  std::string text(kRowBytes, 'x');
  at.turn([](cairn::Storage& storage) {
    storage.sql().exec("CREATE TABLE big(id INTEGER PRIMARY KEY, n INT, text TEXT)");
  });
  for (std::uint64_t first = 0; first < 2 * pages; first += 5'000) {
    at.turn([&](cairn::Storage& storage) {
      for (std::uint64_t i = first; i < std::min(first + 5'000, 2 * pages); ++i)
        storage.sql().exec("INSERT INTO big VALUES (?,0,?)", static_cast<std::int64_t>(i), text);
    });
  }
}

void changePages(Object& at, std::uint64_t first, std::uint64_t step, std::uint64_t changed) {
  for (std::uint64_t i = 0; i < changed; ++i) {
    at.turn([&](cairn::Storage& storage) {
      storage.sql().exec("UPDATE big SET n=n+1 WHERE id=?",
                         static_cast<std::int64_t>(first + i * step));
    });
  }
}

}  // namespace

void restore(Run& run) {
  Object at(run);
  std::uint64_t changed = run.parameter("changed");
  std::uint64_t keys = run.parameter("keys", 0);
  std::uint64_t pages = run.parameter("pages", 0);
  std::uint64_t valueBytes = run.parameter("value_bytes", Values::kBytes);
  if (keys > 0) fillKeys(at, keys, valueBytes);
  if (pages > 0) fillPages(at, pages);
  std::uint64_t times = run.settings().scale == Scale::kTiny ? 2 : 9;
  std::uint64_t step = (keys > 0 ? keys : 2 * pages) / changed;
  std::vector<double> milliseconds;
  run.begin();
  for (std::uint64_t i = 0; i < times; ++i) {
    at.engine->checkpoint();
    cairn::Lsn target = at.turn([](cairn::Storage&) {}).lsn();
    std::uint64_t first =
        i * step / times;  // What the last restore had in its hands is left alone.
    if (keys > 0) changeKeys(at, first, step, valueBytes, changed);
    if (pages > 0) changePages(at, first, step, changed);
    at.engine->checkpoint();
    cairn::History history = at.engine->history(at.object);
    std::int64_t begun = nowNs();
    cairn::RestoreReceipt receipt = history.restore(target);
    milliseconds.push_back(static_cast<double>(nowNs() - begun) / 1e6);
    require(receipt.keysChanged + receipt.pagesChanged >= changed,
            "the restore changed too little");
  }
  run.end({.items = changed * times, .commits = times});
  std::sort(milliseconds.begin(), milliseconds.end());
  run.report("milliseconds", milliseconds[times / 2]);
  run.report("milliseconds_least", milliseconds.front());
  run.report("milliseconds_most", milliseconds.back());
}

// Bytes that the past of one commit takes in the change log, after compression.
void changelog(Run& run) {
  Object at(run);
  std::uint64_t commits = run.parameter("commits");
  Values values;
  Random random(5);
  auto text = [&](std::size_t size) {
    std::string made;
    while (made.size() < size) made += values.of(random.next());
    made.resize(size);
    return made;
  };
  auto number = [&](std::uint64_t bound) { return static_cast<std::int64_t>(random.below(bound)); };
  constexpr std::uint64_t kRows = 20'000;
  bool insert = run.parameter("insert_with_index", 0) != 0;
  bool integer = run.parameter("indexed_integer", 0) != 0;
  bool value = run.parameter("value_200", 0) != 0;
  at.turn([&](cairn::Storage& storage) {
    cairn::SqlStorage& sql = storage.sql();
    sql.exec("CREATE TABLE t(k TEXT PRIMARY KEY, n INT, v TEXT) WITHOUT ROWID");
    sql.exec("CREATE INDEX i ON t(n)");
    for (std::uint64_t i = 0; i < kRows; ++i) {
      sql.exec("INSERT INTO t VALUES (?,?,?)", Key(i * 1'000).view(), number(1'000'000), text(200));
    }
    for (std::uint64_t i = 0; i < kRows; ++i) storage.kv().putBytes(Key(i), bytesOf(values.of(i)));
  });
  at.engine->checkpoint();
  std::uint64_t before = at.engine->stats().historyBytes;
  run.begin();
  cairn::Ticket last;
  for (std::uint64_t i = 0; i < commits; ++i) {
    last = at.turn([&](cairn::Storage& storage) {
      cairn::SqlStorage& sql = storage.sql();
      Key row(random.below(kRows) * 1'000);
      if (insert) {
        sql.exec("INSERT OR REPLACE INTO t VALUES (?,?,?)", Key(random.below(kRows * 1'000)).view(),
                 number(1'000'000), text(200));
      } else if (integer) {
        sql.exec("UPDATE t SET n=? WHERE k=?", number(1'000'000), row.view());
      } else if (value) {
        sql.exec("UPDATE t SET v=? WHERE k=?", text(200), row.view());
      } else {
        storage.kv().putBytes(Key(random.below(kRows)), bytesOf(text(100)));
      }
    });
  }
  last.wait();
  run.end({.items = commits, .commits = commits});
  at.engine->checkpoint();
  auto bytes = static_cast<double>(at.engine->stats().historyBytes - before);
  require(bytes > 0, "nothing of the past was kept");
  run.report("changelog_bytes_per_commit", bytes / static_cast<double>(commits));
}

namespace {

// How far a root has come at the end of a round.
struct RoundEnd {
  std::uint64_t rounds = 0;
  std::uint64_t commits = 0;
  std::int64_t ns = 0;
  double cpuSeconds = 0;
};

// A root that commits, and how fast while its rounds go on beside.
class Committing {
 public:
  Committing(const std::string& root, std::int64_t historyMs, std::uint64_t softBytes,
             std::uint64_t objects, std::uint64_t rows)
      : engine_(cairn::Engine::open(
            {.root = root, .dirtyBytesSoft = softBytes, .historyMs = historyMs})),
        rows_(rows) {
    for (std::uint64_t i = 0; i < objects; ++i)
      objects_.push_back(engine_->object("Bench", "object-" + std::to_string(i)));
    if (rows == 0) return;
    Values values;
    engine_->turn(objects_[0], [&](cairn::Storage& storage) {
      for (const char* text : sql_text::kSchema) storage.sql().exec(text);
      for (std::uint64_t id = 1; id <= rows; ++id) {
        storage.sql().exec(sql_text::kInsert, static_cast<std::int64_t>(id), std::int64_t{0},
                           values.of(id));
      }
    });
    engine_->checkpoint();
  }

  // From the end of one round to that of the `rounds`th after it, so that the work put off is the
  // same at both ends. What is left over is stored unmeasured.
  void commitFor(std::uint64_t rounds, LoadOptions options) {
    RoundEnd first;
    RoundEnd last;
    std::uint64_t begun = engine_->stats().rounds;
    std::uint64_t requests = 0;
    options.enough = [&] {
      if (requests++ % kLookEvery != 0) return false;
      RoundEnd now{engine_->stats().rounds - begun, requests, nowNs(), cpuSeconds()};
      if (first.rounds == 0 && now.rounds > 0) first = now;
      last = now;
      return first.rounds > 0 && last.rounds >= first.rounds + rounds;
    };
    drive(options, [&](std::uint64_t number, Random& random, Done answered) {
      engine_->onDurable(engine_->turn(objects_[random.below(objects_.size())],
                                       [&](cairn::Storage& storage) {
                                         commitOne(storage, random,
                                                   static_cast<std::int64_t>(number));
                                       }),
                         answered);
    });
    engine_->checkpoint();
    require(last.rounds >= first.rounds + rounds, "the load ended before its rounds did");
    commits_ += last.commits - first.commits;
    seconds_ += static_cast<double>(last.ns - first.ns) / 1e9;
    cpuSeconds_ += last.cpuSeconds - first.cpuSeconds;
  }
  [[nodiscard]] double perSecond() const { return static_cast<double>(commits_) / seconds_; }
  [[nodiscard]] double cpuUs() const { return 1e6 * cpuSeconds_ / static_cast<double>(commits_); }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  [[nodiscard]] std::uint64_t historyBytes() const { return engine_->stats().historyBytes; }

 private:
  static constexpr std::uint64_t kLookEvery = 256;

  void commitOne(cairn::Storage& storage, Random& random, std::int64_t number) const {
    if (rows_ > 0) {
      storage.sql().exec(sql_text::kUpdate, number,
                         static_cast<std::int64_t>(random.below(rows_) + 1));
      return;
    }
    auto& kv = storage.kv();
    kv.put("value", kv.get<std::int64_t>("value").value_or(0) + 1);
  }

  std::unique_ptr<cairn::Engine> engine_;
  std::uint64_t rows_;
  std::vector<cairn::ObjectRef> objects_;
  std::uint64_t commits_ = 0;
  double seconds_ = 0;
  double cpuSeconds_ = 0;
};

}  // namespace

// The same commits with their past kept and without, by turns.
void history(Run& run) {
  std::uint64_t rows = run.parameter("rows", 0);
  std::uint64_t objects = run.parameter("objects", 1);
  std::uint64_t rounds = run.parameter("rounds");
  std::uint64_t softBytes = run.settings().scale == Scale::kTiny
                                ? std::uint64_t{1} << 20
                                : cairn::EngineOptions{}.dirtyBytesSoft;
  Committing kept(run.directory() + "/kept", cairn::EngineOptions{}.historyMs, softBytes, objects,
                  rows);
  Committing dropped(run.directory() + "/dropped", 0, softBytes, objects, rows);
  LoadOptions options{.inflight = static_cast<unsigned>(run.parameter("inflight")),
                      .overlaps = true,
                      .seconds = 600};
  constexpr int kTimes = 4;
  run.begin();
  for (int i = 0; i < kTimes; ++i, ++options.seed) {
    // Neither always goes second.
    (i % 2 == 0 ? kept : dropped).commitFor(rounds, options);
    (i % 2 == 0 ? dropped : kept).commitFor(rounds, options);
  }
  run.end({.items = kept.commits() + dropped.commits()});
  require(kept.historyBytes() > 0 && dropped.historyBytes() == 0,
          "the past was not kept or not dropped");
  run.report("kept_per_second", kept.perSecond());
  run.report("dropped_per_second", dropped.perSecond());
  run.report("kept_cpu_us", kept.cpuUs());
  run.report("dropped_cpu_us", dropped.cpuUs());
  run.report("kept_to_dropped", kept.perSecond() / dropped.perSecond());
}

}  // namespace bench
