// Goal: whenever SQLite ends a transaction by itself (a critical error, OR ROLLBACK,
// RAISE(ROLLBACK)) that is noticed at once: the statement reports SQLite's error, nothing more can
// be written in the turn, its commit fails, and what was committed before is untouched. Errors that
// end a statement alone leave the transaction be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LostTransactionTest : public ::testing::Test {
 protected:
  LostTransactionTest() {
    object_.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'kept')");
    object_.exec(
        "CREATE TABLE guarded(a); CREATE TRIGGER tr BEFORE INSERT ON guarded BEGIN SELECT "
        "RAISE(ROLLBACK, 'no'); END");
    object_.commit();
  }

  void expectLost() {
    EXPECT_NE(object_.lost(), nullptr);
    EXPECT_NE(object_.error("INSERT INTO t VALUES (3, 'later')"), "");
    EXPECT_ANY_THROW(object_.commit());
    EXPECT_EQ(object_.all("SELECT id, a FROM t"), "1|kept");
    // The next turn is a new one, and a restart finds the same.
    object_.exec("INSERT INTO t VALUES (4, 'next')");
    object_.commit();
    object_.restart();
    EXPECT_EQ(object_.all("SELECT id, a FROM t"), "1|kept;4|next");
  }

  test::SqlObject object_;
};

TEST_F(LostTransactionTest, OrRollbackIsNoticed) {
  object_.exec("INSERT INTO t VALUES (2, 'lost')");
  EXPECT_THAT(object_.error("INSERT OR ROLLBACK INTO t VALUES (1, 'again')"),
              StartsWith("UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT"));
  expectLost();
}

TEST_F(LostTransactionTest, OrRollbackOfTheFirstWriteIsNoticed) {
  EXPECT_NE(object_.error("INSERT OR ROLLBACK INTO t VALUES (1, 'again')"), "");
  expectLost();
}

TEST_F(LostTransactionTest, RaiseRollbackIsNoticed) {
  object_.exec("INSERT INTO t VALUES (2, 'lost')");
  EXPECT_EQ(object_.error("INSERT INTO guarded VALUES (1)"),
            "no: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_TRIGGER)");
  expectLost();
}

TEST_F(LostTransactionTest, ConflictClauseOfATableIsNoticed) {
  object_.exec("CREATE TABLE r(a UNIQUE ON CONFLICT ROLLBACK)");
  object_.commit();
  object_.exec("INSERT INTO t VALUES (2, 'lost')");
  EXPECT_NE(object_.error("INSERT INTO r VALUES (1), (1)"), "");
  expectLost();
}

TEST_F(LostTransactionTest, InsideScopesToo) {
  object_.exec("INSERT INTO t VALUES (2, 'lost')");
  object_.enterScope();
  object_.exec("INSERT INTO t VALUES (5, 'lost too')");
  object_.enterScope();
  EXPECT_NE(object_.error("INSERT OR ROLLBACK INTO t VALUES (1, 'again')"), "");
  object_.rollbackScope();
  object_.rollbackScope();
  expectLost();
}

TEST_F(LostTransactionTest, MultiStatementTextStopsThere) {
  EXPECT_NE(object_.error("INSERT INTO t VALUES (2, 'lost'); INSERT OR ROLLBACK INTO t VALUES (1, "
                          "'x'); INSERT INTO t VALUES (6, 'never')"),
            "");
  expectLost();
}

TEST_F(LostTransactionTest, ReadErrorIsReportedWithItsCause) {
  object_.round();
  object_.closeConnection();
  object_.files().setHook([](test::Call call, const std::string& path) {
    if (call == test::Call::kRead) throw Error(ErrorCode::kIo, "the disk is gone: " + path);
  });
  EXPECT_THAT(object_.error("SELECT * FROM t"), HasSubstr("the disk is gone"));
  object_.files().setHook(nullptr);
  EXPECT_EQ(object_.all("SELECT id, a FROM t"), "1|kept");
}

TEST_F(LostTransactionTest, ReadErrorInsideAWriteLeavesNothingHalf) {
  object_.exec(
      "INSERT INTO t SELECT value + 10, hex(zeroblob(2000)) FROM json_each('[1,2,3,4,5,6,7,"
      "8,9,10,11,12,13,14,15,16,17,18,19,20]')");
  object_.exec("DELETE FROM t WHERE id > 10");
  object_.commit();
  object_.round();
  // Each read that the statement needs fails once.
  for (int failing = 0; failing < 12; ++failing) {
    object_.closeConnection();
    int reads = 0;
    object_.files().setHook([&](test::Call call, const std::string&) {
      if (call == test::Call::kRead && reads++ == failing)
        throw Error(ErrorCode::kIo, "unreadable");
    });
    std::string error = object_.error("UPDATE t SET a = a || 'x' WHERE id = 1");
    object_.files().setHook(nullptr);
    if (error.empty()) {
      object_.rollback();
      continue;
    }
    EXPECT_THAT(error, HasSubstr("unreadable"));
    object_.rollback();
    EXPECT_EQ(object_.all("SELECT id, a FROM t"), "1|kept");
  }
}

