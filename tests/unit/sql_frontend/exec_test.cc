// Goal: exec() follows the platform's rules (multi-statement texts, parameters, value types, error
// texts) where it has them, and Cairn's decisions where those differ: preludes are reset, integers
// stay integers, a trailing comment is no error.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ExecTest : public ::testing::Test {
 protected:
  test::SqlObject object_;
};

// ---- several statements in one text

TEST_F(ExecTest, EachStatementRunsBeforeTheNextIsCompiled) {
  EXPECT_EQ(object_.all("CREATE TABLE t(a); INSERT INTO t VALUES (1),(2); ALTER TABLE t ADD COLUMN "
                        "b DEFAULT 7; SELECT a, b FROM t"),
            "1|7;2|7");
}

TEST_F(ExecTest, RowsOfAllButTheLastStatementAreDiscarded) {
  EXPECT_EQ(object_.all("SELECT 1; SELECT 2 UNION ALL SELECT 3; SELECT 4"), "4");
  EXPECT_EQ(object_.exec("SELECT 1 AS x; CREATE TABLE t(a)").columnNames().size(), 0U);
}

TEST_F(ExecTest, StatementsBeforeAFailedOneStayApplied) {
  object_.exec("CREATE TABLE t(a UNIQUE)");
  EXPECT_THAT(object_.error("INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); INSERT INTO t "
                            "VALUES (2)"),
              StartsWith("UNIQUE constraint failed: t.a"));
  EXPECT_THAT(object_.error("INSERT INTO t VALUES (3); SELEC"), HasSubstr("syntax error"));
  EXPECT_EQ(object_.all("SELECT a FROM t"), "1;3");
  object_.commit();
  object_.restart();
  EXPECT_EQ(object_.all("SELECT a FROM t"), "1;3");
}

TEST_F(ExecTest, OnlyTheLastStatementMayHaveParameters) {
  object_.exec("CREATE TABLE t(a)");
  EXPECT_EQ(object_.error("INSERT INTO t VALUES (1); INSERT INTO t VALUES (?); SELECT ?", 5, 6),
            "only the last of several SQL statements may have parameters");
  // Those before it had run by then.
  EXPECT_EQ(object_.all("SELECT a FROM t"), "1");
  EXPECT_EQ(object_.all("INSERT INTO t VALUES (2); SELECT a + ? FROM t", 10), "11;12");
}

TEST_F(ExecTest, TextWithoutAStatementIsRefused) {
  for (const char* text :
       {"", " ", ";", " ; ;\n", "-- only a comment", "/* only */", "\xef\xbb\xbf"})
    EXPECT_EQ(object_.error(text), "the SQL text has no statement in it") << text;
}

TEST_F(ExecTest, CommentsAndEmptyStatementsMayStandAnywhere) {
  EXPECT_EQ(object_.all("SELECT 1; -- done"), "1");
  EXPECT_EQ(object_.all("SELECT 1 -- done"), "1");
  EXPECT_EQ(object_.all("SELECT 1; /* never closed"), "1");
  EXPECT_EQ(object_.all(";; /* a */ SELECT /* b */ 1 ;; -- c\n ; SELECT 2;;"), "2");
  EXPECT_EQ(object_.all("\xef\xbb\xbfSELECT 3"), "3");
}

TEST_F(ExecTest, PreludesAreNotLeftBusy) {
  object_.exec("CREATE TABLE t(a)");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(object_.all("SELECT 1 UNION ALL SELECT 2; SELECT 3"), "3");
    EXPECT_EQ(object_.all("INSERT INTO t VALUES (1),(2) RETURNING a; SELECT 4"), "4");
    object_.commit();
  }
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "6");
}

TEST_F(ExecTest, ThousandsOfStatementsInOneText) {
  object_.exec("CREATE TABLE t(a)");
  std::string text;
  for (int i = 0; i < 3'000; ++i) text += "INSERT INTO t VALUES(1);";
  object_.exec(text);
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "3000");
}

TEST_F(ExecTest, CountsAreOfTheLastStatementOnly) {
  SqlCursor cursor = object_.exec(
      "CREATE TABLE t(a); INSERT INTO t VALUES (1),(2); INSERT INTO t VALUES (3); SELECT 1");
  EXPECT_EQ(cursor.rowsRead(), 0U);
  EXPECT_EQ(cursor.rowsWritten(), 0U);
}

// ---- parameters

