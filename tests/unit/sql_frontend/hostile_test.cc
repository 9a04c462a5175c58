// Goal: no SQL text, however hostile, reaches out of its object (T13 in the reliability rules).
// Each is refused, or does what it says within its budgets; afterwards other objects, and the KV
// half of the same object, are as they were, and no file has appeared that is not the engine's.
//
// Method: one object per statement, with tables, a view, a trigger, full-text and R*Tree tables.
// The texts are tables: what must be refused, what may run, and what is generated for every pragma,
// function and module that some build of SQLite knows.
#include <cairn/engine.h>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

enum class Must { kBeRefused, kBeHarmless };

class HostileTest : public ::testing::Test {
 protected:
  HostileTest() {
    open();
    run("bystander", [](Storage& s) {
      s.kv().put("secret", std::string("untouched"));
      s.sql().exec("CREATE TABLE t(a); INSERT INTO t VALUES ('untouched')");
    });
  }

  void open() {
    EngineOptions options;
    options.root = directory_ / "root";
    options.clock = &clock_;
    options.journalSegmentBytes = 1 << 20;
    options.storeMapBytes = 1 << 20;
    options.idleCheckpointMs = 1'000'000;
    options.limits.cpuMs = cpuMs_;
    options.limits.sqlTempBytesMax = 8 << 20;
    options.limits.transactionBytesMax = 16 << 20;
    options.limits.objectBytesMax = 32 << 20;
    engine_ = Engine::open(options);
  }

  void run(const std::string& name, const std::function<void(Storage&)>& work) {
    engine_->turn(engine_->object("Hostile", name), [&](Storage& s) { work(s); });
  }

  // Runs the text in an object of its own; "" when nothing was thrown.
  std::string attack(const std::string& text) {
    std::string name = fmt::format("victim-{}", ++attacks_);
    run(name, [](Storage& s) {
      s.kv().put("mine", std::int64_t{42});
      s.sql().exec(
          "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1,'x'),(2,'y');"
          "CREATE VIEW v AS SELECT * FROM t;"
          "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('hello world');"
          "CREATE VIRTUAL TABLE r USING rtree(id,x0,x1); INSERT INTO r VALUES (1,0,1)");
    });
    sqlite3_memory_highwater(1);
    std::string error;
    try {
      run(name, [&](Storage& s) {
        try {
          SqlCursor cursor = s.sql().exec(text);
          for (int rows = 0; rows < 2'000'000 && cursor.nextRaw(); ++rows) {
          }
          (void)cursor.rowsRead();
          (void)cursor.rowsWritten();
        } catch (const Error& thrown) {
          error = thrown.what();
        }
      });
    } catch (const Error& lost) {
      error += fmt::format(" (turn: {})", lost.what());
    }
    EXPECT_LT(sqlite3_memory_highwater(0), std::int64_t{192} << 20) << text.substr(0, 200);
    run(name, [&](Storage& s) {
      EXPECT_EQ(s.kv().get<std::int64_t>("mine"), 42) << text.substr(0, 200);
      EXPECT_EQ(std::get<std::string>(s.sql().exec("PRAGMA quick_check").one()[0]), "ok")
          << text.substr(0, 200);
      // The connection works as before: settings that protect are still on.
      EXPECT_THROW((void)s.sql().exec("DELETE FROM sqlite_schema"), SqlError);
      EXPECT_THROW((void)s.sql().exec("DELETE FROM f_data"), SqlError);
    });
    checkBystander();
    return error;
  }

  void attack(const std::string& text, Must must) {
    std::string error = attack(text);
    if (must == Must::kBeRefused) EXPECT_NE(error, "") << text.substr(0, 200);
  }

  void checkBystander() {
    run("bystander", [](Storage& s) {
      EXPECT_EQ(s.kv().get<std::string>("secret"), "untouched");
      EXPECT_EQ(std::get<std::string>(s.sql().exec("SELECT a FROM t").one()[0]), "untouched");
    });
  }

