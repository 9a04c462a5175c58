// A SQLite database file per object, one connection, statements prepared once.
#include "bench/engines/sql.h"

#include <mutex>

#include "bench/engines/sql_text.h"
#include "bench/engines/sqlite.h"

namespace bench {
namespace {

class SqliteSqlObject final : public SqlObject {
 public:
  SqliteSqlObject(const std::string& path, bool full) : database_(path, full) {
    for (const char* text : sql_text::kSchema) database_.run(text);
    database_.run("CREATE TABLE kv(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
    database_.run("CREATE TABLE alarm(id INTEGER PRIMARY KEY, time INT)");
    begin_.emplace(database_.prepare("BEGIN"));
    commit_.emplace(database_.prepare("COMMIT"));
    update_.emplace(database_.prepare(sql_text::kUpdate));
    point_.emplace(database_.prepare(sql_text::kPoint));
    range_.emplace(database_.prepare(sql_text::kRange));
    search_.emplace(database_.prepare(sql_text::kSearch));
    put_.emplace(database_.prepare("INSERT OR REPLACE INTO kv VALUES ('last',?)"));
    alarm_.emplace(database_.prepare("INSERT OR REPLACE INTO alarm VALUES (1,?)"));
  }

  void populate(std::uint64_t rows, std::uint64_t docs) override {
    Values values;
    Random random(1);
    SqliteStatement insert = database_.prepare(sql_text::kInsert);
    SqliteStatement insertDoc = database_.prepare(sql_text::kInsertDoc);
    begin_->run();
    for (std::uint64_t id = 1; id <= rows; ++id) {
      insert.bind(1, static_cast<std::int64_t>(id))
          .bind(2, static_cast<std::int64_t>(random.below(1'000'000)))
          .bind(3, values.of(id))
          .run();
    }
    for (std::uint64_t i = 0; i < docs; ++i) {
      std::string text = docText(random);
      insertDoc.bind(1, text).run();
    }
    commit_->run();
    database_.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  void update(std::uint64_t id, std::int64_t score, Done done) override {
    updateUnwaited(id, score);
    done.now();
  }
  void updateUnwaited(std::uint64_t id, std::int64_t score) override {
    std::lock_guard lock(mutex_);
    update_->bind(1, score).bind(2, static_cast<std::int64_t>(id)).run();
  }
  void turn(std::uint64_t number, Done done) override {
    auto n = static_cast<std::int64_t>(number);
    {
      std::lock_guard lock(mutex_);
      begin_->run();
      put_->bind(1, n).run();
      update_->bind(1, n).bind(2, n % 100 + 1).run();
      alarm_->bind(1, std::int64_t{4'000'000'000'000} + n).run();
      commit_->run();
    }
    done.now();
  }
  std::int64_t points(std::uint64_t count, std::uint64_t rows, Random& random) override {
    std::int64_t sum = 0;
    begin_->run();
    for (std::uint64_t i = 0; i < count; ++i) {
      point_->bind(1, static_cast<std::int64_t>(random.below(rows) + 1)).step();
      // Copied out, as every API above SQLite does.
      std::string payload(point_->bytes(1));
      sum += point_->integer(0) + static_cast<std::int64_t>(payload.size());
      point_->reset();
    }
    commit_->run();
    return sum;
  }
  std::int64_t range(std::uint64_t id, std::uint64_t count) override {
    std::int64_t sum = 0;
    range_->bind(1, static_cast<std::int64_t>(id)).bind(2, static_cast<std::int64_t>(count));
    while (range_->step()) {
      std::string payload(range_->bytes(1));
      sum += range_->integer(0) + static_cast<std::int64_t>(payload.size());
    }
    range_->reset();
    return sum;
  }
  std::int64_t search(const std::string& word) override {
    search_->bind(1, word).step();
    std::int64_t count = search_->integer(0);
    search_->reset();
    return count;
  }

 private:
  std::mutex mutex_;
  SqliteDatabase database_;
  std::optional<SqliteStatement> begin_, commit_, update_, point_, range_, search_, put_, alarm_;
};

}  // namespace

std::vector<std::unique_ptr<SqlObject>> openSqliteSqlObjects(const std::string& directory,
                                                             std::uint64_t count, bool full) {
  std::vector<std::unique_ptr<SqlObject>> objects;
  for (std::uint64_t i = 0; i < count; ++i) {
    objects.push_back(
        std::make_unique<SqliteSqlObject>(directory + "/" + std::to_string(i) + ".sqlite", full));
  }
  return objects;
}

}  // namespace bench
