// Goal: a cursor is a live view one row ahead of what was taken, may be forgotten or kept as long
// as anybody likes, and never stands in the way of other work: what would have to wait for it makes
// it keep copies of its rows instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "sql_frontend/cursor_state.h"
#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CursorTest : public ::testing::Test {
 protected:
  CursorTest() {
    object_.exec("CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    object_.exec("INSERT INTO t VALUES (1,'x'),(2,'y'),(3,'z'),(4,'w')");
    object_.commit();
  }

  template <typename Call>
  static ErrorCode codeOf(Call call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kIo;
  }

  test::SqlObject object_;
};

TEST_F(CursorTest, AllWaysOfTakingRowsShareOnePosition) {
  SqlCursor cursor = object_.exec("SELECT a FROM t");
  EXPECT_EQ(cursor.next()->get<std::int64_t>("a"), 1);
  EXPECT_EQ(std::get<std::int64_t>((*cursor.nextRaw())[0]), 2);
  EXPECT_EQ(std::get<0>(*cursor.next<std::int64_t>()), 3);
  SqlCursor same = cursor;
  EXPECT_EQ(same.toArray().size(), 1U);
  EXPECT_EQ(cursor.next(), std::nullopt);
  EXPECT_TRUE(cursor.toArray().empty());
  EXPECT_TRUE(cursor.toRawArray().empty());
}

TEST_F(CursorTest, LoopTakesEveryRow) {
  std::vector<std::int64_t> seen;
  SqlCursor cursor = object_.exec("SELECT a FROM t ORDER BY a DESC");
  for (const SqlRow& row : cursor) seen.push_back(row.get<std::int64_t>("a"));
  EXPECT_THAT(seen, ElementsAre(4, 3, 2, 1));
}

TEST_F(CursorTest, LooksOneRowAhead) {
  SqlCursor cursor = object_.exec("SELECT a FROM t");
  EXPECT_EQ(cursor.rowsRead(), 1U) << "the first step ran in exec";
  (void)cursor.next();
  EXPECT_EQ(cursor.rowsRead(), 2U);
  SqlCursor single = object_.exec("SELECT a FROM t WHERE a = 3");
  (void)single.next();
  // It has noticed its end and let the statement go: the cached one can be used again.
  std::size_t cached = object_.open().cache().size();
  (void)object_.exec("SELECT a FROM t WHERE a = 3");
  EXPECT_EQ(object_.open().cache().size(), cached);
}

TEST_F(CursorTest, OneWantsExactlyOneRemainingRow) {
  EXPECT_EQ(object_.exec("SELECT a FROM t WHERE a = 2").one().get<std::int64_t>("a"), 2);
  EXPECT_EQ(codeOf([&] { object_.exec("SELECT a FROM t WHERE a = 9").one(); }),
            ErrorCode::kNotFound);
  SqlCursor many = object_.exec("SELECT a FROM t");
  EXPECT_EQ(codeOf([&] { many.one(); }), ErrorCode::kOutOfRange);
  EXPECT_EQ(many.next(), std::nullopt) << "that ended it";
  SqlCursor two = object_.exec("SELECT a FROM t WHERE a < 3");
  (void)two.next();
  EXPECT_EQ(two.one().get<std::int64_t>("a"), 2);
  EXPECT_EQ(codeOf([&] { two.one(); }), ErrorCode::kNotFound);
}

TEST_F(CursorTest, ColumnNamesOutliveTheRows) {
  SqlCursor cursor = object_.exec("SELECT a, b AS bee, a + 1, ? FROM t WHERE a = 1", 7);
  EXPECT_THAT(cursor.columnNames(), ElementsAre("a", "bee", "a + 1", "?"));
  (void)cursor.toArray();
  EXPECT_THAT(cursor.columnNames(), ElementsAre("a", "bee", "a + 1", "?"));
  EXPECT_TRUE(object_.exec("DELETE FROM t WHERE a = 99").columnNames().empty());
}

