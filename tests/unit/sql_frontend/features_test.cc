// Goal: what the platform offers beyond plain tables works over the engine's pages as it does in
// SQLite: FTS5 with its vocabulary, JSON, math, windows, dates, R*Tree, generated columns.
#include <gtest/gtest.h>

#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

class FeaturesTest : public ::testing::Test {
 protected:
  void expectAll(std::initializer_list<std::pair<const char*, const char*>> cases) {
    for (const auto& [text, rows] : cases) EXPECT_EQ(object_.all(text), rows) << text;
  }
  test::SqlObject object_;
};

TEST_F(FeaturesTest, FullTextSearch) {
  object_.exec("CREATE VIRTUAL TABLE d USING fts5(title, body, tokenize='porter unicode61')");
  object_.exec(
      "INSERT INTO d VALUES ('Durable objects','storage for durable state'),"
      "('SQLite','small fast reliable storage engine'),('Other','running runner runs'),"
      "('Café','naïve résumé')");
  expectAll({
      {"SELECT title FROM d WHERE d MATCH 'durable'", "Durable objects"},
      {"SELECT title FROM d('storage') ORDER BY rowid", "Durable objects;SQLite"},
      {"SELECT title FROM d('storage NOT durable')", "SQLite"},
      {"SELECT title FROM d('fast AND engine')", "SQLite"},
      {"SELECT title FROM d('\"small fast\"')", "SQLite"},
      {"SELECT title FROM d('stor*') ORDER BY rank, rowid", "Durable objects;SQLite"},
      {"SELECT title FROM d('body : state')", "Durable objects"},
      {"SELECT title FROM d('NEAR(small engine, 4)')", "SQLite"},
      {"SELECT title FROM d('run')", "Other"},
      {"SELECT title FROM d('cafe')", "Café"},
      {"SELECT highlight(d, 1, '<', '>') FROM d('durable')", "storage for <durable> state"},
      {"SELECT snippet(d, 1, '[', ']', '…', 2) FROM d('reliable')", "…[reliable] storage…"},
      {"SELECT bm25(d) < 0 FROM d('durable')", "1"},
      {"SELECT count(*) FROM d('nothing')", "0"},
  });
  object_.exec("CREATE VIRTUAL TABLE words USING fts5vocab('d', 'row')");
  object_.exec("CREATE VIRTUAL TABLE places USING fts5vocab('d', 'instance')");
  expectAll({
      {"SELECT term, doc, cnt FROM words WHERE term = 'storag'", "storag|2|2"},
      {"SELECT count(*) > 10 FROM words", "1"},
      {"SELECT doc, col, offset FROM places WHERE term = 'durabl' ORDER BY 1, 2, 3",
       "1|body|2;1|title|0"},
  });
  object_.commit();
  object_.exec(
      "UPDATE d SET body = 'changed words' WHERE rowid = 1; DELETE FROM d WHERE rowid = 2");
  object_.exec("INSERT INTO d(d) VALUES ('optimize'); INSERT INTO d(d) VALUES ('integrity-check')");
  object_.commit();
  object_.restart();
  expectAll({{"SELECT rowid FROM d('changed')", "1"}, {"SELECT rowid FROM d('storage')", ""}});
  object_.exec("INSERT INTO d VALUES ('lost','lost'); DELETE FROM d WHERE rowid = 1");
  object_.rollback();
  expectAll({{"SELECT count(*) FROM d('lost')", "0"},
             {"SELECT count(*) FROM d('changed')", "1"},
             {"INSERT INTO d(d) VALUES ('integrity-check')", ""}});
}

