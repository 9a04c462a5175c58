// Goal: SQLite over a PageSpace sees one database, whatever of it lies in the file, in commits the
// file does not hold yet, or in the transaction in progress; and each transaction's record leads
// from the pages before it to those after it. Databases grow, shrink, vacuum themselves and cross
// the page that SQLite never uses.
#include "sql_frontend/page_space.h"

#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "engine/base/commit_record.h"
#include "sql_frontend/temp_space.h"
#include "sql_frontend/vfs.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/sql_frontend/sql_object.h"

namespace cairn {
namespace {

constexpr SpaceId kSpace{7};

// A connection without Cairn's settings and judgements, over the pages.
class RawDatabase {
 public:
  RawDatabase(sql::Vfs& vfs, sql::PageSpace& pages) : mount_(vfs, pages), pages_(pages) {
    sqlite3_open_v2(mount_.fileName().c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                    vfs.name().c_str());
    run("PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY; PRAGMA "
        "synchronous=OFF");
  }
  ~RawDatabase() { sqlite3_close(db_); }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  // The first column of every row.
  std::string run(const std::string& text) {
    sql::TempSpace::Scope scope(temp_);
    std::string result;
    char* error = nullptr;
    sqlite3_exec(
        db_, text.c_str(),
        [](void* out, int, char** values, char**) {
          std::string& rows = *static_cast<std::string*>(out);
          rows += rows.empty() ? "" : ";";
          rows += values[0] == nullptr ? "NULL" : values[0];
          return 0;
        },
        &result, &error);
    if (error != nullptr) result += fmt::format("error: {}", error);
    sqlite3_free(error);
    return result;
  }
  // The record of what ran since the last commit.
  std::string commit(std::uint64_t lsn) {
    Buffer ops;
    pages_.collect(ops);
    pages_.commit(Lsn(lsn));
    return std::string(ops.view());
  }

 private:
  sql::TempSpace temp_{std::uint64_t{1} << 30};
  sql::Vfs::Mount mount_;
  sql::PageSpace& pages_;
  sqlite3* db_ = nullptr;
};

class PageSpaceTest : public ::testing::Test {
 protected:
  PageSpaceTest() { memory_.createDirectory("sql"); }

  test::PageImage image(sql::PageSpace& pages) {
    test::PageImage image(pages.pageCount(), std::string(sql::kPageBytes, '\0'));
    for (std::size_t i = 0; i < image.size(); ++i)
      pages.read(static_cast<std::uint32_t>(i + 1), image[i].data());
    return image;
  }
  void write(const test::PageImage& image) {
    sql::PageFiles::Writer writer(files_);
    File& file = writer.file(kSpace);
    file.truncate(image.size() * sql::kPageBytes);
    for (std::size_t i = 0; i < image.size(); ++i) file.write(i * sql::kPageBytes, image[i]);
    writer.sync();
  }

