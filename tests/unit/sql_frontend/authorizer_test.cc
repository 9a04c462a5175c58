// Goal: SQL can do what the platform allows and nothing that reaches outside the object or into
// what is not the application's: statements, pragmas, functions, modules and names are judged by
// allow-lists, whatever way they are written.
#include "sql_frontend/authorizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "sql_frontend/tokens.h"
#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class AuthorizerTest : public ::testing::Test {
 protected:
  AuthorizerTest() {
    object_.exec("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
    object_.exec("INSERT INTO t VALUES (1,'x')");
    object_.commit();
  }
  void expectDenied(const std::string& text) {
    EXPECT_EQ(object_.error(text), "not authorized: SQLITE_AUTH") << text;
  }
  void expectAllowed(const std::string& text) { EXPECT_EQ(object_.error(text), "") << text; }

  test::SqlObject object_;
};

TEST_F(AuthorizerTest, TransactionsAreTheEngines) {
  for (const char* text :
       {"BEGIN", "BEGIN IMMEDIATE", "COMMIT", "END", "ROLLBACK", "SAVEPOINT x", "RELEASE x",
        "ROLLBACK TO x", "begin transaction", "/* */ BEGIN", "EXPLAIN BEGIN"}) {
    EXPECT_THAT(object_.error(text), StartsWith("use transaction() or transactionSync()")) << text;
  }
  object_.enterScope();
  object_.exec("INSERT INTO t VALUES (2,'y')");
  EXPECT_NE(object_.error("ROLLBACK"), "");
  EXPECT_NE(object_.error("RELEASE scope_1"), "");
  object_.releaseScope();
  object_.commit();
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "2");
}

TEST_F(AuthorizerTest, StatementsThatReachOutAreDenied) {
  for (const char* text :
       {"ATTACH 'x.db' AS x", "ATTACH DATABASE ':memory:' AS x", "ATTACH '' AS x", "DETACH main",
        "CREATE TEMP TABLE x(a)", "CREATE TEMPORARY TABLE x AS SELECT 1", "CREATE TABLE temp.x(a)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END"}) {
    expectDenied(text);
  }
  for (const char* text :
       {"VACUUM", "VACUUM INTO 'copy.db'", "vacuum main", "EXPLAIN VACUUM",
        "EXPLAIN QUERY PLAN VACUUM", "-- c\n VACUUM", "/*x*/VACUUM/*y*/INTO 'z'"}) {
    EXPECT_THAT(object_.error(text), EndsWith("SQLITE_AUTH")) << text;
  }
}

TEST_F(AuthorizerTest, AllowedStatements) {
  for (const char* text : {"ANALYZE",
                           "ANALYZE t",
                           "REINDEX",
                           "REINDEX t",
                           "EXPLAIN SELECT 1",
                           "EXPLAIN QUERY PLAN SELECT * FROM t",
                           "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 "
                           "FROM r WHERE n < 5) SELECT * FROM r",
                           "UPDATE t SET b = 'z' ORDER BY a LIMIT 1",
                           "DELETE FROM t WHERE a = 9 LIMIT 1",
                           "SELECT * FROM sqlite_master",
                           "SELECT * FROM sqlite_schema",
                           "CREATE VIEW v AS SELECT * FROM t",
                           "DROP VIEW v",
                           "CREATE INDEX i ON t(b)",
                           "DROP INDEX i",
                           "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END",
                           "DROP TRIGGER tr",
                           "ALTER TABLE t ADD COLUMN c",
                           "ALTER TABLE t RENAME COLUMN c TO d",
                           "ALTER TABLE t DROP COLUMN d",
                           "ALTER TABLE t RENAME TO u",
                           "ALTER TABLE u RENAME TO t",
                           "SELECT * FROM sqlite_stat1"}) {
    expectAllowed(text);
  }
}

