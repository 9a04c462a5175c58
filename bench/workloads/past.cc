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

void changeKeys(Object& at, std::uint64_t keys, std::size_t valueBytes, std::uint64_t changed) {
  SizedValue value(valueBytes);
  std::uint64_t step = keys / changed;
  for (std::uint64_t i = 0; i < changed; ++i) {
    at.turn([&](cairn::Storage& storage) {
      storage.kv().putBytes(Key(i * step), value.of(i * step + 7));
    });
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

void changePages(Object& at, std::uint64_t pages, std::uint64_t changed) {
  std::uint64_t step = 2 * pages / changed;
  for (std::uint64_t i = 0; i < changed; ++i) {
    at.turn([&](cairn::Storage& storage) {
      storage.sql().exec("UPDATE big SET n=n+1 WHERE id=?", static_cast<std::int64_t>(i * step));
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
  at.engine->checkpoint();
  cairn::Lsn target = at.turn([](cairn::Storage&) {}).lsn();
  if (keys > 0) changeKeys(at, keys, valueBytes, changed);
  if (pages > 0) changePages(at, pages, changed);
  at.engine->checkpoint();
  cairn::History history = at.engine->history(at.object);
  run.begin();
  std::int64_t begun = nowNs();
  cairn::RestoreReceipt receipt = history.restore(target);
  double seconds = static_cast<double>(nowNs() - begun) / 1e9;
  run.end({.items = changed, .commits = 1, .seconds = seconds});
  run.report("milliseconds", seconds * 1e3);
  run.report("keys_changed", static_cast<double>(receipt.keysChanged));
  run.report("pages_changed", static_cast<double>(receipt.pagesChanged));
  require(receipt.keysChanged + receipt.pagesChanged >= changed, "the restore changed too little");
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

// A root that commits, and how fast, rounds included.
class Committing {
 public:
  Committing(const std::string& root, std::int64_t historyMs, std::uint64_t objects,
             std::uint64_t rows)
      : engine_(cairn::Engine::open({.root = root, .historyMs = historyMs})), rows_(rows) {
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

  void commitFor(LoadOptions options) {
    std::int64_t begun = nowNs();
    LoadResult done = drive(options, [&](std::uint64_t number, Random& random, Done answered) {
      engine_->onDurable(engine_->turn(objects_[random.below(objects_.size())],
                                       [&](cairn::Storage& storage) {
                                         commitOne(storage, random,
                                                   static_cast<std::int64_t>(number));
                                       }),
                         answered);
    });
    engine_->checkpoint();
    commits_ += done.requests;
    seconds_ += static_cast<double>(nowNs() - begun) / 1e9;
  }
  [[nodiscard]] double perSecond() const { return static_cast<double>(commits_) / seconds_; }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  [[nodiscard]] std::uint64_t historyBytes() const { return engine_->stats().historyBytes; }

 private:
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
};

}  // namespace

// The same commits with their past kept and without, by turns, each until its rounds are done.
void history(Run& run) {
  std::uint64_t rows = run.parameter("rows", 0);
  std::uint64_t objects = run.parameter("objects", 1);
  Committing kept(run.directory() + "/kept", cairn::EngineOptions{}.historyMs, objects, rows);
  Committing dropped(run.directory() + "/dropped", 0, objects, rows);
  LoadOptions options{.inflight = static_cast<unsigned>(run.parameter("inflight")),
                      .overlaps = true,
                      .seconds = run.settings().seconds};
  constexpr int kTimes = 4;
  run.begin();
  for (int i = 0; i < kTimes; ++i, ++options.seed) {
    // Neither always goes second.
    (i % 2 == 0 ? kept : dropped).commitFor(options);
    (i % 2 == 0 ? dropped : kept).commitFor(options);
  }
  run.end({.items = kept.commits() + dropped.commits()});
  require(kept.historyBytes() > 0 && dropped.historyBytes() == 0,
          "the past was not kept or not dropped");
  run.report("kept_per_second", kept.perSecond());
  run.report("dropped_per_second", dropped.perSecond());
  run.report("kept_to_dropped", kept.perSecond() / dropped.perSecond());
}

}  // namespace bench