TEST_F(ExecTest, NumberOfParametersMustBeExact) {
  EXPECT_EQ(object_.error("SELECT ?, ?", 1),
            "wrong number of SQL parameters: the statement takes 2, 1 were given");
  EXPECT_EQ(object_.error("SELECT ?", 1, 2),
            "wrong number of SQL parameters: the statement takes 1, 2 were given");
  EXPECT_EQ(object_.error("SELECT 1", 1),
            "wrong number of SQL parameters: the statement takes 0, 1 were given");
  object_.exec("CREATE TABLE t(a)");
  EXPECT_NE(object_.error("INSERT INTO t VALUES (1); SELECT ?"), "");
  EXPECT_EQ(object_.all("SELECT count(*) FROM t"), "1");
}

TEST_F(ExecTest, NamedAndNumberedParametersBindByPosition) {
  EXPECT_EQ(object_.all("SELECT ?3", 1, 2, 3), "3");
  EXPECT_NE(object_.error("SELECT ?3", 3), "");
  EXPECT_EQ(object_.all("SELECT :a, @b, $c, :a", 1, 2, 3), "1|2|3|1");
  EXPECT_EQ(object_.all("SELECT ?2, ?1, ?", "x", "y", "z"), "y|x|z");
  EXPECT_EQ(object_.all("SELECT $a::b(c)", 1), "1");
}

TEST_F(ExecTest, ValuesKeepTheirTypes) {
  auto typeAndValue = [&](const SqlParameter& value) {
    const SqlParameter parameters[] = {value, value};
    SqlCursor cursor = object_.sql().execute("SELECT typeof(?), ?", parameters);
    return test::rest(cursor);
  };
  EXPECT_EQ(typeAndValue(5), "integer|5");
  EXPECT_EQ(typeAndValue(std::numeric_limits<std::int64_t>::max()), "integer|9223372036854775807");
  EXPECT_EQ(typeAndValue(std::numeric_limits<std::int64_t>::min()), "integer|-9223372036854775808");
  EXPECT_EQ(typeAndValue(std::numeric_limits<std::uint32_t>::max()), "integer|4294967295");
  EXPECT_EQ(typeAndValue(true), "integer|1");
  EXPECT_EQ(typeAndValue(2.5), "real|2.5");
  EXPECT_EQ(typeAndValue(2.0F), "real|2");
  EXPECT_EQ(typeAndValue(std::nan("")), "null|NULL");
  EXPECT_EQ(typeAndValue(std::numeric_limits<double>::infinity()), "real|inf");
  EXPECT_EQ(typeAndValue("text"), "text|text");
  EXPECT_EQ(typeAndValue(""), "text|");
  EXPECT_EQ(typeAndValue(std::string_view()), "text|");
  EXPECT_EQ(typeAndValue(Bytes{std::byte{0}, std::byte{255}}), "blob|x00ff");
  EXPECT_EQ(typeAndValue(Bytes{}), "blob|x") << "empty bytes are not NULL";
  EXPECT_EQ(typeAndValue(nullptr), "null|NULL");
  EXPECT_EQ(typeAndValue(std::nullopt), "null|NULL");
  EXPECT_EQ(typeAndValue(std::optional<int>{}), "null|NULL");
  EXPECT_EQ(typeAndValue(std::optional<int>{7}), "integer|7");
  EXPECT_EQ(typeAndValue(SqlValue(std::string("held"))), "text|held");
  EXPECT_EQ(typeAndValue(SqlValue()), "null|NULL");
}

TEST_F(ExecTest, IntegersAreNotTurnedIntoReals) {
  object_.exec("CREATE TABLE t(i INTEGER, t TEXT, n NUMERIC, b BLOB, x)");
  object_.exec("INSERT INTO t VALUES (?, ?, ?, ?, ?)", 5, 5, 5, 5, 5);
  EXPECT_EQ(object_.all("SELECT typeof(i), t, typeof(n), typeof(b), typeof(x) FROM t"),
            "integer|5|integer|integer|integer");
  EXPECT_EQ(object_.all("SELECT ?/2, json_array(?), CAST(? AS TEXT)", 5, 5, 5), "2|[5]|5");
  EXPECT_EQ(object_.all("SELECT ? FROM t LIMIT ?", 1, 1), "1");
}