  // Every file below the directory is one that the engine makes.
  void checkFiles() {
    engine_->checkpoint();
    std::set<std::string> strange;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      std::string path = fs::relative(entry.path(), directory_ / "root").string();
      bool ours = path == "." || path == "LOCK" || path == "FORMAT" || path == "journal" ||
                  path == "store" || path == "sql" || path == "changes" || path == "scratch" ||
                  path.starts_with("journal/") || path.starts_with("store/") ||
                  path.starts_with("changes/") || path.starts_with("scratch") ||
                  (path.starts_with("sql/") && (entry.is_directory() || path.ends_with(".sqlite")));
      if (!ours) strange.insert(path);
    }
    EXPECT_THAT(strange, ::testing::IsEmpty());
    for (const char* name : {"evil", "evil.db", "evil.sqlite", "evil.db-journal", "evil.db-wal"}) {
      EXPECT_FALSE(fs::exists(name)) << name;
      EXPECT_FALSE(fs::exists(fs::temp_directory_path() / name)) << name;
      EXPECT_FALSE(fs::exists(fs::path(directory_.path()) / name)) << name;
    }
  }

  void TearDown() override {
    checkFiles();
    engine_->close();
    engine_.reset();
    open();
    checkBystander();
    EXPECT_TRUE(engine_->recovery().cleanlyClosed);
  }

  test::TemporaryDirectory directory_;
  test::ManualClock clock_;
  std::unique_ptr<Engine> engine_;
  std::uint64_t cpuMs_ = 40;
  int attacks_ = 0;
};

TEST_F(HostileTest, ReachingForFiles) {
  for (const char* text : {"ATTACH 'evil.db' AS e",
                           "ATTACH '/tmp/evil.db' AS e",
                           "ATTACH 'file:evil.db?mode=rwc' AS e",
                           "ATTACH '../evil.db' AS e",
                           "ATTACH '' AS e",
                           "ATTACH ':memory:' AS e",
                           "ATTACH (SELECT 'evil.db') AS e",
                           "ATTACH 'evil.db' AS e; CREATE TABLE e.t(a)",
                           "DETACH main",
                           "DETACH temp",
                           "VACUUM",
                           "VACUUM main",
                           "VACUUM INTO 'evil.db'",
                           "VACUUM INTO '/tmp/evil.db'",
                           "VACUUM main INTO (SELECT '/tmp/evil.db')",
                           "EXPLAIN VACUUM INTO 'evil.db'",
                           "SELECT load_extension('evil')",
                           "SELECT load_extension('./evil.so', 'entry')",
                           "SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6')",
                           "SELECT readfile('/etc/passwd')",
                           "SELECT writefile('evil', 'x')",
                           "SELECT writefile('/tmp/evil', 'x')",
                           "SELECT edit('x')",
                           "SELECT * FROM fsdir('/')",
                           "SELECT * FROM fsdir('.')",
                           "SELECT lsmode(1)",
                           "CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')",
                           "CREATE VIRTUAL TABLE x USING zipfile('evil')",
                           "SELECT zipfile('a', 'b')",
                           "SELECT * FROM zipfile('/tmp/evil.zip')",
                           "SELECT zipblob('x')",
                           "SELECT sqlar_uncompress(x'00', 1000000000)",
                           "PRAGMA temp_store_directory = '/tmp'",
                           "PRAGMA data_store_directory = '/tmp'",
                           "PRAGMA journal_mode = DELETE",
                           "PRAGMA journal_mode = WAL",
                           "PRAGMA journal_mode = OFF",
                           "PRAGMA locking_mode = NORMAL",
                           "PRAGMA synchronous = FULL",
                           "PRAGMA main.journal_mode = PERSIST",
                           "PRAGMA wal_checkpoint(TRUNCATE)",
                           "PRAGMA mmap_size = 1000000000",
                           "PRAGMA page_size = 512",
                           "PRAGMA auto_vacuum = FULL",
                           "PRAGMA incremental_vacuum",
                           "PRAGMA activate_extensions('x')",
                           "PRAGMA key = 'x'",
                           "PRAGMA rekey = 'x'",
                           "PRAGMA lock_proxy_file = 'evil'",
                           "SELECT * FROM pragma_database_list",
                           "PRAGMA database_list",
                           "SELECT * FROM pragma_journal_mode('wal')"})
    attack(text, Must::kBeRefused);
}

