// Goal: a prefix, a table, the alarm or one commit can be brought back by themselves, what differs
// between two states can be listed, and nothing is changed when it cannot be done. Method: small
// histories whose every state is known, and random ones compared with whole restores.
#include <cairn/history.h>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pitr/history_fixture.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class RestorePartTest : public test::HistoryFixture {
 protected:
  RestorePartTest() : engine_(open()), object_(engine_->object("Test", "a")) {}

  Lsn turn(const std::function<void(Storage&)>& work) {
    clock_.advance(1'000);
    return engine_->turn(object_, work).lsn();
  }
  Lsn sql(const std::string& text) {
    return turn([&](Storage& s) { s.sql().exec(text); });
  }
  Lsn put(const std::string& key, int value) {
    return turn([&](Storage& s) { s.kv().put(key, value); });
  }
  [[nodiscard]] UnixMillis in(std::int64_t milliseconds) const {
    return {clock_.now().value + milliseconds};
  }
  std::optional<int> get(const std::string& key) {
    std::optional<int> value;
    engine_->turn(object_, [&](Storage& s) { value = s.kv().get<int>(key); });
    return value;
  }
  std::vector<std::string> rows(const std::string& query) {
    std::vector<std::string> found;
    engine_->turn(object_, [&](Storage& s) {
      for (auto& [text] : s.sql().exec(query).toArray<std::string>()) found.push_back(text);
    });
    return found;
  }
  History history() { return engine_->history(object_); }
  std::vector<std::string> difference(Lsn before, Lsn after) {
    std::vector<std::string> lines;
    history().diff(before, after, [&](const Difference& d) {
      lines.push_back(describe(d));
      return true;
    });
    return lines;
  }
  static std::string describe(const Difference& difference) {
    auto sides = [](bool before, bool after) {
      return std::string(before ? after ? "~" : "-" : "+");
    };
    if (const auto* key = std::get_if<KeyDifference>(&difference))
      return sides(key->before.has_value(), key->after.has_value()) + "key " + key->key;
    if (const auto* row = std::get_if<RowDifference>(&difference)) {
      std::string text = sides(row->before.has_value(), row->after.has_value()) + row->table;
      for (const SqlValue& value : row->key) {
        text += ' ';
        text += std::holds_alternative<std::int64_t>(value)
                    ? std::to_string(std::get<std::int64_t>(value))
                    : std::get<std::string>(value);
      }
      return text;
    }
    if (const auto* entry = std::get_if<SchemaDifference>(&difference))
      return sides(entry->before.has_value(), entry->after.has_value()) + entry->type + " " +
             entry->name;
    const auto& alarm = std::get<AlarmDifference>(difference);
    return sides(alarm.before.has_value(), alarm.after.has_value()) + "alarm";
  }

  std::unique_ptr<Engine> engine_;
  ObjectRef object_;
};