TEST_F(CursorTest, ColumnNamesFollowTheSchema) {
  EXPECT_EQ(object_.exec("SELECT * FROM t LIMIT 1").columnNames().size(), 2U);
  object_.exec("ALTER TABLE t ADD COLUMN c DEFAULT 'new'");
  SqlCursor cursor = object_.exec("SELECT * FROM t LIMIT 1");
  EXPECT_THAT(cursor.columnNames(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(cursor.one().get<std::string>("c"), "new");
}

TEST_F(CursorTest, OfColumnsWithOneNameTheLastIsMeant) {
  SqlRow row = object_.exec("SELECT 1 AS x, 2 AS y, 3 AS x").one();
  EXPECT_EQ(row.get<std::int64_t>("x"), 3);
  EXPECT_EQ(std::get<std::int64_t>(row["x"]), 3);
  EXPECT_EQ(row.get<std::int64_t>(0), 1);
  EXPECT_THAT(row.names(), ElementsAre("x", "y", "x"));
  EXPECT_EQ(codeOf([&] { (void)row["z"]; }), ErrorCode::kNotFound);
}

TEST_F(CursorTest, RowsAreCopies) {
  SqlCursor cursor = object_.exec("SELECT b FROM t");
  SqlRow first = *cursor.next();
  object_.exec("UPDATE t SET b = 'overwritten'");
  while (cursor.next()) {
  }
  object_.closeConnection();
  EXPECT_EQ(first.get<std::string>("b"), "x");
}

TEST_F(CursorTest, CursorsInterleaveEvenOnOneText) {
  SqlCursor one = object_.exec("SELECT a FROM t");
  SqlCursor two = object_.exec("SELECT a FROM t");
  SqlCursor other = object_.exec("SELECT b FROM t");
  EXPECT_EQ(one.next()->get<std::int64_t>(0), 1);
  EXPECT_EQ(two.next()->get<std::int64_t>(0), 1);
  EXPECT_EQ(other.next()->get<std::string>(0), "x");
  EXPECT_EQ(one.next()->get<std::int64_t>(0), 2);
  EXPECT_EQ(test::rest(two), "2;3;4");
  EXPECT_EQ(test::rest(one), "3;4");
  EXPECT_EQ(test::rest(other), "y;z;w");
}

// ---- against other work (SEMANTICS 1.6)

TEST_F(CursorTest, SeesWritesAheadOfItInThisAndLaterTurns) {
  SqlCursor cursor = object_.exec("SELECT a, b FROM t");
  (void)cursor.next();
  object_.exec("INSERT INTO t VALUES (5,'new')");
  object_.exec("UPDATE t SET b = 'Z' WHERE a = 3");
  object_.exec("DELETE FROM t WHERE a = 4");
  object_.commit();
  object_.exec("INSERT INTO t VALUES (6,'uncommitted')");
  EXPECT_EQ(test::rest(cursor), "2|y;3|Z;5|new;6|uncommitted");
}

TEST_F(CursorTest, ForgottenCursorDoesNotBlockDropsAndKeepsItsRows) {
  for (const char* text : {"DROP TABLE u", "DROP INDEX tb", "DROP TABLE t"}) {
    object_.rollback();
    object_.exec("CREATE TABLE u(x); CREATE INDEX tb ON t(b)");
    SqlCursor cursor = object_.exec("SELECT a, b FROM t");
    SqlCursor drained = object_.exec("SELECT a FROM t WHERE a < 3");
    EXPECT_EQ(object_.error(text), "") << text;
    EXPECT_EQ(test::rest(cursor), "1|x;2|y;3|z;4|w") << text;
    EXPECT_EQ(test::rest(drained), "1;2") << text;
    EXPECT_THAT(cursor.columnNames(), ElementsAre("a", "b"));
  }
}

TEST_F(CursorTest, TypedAccessWorksOnKeptRows) {
  SqlCursor cursor = object_.exec("SELECT a, b, a * 0.5, CAST(b AS BLOB), NULL FROM t LIMIT 2");
  object_.exec("CREATE TABLE u(x); DROP TABLE u");
  auto row = *cursor.next<std::int64_t, std::string, double, Bytes, std::optional<bool>>();
  EXPECT_EQ(std::get<1>(row), "x");
  EXPECT_EQ(std::get<2>(row), 0.5);
  EXPECT_EQ(std::get<3>(row), Bytes{std::byte{'x'}});
  EXPECT_EQ(std::get<4>(row), std::nullopt);
  EXPECT_EQ(codeOf([&] { (void)cursor.next<std::string, std::string, double, Bytes, SqlValue>(); }),
            ErrorCode::kTypeMismatch);
}

TEST_F(CursorTest, RowsTooManyToKeepCancelTheCursor) {
  object_.exec("CREATE TABLE u(x)");
  SqlCursor cursor = object_.exec(
      "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < 100000) "
      "SELECT n, hex(zeroblob(500)) FROM r, t");
  object_.exec("DROP TABLE u");
  EXPECT_EQ(codeOf([&] { (void)cursor.next(); }), ErrorCode::kCanceled);
  EXPECT_THAT(cursor.columnNames(), ElementsAre("n", "hex(zeroblob(500))"));
  (void)cursor.rowsRead();
}

TEST_F(CursorTest, CreateAndAddColumnLeaveItAlone) {
  SqlCursor cursor = object_.exec("SELECT * FROM t");
  object_.exec("CREATE TABLE u(x)");
  object_.exec("ALTER TABLE t ADD COLUMN c");
  object_.exec("CREATE INDEX tb ON t(b)");
  EXPECT_EQ(test::rest(cursor), "1|x;2|y;3|z;4|w");
}

TEST_F(CursorTest, SurvivesCommitAndRound) {
  SqlCursor cursor = object_.exec("SELECT a FROM t");
  object_.exec("INSERT INTO t VALUES (7,'v')");
  object_.commit();
  object_.round();
  (void)cursor.next();
  object_.exec("INSERT INTO t VALUES (8,'v')");
  object_.commit();
  EXPECT_EQ(test::rest(cursor), "2;3;4;7;8");
}

TEST_F(CursorTest, WritesWithRowsAreDrainedAtOnce) {
  SqlCursor returning = object_.exec("INSERT INTO t VALUES (5,'a'),(6,'b') RETURNING a, b");
  // A pending write would make each of these fail.
  object_.enterScope();
  object_.exec("UPDATE t SET b = 'q' WHERE a = 5");
  object_.releaseScope();
  object_.commit();
  object_.closeConnection();
  EXPECT_EQ(test::rest(returning), "5|a;6|b");
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "6");
}

TEST_F(CursorTest, ContinuesAfterARollbackThatLeavesTheSchemaAlone) {
  SqlCursor cursor = object_.exec("SELECT a, b FROM t");
  object_.enterScope();
  object_.exec("UPDATE t SET b = 'undone'");
  object_.rollbackScope();
  EXPECT_EQ(test::rest(cursor), "1|x;2|y;3|z;4|w");

  SqlCursor second = object_.exec("SELECT a, b FROM t");
  object_.exec("UPDATE t SET b = 'undone'");
  object_.rollback();
  (void)second.next();
  EXPECT_EQ(test::rest(second), "2|y;3|z;4|w");
}

TEST_F(CursorTest, RollbackOfASchemaChangeAbortsIt) {
  SqlCursor cursor = object_.exec("SELECT a FROM t");
  object_.enterScope();
  object_.exec("CREATE TABLE u(x)");
  object_.rollbackScope();
  try {
    (void)cursor.next();
    FAIL();
  } catch (const SqlError& error) {
    EXPECT_EQ(error.primaryCode(), SQLITE_ABORT);
    EXPECT_THAT(error.what(), HasSubstr("abort due to ROLLBACK"));
  }
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "4") << "nothing else suffers";
}