TEST_F(HostileTest, WritingTheSchema) {
  for (const char* text :
       {"PRAGMA writable_schema = ON",
        "PRAGMA writable_schema = RESET",
        "PRAGMA main.writable_schema = 1",
        "PRAGMA\twritable_schema\n=\nON",
        "PRAGMA [writable_schema] = ON",
        "PRAGMA schema_version = 1",
        "PRAGMA trusted_schema = ON",
        "PRAGMA user_version = 7",
        "PRAGMA application_id = 7",
        "INSERT INTO sqlite_schema VALUES ('table','e','e',2,'CREATE TABLE e(a)')",
        "UPDATE sqlite_schema SET rootpage = 1",
        "UPDATE sqlite_master SET sql = 'CREATE TABLE t(a'",
        "DELETE FROM sqlite_master",
        "DELETE FROM main.sqlite_schema WHERE name = 't'",
        "DROP TABLE sqlite_schema",
        "DROP TABLE sqlite_master",
        "ALTER TABLE sqlite_master RENAME TO m",
        "ALTER TABLE sqlite_schema ADD COLUMN x",
        "CREATE TABLE sqlite_evil(a)",
        "CREATE TABLE \"sqlite_evil\"(a)",
        "CREATE VIEW sqlite_evil AS SELECT 1",
        "CREATE INDEX sqlite_evil ON t(b)",
        "CREATE TRIGGER sqlite_evil AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE sqlite_evil USING fts5(x)",
        "ALTER TABLE t RENAME TO sqlite_evil",
        "CREATE TRIGGER e AFTER INSERT ON sqlite_master BEGIN SELECT 1; END",
        "CREATE INDEX e ON sqlite_master(sql)",
        "WITH x AS (SELECT 1) DELETE FROM sqlite_master",
        "REPLACE INTO sqlite_master(rowid) VALUES (1)",
        "INSERT INTO sqlite_temp_master VALUES ('table','e','e',2,'CREATE TABLE e(a)')",
        "DELETE FROM f_data",
        "DELETE FROM f_idx",
        "UPDATE f_content SET c0 = zeroblob(10)",
        "INSERT INTO f_data VALUES (1, x'00')",
        "REPLACE INTO f_data VALUES (10, x'ffffffff')",
        "DROP TABLE f_data",
        "DROP TABLE f_docsize",
        "ALTER TABLE f_data RENAME TO g",
        "ALTER TABLE f_config ADD COLUMN x",
        "CREATE TRIGGER e AFTER INSERT ON f_data BEGIN SELECT 1; END",
        "CREATE TRIGGER e AFTER INSERT ON f_data BEGIN SELECT 1; END",
        "CREATE TRIGGER e BEFORE UPDATE ON F_CONTENT BEGIN DELETE FROM f_data; END",
        "CREATE TRIGGER e AFTER DELETE ON main.r_node BEGIN SELECT 1; END",
        "DELETE FROM r_node",
        "UPDATE r_node SET data = x'00'",
        "INSERT INTO r_parent VALUES (1,1)",
        "DROP TABLE r_rowid",
        "UPDATE r_node SET data = zeroblob(100000)",
        "CREATE TRIGGER e AFTER INSERT ON t BEGIN DELETE FROM f_data; END; INSERT INTO t VALUES "
        "(9,9)",
        "CREATE TRIGGER e AFTER INSERT ON t BEGIN UPDATE sqlite_schema SET sql=''; END; INSERT "
        "INTO t VALUES (9,9)",
        "CREATE VIEW e AS SELECT * FROM sqlite_schema; DELETE FROM e",
        "SELECT sqlite_rename_table(1,2,3,4,5,6,7)",
        "SELECT sqlite_drop_column(1,2,3)",
        "SELECT sqlite_rename_test(1,2,3,4,5,6)",
        "CREATE TABLE e(a DEFAULT (sqlite_rename_quotefix('main', 'x')))",
        "CREATE TABLE e(a CHECK (sqlite_fail('x','y')))"})
    attack(text, Must::kBeRefused);
}

TEST_F(HostileTest, ReservedNames) {
  for (const char* kind :
       {"CREATE TABLE {}(a)", "CREATE TABLE {} AS SELECT 1", "CREATE VIEW {} AS SELECT 1",
        "CREATE INDEX {} ON t(b)", "CREATE TRIGGER {} AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE {} USING fts5(x)", "CREATE VIRTUAL TABLE {} USING rtree(a,b,c)",
        "ALTER TABLE t RENAME TO {}", "ALTER TABLE f RENAME TO {}",
        "ALTER TABLE main.t RENAME TO {}"}) {
    for (const char* name : {"_cf_KV", "_CF_METADATA", "\"_cf_x\"", "[_Cf_x]", "`_cf_`", "'_cf_x'"})
      attack(fmt::format(fmt::runtime(kind), name), Must::kBeRefused);
  }
  for (const char* text :
       {"ALTER TABLE/**/t RENAME/*x*/TO --y\n _cf_x",
        "\xef\xbb\xbf"
        "ALTER TABLE t RENAME TO _cf_x",
        "ALTER TABLE \"main\".\"t\" RENAME TO \"_cf_x\"", "ALTER TABLE [t]RENAME TO[_cf_x]",
        "PRAGMA table_info(_cf_KV)", "PRAGMA index_list('_cf_KV')", "SELECT * FROM _cf_KV",
        "SELECT * FROM pragma_table_info('_cf_KV')", "DELETE FROM _cf_KV", "DROP TABLE _cf_KV",
        "SAVEPOINT _cf_x", "REINDEX _cf_KV"})
    attack(text, Must::kBeRefused);
}