TEST_F(ExecTest, TextKeepsItsNulBytesAndBlobsTheirs) {
  std::string text("a\0b", 3);
  EXPECT_EQ(object_.all("SELECT length(CAST(? AS BLOB)), hex(?)", text, text), "3|610062");
  auto [back] = object_.exec("SELECT ?", text).one<std::string>();
  EXPECT_EQ(back, text);
}

TEST_F(ExecTest, ParametersNeedNotOutliveExec) {
  object_.exec("CREATE TABLE t(a); INSERT INTO t VALUES ('k'),('k'),('z')");
  std::string key = "k";
  SqlCursor cursor = object_.exec("SELECT a FROM t WHERE a = ?", key);
  key = "z";
  EXPECT_EQ(test::rest(cursor), "k;k");
  std::string written = "written";
  SqlCursor returning = object_.exec("INSERT INTO t VALUES (?) RETURNING a", written);
  written = "changed";
  EXPECT_EQ(test::rest(returning), "written");
}

// ---- results

TEST_F(ExecTest, RowsComeTyped) {
  auto [integer, real, text, blob, none] =
      object_.exec("SELECT -1, 1.5, 'x', x'0aff', NULL")
          .one<std::int64_t, double, std::string, Bytes, std::optional<std::string>>();
  EXPECT_EQ(integer, -1);
  EXPECT_EQ(real, 1.5);
  EXPECT_EQ(text, "x");
  EXPECT_EQ(blob, (Bytes{std::byte{0x0a}, std::byte{0xff}}));
  EXPECT_EQ(none, std::nullopt);
  auto [whole, flag] = object_.exec("SELECT 2, 1").one<double, bool>();
  EXPECT_EQ(whole, 2.0);
  EXPECT_TRUE(flag);
}

TEST_F(ExecTest, ValueOfAnotherTypeIsRefusedAndNamesTheColumn) {
  auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kTypeMismatch);
      return error.what();
    }
    return "nothing thrown";
  };
  EXPECT_EQ(message([&] { object_.exec("SELECT 'x' AS c").one<std::int64_t>(); }),
            "column c holds TEXT, asked for an integer");
  EXPECT_EQ(message([&] { object_.exec("SELECT 1.5 AS c").one<std::int64_t>(); }),
            "column c holds REAL, asked for an integer");
  EXPECT_EQ(message([&] { object_.exec("SELECT x'00' AS c").one<std::string>(); }),
            "column c holds BLOB, asked for text");
  EXPECT_EQ(message([&] { object_.exec("SELECT 300 AS c").one<std::uint8_t>(); }),
            "column c holds 300, which does not fit the integer asked for");
  EXPECT_EQ(message([&] { object_.exec("SELECT NULL AS c").one<double>(); }),
            "column c holds NULL, asked for a number");
  EXPECT_EQ(message([&] { object_.exec("SELECT 1, 2").one<std::int64_t>(); }),
            "the result has 2 columns, 1 were asked for");
}

TEST_F(ExecTest, RowsGiveColumnsByNameAndPosition) {
  SqlRow row = object_.exec("SELECT 1 AS i, 2.5 AS r, 't' AS t, NULL AS n").one();
  EXPECT_EQ(row.get<std::int64_t>(0), 1);
  EXPECT_EQ(row.get<double>("r"), 2.5);
  EXPECT_EQ(row.get<std::string>(2), "t");
  EXPECT_EQ(row.get<std::optional<std::int64_t>>("n"), std::nullopt);
  EXPECT_EQ(row.get<std::optional<std::int64_t>>("i"), 1);
  EXPECT_THROW((void)row.get<double>("i"), Error);
  EXPECT_THROW((void)row.get<std::string>("missing"), Error);
}

// ---- errors

TEST_F(ExecTest, ErrorTextsHaveTheShapeOfThePlatform) {
  object_.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, a NOT NULL, b UNIQUE, c CHECK (c > 0))");
  object_.exec("INSERT INTO t VALUES (1, 1, 1, 1)");
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT * FROM nope", "no such table: nope: SQLITE_ERROR"},
      {"SELECT zz FROM t", "no such column: zz at offset 7: SQLITE_ERROR"},
      {"SELECT ;", "near \";\": syntax error at offset 7: SQLITE_ERROR"},
      {"SELECT 1; SELECT zz FROM t", "no such column: zz at offset 17: SQLITE_ERROR"},
      {"INSERT INTO t VALUES (1, 1, 2, 1)",
       "UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT (extended: "
       "SQLITE_CONSTRAINT_PRIMARYKEY)"},
      {"INSERT INTO t VALUES (2, 1, 1, 1)",
       "UNIQUE constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)"},
      {"INSERT INTO t VALUES (2, NULL, 2, 1)",
       "NOT NULL constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)"},
      {"INSERT INTO t VALUES (2, 1, 2, 0)",
       "CHECK constraint failed: c > 0: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)"},
      {"INSERT INTO t VALUES ('x', 1, 2, 1)", "datatype mismatch: SQLITE_MISMATCH"},
      {"SELECT abs(-9223372036854775808)", "integer overflow: SQLITE_ERROR"},
      {"SELECT json('{')", "malformed JSON: SQLITE_ERROR"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(object_.error(text), message) << text;
}

