// Goal: every limit holds exactly where `Limits` says: what reaches it passes, what is one over it
// is refused, the refusal is a clear error, and the object goes on. Budgets of time and memory stop
// a statement that passes them, and nothing else.
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "sql_frontend/connection.h"
#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// "1,1,1": `count` times `item`.
std::string listOf(int count, const std::string& item, const std::string& separator = ",") {
  std::string list;
  for (int i = 0; i < count; ++i) list += (i == 0 ? "" : separator) + item;
  return list;
}

std::string columns(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) list += fmt::format("{}c{}", i == 0 ? "" : ",", i);
  return list;
}

int codeOf(test::SqlObject& object, std::string_view text) {
  try {
    (void)object.exec(text).toRawArray();
  } catch (const SqlError& error) {
    return error.extendedCode();
  }
  return SQLITE_OK;
}

// ---- what SQLite bounds

TEST(SqlLimitsTest, TextOfOneExec) {
  Limits limits;
  limits.sqlTextBytesMax = 200;
  test::SqlObject object(limits);
  auto text = [](std::size_t bytes) {
    return "SELECT 1;" + std::string(bytes - 18, ' ') + "SELECT 2;";
  };
  EXPECT_EQ(object.all(text(200)), "2");
  EXPECT_EQ(object.error(text(201)),
            "statement too long, 201 bytes where 200 are allowed: SQLITE_TOOBIG");
  EXPECT_EQ(object.all("SELECT length('" + std::string(183, 'x') + "')"), "183");
}