TEST_F(HostileTest, TransactionsBehindTheEngine) {
  for (const char* text :
       {"BEGIN", "BEGIN EXCLUSIVE", "COMMIT", "END TRANSACTION", "ROLLBACK", "SAVEPOINT s",
        "RELEASE s", "ROLLBACK TO s", "INSERT INTO t VALUES (7,7); COMMIT",
        "INSERT INTO t VALUES (7,7); ROLLBACK; INSERT INTO t VALUES (8,8)", "SELECT 1; BEGIN",
        "INSERT OR ROLLBACK INTO t VALUES (1,1)", "UPDATE OR ROLLBACK t SET a = 1",
        "CREATE TRIGGER e AFTER INSERT ON t BEGIN SELECT RAISE(ROLLBACK,'x'); END; INSERT INTO t "
        "VALUES (5,5)",
        "CREATE TABLE e(a UNIQUE ON CONFLICT ROLLBACK); INSERT INTO e VALUES (1),(1)",
        "CREATE TABLE c(p REFERENCES nowhere); INSERT INTO c VALUES (1)",
        "CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY "
        "DEFERRED); "
        "INSERT INTO c VALUES (1)"})
    attack(text, Must::kBeRefused);
}

TEST_F(HostileTest, BombsOfTimeAndMemory) {
  const std::string endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) ";
  for (const char* body : {"SELECT count(*) FROM r",
                           "SELECT n FROM r",
                           "SELECT sum(n) FROM r",
                           "SELECT n FROM r ORDER BY n",
                           "SELECT DISTINCT n, hex(zeroblob(1000)) FROM r",
                           "SELECT count(*) FROM r a, r b",
                           "SELECT group_concat(n) FROM r",
                           "SELECT json_group_array(n) FROM r",
                           "SELECT json_group_object(n, n) FROM r",
                           "SELECT n, sum(n) OVER () FROM r",
                           "INSERT INTO t SELECT n + 10, hex(zeroblob(1000)) FROM r",
                           "INSERT INTO t(b) SELECT n FROM r RETURNING *",
                           "INSERT INTO f SELECT hex(randomblob(20)) FROM r",
                           "INSERT INTO r SELECT n + 5, n, n FROM r",
                           "UPDATE t SET b = (SELECT max(n) FROM r)",
                           "DELETE FROM t WHERE a IN (SELECT -n FROM r)",
                           "SELECT n FROM r UNION SELECT 1",
                           "SELECT n FROM r EXCEPT SELECT n FROM r",
                           "SELECT max(n) FROM r GROUP BY n % 2",
                           "SELECT count(*) FROM r WHERE n IN (SELECT n FROM r)",
                           "SELECT median FROM (SELECT n AS median FROM r ORDER BY -n)"})
    attack(endless + body, Must::kBeRefused);
  for (const char* text :
       {"SELECT zeroblob(2147483647)", "SELECT zeroblob(9223372036854775807)",
        "SELECT randomblob(2000000000)", "SELECT hex(zeroblob(2000000))",

        "SELECT replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000000)))",
        "SELECT char(1114112) || zeroblob(2097152)", "INSERT INTO t VALUES (9, zeroblob(2097153))",
        "SELECT quote(zeroblob(2000000))", "SELECT group_concat(zeroblob(1000000)) FROM t, t AS t2",
        "SELECT json_quote(hex(zeroblob(2000000)))",
        "WITH RECURSIVE x(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM x) SELECT max(length(s)) "
        "FROM x",
        "WITH RECURSIVE a(x) AS (SELECT 1 UNION SELECT x + 1 FROM a) SELECT * FROM a, a b, a c",
        "SELECT count(*) FROM json_each(json_array(1)), json_each('[' || "
        "substr(hex(zeroblob(999999)), 1, 1000000) || ']')",
        "CREATE TABLE e(a); CREATE TRIGGER et AFTER INSERT ON e BEGIN INSERT INTO e VALUES (new.a "
        "+ 1); END; "
        "PRAGMA recursive_triggers = ON; INSERT INTO e VALUES (1)",
        "CREATE TABLE e(a); CREATE TRIGGER et AFTER INSERT ON e BEGIN UPDATE e SET a = a + 1; END; "
        "CREATE TRIGGER eu AFTER UPDATE ON e BEGIN INSERT INTO e VALUES (1); END; PRAGMA "
        "recursive_triggers = ON; "
        "INSERT INTO e VALUES (1)",
        "CREATE VIEW a AS SELECT * FROM b; CREATE VIEW b AS SELECT * FROM a; SELECT * FROM a",
        "CREATE VIEW a AS SELECT * FROM a; SELECT * FROM a", "SELECT abs(-9223372036854775808)"})
    attack(text, Must::kBeRefused);
  for (const char* text : {"SELECT printf('%s', printf('%1000d', 1))",
                           "SELECT length(printf('%99999d', 1))",
                           "SELECT 1 / 0, 1 % 0, 1.0 / 0",
                           "SELECT -9223372036854775808 / -1",
                           "SELECT -9223372036854775808 % -1",
                           "SELECT 9223372036854775807 + 1",
                           "SELECT substr('x', -9223372036854775808, 9223372036854775807)",
                           "SELECT round(1e308, 2147483647)",
                           "SELECT trim(hex(zeroblob(500000)), '0')",
                           "SELECT date('now', '+9999999999 years')",
                           "SELECT julianday(1e300)",
                           "SELECT strftime('%f %J %s %w', 'now', 'localtime', 'utc')",
                           "SELECT printf('%n%n%n%s')",
                           "SELECT printf('%2000000000d', 1)",
                           "SELECT printf('%.2000000000f', 1.0)",
                           "SELECT printf('%.*c', 5000000, 'x')",
                           "SELECT printf('%.99999999s', zeroblob(2000000)) || zeroblob(2000000)",
                           "SELECT printf('%')",
                           "SELECT printf('%!#x%-+ 0,05.3lld%q%Q%w%z', 1,2,3,4,5,6)",
                           "SELECT json('1e999')",
                           "SELECT CAST(zeroblob(1000) AS INTEGER)",
                           "SELECT soundex(zeroblob(100000))",
                           "SELECT likelihood(1, 1.0), unlikely(0)",
                           "SELECT count(*) FROM t a, t b, t c, t d",
                           "SELECT instr(hex(zeroblob(20000)), hex(zeroblob(10000)) || '1')",
                           "SELECT group_concat(b, hex(zeroblob(1000))) FROM t",
                           "SELECT unicode(char(1114111)), char(0), char(-1), hex(char(55296))",
                           "SELECT typeof(zeroblob(-5)), length(randomblob(-1))"})
    attack(text, Must::kBeHarmless);
}

