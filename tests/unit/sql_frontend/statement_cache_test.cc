// Goal: a text that ran before is not compiled again, whatever happens in between is noticed, and
// what is kept is bounded by the bytes of the texts.
#include "sql_frontend/statement_cache.h"

#include <gtest/gtest.h>

#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

Limits withCache(std::size_t bytes) {
  Limits limits;
  limits.statementCacheBytes = bytes;
  return limits;
}

TEST(StatementCacheTest, KeepsStatementsByText) {
  test::SqlObject object;
  object.exec("CREATE TABLE t(a)");
  const sql::StatementCache& cache = object.open().cache();
  EXPECT_EQ(cache.size(), 0U) << "a schema change is never kept";
  std::string text = "SELECT a FROM t";
  for (int i = 0; i < 3; ++i) object.exec(std::string(text));
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.bytes(), text.size());
  object.exec("SELECT a FROM t ");
  EXPECT_EQ(cache.size(), 2U) << "another text";
  object.exec("INSERT INTO t VALUES (1); SELECT count(*) FROM t");
  EXPECT_EQ(cache.size(), 3U) << "several statements are one entry";
  EXPECT_EQ(object.all("INSERT INTO t VALUES (1); SELECT count(*) FROM t"), "2");
  object.exec("PRAGMA table_info(t)");
  EXPECT_EQ(cache.size(), 3U) << "a pragma does its work while it is compiled";
}

TEST(StatementCacheTest, LeastRecentlyUsedTextGoesFirst) {
  // Each text has 10 bytes: room for three.
  test::SqlObject object(withCache(39));
  const sql::StatementCache& cache = object.open().cache();
  for (const char* text : {"SELECT 101", "SELECT 102", "SELECT 103"}) object.exec(text);
  EXPECT_EQ(cache.bytes(), 30U);
  object.exec("SELECT 101");
  object.exec("SELECT 104");
  EXPECT_EQ(cache.bytes(), 30U);
  auto& changing = const_cast<sql::StatementCache&>(cache);
  EXPECT_EQ(changing.find("SELECT 102"), nullptr);
  EXPECT_NE(changing.find("SELECT 101"), nullptr);
  EXPECT_NE(changing.find("SELECT 103"), nullptr);
  EXPECT_NE(changing.find("SELECT 104"), nullptr);
}

TEST(StatementCacheTest, TextOverTheBoundIsNotKept) {
  test::SqlObject object(withCache(12));
  object.exec("SELECT 1");
  EXPECT_EQ(object.all("SELECT 1234567890"), "1234567890");
  EXPECT_EQ(object.open().cache().bytes(), 8U);
  test::SqlObject none(withCache(0));
  EXPECT_EQ(none.all("SELECT 1"), "1");
  EXPECT_EQ(none.open().cache().size(), 0U);
}

TEST(StatementCacheTest, NumberOfTextsIsBoundedToo) {
  test::SqlObject object;
  for (int i = 0; i < 3'000; ++i) object.exec("SELECT " + std::to_string(i));
  EXPECT_LE(object.open().cache().size(), 1'024U);
}

TEST(StatementCacheTest, StatementInUseIsLeftAlone) {
  test::SqlObject object;
  object.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1),(2)");
  SqlCursor first = object.exec("SELECT a FROM t WHERE a > ?", 0);
  SqlCursor second = object.exec("SELECT a FROM t WHERE a > ?", 1);
  EXPECT_EQ(object.open().cache().size(), 1U);
  EXPECT_EQ(test::rest(first), "1;2");
  EXPECT_EQ(test::rest(second), "2");
}

TEST(StatementCacheTest, EvictedStatementOfALiveCursorGoesOn) {
  test::SqlObject object(withCache(30));
  object.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1),(2),(3)");
  SqlCursor cursor = object.exec("SELECT a FROM t");
  for (int i = 100; i < 120; ++i) object.exec("SELECT " + std::to_string(i));
  EXPECT_EQ(test::rest(cursor), "1;2;3");
}

TEST(StatementCacheTest, StatementsFollowSchemaChangesAndTheirRollback) {
  test::SqlObject object;
  object.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
  object.commit();
  EXPECT_EQ(object.all("SELECT * FROM t"), "1");
  object.exec("ALTER TABLE t ADD COLUMN b DEFAULT 2");
  EXPECT_EQ(object.all("SELECT * FROM t"), "1|2");
  object.rollback();
  EXPECT_EQ(object.all("SELECT * FROM t"), "1");
  object.enterScope();
  object.exec("DROP TABLE t; CREATE TABLE t(x, y, z); INSERT INTO t VALUES (7,8,9)");
  EXPECT_EQ(object.all("SELECT * FROM t"), "7|8|9");
  object.rollbackScope();
  EXPECT_EQ(object.all("SELECT * FROM t"), "1");
  object.exec("DROP TABLE t");
  EXPECT_EQ(object.error("SELECT * FROM t"), "no such table: t: SQLITE_ERROR");
}

TEST(StatementCacheTest, SettingsApplyToTextsCompiledBefore) {
  test::SqlObject object;
  object.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1),(2)");
  object.commit();
  EXPECT_EQ(object.all("SELECT a FROM t"), "1;2");
  EXPECT_EQ(object.all("SELECT 'A' LIKE 'a'"), "1");
  object.exec("PRAGMA reverse_unordered_selects = ON; PRAGMA case_sensitive_like = ON");
  EXPECT_EQ(object.all("SELECT a FROM t"), "2;1");
  EXPECT_EQ(object.all("SELECT 'A' LIKE 'a'"), "0");
}

}  // namespace
}  // namespace cairn