TEST(SqlLimitsTest, StringBlobAndRow) {
  Limits limits;
  limits.sqlValueBytesMax = 10'000;
  test::SqlObject object(limits);
  object.exec("CREATE TABLE t(a, b)");
  EXPECT_EQ(object.all("SELECT length(zeroblob(10000))"), "10000");
  EXPECT_EQ(object.error("SELECT zeroblob(10001)"), "string or blob too big: SQLITE_TOOBIG");
  EXPECT_EQ(object.all("SELECT length(?)", std::string(10'000, 'x')), "10000");
  EXPECT_EQ(object.error("SELECT length(?)", std::string(10'001, 'x')),
            "string or blob too big: SQLITE_TOOBIG");
  // The encoded row counts: two header bytes more for each value, and one of its own.
  EXPECT_EQ(
      object.error("INSERT INTO t VALUES (?, ?)", std::string(5'000, 'x'), std::string(4'993, 'y')),
      "");
  EXPECT_EQ(
      object.error("INSERT INTO t VALUES (?, ?)", std::string(5'000, 'x'), std::string(5'000, 'y')),
      "string or blob too big: SQLITE_TOOBIG");
  EXPECT_EQ(object.error("SELECT group_concat(a) FROM t, json_each('[1,2,3]')"),
            "string or blob too big: SQLITE_TOOBIG");
  EXPECT_EQ(object.all("SELECT count(*) FROM t"), "1") << "the object goes on";
  EXPECT_EQ(object.lost(), nullptr);
}

TEST(SqlLimitsTest, ColumnsOfTablesResultsAndIndexes) {
  test::SqlObject object;
  EXPECT_EQ(object.error("CREATE TABLE t(" + columns(100) + ")"), "");
  EXPECT_EQ(object.error("CREATE TABLE u(" + columns(101) + ")"),
            "too many columns on u: SQLITE_ERROR");
  EXPECT_EQ(object.error("SELECT " + listOf(100, "1")), "");
  EXPECT_EQ(object.error("SELECT " + listOf(101, "1")),
            "too many columns in result set: SQLITE_ERROR");
  EXPECT_EQ(object.error("SELECT *, 1 FROM t"), "too many columns in result set: SQLITE_ERROR");
  EXPECT_NE(object.error("ALTER TABLE t ADD COLUMN one_more"), "");
}

TEST(SqlLimitsTest, Parameters) {
  test::SqlObject object;
  std::vector<SqlParameter> values(100, SqlParameter(1));
  EXPECT_EQ(object.sql().execute("SELECT " + listOf(100, "?"), values).toRawArray().size(), 1U);
  EXPECT_THAT(object.error("SELECT 1 WHERE 1 IN (" + listOf(101, "?") + ")"),
              StartsWith("too many SQL variables"));
  EXPECT_THAT(object.error("SELECT ?101"),
              StartsWith("variable number must be between ?1 and ?100"));
}

TEST(SqlLimitsTest, FunctionArguments) {
  test::SqlObject object;
  EXPECT_EQ(object.all("SELECT max(" + listOf(32, "7") + ")"), "7");
  EXPECT_THAT(object.error("SELECT max(" + listOf(33, "7") + ")"),
              StartsWith("too many arguments on function max"));
}

TEST(SqlLimitsTest, LikeAndGlobPatterns) {
  test::SqlObject object;
  EXPECT_EQ(object.all("SELECT 'x' LIKE ?, 'x' GLOB ?", std::string(50, 'x'), std::string(50, 'x')),
            "0|0");
  EXPECT_EQ(object.error("SELECT 'x' LIKE ?", std::string(51, 'x')),
            "LIKE or GLOB pattern too complex: SQLITE_ERROR");
  EXPECT_EQ(object.error("SELECT 'x' GLOB ?", std::string(51, '*')),
            "LIKE or GLOB pattern too complex: SQLITE_ERROR");
}

TEST(SqlLimitsTest, ExpressionDepth) {
  test::SqlObject object;
  EXPECT_EQ(object.error("SELECT " + listOf(100, "1", "+")), "");
  EXPECT_THAT(object.error("SELECT " + listOf(102, "1", "+")),
              HasSubstr("Expression tree is too large (maximum depth 100)"));
  EXPECT_THAT(object.error("SELECT " + std::string(3'000, '(') + "1" + std::string(3'000, ')')),
              HasSubstr("parser stack overflow"));
}

TEST(SqlLimitsTest, CompoundSelectTerms) {
  test::SqlObject object;
  EXPECT_EQ(object.error(listOf(5, "SELECT 1", " UNION ALL ")), "");
  EXPECT_THAT(object.error(listOf(6, "SELECT 1", " UNION ALL ")),
              HasSubstr("too many terms in compound SELECT"));
  EXPECT_EQ(object.all("SELECT count(*) FROM (VALUES " + listOf(2'000, "(1)") + ")"), "2000");
}

TEST(SqlLimitsTest, InstructionsOfOneProgram) {
  Limits limits;
  limits.sqlVdbeOpsMax = 300;
  test::SqlObject object(limits);
  EXPECT_EQ(object.error("SELECT " + listOf(20, "abs(1)")), "");
  EXPECT_EQ(codeOf(object, "SELECT " + listOf(90, "abs(random())||hex(random())")), SQLITE_NOMEM);
  EXPECT_EQ(object.all("SELECT 1"), "1");
  EXPECT_EQ(object.lost(), nullptr);
}

TEST(SqlLimitsTest, TriggerDepth) {
  Limits limits;
  limits.sqlTriggerDepthMax = 10;
  test::SqlObject object(limits);
  object.exec("PRAGMA recursive_triggers = ON");
  object.exec("CREATE TABLE t(n)");
  object.exec(
      "CREATE TRIGGER tr AFTER INSERT ON t WHEN new.n > 0 BEGIN INSERT INTO t VALUES "
      "(new.n - 1); END");
  EXPECT_EQ(object.error("INSERT INTO t VALUES (9)"), "");
  EXPECT_THAT(object.error("INSERT INTO t VALUES (10)"),
              HasSubstr("too many levels of trigger recursion"));
  // SQLite does not undo what such a statement did by then: the turn is given up instead.
  EXPECT_NE(object.lost(), nullptr);
}

TEST(SqlLimitsTest, SchemaObjects) {
  Limits limits;
  limits.sqlSchemaObjectsMax = 4;
  test::SqlObject object(limits);
  object.exec("CREATE TABLE t(a UNIQUE); CREATE INDEX i ON t(a)");
  EXPECT_EQ(object.error("CREATE VIEW v AS SELECT 1"), "");
  for (const char* text :
       {"CREATE TABLE u(a)", "CREATE VIEW w AS SELECT 1", "CREATE INDEX j ON t(a)",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE f USING fts5(x)"}) {
    EXPECT_EQ(object.error(text),
              "too many tables, indexes, views and triggers, 4 are allowed: SQLITE_ERROR")
        << text;
  }
  object.exec(
      "ALTER TABLE t ADD COLUMN b; INSERT INTO t VALUES (1, 2); DROP INDEX i; CREATE TABLE u(a)");
}

TEST(SqlLimitsTest, NothingCanBeAttached) {
  test::SqlObject object(Limits::relaxed());
  EXPECT_EQ(object.error("ATTACH ':memory:' AS x"), "not authorized: SQLITE_AUTH");
}

TEST(SqlLimitsTest, PresetsAreWhatTheyAreCalled) {
  for (const Limits& limits : {Limits::platform(), Limits::workerd(), Limits::relaxed()}) {
    test::SqlObject object(limits);
    EXPECT_EQ(object.all("SELECT length(zeroblob(?))", std::int64_t(limits.sqlValueBytesMax)),
              std::to_string(limits.sqlValueBytesMax));
  }
  EXPECT_EQ(test::SqlObject(Limits::workerd()).all("SELECT max(" + listOf(127, "1") + ")"), "1");
  std::string manyColumns = "SELECT " + listOf(1'500, "1");
  EXPECT_NE(test::SqlObject(Limits::workerd()).error(manyColumns), "");
  EXPECT_EQ(test::SqlObject(Limits::relaxed()).error(manyColumns), "");
}

// ---- what takes space

constexpr const char* kEndless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) ";

TEST(SqlLimitsTest, PagesOfTheDatabase) {
  Limits limits;
  limits.objectBytesMax = 100 * sql::kPageBytes;
  test::SqlObject object(limits);
  object.exec("CREATE TABLE t(a)");
  object.commit();
  object.exec("INSERT INTO t VALUES (zeroblob(300000))");
  object.commit();
  // SQLite gives the whole transaction up, and that is noticed.
  object.exec("INSERT INTO t VALUES (1)");
  EXPECT_EQ(codeOf(object, "INSERT INTO t VALUES (zeroblob(200000))"), SQLITE_FULL);
  EXPECT_NE(object.lost(), nullptr);
  EXPECT_NE(object.error("INSERT INTO t VALUES (2)"), "");
  EXPECT_ANY_THROW(object.commit());
  EXPECT_EQ(object.all("SELECT count(*) FROM t"), "1") << "what was committed before is there";
  object.exec("DELETE FROM t");
  object.commit();
  EXPECT_EQ(object.error("INSERT INTO t VALUES (zeroblob(300000))"), "") << "room was made";
}

TEST(SqlLimitsTest, PagesOfATransaction) {
  Limits limits;
  limits.transactionBytesMax = 64 * sql::kPageBytes;
  test::SqlObject object(limits);
  object.exec("CREATE TABLE t(a)");
  object.commit();
  object.exec("INSERT INTO t VALUES (zeroblob(100000))");
  object.commit();
  object.exec("INSERT INTO t VALUES (zeroblob(100000))");
  std::string error;
  try {
    // Pages leave SQLite's cache during the statement or at the latest with the commit.
    for (int i = 0; i < 20; ++i) object.exec("INSERT INTO t VALUES (zeroblob(100000))");
    object.commit();
  } catch (const Error& thrown) {
    error = thrown.what();
  }
  EXPECT_THAT(error, HasSubstr("a transaction that changes more than 262144 bytes of pages"));
  object.rollback();
  EXPECT_EQ(object.all("SELECT count(*) FROM t"), "1");
}

TEST(SqlLimitsTest, TemporaryTables) {
  Limits limits;
  limits.sqlTempBytesMax = std::uint64_t{4} << 20;
  test::SqlObject object(limits);
  object.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
  const char* bodies[] = {
      "SELECT n, hex(zeroblob(200)) FROM r ORDER BY random()",
      "SELECT DISTINCT n, hex(zeroblob(200)) FROM r",
      "SELECT n, count(*), hex(zeroblob(200)) h FROM r GROUP BY n % 1000000, h",
      "SELECT n, hex(zeroblob(200)), sum(n) OVER (PARTITION BY 1) FROM r",
      "SELECT n, hex(zeroblob(200)) FROM r UNION SELECT 1, 2",
  };
  for (const char* body : bodies) {
    EXPECT_THAT(object.error(kEndless + std::string(body)),
                HasSubstr("sorting and temporary tables took"))
        << body;
    EXPECT_EQ(object.open().temp().bytes(), 0U) << body;
    EXPECT_EQ(object.lost(), nullptr) << "the transaction is kept: " << body;
  }
  EXPECT_THAT(object.error(kEndless + std::string("INSERT INTO t SELECT hex(zeroblob(200)) FROM r "
                                                  "LIMIT 50000 RETURNING *")),
              HasSubstr("sorting and temporary tables took"));
  EXPECT_EQ(object.all("SELECT count(*) FROM t"), "1");
  object.commit();
  EXPECT_EQ(object.all("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < "
                       "5000) SELECT count(*) FROM (SELECT DISTINCT n, hex(zeroblob(200)) FROM r)"),
            "5000");
}

// ---- time

Limits withCpu(std::uint64_t milliseconds) {
  Limits limits;
  limits.cpuMs = milliseconds;
  return limits;
}

TEST(SqlLimitsTest, StatementOverItsCpuBudgetIsStopped) {
  test::SqlObject object(withCpu(30));
  object.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
  EXPECT_EQ(object.error(kEndless + std::string("SELECT count(*) FROM r")),
            "SQL took more than 30 ms of CPU time, which is what one statement may take: "
            "SQLITE_INTERRUPT");
  EXPECT_EQ(object.lost(), nullptr) << "a read that is stopped ends no transaction";
  EXPECT_EQ(object.all("SELECT a FROM t"), "1");
  // Many rows of little work each.
  SqlCursor cursor = object.exec(kEndless + std::string("SELECT n FROM r"));
  EXPECT_THROW(
      {
        while (cursor.nextRaw()) {
        }
      },
      SqlError);
  EXPECT_EQ(object.all("SELECT a FROM t"), "1");
}

TEST(SqlLimitsTest, WriteOverItsCpuBudgetLosesTheTurn) {
  test::SqlObject object(withCpu(30));
  object.exec("CREATE TABLE t(a)");
  object.commit();
  object.exec("INSERT INTO t VALUES (1)");
  EXPECT_EQ(codeOf(object, kEndless + std::string("UPDATE t SET a = (SELECT count(*) FROM r)")),
            SQLITE_INTERRUPT);
  // SQLite rolls back the transaction of an interrupted write.
  EXPECT_NE(object.lost(), nullptr);
  EXPECT_ANY_THROW(object.commit());
  EXPECT_EQ(object.all("SELECT count(*) FROM t"), "0");
  object.exec("INSERT INTO t VALUES (2)");
  object.commit();
  EXPECT_EQ(object.all("SELECT a FROM t"), "2");
}

TEST(SqlLimitsTest, InterruptStopsTheStatementAndTheCursors) {
  test::SqlObject object;
  object.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1),(2)");
  object.commit();
  SqlCursor other = object.exec("SELECT a FROM t");
  sql::Connection& connection = object.open();
  std::atomic<bool> done{false};
  std::thread interrupter([&] {
    while (!done) {
      connection.interrupt();
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(codeOf(object, kEndless + std::string("SELECT count(*) FROM r")), SQLITE_INTERRUPT);
  done = true;
  interrupter.join();
  EXPECT_THROW((void)other.next(), Error);
  other = object.exec("SELECT 1");
  EXPECT_EQ(object.all("SELECT a FROM t"), "1;2") << "it goes on afterwards";
}

}  // namespace
}  // namespace cairn
