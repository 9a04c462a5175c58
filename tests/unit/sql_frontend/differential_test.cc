// Goal: a database over the engine's pages holds what the same statements give in plain SQLite,
// whatever is rolled back, checkpointed, closed or recovered in between.
//
// Method: random histories of DDL and DML over every kind of table, with nested scopes, rolled-back
// turns, cursors left open, rounds and restarts, played on an SqlObject and on an in-memory
// database side by side. Each statement must succeed or fail alike; the dumps must be equal, as
// must the pages that the commit records alone give. A failure prints its seed: CAIRN_SQL_SEED=n
// replays it, CAIRN_SQL_SEEDS=n runs that many.
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

// The same database without the engine.
class Reference {
 public:
  Reference() {
    sqlite3_open(":memory:", &db_);
    run("PRAGMA foreign_keys = ON");
  }
  ~Reference() { sqlite3_close(db_); }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  int run(const std::string& text) {
    return sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr);
  }

  test::PageImage image() {
    sqlite3_int64 size = 0;
    unsigned char* bytes = sqlite3_serialize(db_, "main", &size, 0);
    test::PageImage image;
    for (sqlite3_int64 at = 0; at < size; at += static_cast<sqlite3_int64>(sql::kPageBytes))
      image.emplace_back(reinterpret_cast<char*>(bytes) + at, sql::kPageBytes);
    sqlite3_free(bytes);
    return image;
  }

 private:
  sqlite3* db_ = nullptr;
};

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    run(std::string(kSchema));
    object_.commit();
  }

  void play(int steps) {
    for (step_ = 0; step_ < steps && !::testing::Test::HasFailure(); ++step_) advance();
    while (scopes_ > 0) endScope(false);
    commit();
    object_.restart();
    compare("the end");
  }

 private:
  static constexpr std::string_view kSchema =
      "CREATE TABLE a(id INTEGER PRIMARY KEY, n INT, s TEXT, b BLOB); CREATE INDEX an ON a(n); "
      "CREATE INDEX ans ON a(n, s) WHERE s IS NOT NULL; "
      "CREATE TABLE w(k TEXT, n INT, v, PRIMARY KEY (k, n)) WITHOUT ROWID; CREATE INDEX wv ON "
      "w(v); "
      "CREATE TABLE p(id INTEGER PRIMARY KEY, n UNIQUE); "
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p(id) ON DELETE CASCADE ON UPDATE "
      "CASCADE, "
      "q REFERENCES p(n) ON DELETE SET NULL); CREATE INDEX cp ON c(p); "
      "CREATE VIRTUAL TABLE f USING fts5(x, y); CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, "
      "y1); "
      "CREATE TABLE log(m); CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, v); "
      "CREATE TRIGGER a_ins AFTER INSERT ON a BEGIN INSERT INTO log VALUES (new.id || ':' || "
      "coalesce(new.s, '')); END; "
      "CREATE TRIGGER a_del AFTER DELETE ON a BEGIN DELETE FROM log WHERE m LIKE old.id || ':%'; "
      "END; "
      "CREATE TRIGGER a_upd BEFORE UPDATE OF n ON a WHEN new.n % 17 = 0 BEGIN SELECT RAISE(ABORT, "
      "'no'); END";

  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  std::string text(int longest) {
    std::string text;
    for (int i = below(longest); i > 0; --i) text += static_cast<char>('a' + below(26));
    return text;
  }

  // Runs the text on both sides.
  void run(const std::string& text) {
    std::string error = object_.error(text);
    int result = reference_.run(text);
    EXPECT_EQ(error.empty(), result == SQLITE_OK) << text << "\n" << error;
  }

  void begin() {
    if (inTurn_) return;
    inTurn_ = true;
    reference_.run("BEGIN");
  }
  void enterScope() {
    begin();
    object_.enterScope();
    reference_.run(fmt::format("SAVEPOINT s{}", ++scopes_));
  }
  void endScope(bool keep) {
    if (keep) {
      object_.releaseScope();
    } else {
      object_.rollbackScope();
      reference_.run(fmt::format("ROLLBACK TO s{}", scopes_));
    }
    reference_.run(fmt::format("RELEASE s{}", scopes_--));
  }
  void commit() {
    object_.commit();
    if (inTurn_) EXPECT_EQ(reference_.run("COMMIT"), SQLITE_OK);
    inTurn_ = false;
    test::PageImage rebuilt = object_.rebuilt();
    ASSERT_EQ(rebuilt.size(), object_.pages().pageCount());
    EXPECT_TRUE(rebuilt == object_.seen()) << "the records do not give the pages";
  }
  void rollback() {
    object_.rollback();
    if (inTurn_) reference_.run("ROLLBACK");
    inTurn_ = false;
    scopes_ = 0;
  }
  void compare(const char* when) {
    std::string ours = test::dump(object_.seen());
    std::string theirs = test::dump(reference_.image());
    EXPECT_TRUE(ours == theirs) << when << "\n--- ours\n"
                                << ours.substr(0, 3'000) << "\n--- plain SQLite\n"
                                << theirs.substr(0, 3'000);
  }

  void advance() {
    int kind = below(100);
    if (kind < 70) {
      begin();
      run(statement());
    } else if (kind < 76) {
      if (scopes_ < 5) enterScope();
    } else if (kind < 82) {
      if (scopes_ > 0) endScope(below(2) == 0);
    } else if (kind < 88) {
      cursors();
    } else if (scopes_ == 0) {
      if (kind < 94) {
        commit();
      } else if (kind < 96) {
        rollback();
      } else {
        commit();
        switch (below(4)) {
          case 0:
            object_.round();
            break;
          case 1:
            object_.restart();
            break;
          case 2:
            object_.closeConnection();
            break;
          default:
            object_.round();
            object_.closeConnection();
        }
        compare("between turns");
      }
    }
  }

  // Cursors come, move and go; they must not disturb anything.
  void cursors() {
    try {
      if (open_.size() < 4) {
        constexpr const char* kQueries[] = {"SELECT * FROM a",
                                            "SELECT k FROM w ORDER BY v",
                                            "SELECT rowid FROM f('a*')",
                                            "SELECT * FROM r",
                                            "SELECT * FROM a JOIN c ON c.id = a.id",
                                            "SELECT * FROM log"};
        open_.push_back(object_.exec(kQueries[below(6)]));
      }
      SqlCursor& cursor = open_[static_cast<std::size_t>(below(static_cast<int>(open_.size())))];
      for (int i = below(5); i > 0; --i) (void)cursor.nextRaw();
      (void)cursor.rowsRead();
      if (below(3) == 0) open_.erase(open_.begin());
    } catch (const Error&) {
      open_.clear();
    }
  }

  std::string statement() {
    int id = below(60);
    switch (below(26)) {
      case 0:
      case 1:
        return fmt::format("INSERT INTO a VALUES ({}, {}, {}, zeroblob({}))", below(300), below(50),
                           below(4) == 0 ? "NULL" : "'" + text(40) + "'",
                           below(3) == 0 ? below(30'000) : below(100));
      case 2:
        return fmt::format("INSERT OR REPLACE INTO a VALUES ({}, {}, '{}', x'{:04x}')", id,
                           below(50), text(600), below(65'536));
      case 3:
        return fmt::format(
            "INSERT INTO a(id, n) SELECT value + {0}, value % 13 FROM "
            "json_each('[1,2,3,4,5,6,7,8,9]') WHERE true "
            "ON CONFLICT(id) DO UPDATE SET n = n + 1",
            id * 5);
      case 4:
        return fmt::format("UPDATE a SET n = n + {}, s = s || '{}' WHERE id % 7 = {}", below(5),
                           text(10), below(7));
      case 5:
        return fmt::format("UPDATE OR IGNORE a SET id = id + {} WHERE id < {}", below(20), id);
      case 6:
        return fmt::format("DELETE FROM a WHERE id BETWEEN {} AND {}", id, id + below(30));
      case 7:
        return fmt::format("INSERT OR REPLACE INTO w VALUES ('{}', {}, '{}')", text(3), below(5),
                           text(300));
      case 8:
        return fmt::format("UPDATE OR REPLACE w SET k = k || '{}' WHERE n = {}", text(2), below(5));
      case 9:
        return fmt::format("DELETE FROM w WHERE k < '{}'", text(2));
      case 10:
        return fmt::format("INSERT INTO p VALUES ({}, {})", id, below(60));
      case 11:
        return fmt::format("INSERT INTO c VALUES ({}, {}, NULL), (NULL, {}, NULL)", below(200), id,
                           below(60));
      case 12:
        return fmt::format("DELETE FROM p WHERE id % 5 = {}", below(5));
      case 13:
        return fmt::format("UPDATE p SET id = id + 100 WHERE id = {}", id);
      case 14:
        return fmt::format("INSERT INTO f VALUES ('{} {}', '{}')", text(6), text(4), text(200));
      case 15:
        return fmt::format("UPDATE f SET x = '{}' WHERE rowid % 4 = {}", text(20), below(4));
      case 16:
        return fmt::format("DELETE FROM f WHERE f MATCH '{}*'", static_cast<char>('a' + below(26)));
      case 17:
        return fmt::format("INSERT OR REPLACE INTO r VALUES ({0}, {1}, {1} + 5, {2}, {2} + 9)", id,
                           below(100), below(100));
      case 18:
        return fmt::format("DELETE FROM r WHERE x0 > {}", below(120));
      case 19:
        return fmt::format(
            "CREATE TABLE IF NOT EXISTS x{0}(a, b DEFAULT {0}); INSERT INTO x{0}(a) VALUES "
            "('{1}'), (zeroblob({2}))",
            below(4), text(20), below(20'000));
      case 20:
        return fmt::format("DROP TABLE IF EXISTS x{}", below(4));
      case 21:
        return below(2) == 0
                   ? fmt::format("CREATE INDEX IF NOT EXISTS xi{0} ON a(s, {0})", below(3))
                   : fmt::format("DROP INDEX IF EXISTS xi{}", below(3));
      case 22:
        return fmt::format("INSERT INTO seq(v) VALUES ('{}')", text(50));
      case 23:
        return "INSERT INTO f(f) VALUES ('optimize')";
      case 24:
        return below(3) == 0 ? std::string("DELETE FROM a")
                             : fmt::format("DELETE FROM log WHERE rowid % 3 = {}", below(3));
      default:
        return below(4) == 0
                   ? fmt::format("ALTER TABLE x{} ADD COLUMN c{} DEFAULT 'd'", below(4), below(3))
                   : std::string("REINDEX");
    }
  }

  std::mt19937_64 random_;
  test::SqlObject object_{Limits::workerd()};
  Reference reference_;
  std::vector<SqlCursor> open_;
  bool inTurn_ = false;
  int scopes_ = 0;
  int step_ = 0;
};

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

TEST(SqlDifferentialTest, RandomHistoriesGiveWhatPlainSqliteGives) {
  std::uint64_t only = setting("CAIRN_SQL_SEED", 0);
  std::uint64_t seeds = only != 0 ? 1 : setting("CAIRN_SQL_SEEDS", 12);
  for (std::uint64_t i = 1; i <= seeds; ++i) {
    std::uint64_t seed = only != 0 ? only : i;
    SCOPED_TRACE(fmt::format("CAIRN_SQL_SEED={}", seed));
    History(seed).play(400);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace cairn