TEST_F(CursorTest, NestedScopesRollBackWithCursorsOpen) {
  SqlCursor cursor = object_.exec("SELECT a FROM t");
  object_.enterScope();
  object_.exec("INSERT INTO t VALUES (10,'outer')");
  object_.enterScope();
  SqlCursor inner = object_.exec("SELECT a FROM t WHERE a >= 3");
  object_.exec("DELETE FROM t WHERE a < 10");
  object_.enterScope();
  object_.exec("INSERT INTO t VALUES (11,'inmost')");
  object_.releaseScope();
  object_.rollbackScope();
  EXPECT_EQ(test::rest(inner), "3;4;10");
  object_.releaseScope();
  EXPECT_EQ(test::rest(cursor), "1;2;3;4;10");
  object_.commit();
  EXPECT_EQ(object_.all("SELECT a FROM t"), "1;2;3;4;10");
}

TEST_F(CursorTest, ClosingTheConnectionKeepsRowsAndCounts) {
  SqlCursor cursor = object_.exec("SELECT a FROM t");
  SqlCursor finished = object_.exec("INSERT INTO t VALUES (9,'n') RETURNING a");
  object_.commit();
  object_.closeConnection();
  EXPECT_EQ(test::rest(cursor), "1;2;3;4;9");
  EXPECT_EQ(cursor.rowsRead(), 5U);
  EXPECT_EQ(test::rest(finished), "9");
  EXPECT_EQ(finished.rowsWritten(), 1U);
  EXPECT_TRUE(finished.rowsWrittenExact());
}

TEST_F(CursorTest, CanceledCursorsSayWhy) {
  SqlCursor cursor = object_.exec("SELECT a FROM t");
  SqlCursor finished = object_.exec("SELECT a FROM t WHERE a = 1");
  (void)finished.toArray();
  object_.open().cancelCursors("the database was deleted");
  try {
    (void)cursor.next();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCanceled);
    EXPECT_STREQ(error.what(), "the database was deleted");
  }
  EXPECT_EQ(cursor.columnNames().size(), 1U);
  EXPECT_EQ(finished.next(), std::nullopt);
  EXPECT_EQ(finished.rowsRead(), 1U);
}

TEST_F(CursorTest, CursorOutlivesTheObject) {
  auto object = std::make_unique<test::SqlObject>();
  object->exec("CREATE TABLE t(a); INSERT INTO t VALUES (1),(2)");
  SqlCursor cursor = object->exec("SELECT a FROM t");
  object.reset();
  EXPECT_EQ(test::rest(cursor), "1;2");
}

}  // namespace
}  // namespace cairn
