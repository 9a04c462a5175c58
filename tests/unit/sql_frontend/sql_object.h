// An object's SQL half without an engine. Turns are played by hand as a session plays them: the
// first write opens the transaction, `commit` collects the changed pages into a commit record, and
// the records are all that a restart finds.
#pragma once

#include <cairn/options.h>
#include <cairn/sql.h>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/commit_record.h"
#include "sql_frontend/connection.h"
#include "sql_frontend/page_files.h"
#include "sql_frontend/page_space.h"
#include "sql_frontend/vfs.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_file_system.h"

namespace cairn::test {

/// A database as its pages.
using PageImage = std::vector<std::string>;

/// The text of one value.
[[nodiscard]] std::string describe(const SqlValue& value);
/// The rows that are left, as `SqlObject::all` writes them.
[[nodiscard]] std::string rest(SqlCursor& cursor);

class SqlObject final : public sql::Context {
 public:
  explicit SqlObject(const Limits& limits = {});
  ~SqlObject() override;

  [[nodiscard]] SqlStorage& sql() { return sql_; }
  template <typename... P>
  SqlCursor exec(std::string_view text, const P&... parameters) {
    return sql_.exec(text, parameters...);
  }
  /// Every row of a query, values as text, columns joined by '|' and rows by ';'.
  template <typename... P>
  std::string all(std::string_view text, const P&... parameters) {
    SqlCursor cursor = exec(text, parameters...);
    return rest(cursor);
  }
  /// What running the text to its end throws; "" when it does not.
  template <typename... P>
  std::string error(std::string_view text, const P&... parameters) {
    try {
      exec(text, parameters...).toRawArray();
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }

  /// The end of a turn. Throws what the commit threw, or `lost()`.
  void commit();
  void rollback();
  void enterScope() { ++scopes_; }
  void releaseScope();
  void rollbackScope();

  /// Ends the connection and starts a new one on pages rebuilt from the records.
  void restart();
  /// Gives the pages of every record to the file, as a checkpoint round does.
  void round();
  /// Ends the connection; the next use opens another.
  void closeConnection();

  /// The database as the records alone give it, each delta checked against its checksum.
  [[nodiscard]] PageImage rebuilt() const;
  /// What the connection sees.
  [[nodiscard]] PageImage seen();
  /// The cause when SQLite gave the transaction up.
  [[nodiscard]] std::exception_ptr lost() const { return lost_; }
  [[nodiscard]] std::size_t recordBytes() const;
  [[nodiscard]] std::size_t records() const { return records_.size(); }

  FaultFileSystem& files() { return faults_; }
  sql::PageSpace& pages() { return *pages_; }
  sql::Vfs& vfs() { return vfs_; }
  sql::Connection& open() { return connection(); }

  // sql::Context
  sql::Connection& connection() override;
  bool hasDatabase() override { return connection_ || pages_->pageCount() > 0; }
  void beforeWrite() override;
  [[nodiscard]] unsigned scopes() const override { return scopes_; }
  void transactionLost(std::exception_ptr cause) override { lost_ = std::move(cause); }

 private:
  void makePages();

  const Limits limits_;
  ManualClock clock_;
  MemoryFileSystem memory_;
  FaultFileSystem faults_{memory_};
  sql::PageFiles pageFiles_{faults_, "sql"};
  sql::Vfs vfs_{clock_};
  std::unique_ptr<sql::PageSpace> pages_;
  std::unique_ptr<sql::Connection> connection_;
  SqlStorage sql_{*this};
  std::vector<std::string> records_;
  std::size_t stored_ = 0;  // Records that the file holds.
  unsigned scopes_ = 0;
  std::exception_ptr lost_;
};

/// Applies the page ops of a commit record. Throws when a delta does not lead to the page it was
/// made for.
void applyRecord(std::string_view ops, PageImage& image);

/// A dump of a database: every object of the schema and every row of every table, and what PRAGMA
/// integrity_check says.
[[nodiscard]] std::string dump(const PageImage& image);

}  // namespace cairn::test