TEST_F(FeaturesTest, Json) {
  expectAll({
      {"SELECT json(' { \"a\" : [ 1 , 2 ] } ')", "{\"a\":[1,2]}"},
      {"SELECT json_extract('{\"a\":[1,{\"b\":\"c\"}]}', '$.a[1].b')", "c"},
      {"SELECT '{\"a\":1.5}' -> '$.a', '{\"a\":\"x\"}' ->> 'a'", "1.5|x"},
      {"SELECT json_set('{\"a\":1}', '$.b', json('[2]'))", "{\"a\":1,\"b\":[2]}"},
      {"SELECT json_remove('[0,1,2]', '$[1]')", "[0,2]"},
      {"SELECT json_patch('{\"a\":1,\"b\":2}', '{\"b\":null}')", "{\"a\":1}"},
      {"SELECT json_type('[1]', '$[0]'), json_valid('{'), json_array_length('[1,2,3]')",
       "integer|0|3"},
      {"SELECT json_group_array(value) FROM json_each('[3,1,2]')", "[3,1,2]"},
      {"SELECT json_group_object(key, value) FROM json_each('{\"x\":1,\"y\":2}')",
       "{\"x\":1,\"y\":2}"},
      {"SELECT fullkey FROM json_tree('{\"a\":[1]}') WHERE atom = 1", "$.a[0]"},
      {"SELECT json_quote('a\"b')", "\"a\\\"b\""},
  });
  object_.exec(
      "CREATE TABLE t(j TEXT CHECK (json_valid(j)), k AS (j ->> '$.k') STORED); CREATE INDEX ik ON "
      "t(k)");
  object_.exec("INSERT INTO t(j) VALUES ('{\"k\":\"a\"}'), ('{\"k\":\"b\"}')");
  expectAll({{"SELECT j FROM t WHERE k = 'b'", "{\"k\":\"b\"}"}});
  EXPECT_NE(object_.error("INSERT INTO t(j) VALUES ('{')"), "");
}

TEST_F(FeaturesTest, Math) {
  expectAll({
      {"SELECT acos(1), acosh(1), asin(0), asinh(0), atan(0), atanh(0), atan2(0, 1)",
       "0|0|0|0|0|0|0"},
      {"SELECT ceil(1.2), ceiling(-1.2), floor(-1.5), trunc(-1.7), round(2.5)", "2|-1|-2|-1|3"},
      {"SELECT cos(0), cosh(0), sin(0), sinh(0), tan(0), tanh(0)", "1|1|0|0|0|0"},
      {"SELECT degrees(pi()), log(100), log10(100), log2(8), log(2, 8), ln(1)", "180|2|2|3|3|0"},
      {"SELECT mod(7, 3), pow(2, 10), power(2, -1), sqrt(16), sign(-5), exp(0)",
       "1|1024|0.5|4|-1|1"},
      {"SELECT sqrt(-1), ln(0), acos(2), mod(1, 0)", "NULL|NULL|NULL|NULL"},
  });
}

TEST_F(FeaturesTest, WindowsDatesAndTheRest) {
  object_.exec(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, g, v INT); "
      "INSERT INTO t VALUES (1,'a',10),(2,'a',20),(3,'b',5)");
  expectAll({
      {"SELECT id, sum(v) OVER (PARTITION BY g ORDER BY id), rank() OVER (ORDER BY v) FROM t ORDER "
       "BY id",
       "1|10|2;2|30|3;3|5|1"},
      {"SELECT lag(v) OVER (ORDER BY id), lead(v, 1, 0) OVER (ORDER BY id) FROM t",
       "NULL|20;10|5;20|0"},
      {"SELECT date('2024-02-28', '+2 days'), strftime('%H:%M', 3600, 'unixepoch')",
       "2024-03-01|01:00"},
      {"SELECT g, group_concat(v, '+') FROM t GROUP BY g HAVING count(*) > 1", "a|10+20"},
      {"INSERT INTO t VALUES (3,'c',1) ON CONFLICT DO UPDATE SET v = v + excluded.v RETURNING id, "
       "v",
       "3|6"},
      {"SELECT printf('%05.1f|%s|%x', 2.5, 'x', 255)", "002.5|x|ff"},
      {"SELECT * FROM t x FULL JOIN (SELECT 9 AS id) y ON x.id = y.id WHERE x.id IS NULL",
       "NULL|NULL|NULL|9"},
  });
  object_.exec(
      "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1); "
      "INSERT INTO r VALUES (1,0,10,0,10),(2,5,15,5,15),(3,100,101,100,101)");
  expectAll(
      {{"SELECT id FROM r WHERE x0 <= 7 AND x1 >= 7 AND y0 <= 7 AND y1 >= 7 ORDER BY id", "1;2"},
       {"SELECT rtreecheck('r')", "ok"}});
}

}  // namespace
}  // namespace cairn