TEST_F(ExecTest, ErrorsCarryTheExtendedCode) {
  object_.exec("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  object_.exec("INSERT INTO t VALUES (1)");
  try {
    object_.exec("INSERT INTO t VALUES (1)");
    FAIL();
  } catch (const SqlError& error) {
    EXPECT_EQ(error.code(), ErrorCode::kSql);
    EXPECT_EQ(error.extendedCode(), SQLITE_CONSTRAINT_PRIMARYKEY);
    EXPECT_EQ(error.primaryCode(), SQLITE_CONSTRAINT);
  }
}

TEST_F(ExecTest, FailureUndoesItsOwnStatementOnly) {
  object_.exec("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1)");
  EXPECT_NE(object_.error("INSERT INTO t VALUES (2), (3), (1), (4)"), "");
  object_.exec("INSERT INTO t VALUES (5)");
  EXPECT_EQ(object_.all("SELECT a FROM t"), "1;5");
  EXPECT_EQ(object_.lost(), nullptr);
  EXPECT_NE(object_.error("INSERT OR FAIL INTO t VALUES (6), (1), (7)"), "");
  EXPECT_EQ(object_.all("SELECT a FROM t"), "1;5;6") << "FAIL keeps the rows before the failure";
}

TEST_F(ExecTest, StatementThatFailedIsUsableAgain) {
  object_.exec("CREATE TABLE t(a UNIQUE)");
  object_.exec("INSERT INTO t VALUES (?)", 1);
  EXPECT_NE(object_.error("INSERT INTO t VALUES (?)", 1), "");
  EXPECT_EQ(object_.error("INSERT INTO t VALUES (?)", 2), "");
  EXPECT_EQ(object_.all("SELECT a FROM t"), "1;2");
}

TEST_F(ExecTest, NulByteInTheTextIsRefused) {
  EXPECT_EQ(object_.error(std::string_view("SELECT 1;\0 DROP TABLE t", 23)),
            "the SQL text has a NUL byte at offset 9");
}

// ---- databaseSize

TEST_F(ExecTest, DatabaseSizeCountsPagesInUseWithTheTransaction) {
  EXPECT_EQ(object_.sql().databaseSize(), 0U);
  object_.exec("CREATE TABLE t(a)");
  EXPECT_EQ(object_.sql().databaseSize(), 2 * sql::kPageBytes);
  object_.exec("CREATE TABLE u(a); INSERT INTO u VALUES (zeroblob(50000))");
  std::uint64_t full = object_.sql().databaseSize();
  EXPECT_GT(full, 50'000U);
  EXPECT_EQ(full % sql::kPageBytes, 0U);
  object_.exec("DROP TABLE u");
  EXPECT_EQ(object_.sql().databaseSize(), 2 * sql::kPageBytes) << "free pages do not count";
  object_.commit();
  object_.exec("INSERT INTO t VALUES (zeroblob(20000))");
  object_.rollback();
  EXPECT_EQ(object_.sql().databaseSize(), 2 * sql::kPageBytes);
}

TEST_F(ExecTest, LookingCreatesNoDatabase) {
  EXPECT_EQ(object_.all("SELECT count(*) FROM sqlite_schema"), "0");
  object_.commit();
  EXPECT_EQ(object_.pages().pageCount(), 0U);
  EXPECT_EQ(object_.recordBytes(), 0U);
}

TEST_F(ExecTest, TimeComesFromTheEnginesClock) {
  EXPECT_EQ(object_.all("SELECT unixepoch(), unixepoch('now'), datetime()"),
            "1700000000|1700000000|2023-11-14 22:13:20");
}

}  // namespace
}  // namespace cairn