TEST_F(HostileTest, DeepAndWideTexts) {
  auto repeat = [](const std::string& piece, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += piece;
    return text;
  };
  auto wrap = [&](const std::string& open, const std::string& inner, const std::string& close,
                  int count) { return repeat(open, count) + inner + repeat(close, count); };
  for (const std::string& text : std::initializer_list<std::string>{
           "SELECT " + wrap("(", "1", ")", 40'000),
           "SELECT " + wrap("abs(", "1", ")", 10'000),
           "SELECT " + repeat("-", 49'000) + "1",
           "SELECT " + repeat("NOT ", 20'000) + "1",
           "SELECT " + repeat("1+", 45'000) + "1",
           "SELECT " + repeat("1 AND ", 15'000) + "1",
           "SELECT " + repeat("'x'||", 15'000) + "'x'",
           wrap("SELECT * FROM (", "SELECT 1", ")", 5'000),
           wrap("SELECT (", "SELECT 1", ")", 5'000),
           wrap("WITH a AS (", "SELECT 1", ") SELECT * FROM a", 3'000),
           "SELECT " + wrap("CASE WHEN 1 THEN ", "1", " END", 3'500),
           "SELECT 1 WHERE 1 IN " + wrap("(SELECT 1 WHERE 1 IN ", "(1)", ")", 3'000),
           repeat("SELECT 1 UNION ALL ", 5'000) + "SELECT 1",
           "SELECT " + repeat("1,", 40'000) + "1",
           "SELECT " + repeat("?,", 40'000) + "?",
           "CREATE TABLE e(" + repeat("a INT,", 10'000) + "b)",
           "SELECT * FROM " + repeat("t,", 100) + "t",
           "SELECT 1 LIKE '" + repeat("%", 60) + "'",
           "SELECT 'x' GLOB '" + repeat("[a-z]*", 20) + "'",
           "SELECT max(" + repeat("1,", 100) + "1)",
           "SELECT 'x' LIKE 'x' ESCAPE 'xx'",
           "INSERT INTO t VALUES " + repeat("(NULL,1),", 9'000) + "(1,1)",
           "SELECT f FROM f WHERE f MATCH '" + repeat("(", 20'000) + "a'",
           "SELECT * FROM f('" + repeat("a AND ", 10'000) + "')",
           "SELECT * FROM f WHERE f MATCH '" + repeat("NOT ", 1'000) + "a'",
           "SELECT json('" + repeat("[", 50'000) + repeat("]", 49'000) + "')",
           "CREATE TABLE e(a CHECK (" + repeat("a>1 AND ", 8'000) + "a>1))",
           "SELECT 1 FROM t ORDER BY " + repeat("1,", 30'000) + "1",
           "UPDATE t SET " + repeat("b=1,", 20'000) + "b=1, nothing=1",
           repeat("x", 100'001),
           repeat(";", 100'001),
           "SELECT x'" + repeat("0", 99'001) + "'",
           "CREATE INDEX e ON t(" + repeat("b,", 2'000) + "b)",
           "SELECT '" + repeat("x", 90'000),
           "SELECT \"" + repeat("x", 90'000),
           "SELECT [" + repeat("x", 90'000),
           "SELECT $" + repeat("::x", 30'000)})
    attack(text, Must::kBeRefused);
  for (const std::string& text : std::initializer_list<std::string>{
           "SELECT 'x' LIKE '" + repeat("%_", 25) + "'",
           "SELECT hex(zeroblob(500000)) LIKE '" + repeat("%0", 24) + "%1'",
           "SELECT hex(zeroblob(500000)) GLOB '" + repeat("*0", 24) + "*1'",
           "/*" + repeat("/*", 40'000) + "*/ SELECT 1", "SELECT 1" + repeat(" ", 90'000),
           repeat("SELECT 1;", 10'000), repeat(";", 90'000) + "SELECT 1",
           "--" + repeat("-", 90'000) + "\nSELECT 1",
           "SELECT json_valid('" + repeat("[", 45'000) + repeat("]", 45'000) + "')",
           "SELECT json_valid('" + repeat("{\"a\":", 15'000) + "1')",
           "SELECT count(*) FROM (VALUES " + repeat("(1),", 20'000) + "(1))",
           "SELECT * FROM f('" + repeat("a ", 200) + "')",
           "SELECT 1 AS \"" + repeat("x", 90'000) + "\"",
           "CREATE TABLE \"" + repeat("x", 40'000) + "\"(a)",
           "SELECT '" + repeat("''", 40'000) + "'", "SELECT 0x" + repeat("0", 50'000) + "1",
           "SELECT 1e" + repeat("9", 300)})
    attack(text, Must::kBeHarmless);
}

// Chains that SQLite compiles by recursion, as long as the schema may be: they must not reach the
// end of the stack.
TEST_F(HostileTest, ChainsOfViewsTriggersAndKeys) {
  cpuMs_ = 20'000;  // Two thousand statements in a turn.
  engine_->close();
  engine_.reset();
  open();
  auto chain = [&](const char* link, const char* end) {
    run("chain", [&](Storage& s) {
      s.deleteAll();
      s.sql().exec("CREATE TABLE e0(a INTEGER PRIMARY KEY); INSERT INTO e0 VALUES (1)");
      int links = 0;
      try {
        for (;; ++links) s.sql().exec(fmt::format(fmt::runtime(link), links + 1, links));
      } catch (const SqlError& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr("are allowed"));
      }
      EXPECT_GT(links, 900);
    });
    // A new connection knows nothing of the schema and goes through all of it.
    engine_->close();
    engine_.reset();
    open();
    run("chain", [&](Storage& s) {
      auto [last] = s.sql()
                        .exec("SELECT count(*) - 1 FROM sqlite_schema WHERE name GLOB 'e*'")
                        .one<std::int64_t>();
      try {
        (void)s.sql().exec(fmt::format(fmt::runtime(end), last)).toRawArray();
      } catch (const Error&) {
      }
    });
    checkBystander();
  };
  chain("CREATE VIEW e{0} AS SELECT * FROM e{1}", "SELECT * FROM e{0}");
  chain(
      "CREATE TABLE e{0}(a); CREATE TRIGGER tr{0} AFTER INSERT ON e{0} BEGIN INSERT INTO e{1} "
      "VALUES (new.a); END",
      "INSERT INTO e{0} VALUES (5)");
  chain("CREATE TABLE e{0}(a INTEGER PRIMARY KEY REFERENCES e{1} ON DELETE CASCADE)",
        "DELETE FROM e0");
}

TEST_F(HostileTest, EveryPragma) {
  // Of SQLite 3.40 and later, of its debugging builds and of its derivatives.
  constexpr const char* kNames[] = {"analysis_limit",
                                    "application_id",
                                    "auto_vacuum",
                                    "automatic_index",
                                    "busy_timeout",
                                    "cache_size",
                                    "cache_spill",
                                    "case_sensitive_like",
                                    "cell_size_check",
                                    "checkpoint_fullfsync",
                                    "collation_list",
                                    "compile_options",
                                    "count_changes",
                                    "data_store_directory",
                                    "data_version",
                                    "database_list",
                                    "default_cache_size",
                                    "defer_foreign_keys",
                                    "empty_result_callbacks",
                                    "encoding",
                                    "foreign_key_check",
                                    "foreign_key_list",
                                    "foreign_keys",
                                    "freelist_count",
                                    "full_column_names",
                                    "fullfsync",
                                    "function_list",
                                    "hard_heap_limit",
                                    "hexkey",
                                    "ignore_check_constraints",
                                    "incremental_vacuum",
                                    "index_info",
                                    "index_list",
                                    "index_xinfo",
                                    "integrity_check",
                                    "journal_mode",
                                    "journal_size_limit",
                                    "key",
                                    "legacy_alter_table",
                                    "legacy_file_format",
                                    "lock_proxy_file",
                                    "lock_status",
                                    "locking_mode",
                                    "max_page_count",
                                    "mmap_size",
                                    "module_list",
                                    "optimize",
                                    "page_count",
                                    "page_size",
                                    "parser_trace",
                                    "pragma_list",
                                    "query_only",
                                    "quick_check",
                                    "read_uncommitted",
                                    "recursive_triggers",
                                    "rekey",
                                    "reverse_unordered_selects",
                                    "schema_version",
                                    "secure_delete",
                                    "short_column_names",
                                    "shrink_memory",
                                    "soft_heap_limit",
                                    "sql_trace",
                                    "stats",
                                    "synchronous",
                                    "table_info",
                                    "table_list",
                                    "table_xinfo",
                                    "temp_store",
                                    "temp_store_directory",
                                    "textkey",
                                    "threads",
                                    "trusted_schema",
                                    "user_version",
                                    "vdbe_addoptrace",
                                    "vdbe_debug",
                                    "vdbe_listing",
                                    "vdbe_trace",
                                    "wal_autocheckpoint",
                                    "wal_checkpoint",
                                    "writable_schema"};
  const std::set<std::string> allowed = {"case_sensitive_like",
                                         "data_version",
                                         "defer_foreign_keys",
                                         "foreign_key_check",
                                         "foreign_key_list",
                                         "foreign_keys",
                                         "ignore_check_constraints",
                                         "index_info",
                                         "index_list",
                                         "index_xinfo",
                                         "legacy_alter_table",
                                         "optimize",
                                         "page_size",
                                         "quick_check",
                                         "recursive_triggers",
                                         "reverse_unordered_selects",
                                         "table_info",
                                         "table_list",
                                         "table_xinfo"};
  for (const char* name : kNames) {
    Must must = allowed.contains(name) ? Must::kBeHarmless : Must::kBeRefused;
    attack(fmt::format("PRAGMA {}; SELECT 1", name),
           must == Must::kBeRefused ? must : Must::kBeHarmless);
    attack(fmt::format("PRAGMA main.{} = 1", name), must);
    attack(fmt::format("PRAGMA {}('/tmp/evil.db')", name), must);
    attack(fmt::format("SELECT * FROM pragma_{}", name), must);
  }
}

TEST_F(HostileTest, FunctionsAndModulesThatAreNotOurs) {
  for (const char* name : {"fts3_tokenizer",
                           "load_extension",
                           "readfile",
                           "writefile",
                           "edit",
                           "sqlite_log",
                           "sqlite_version",
                           "sqlite_source_id",
                           "sqlite_compileoption_get",
                           "sqlite_compileoption_used",
                           "sqlite_offset",
                           "subtype",
                           "matchinfo",
                           "offsets",
                           "optimize",
                           "snippet",
                           "rtreenode",
                           "rtreedepth",
                           "sha3_query",
                           "usleep",
                           "zipfile",
                           "zipblob",
                           "sqlar_compress",
                           "shell_add_schema",
                           "regexp",
                           "geopoly_blob",
                           "geopoly_debug",
                           "fts5",
                           "fts5_expr",
                           "fts5_decode",
                           "fts5_isalnum",
                           "fts5_source_id",
                           "sqlite_rename_column",
                           "sqlite_rename_test",
                           "implies_nonnull_row",
                           "expr_compare",
                           "affinity",
                           "sqlite_unsupported_offset",
                           "sqlite_crypt",
                           "toreal",
                           "eval",
                           "exec",
                           "system"}) {
    for (const char* arguments : {"", "1", "'/tmp/evil', 1", "t", "f, 1"})
      attack(fmt::format("SELECT {}({}) FROM t, f", name, arguments), Must::kBeRefused);
  }
  for (const char* module : {"fts3",          "fts4",          "fts3tokenize",
                             "fts4aux",       "dbstat",        "sqlite_stmt",
                             "geopoly",       "csv",           "vsv",
                             "zipfile",       "fsdir",         "bytecode",
                             "tables_used",   "sqlite_dbpage", "sqlite_dbptr",
                             "sqlite_dbdata", "completion",    "generate_series",
                             "json_each",     "json_tree",     "pragma_table_info",
                             "echo",          "swarmvtab",     "unionvtab",
                             "memstat",       "carray",        "spellfix1",
                             "closure",       "amatch",        "wholenumber",
                             "unknown"}) {
    attack(fmt::format("CREATE VIRTUAL TABLE e USING {}(a, b)", module), Must::kBeRefused);
    attack(fmt::format("CREATE VIRTUAL TABLE e USING \"{}\"", module), Must::kBeRefused);
  }
  for (const char* text :
       {"CREATE VIRTUAL TABLE e USING fts5(x, tokenize='/tmp/evil.so')",
        "CREATE VIRTUAL TABLE e USING fts5(x, tokenize='nothing')",
        "CREATE VIRTUAL TABLE e USING fts5(x, content='sqlite_schema'); INSERT INTO e(e) VALUES "
        "('rebuild'); SELECT * FROM e",
        "CREATE VIRTUAL TABLE e USING fts5(x, prefix='1000')",
        "CREATE VIRTUAL TABLE e USING fts5vocab('sqlite_schema','row'); SELECT * FROM e",
        "CREATE VIRTUAL TABLE e USING fts5vocab('temp','f','row')",
        "CREATE VIRTUAL TABLE e USING fts5vocab('f','nothing')",
        "CREATE VIRTUAL TABLE e USING rtree(id)", "CREATE VIRTUAL TABLE e USING rtree(id,a)",
        "CREATE VIRTUAL TABLE e USING rtree()", "INSERT INTO f(f) VALUES ('no-such-command')",
        "INSERT INTO f(f, rank) VALUES ('pgsz', -1)",
        "INSERT INTO f(f,rank) VALUES ('crisismerge', 'x')", "SELECT * FROM f WHERE f MATCH '\"'",
        "SELECT * FROM f WHERE f MATCH 'x:y'", "SELECT * FROM f WHERE f MATCH 'NEAR(a b, x)'",
        "SELECT rtreecheck('sqlite_schema')", "INSERT INTO r VALUES (1, 5, 1)",
        "INSERT INTO r VALUES (2, 'x', x'00')"})
    attack(text, Must::kBeHarmless);
}

// What stands in the journal and the store after all of it is what another process reads.
TEST_F(HostileTest, DatabasesStayReadableWhenTheEngineIsClosed) {
  attack("INSERT INTO t SELECT value + 100, hex(zeroblob(500)) FROM json_each('[1,2,3,4,5,6,7,8]')",
         Must::kBeHarmless);
  attack("DROP TABLE t; CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1,1)",
         Must::kBeHarmless);
  engine_->close();
  engine_.reset();
  int databases = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory_ / "root/sql")) {
    if (!entry.is_regular_file()) continue;
    ++databases;
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open_v2(entry.path().c_str(), &db, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    sqlite3_stmt* check = nullptr;
    sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &check, nullptr);
    ASSERT_EQ(sqlite3_step(check), SQLITE_ROW);
    EXPECT_STREQ(reinterpret_cast<const char*>(sqlite3_column_text(check, 0)), "ok");
    sqlite3_finalize(check);
    sqlite3_close(db);
  }
  EXPECT_GE(databases, 3);
  open();
}

}  // namespace
}  // namespace cairn