TEST_F(AuthorizerTest, Pragmas) {
  struct Case {
    const char* text;
    bool allowed;
  };
  const Case cases[] = {
      {"data_version", true},
      {"data_version=1", false},
      {"page_size", true},
      {"page_size=8192", false},
      {"case_sensitive_like=true", true},
      {"case_sensitive_like='off'", true},
      {"case_sensitive_like=maybe", false},
      {"foreign_keys", true},
      {"foreign_keys=1", true},
      {"foreign_keys=2", false},
      {"defer_foreign_keys=ON", true},
      {"ignore_check_constraints=no", true},
      {"legacy_alter_table", true},
      {"recursive_triggers=Yes", true},
      {"reverse_unordered_selects=0", true},
      {"foreign_key_list(t)", true},
      {"index_list('t')", true},
      {"index_info(i)", true},
      {"index_xinfo(i)", true},
      {"foreign_key_check", true},
      {"foreign_key_check(t)", true},
      {"table_info(t)", true},
      {"table_xinfo(\"t\")", true},
      {"table_info(_cf_x)", false},
      {"table_info(_CF_x)", false},
      {"index_list(_cf_x)", false},
      {"quick_check", true},
      {"quick_check(1)", true},
      {"quick_check(t)", true},
      {"quick_check(_cf_t)", false},
      {"optimize", true},
      {"optimize(0xfffe)", true},
      {"optimize(x)", false},
      {"table_list", true},
      {"main.table_list", true},
      {"temp.table_info(t)", false},
      {"main.journal_mode", false},
      {"TABLE_INFO(t)", true},
      {"nonexistent", false},
      {"\"journal_mode\"", false},
      {"journal_mode=WAL", false},
      {"writable_schema=ON", false},
      {"trusted_schema=1", false},
      {"user_version", false},
      {"user_version=5", false},
      {"temp_store_directory='/tmp'", false},
      {"cell_size_check", false},
      {"hard_heap_limit=1", false},
      {"locking_mode=NORMAL", false},
  };
  for (const Case& c : cases) {
    std::string error = object_.error(fmt::format("PRAGMA {}", c.text));
    EXPECT_EQ(error.empty(), c.allowed) << c.text << ": " << error;
  }
  expectAllowed("SELECT name FROM pragma_table_info('t')");
  expectDenied("SELECT * FROM pragma_page_count");
  expectDenied("SELECT * FROM pragma_journal_mode");
  EXPECT_NE(object_.error("SELECT * FROM pragma_table_info('_cf_x')"), "");
}

TEST_F(AuthorizerTest, Functions) {
  for (const char* call : {"abs(-1)",
                           "coalesce(NULL,1)",
                           "format('%d',1)",
                           "hex('x')",
                           "iif(1,2,3)",
                           "quote('x')",
                           "random()",
                           "zeroblob(3)",
                           "soundex('x')",
                           "date('now')",
                           "strftime('%Y','now')",
                           "current_timestamp",
                           "sum(1)",
                           "group_concat('x')",
                           "acos(1)",
                           "ceiling(1.5)",
                           "power(2,3)",
                           "log10(100)",
                           "pi()",
                           "json('1')",
                           "json_array(1)",
                           "json_extract('[1]','$[0]')",
                           "'[1]' ->> 0",
                           "json_group_object('a',1)",
                           "last_insert_rowid()",
                           "changes()",
                           "row_number() OVER ()",
                           "unixepoch()",
                           "like('a','A')",
                           "likelihood(1,0.5)"}) {
    expectAllowed(fmt::format("SELECT {}", call));
  }
  for (const char* name :
       {"sqlite_version", "sqlite_source_id", "sqlite_compileoption_get",
        "sqlite_compileoption_used", "sqlite_offset", "sqlite_log", "fts3_tokenizer",
        "sqlite_rename_table", "subtype", "rtreenode", "rtreedepth", "sqlite_drop_column", "fts5",
        "fts5_source_id", "optimize", "matchinfo", "offsets"}) {
    std::string error = object_.error(fmt::format("SELECT {}(1)", name));
    EXPECT_NE(error, "") << name;
    for (const std::string& text :
         {fmt::format("CREATE TABLE x_{0}(a DEFAULT ({0}(1)))", name),
          fmt::format("CREATE TABLE x_{0}(a CHECK ({0}(a) > 0)); INSERT INTO x_{0} VALUES (1)",
                      name),
          fmt::format("CREATE TABLE x_{0}(a, b AS ({0}(a))); INSERT INTO x_{0} VALUES (1); SELECT "
                      "b FROM x_{0}",
                      name),
          fmt::format("CREATE INDEX i_{0} ON t({0}(b))", name),
          fmt::format("CREATE VIEW v_{0} AS SELECT {0}(1); SELECT * FROM v_{0}", name),
          fmt::format("ALTER TABLE t ADD COLUMN c_{0} DEFAULT ({0}(1))", name)}) {
      EXPECT_NE(object_.error(text), "") << text;
    }
  }
  EXPECT_THAT(object_.error("SELECT sqlite_version()"),
              StartsWith("not authorized to use function: sqlite_version"));
  EXPECT_THAT(object_.error("SELECT load_extension('x')"), HasSubstr("not authorized"));
}

