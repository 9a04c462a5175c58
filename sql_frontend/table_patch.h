// Bringing rows of a live table back to what they were, within the turn's transaction. All rows
// that go, go before any comes: so that what was unique then does not collide with what is now.
#pragma once

#include <cairn/sql.h>
#include <optional>
#include <string>
#include <vector>

#include "sql_frontend/connection.h"
#include "sql_frontend/table_compare.h"

namespace cairn::sql {

class TablePatch {
 public:
  /// The table exists and has the shape's columns.
  TablePatch(Connection::Maintenance& maintenance, const TableShape& shape);
  ~TablePatch();
  TablePatch(const TablePatch&) = delete;
  TablePatch& operator=(const TablePatch&) = delete;

  /// Whether the row is as given; nullopt: absent.
  [[nodiscard]] bool holds(const std::vector<SqlValue>& key,
                           const std::optional<std::vector<SqlValue>>& row);
  void remove(const std::vector<SqlValue>& key);
  /// Throws: SqlError, e.g. when a row that came later has the same unique value.
  void insert(const std::vector<SqlValue>& key, const std::vector<SqlValue>& row);

 private:
  sqlite3_stmt* compile(const std::string& text);
  void bind(sqlite3_stmt* statement, int first, const std::vector<SqlValue>& values);
  void finish(sqlite3_stmt* statement);

  Connection::Maintenance& maintenance_;
  const TableShape& shape_;
  sqlite3_stmt* select_ = nullptr;
  sqlite3_stmt* remove_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

/// Sets the table's AUTOINCREMENT counter.
void setSequence(Connection::Maintenance& maintenance, const std::string& table,
                 std::int64_t value);

/// A row that would refer to a parent that is not there, in `table` or in a table that refers to
/// it; nullopt: none. Says where.
[[nodiscard]] std::optional<std::string> brokenReference(Connection::Maintenance& maintenance,
                                                         const std::string& table);

}  // namespace cairn::sql