TEST_F(LostTransactionTest, OrdinaryErrorsKeepTheTransaction) {
  object_.exec("INSERT INTO t VALUES (2, 'stays')");
  for (const char* text :
       {"INSERT INTO t VALUES (1, 'x')", "INSERT OR ABORT INTO t VALUES (1, 'x')",
        "INSERT OR FAIL INTO t VALUES (1, 'x')", "SELECT nothing", "INSERT INTO t VALUES ('x', 1)",
        "SELECT abs(-9223372036854775808)", "INSERT INTO t VALUES (9, zeroblob(3000000))"}) {
    EXPECT_NE(object_.error(text), "") << text;
    EXPECT_EQ(object_.lost(), nullptr) << text;
  }
  object_.commit();
  EXPECT_EQ(object_.all("SELECT id, a FROM t"), "1|kept;2|stays");
}

// SQLite undoes a failed statement only where it expected that it might fail. A turn in which it
// did not is given up: nobody can tell what of the statement stayed.
TEST_F(LostTransactionTest, StatementLeftHalfDoneIsNoticed) {
  object_.exec("INSERT INTO t VALUES (2, 'x'), (3, hex(zeroblob(700000)))");
  object_.commit();
  object_.exec("INSERT INTO t VALUES (5, 'lost')");
  EXPECT_EQ(object_.error("UPDATE t SET a = a || a"), "string or blob too big: SQLITE_TOOBIG");
  EXPECT_NE(object_.lost(), nullptr);
  EXPECT_NE(object_.error("INSERT INTO t VALUES (6, 'later')"), "");
  try {
    object_.commit();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("SQLite could not undo"));
  }
  EXPECT_EQ(object_.all("SELECT id, length(a) FROM t"), "1|4;2|1;3|1400000");
}

TEST_F(LostTransactionTest, StatementThatFailsBeforeItsFirstRowIsOrdinary) {
  object_.exec("INSERT INTO t VALUES (2, 'stays')");
  EXPECT_EQ(object_.error("INSERT INTO t VALUES (3, zeroblob(1500000) || zeroblob(1500000))"),
            "string or blob too big: SQLITE_TOOBIG");
  EXPECT_NE(object_.error("CREATE UNIQUE INDEX i ON t(length(a) > 0)"), "");
  EXPECT_NE(object_.error("INSERT OR FAIL INTO t VALUES (4, 'kept'), (1, 'x')"), "");
  EXPECT_EQ(object_.lost(), nullptr);
  object_.commit();
  EXPECT_EQ(object_.all("SELECT id FROM t"), "1;2;4");
}

TEST_F(LostTransactionTest, DeferredForeignKeyFailsTheCommit) {
  object_.exec(
      "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id) DEFERRABLE "
      "INITIALLY DEFERRED)");
  object_.commit();
  object_.exec("INSERT INTO c VALUES (7)");
  try {
    object_.commit();
    FAIL();
  } catch (const SqlError& error) {
    EXPECT_EQ(error.extendedCode(), SQLITE_CONSTRAINT_FOREIGNKEY);
  }
  EXPECT_EQ(object_.all("SELECT count(*) FROM c"), "0");
  object_.exec("INSERT INTO c VALUES (7); INSERT INTO p VALUES (7)");
  object_.commit();
  EXPECT_EQ(object_.all("SELECT p FROM c"), "7");
  object_.exec(
      "PRAGMA defer_foreign_keys = ON; INSERT INTO c VALUES (8); INSERT INTO p VALUES (8)");
  object_.commit();
}

TEST_F(LostTransactionTest, ForeignKeysAreOnAndCannotBeSwitchedOffInATransaction) {
  EXPECT_EQ(object_.all("PRAGMA foreign_keys"), "1");
  object_.exec("CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id))");
  object_.exec("PRAGMA foreign_keys = OFF");
  EXPECT_EQ(object_.all("PRAGMA foreign_keys"), "1");
  EXPECT_THAT(object_.error("INSERT INTO c VALUES (1)"),
              StartsWith("FOREIGN KEY constraint failed"));
}

}  // namespace
}  // namespace cairn