  test::ManualClock clock_;
  test::MemoryFileSystem memory_;
  sql::PageFiles files_{memory_, "sql"};
  sql::Vfs vfs_{clock_};
};

TEST_F(PageSpaceTest, DatabaseThatVacuumsItselfGrowsAndShrinks) {
  for (const char* mode : {"FULL", "INCREMENTAL"}) {
    sql::PageSpace pages(files_, kSpace, 0);
    RawDatabase db(vfs_, pages);
    db.run(fmt::format("PRAGMA auto_vacuum={}; CREATE TABLE t(id INTEGER PRIMARY KEY, b)", mode));
    test::PageImage rebuilt;
    std::uint64_t lsn = 0;
    auto step = [&](const std::string& text) {
      EXPECT_EQ(db.run(text).find("error"), std::string::npos) << text;
      test::applyRecord(db.commit(++lsn), rebuilt);
      EXPECT_TRUE(rebuilt == image(pages)) << text;
      EXPECT_EQ(db.run("PRAGMA integrity_check"), "ok") << text;
    };
    step(
        "INSERT INTO t SELECT value, zeroblob(9000) FROM "
        "json_each('[1,2,3,4,5,6,7,8,9,10,11,12]')");
    std::uint32_t grown = pages.pageCount();
    EXPECT_GE(grown, 30U);
    step("DELETE FROM t WHERE id % 2 = 0; PRAGMA incremental_vacuum");
    EXPECT_LT(pages.pageCount(), grown);
    step("UPDATE t SET b = randomblob(id * 3000)");
    step("BEGIN; DELETE FROM t; INSERT INTO t VALUES (1, zeroblob(100000)); ROLLBACK");
    step("BEGIN; DELETE FROM t WHERE id > 3; COMMIT; INSERT INTO t VALUES (50, zeroblob(50000))");
    step("DELETE FROM t; PRAGMA incremental_vacuum");
    EXPECT_LE(pages.pageCount(), 4U);
    step("VACUUM");
    // Through the file as well, and with the rest over it.
    write(image(pages));
    pages.dropThrough(Lsn(lsn), pages.pageCount());
    step("INSERT INTO t VALUES (1, zeroblob(30000))");
    step("DELETE FROM t; PRAGMA incremental_vacuum; INSERT INTO t VALUES (2, zeroblob(9000))");
    EXPECT_EQ(db.run("SELECT length(b) FROM t"), "9000");
  }
}

TEST_F(PageSpaceTest, PagesCutOffAndComeBackAreZero) {
  sql::PageSpace pages(files_, kSpace, 0);
  std::string page(sql::kPageBytes, 'x');
  test::PageImage rebuilt;
  auto commit = [&](std::uint64_t lsn) {
    Buffer ops;
    pages.collect(ops);
    pages.commit(Lsn(lsn));
    test::applyRecord(ops.view(), rebuilt);
    EXPECT_TRUE(rebuilt == image(pages));
  };
  for (std::uint32_t i = 1; i <= 5; ++i) pages.write(i, page.data());
  commit(1);
  pages.resize(2);
  pages.resize(4);  // 3 and 4 are new pages now.
  EXPECT_EQ(image(pages)[2], std::string(sql::kPageBytes, '\0'));
  commit(2);
  EXPECT_EQ(pages.pageCount(), 4U);
  pages.resize(1);
  pages.discard();
  EXPECT_EQ(pages.pageCount(), 4U);
  EXPECT_EQ(image(pages)[1], page);
  pages.resize(0);
  commit(3);
  EXPECT_FALSE(pages.changed());
}

TEST_F(PageSpaceTest, FileBehindACommittedCutIsNotRead) {
  sql::PageSpace pages(files_, kSpace, 0);
  std::string page(sql::kPageBytes, 'x');
  for (std::uint32_t i = 1; i <= 4; ++i) pages.write(i, page.data());
  pages.commit(Lsn(1));
  write(image(pages));
  pages.dropThrough(Lsn(1), 4);
  EXPECT_FALSE(pages.hasOverlay());
  pages.resize(2);
  pages.commit(Lsn(2));
  pages.resize(3);
  EXPECT_EQ(image(pages)[2], std::string(sql::kPageBytes, '\0'))
      << "the file still has the old page 3";
  pages.write(3, page.data());
  pages.commit(Lsn(3));
  EXPECT_EQ(image(pages)[2], page);
  EXPECT_TRUE(pages.hasOverlay());
}

TEST_F(PageSpaceTest, PageWrittenAndPutBackCostsNothing) {
  sql::PageSpace pages(files_, kSpace, 0);
  std::string page(sql::kPageBytes, 'x'), other(sql::kPageBytes, 'y');
  pages.write(1, page.data());
  pages.commit(Lsn(1));
  pages.write(1, other.data());
  pages.write(1, page.data());
  Buffer ops;
  pages.collect(ops);
  EXPECT_TRUE(ops.empty());
}

TEST_F(PageSpaceTest, PendingPagesAreBounded) {
  sql::PageSpace pages(files_, kSpace, 0);
  pages.limitPending(3 * sql::kPageBytes);
  std::string page(sql::kPageBytes, 'x');
  for (std::uint32_t i = 1; i <= 3; ++i) pages.write(i, page.data());
  pages.write(2, page.data());
  EXPECT_THROW(pages.write(4, page.data()), Error);
  pages.discard();
  pages.write(9, page.data());
}

// SQLite leaves out the page at 1 GiB. The database begins just below it: all but its first pages
// are a hole in a sparse file.
TEST(LockPageTest, DatabaseCrossesOneGibibyte) {
  constexpr std::uint32_t kLockPage = 262'145;
  constexpr std::uint32_t kBegin = kLockPage - 4;
  test::TemporaryDirectory directory;
  sql::PageFiles files(posixFileSystem(), directory.path());
  std::string path = files.path(kSpace);
  {
    sql::PageFiles::Writer writer(files);
    (void)writer.file(kSpace);
    writer.sync();
  }
  sqlite3* plain = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &plain), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(plain, "PRAGMA page_size=4096; CREATE TABLE t(id INTEGER PRIMARY KEY, b)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(plain);
  {
    // The header's page count, big-endian at byte 28.
    auto file = posixFileSystem().open(path, {.write = true});
    const char count[4] = {static_cast<char>(kBegin >> 24), static_cast<char>(kBegin >> 16 & 0xff),
                           static_cast<char>(kBegin >> 8 & 0xff), static_cast<char>(kBegin & 0xff)};
    file->write(28, std::string_view(count, 4));
    file->truncate(std::uint64_t{kBegin} * sql::kPageBytes);
  }
  test::ManualClock clock;
  sql::Vfs vfs(clock);
  sql::PageSpace pages(files, kSpace, kBegin);
  std::string contents;
  {
    RawDatabase db(vfs, pages);
    EXPECT_EQ(db.run("INSERT INTO t SELECT value, hex(zeroblob(4000)) || value FROM "
                     "json_each('[1,2,3,4,5,6,7,8]')"),
              "");
    std::map<std::uint32_t, std::string> written;
    visitOps(db.commit(1), [&](const auto& op) {
      if constexpr (std::is_same_v<std::decay_t<decltype(op)>, PageDeltaOp>) written[op.page] = "";
    });
    EXPECT_FALSE(written.contains(kLockPage));
    EXPECT_GT(written.rbegin()->first, kLockPage + 8);
    EXPECT_EQ(pages.pageCount(), written.rbegin()->first);
    // A transaction that is rolled back across the boundary, and one that frees and uses again.
    db.run(
        "BEGIN; INSERT INTO t VALUES (100, zeroblob(200000)); DELETE FROM t WHERE id < 4; "
        "ROLLBACK");
    db.run("DELETE FROM t WHERE id IN (2, 5); INSERT INTO t VALUES (9, zeroblob(7000))");
    (void)db.commit(2);
    contents = db.run("SELECT id || ':' || length(b) FROM t ORDER BY id");
    EXPECT_EQ(contents, "1:8001;3:8001;4:8001;6:8001;7:8001;8:8001;9:7000");
    // Into the file, as a round does it.
    sql::PageFiles::Writer writer(files);
    File& file = writer.file(kSpace);
    file.truncate(std::uint64_t{pages.pageCount()} * sql::kPageBytes);
    char page[sql::kPageBytes];
    for (std::uint32_t number : {1U, 2U}) {
      pages.read(number, page);
      file.write((std::uint64_t{number} - 1) * sql::kPageBytes, {page, sql::kPageBytes});
    }
    for (std::uint32_t number = kBegin; number <= pages.pageCount(); ++number) {
      pages.read(number, page);
      file.write((std::uint64_t{number} - 1) * sql::kPageBytes, {page, sql::kPageBytes});
    }
    writer.sync();
    pages.dropThrough(Lsn(2), pages.pageCount());
    EXPECT_EQ(db.run("SELECT id || ':' || length(b) FROM t ORDER BY id"), contents);
  }
  // Plain SQLite reads the same.
  ASSERT_EQ(sqlite3_open_v2(path.c_str(), &plain, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  std::string seen;
  sqlite3_exec(
      plain, "SELECT id || ':' || length(b) FROM t ORDER BY id",
      [](void* out, int, char** values, char**) {
        std::string& rows = *static_cast<std::string*>(out);
        rows += (rows.empty() ? "" : ";") + std::string(values[0]);
        return 0;
      },
      &seen, nullptr);
  sqlite3_close(plain);
  EXPECT_EQ(seen, contents);
}

// The file follows the commits at any distance, and whatever was cut off in between reads as it
// must: from the file, as far as that holds it, and as zeros beyond.
TEST_F(PageSpaceTest, ReadsTheSameHoweverFarTheFileLagsBehind) {
  using State = std::vector<char>;  // The letter that each page is full of; 0 where it is zero.
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    sql::PageSpace pages(files_, kSpace, 0);
    std::vector<State> states{State()};  // By LSN.
    std::size_t stored = 0;
    char page[sql::kPageBytes];
    for (int step = 0; step < 120; ++step) {
      if (random() % 3 != 0) {
        State state = states.back();
        if (random() % 3 == 0) {
          auto count = static_cast<std::uint32_t>(random() % 12);
          pages.resize(count);
          state.resize(count);
        }
        for (auto i = random() % 3; i > 0; --i) {
          std::uint32_t number = 1 + static_cast<std::uint32_t>(random() % 12);
          auto letter = static_cast<char>('a' + random() % 26);
          std::memset(page, letter, sizeof(page));
          pages.write(number, page);
          if (number > state.size()) state.resize(number);
          state[number - 1] = letter;
        }
        Buffer ops;
        pages.collect(ops);
        pages.commit(Lsn(states.size()));
        states.push_back(state);
      } else {
        stored += random() % (states.size() - stored);
        const State& state = states[stored];
        test::PageImage image;
        for (char letter : state) image.emplace_back(sql::kPageBytes, letter);
        write(image);
        pages.dropThrough(Lsn(stored), static_cast<std::uint32_t>(state.size()));
      }
      const State& now = states.back();
      ASSERT_EQ(pages.pageCount(), now.size());
      for (std::uint32_t number = 1; number <= now.size(); ++number) {
        pages.read(number, page);
        ASSERT_EQ(page[0], now[number - 1])
            << "seed " << seed << " step " << step << " page " << number << " of " << now.size()
            << ", the file holds LSN " << stored << " of " << states.size() - 1;
      }
    }
  }
}

}  // namespace
}  // namespace cairn