TEST_F(AuthorizerTest, VirtualTables) {
  expectAllowed("CREATE VIRTUAL TABLE f USING fts5(x)");
  expectAllowed("CREATE VIRTUAL TABLE v USING FTS5vocab('f', 'row')");
  expectAllowed("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)");
  expectAllowed("CREATE VIRTUAL TABLE ri USING rtree_i32(id, x0, x1)");
  for (const char* module :
       {"fts3", "fts4", "fts3tokenize", "dbstat", "sqlite_stmt", "geopoly", "csv", "zipfile",
        "fsdir", "bytecode", "fts4aux", "json_each", "completion"}) {
    EXPECT_NE(object_.error(fmt::format("CREATE VIRTUAL TABLE x USING {}(a)", module)), "")
        << module;
  }
  for (const char* table :
       {"dbstat", "sqlite_stmt", "sqlite_dbpage", "bytecode('SELECT 1')", "tables_used('SELECT 1')",
        "generate_series(1,3)", "fsdir('/')", "fts3tokenize"}) {
    EXPECT_NE(object_.error(fmt::format("SELECT * FROM {}", table)), "") << table;
  }
  expectAllowed("SELECT * FROM json_each('[1,2]')");
  expectAllowed("SELECT * FROM json_tree('[1,2]')");
}

TEST_F(AuthorizerTest, ReservedNamesCannotBeMade) {
  for (const char* text : {"CREATE TABLE _cf_x(a)",
                           "CREATE TABLE _CF_x(a)",
                           "CREATE TABLE \"_cf_x\"(a)",
                           "CREATE TABLE [_Cf_]"
                           "(a)",
                           "CREATE TABLE main._cf_x(a)",
                           "CREATE TABLE _cf_x AS SELECT 1",
                           "CREATE VIEW _cf_v AS SELECT 1",
                           "CREATE INDEX _cf_i ON t(b)",
                           "CREATE TRIGGER _cf_t AFTER INSERT ON t BEGIN SELECT 1; END",
                           "CREATE VIRTUAL TABLE _cf_f USING fts5(x)",
                           "ALTER TABLE t RENAME TO _cf_t",
                           "ALTER TABLE t RENAME TO \"_CF_t\"",
                           "ALTER TABLE t RENAME TO '_cf_t'",
                           "ALTER TABLE t RENAME TO [_cf_t]",
                           "ALTER TABLE t RENAME TO `_cf_t`",
                           "ALTER TABLE main.t RENAME TO _cf_t",
                           "ALTER TABLE/**/t/**/RENAME/**/TO/**/_cf_t",
                           "ALTER TABLE \"t\" RENAME TO _cf_t",
                           "alter table t rename to _cf_t",
                           "ALTER TABLE t RENAME -- x\n TO _cf_t",
                           "\xef\xbb\xbf"
                           "ALTER TABLE t RENAME TO _cf_t",
                           "EXPLAIN ALTER TABLE t RENAME TO _cf_t"}) {
    EXPECT_THAT(object_.error(text), EndsWith("SQLITE_AUTH")) << text;
  }
  expectAllowed("CREATE TABLE cf_x(a)");
  expectAllowed("CREATE TABLE _cf(a)");
  expectAllowed("CREATE TABLE x_cf_(_cf_column)");
  expectAllowed("SELECT 1 AS _cf_c");
  expectAllowed("WITH _cf_w AS (SELECT 1) SELECT * FROM _cf_w");
  expectAllowed("ALTER TABLE x_cf_ RENAME COLUMN _cf_column TO _cf_other");
  EXPECT_EQ(
      object_.all("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_cf\\_%' ESCAPE '\\'"),
      "0");
}

TEST_F(AuthorizerTest, ShadowTableNamesCannotBecomeReserved) {
  // _cf would have tables _cf_data, _cf_idx and so on.
  object_.error("CREATE VIRTUAL TABLE _cf USING fts5(x)");
  object_.error("CREATE VIRTUAL TABLE f USING fts5(x)");
  EXPECT_NE(object_.error("ALTER TABLE f RENAME TO _cf"), "");
  EXPECT_EQ(
      object_.all("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_cf\\_%' ESCAPE '\\'"),
      "0");
}