TEST_F(RestorePartTest, PrefixComesBackAndNothingElseChanges) {
  turn([](Storage& s) {
    s.kv().put("a/1", 1);
    s.kv().put("a/2", 2);
    s.kv().put("b/1", 3);
  });
  Lsn then = engine_->turn(object_, [&](Storage& s) { s.setAlarm(in(5'000)); }).lsn();
  turn([](Storage& s) {
    s.kv().put("a/1", 10);
    s.kv().erase("a/2");
    s.kv().put("a/3", 30);
    s.kv().put("b/1", 40);
    s.deleteAlarm();
  });
  RestoreReceipt dry = history().restore(then, {.keyPrefix = "a/", .dryRun = true});
  EXPECT_EQ(dry.keysChanged, 3U);
  EXPECT_EQ(get("a/1"), 10);
  RestoreReceipt receipt = history().restore(then, {.keyPrefix = "a/"});
  EXPECT_EQ(receipt.keysChanged, 3U);
  EXPECT_EQ(receipt.what, "prefix a/");
  EXPECT_EQ(get("a/1"), 1);
  EXPECT_EQ(get("a/2"), 2);
  EXPECT_EQ(get("a/3"), std::nullopt);
  EXPECT_EQ(get("b/1"), 40);
  engine_->turn(object_, [](Storage& s) { EXPECT_FALSE(s.getAlarm()); });
  history().restore(history().resolve(receipt.undo).lsn);
  EXPECT_EQ(get("a/1"), 10);
  EXPECT_EQ(get("a/3"), 30);
}

TEST_F(RestorePartTest, PrefixComesBackOverDeleteAll) {
  Lsn then = turn([](Storage& s) {
    s.kv().put("a/1", 1);
    s.kv().put("b/1", 3);
  });
  turn([](Storage& s) { s.deleteAll(); });
  put("a/2", 7);
  put("b/2", 8);
  history().restore(then, {.keyPrefix = "a/"});
  EXPECT_EQ(get("a/1"), 1);
  EXPECT_EQ(get("a/2"), std::nullopt);
  EXPECT_EQ(get("b/1"), std::nullopt);
  EXPECT_EQ(get("b/2"), 8);
}

TEST_F(RestorePartTest, AlarmComesBackAlone) {
  UnixMillis first = in(77'000);
  Lsn then = turn([&](Storage& s) {
    s.setAlarm(first);
    s.kv().put("k", 1);
  });
  turn([&](Storage& s) {
    s.setAlarm(in(99'000));
    s.kv().put("k", 2);
  });
  history().restore(then, {.alarmOnly = true});
  EXPECT_EQ(get("k"), 2);
  engine_->turn(object_, [&](Storage& s) { EXPECT_EQ(s.getAlarm(), first); });
}

TEST_F(RestorePartTest, RowsOfATableComeBackWithoutItsTriggers) {
  sql("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE COLLATE NOCASE, n "
      "REAL);"
      "CREATE TABLE log(x); CREATE TRIGGER tr AFTER DELETE ON t BEGIN INSERT INTO log "
      "VALUES(old.id);"
      "END; CREATE TABLE other(x)");
  Lsn then =
      sql("INSERT INTO t(name, n) VALUES ('a', 1), ('b', 2), ('c', 3.5); "
          "INSERT INTO other VALUES ('kept')");
  // Names swapped, a row gone, a row new, a case changed, a type changed.
  sql("UPDATE t SET name = 'x' WHERE id = 1; UPDATE t SET name = 'A' WHERE id = 2;"
      "UPDATE t SET name = 'b' WHERE id = 1; DELETE FROM t WHERE id = 3; "
      "INSERT INTO t(name) VALUES ('new'); INSERT INTO other VALUES ('later')");
  RestoreReceipt receipt = history().restore(then, {.table = "T"});
  EXPECT_EQ(receipt.rowsChanged, 4U);
  EXPECT_THAT(rows("SELECT id || name || n FROM t ORDER BY id"),
              ElementsAre("1a1.0", "2b2.0", "3c3.5"));
  EXPECT_THAT(rows("SELECT x FROM other"), ElementsAre("kept", "later"));
  EXPECT_THAT(rows("SELECT CAST(x AS TEXT) FROM log"), ElementsAre("3"));
  sql("INSERT INTO t(name) VALUES ('next')");
  EXPECT_THAT(rows("SELECT CAST(max(id) AS TEXT) FROM t"), ElementsAre("4"));
}

TEST_F(RestorePartTest, DroppedTableComesBackWithIndexesAndTriggers) {
  sql("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, up TEXT GENERATED ALWAYS AS "
      "(upper(name)));"
      "CREATE INDEX by_name ON t(name);"
      "CREATE TABLE w(k TEXT, v, PRIMARY KEY(k, v)) WITHOUT ROWID;"
      "CREATE VIRTUAL TABLE f USING fts5(body)");
  Lsn then =
      sql("INSERT INTO t(name) VALUES ('a'), ('b'); INSERT INTO w VALUES ('x', 1), ('x', 2);"
          "INSERT INTO f VALUES ('hello world'), ('other words')");
  sql("DROP TABLE t; DROP TABLE w; DROP TABLE f; CREATE TABLE newer(x)");
  for (const char* table : {"t", "w", "f"}) history().restore(then, {.table = table});
  EXPECT_THAT(rows("SELECT name || up FROM t INDEXED BY by_name ORDER BY name"),
              ElementsAre("aA", "bB"));
  EXPECT_THAT(rows("SELECT k || v FROM w"), ElementsAre("x1", "x2"));
  EXPECT_THAT(rows("SELECT body FROM f WHERE f MATCH 'hello'"), ElementsAre("hello world"));
  EXPECT_THAT(rows("SELECT name FROM sqlite_schema WHERE name = 'newer'"), ElementsAre("newer"));
}

TEST_F(RestorePartTest, TableThatCannotComeBackAloneIsRefusedAndNothingChanges) {
  sql("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id));"
      "CREATE TABLE s(a)");
  Lsn empty = sql("INSERT INTO s VALUES ('1')");
  Lsn full =
      sql("INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (1); "
          "ALTER TABLE s ADD COLUMN b");
  auto refused = [&](Lsn target, const char* table, ErrorCode code, const char* text) {
    try {
      history().restore(target, {.table = table});
      ADD_FAILURE() << table;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  };
  refused(empty, "p", ErrorCode::kConflict, "refers to a row of table p");
  refused(empty, "s", ErrorCode::kConflict, "another schema");
  refused(empty, "nothing", ErrorCode::kNotFound, "had no table nothing");
  EXPECT_EQ(rows("SELECT CAST(count(*) AS TEXT) FROM p"), std::vector<std::string>{"2"});
  sql("DELETE FROM c; DELETE FROM p WHERE id = 1");
  history().restore(full, {.table = "p"});
  history().restore(full, {.table = "c"});
  EXPECT_THAT(rows("SELECT CAST(p AS TEXT) FROM c"), ElementsAre("1"));
  EXPECT_EQ(codeOf([&] { history().restore(full, {.keyPrefix = "a", .table = "p"}); }),
            ErrorCode::kInvalidArgument);
}

TEST_F(RestorePartTest, OneCommitIsUndoneAndLaterOnesStay) {
  sql("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 10), (2, 20)");
  put("k", 1);
  Lsn mistake = turn([&](Storage& s) {
    s.kv().put("k", 2);
    s.kv().put("new", 5);
    s.sql().exec("UPDATE t SET n = n + 100 WHERE id = 1; DELETE FROM t WHERE id = 2");
    s.setAlarm(in(123'000));
  });
  put("later", 9);
  sql("INSERT INTO t VALUES (3, 30)");
  RestoreReceipt receipt = history().undoCommit(mistake);
  EXPECT_EQ(receipt.keysChanged, 2U);
  EXPECT_EQ(receipt.rowsChanged, 2U);
  EXPECT_EQ(get("k"), 1);
  EXPECT_EQ(get("new"), std::nullopt);
  EXPECT_EQ(get("later"), 9);
  EXPECT_THAT(rows("SELECT id || ':' || n FROM t ORDER BY id"),
              ElementsAre("1:10", "2:20", "3:30"));
  engine_->turn(object_, [](Storage& s) { EXPECT_FALSE(s.getAlarm()); });
  EXPECT_EQ(history().receipts().front().what, "commit " + std::to_string(mistake.value()));
}

TEST_F(RestorePartTest, CommitWithLaterChangesInTheWayIsReportedAndNothingChanges) {
  Lsn schema = sql("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER UNIQUE)");
  Lsn mistake = turn([](Storage& s) {
    s.kv().put("k", 2);
    s.sql().exec("INSERT INTO t VALUES (1, 10), (2, 20)");
  });
  Lsn removed = sql("DELETE FROM t WHERE id = 1");
  Lsn reused = sql("INSERT INTO t VALUES (5, 10)");
  put("k", 3);
  auto conflict = [&](Lsn lsn) -> std::string {
    try {
      history().undoCommit(lsn);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConflict) << error.what();
      return error.what();
    }
    return "none";
  };
  EXPECT_THAT(conflict(mistake), HasSubstr("key k"));
  put("k", 2);
  EXPECT_THAT(conflict(mistake), HasSubstr("row 1 of table t"));
  EXPECT_THAT(conflict(removed), HasSubstr("UNIQUE constraint"));
  EXPECT_THAT(conflict(schema), HasSubstr("created or emptied"));
  EXPECT_THAT(rows("SELECT id || ':' || n FROM t ORDER BY id"), ElementsAre("2:20", "5:10"));
  history().undoCommit(reused);
  history().undoCommit(removed);
  history().undoCommit(mistake);
  EXPECT_EQ(get("k"), std::nullopt);
  EXPECT_TRUE(rows("SELECT CAST(id AS TEXT) FROM t").empty());
  EXPECT_EQ(codeOf([&] { history().undoCommit(Lsn(1'000'000)); }), ErrorCode::kOutOfRange);
}

TEST_F(RestorePartTest, DifferencesAreKeysRowsSchemaAndAlarm) {
  Lsn first = turn([](Storage& s) {
    s.kv().put("gone", 1);
    s.kv().put("same", 1);
    s.kv().put("other", 1);
    s.sql().exec(
        "CREATE TABLE t(a TEXT PRIMARY KEY, b) WITHOUT ROWID; CREATE TABLE u(x);"
        "INSERT INTO t VALUES ('k', 1), ('l', 2); INSERT INTO u VALUES (1)");
  });
  Lsn second = turn([&](Storage& s) {
    s.kv().erase("gone");
    s.kv().put("other", 2);
    s.kv().put("new", 3);
    s.setAlarm(in(50'000));
    s.sql().exec(
        "UPDATE t SET b = 1.0 WHERE a = 'k'; DELETE FROM t WHERE a = 'l';"
        "INSERT INTO t VALUES ('m', 3); DROP TABLE u; CREATE INDEX i ON t(b)");
  });
  EXPECT_THAT(difference(first, second),
              UnorderedElementsAre("-key gone", "~key other", "+key new", "+index i", "-table u",
                                   "-t l", "~t k", "+t m", "-u 1", "+alarm"));
  EXPECT_THAT(difference(second, first),
              UnorderedElementsAre("+key gone", "~key other", "-key new", "-index i", "+table u",
                                   "+t l", "~t k", "-t m", "+u 1", "-alarm"));
  EXPECT_TRUE(difference(first, first).empty());
  turn([](Storage& s) {
    s.deleteAlarm();
    s.deleteAll();
  });
  Lsn third = put("same", 1);
  EXPECT_THAT(difference(first, third), UnorderedElementsAre("-key gone", "-key other", "-table t",
                                                             "-table u", "-t k", "-t l", "-u 1"));
}

TEST_F(RestorePartTest, SeveralObjectsComeBackToOneStateOfTheRoot) {
  ObjectRef other = engine_->object("Test", "b");
  put("k", 1);
  Lsn target = engine_->turn(other, [](Storage& s) { s.kv().put("k", 1); }).lsn();
  put("k", 2);
  engine_->turn(other, [](Storage& s) { s.kv().put("k", 2); });
  std::vector<RestoreReceipt> receipts = restoreAll(*engine_, {object_, other}, target);
  EXPECT_EQ(receipts.size(), 2U);
  EXPECT_EQ(get("k"), 1);
  engine_->turn(other, [](Storage& s) { EXPECT_EQ(s.kv().get<int>("k"), 1); });
  ObjectRef absent = engine_->object("Test", "absent");
  EXPECT_EQ(codeOf([&] {
              restoreAll(*engine_, {object_, absent}, receipts[0].lsn);
            }),
            ErrorCode::kNotFound);
  other = {};
  absent = {};
}

TEST_F(RestorePartTest, UsageNamesWhatFillsStoreAndHistory) {
  turn([](Storage& s) {
    s.sql().exec("CREATE TABLE t(x); CREATE TABLE idle(x)");
    s.kv().put("user/1", 1);
    s.kv().put("user/2", 1);
    s.kv().put("flat", 1);
  });
  for (int i = 0; i < 20; ++i) {
    turn([&](Storage& s) {
      s.kv().put("user/1", std::string(100, static_cast<char>('a' + i)));
      s.sql().exec("INSERT INTO t VALUES (?)", i);
    });
  }
  HistoryUsage usage = history().usage();
  EXPECT_EQ(usage.commits, 21U);
  ASSERT_EQ(usage.prefixes.size(), 2U);
  EXPECT_EQ(usage.prefixes[0].name, "user/");
  EXPECT_EQ(usage.prefixes[0].changes, 22U);
  EXPECT_GT(usage.prefixes[0].historyBytes, 19U * 100);
  EXPECT_EQ(usage.tables[0].name, "t");
  EXPECT_GE(usage.tables[0].changes, 20U);
}

}  // namespace
}  // namespace cairn