TEST_F(AuthorizerTest, SchemaCannotBeWritten) {
  for (const char* text :
       {"DELETE FROM sqlite_master", "UPDATE sqlite_schema SET sql = 'x'",
        "INSERT INTO sqlite_master VALUES ('table','x','x',0,'CREATE TABLE x(a)')",
        "DROP TABLE sqlite_master", "CREATE TABLE sqlite_x(a)", "ALTER TABLE t RENAME TO sqlite_t",
        "CREATE INDEX i ON sqlite_master(name)",
        "CREATE TRIGGER tr AFTER INSERT ON sqlite_master BEGIN SELECT 1; END"}) {
    EXPECT_NE(object_.error(text), "") << text;
  }
  object_.exec("CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('x')");
  for (const char* text :
       {"DELETE FROM f_data", "UPDATE f_content SET c0 = 'y'", "INSERT INTO f_idx VALUES (1,2,3)",
        "DROP TABLE f_config", "CREATE TABLE f_new(a); DROP TABLE f_data"}) {
    EXPECT_NE(object_.error(text), "") << text;
  }
  EXPECT_EQ(object_.all("SELECT count(*) FROM f('x')"), "1");
  EXPECT_EQ(object_.all("PRAGMA quick_check"), "ok");
}

TEST_F(AuthorizerTest, TriggersAndViewsAreJudgedWhenTheyAreUsed) {
  EXPECT_NE(
      object_.error("CREATE TRIGGER bad AFTER INSERT ON t BEGIN SELECT sqlite_version(); END; "
                    "INSERT INTO t VALUES (50,'x')"),
      "");
  EXPECT_EQ(object_.all("SELECT count(*) FROM t WHERE a = 50"), "0");
}

// An FTS5 table kept by triggers is the documented way; both are the application's own.
TEST_F(AuthorizerTest, TriggersMayUseVirtualTables) {
  object_.exec(
      "CREATE VIRTUAL TABLE f USING fts5(b, content='t', content_rowid='a'); "
      "CREATE TRIGGER ai AFTER INSERT ON t BEGIN INSERT INTO f(rowid, b) VALUES (new.a, new.b); "
      "END; "
      "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); "
      "CREATE TRIGGER ar AFTER INSERT ON t BEGIN INSERT INTO r VALUES (new.a, 0, 1); END; "
      "CREATE VIEW found AS SELECT rowid FROM f WHERE f MATCH 'hello'");
  object_.exec("INSERT INTO t VALUES (7, 'hello world')");
  EXPECT_EQ(object_.all("SELECT * FROM found"), "7");
  EXPECT_EQ(object_.all("SELECT id FROM r"), "7");
}

TEST_F(AuthorizerTest, RefusedStatementChangesNothing) {
  EXPECT_NE(object_.error("INSERT INTO t VALUES (9,'z'); PRAGMA journal_mode = WAL"), "");
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "2") << "the one before it ran";
  object_.rollback();
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "1");
}

// ---- the tokenizer that the judgement of texts rests on

TEST(TokensTest, SplitsAsSqliteDoes) {
  auto split = [](std::string_view text) {
    sql::Tokens tokens(text);
    std::string result;
    for (sql::Token token = tokens.next(); token.kind != sql::TokenKind::kEnd;
         token = tokens.next())
      result += std::string(token.text) + "|";
    return result;
  };
  EXPECT_EQ(split("ALTER TABLE\t\"a b\" RENAME\nTO[x]"), "ALTER|TABLE|\"a b\"|RENAME|TO|[x]|");
  EXPECT_EQ(split("/* a */x/**/y--z\nw/* open"), "x|y|w|");
  EXPECT_EQ(split("'it''s' \"a\"\"b\" `c``d`"), "'it''s'|\"a\"\"b\"|`c``d`|");
  EXPECT_EQ(split("x'00'X'ff' ?1 :a @b $c 1.5e3"), "x'00'|X'ff'|?1|:a|@b|$c|1|.|5e3|");
  EXPECT_EQ(split("\xef\xbb\xbf"
                  "a"),
            "a|");
  EXPECT_EQ(split("'open"), "'open|");
  EXPECT_EQ(split("/*/ x */ y"), "y|");
}

TEST(TokensTest, NamesLoseTheirQuotes) {
  auto name = [](std::string_view text) { return sql::Tokens(text).next().name(); };
  EXPECT_EQ(name("\"a\"\"b\""), "a\"b");
  EXPECT_EQ(name("[a b]"), "a b");
  EXPECT_EQ(name("'it''s'"), "it's");
  EXPECT_EQ(name("`x`"), "x");
  EXPECT_EQ(name("\"open"), "open");
}

}  // namespace
}  // namespace cairn
