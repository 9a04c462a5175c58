// Two states of one object's database, compared: what was created and dropped, and which rows
// differ. SQLite does the comparing; a table costs a look at each of its rows.
#pragma once

#include <cairn/sql.h>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql_frontend/page_space.h"
#include "sql_frontend/temp_space.h"
#include "sql_frontend/vfs.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cairn::sql {

/// An entry of the schema: a table, index, view or trigger.
struct SchemaEntry {
  std::string type;
  std::string name;
  std::string table;
  std::string text;
};

struct SchemaDifference {
  std::optional<SchemaEntry> before;
  std::optional<SchemaEntry> after;
};

/// A table that at least one side has, and the columns that both of those sides have.
struct TableShape {
  std::string name;
  bool inBefore = false;
  bool inAfter = false;
  bool isVirtual = false;
  bool rowidKey = false;  ///< Rows are told apart by `key`, which is a name of the rowid.
  std::vector<std::string> key;
  std::vector<std::string> columns;  ///< Stored ones; an INTEGER PRIMARY KEY is among them.
};

/// One row that is there on one side only, or differs.
struct RowDifference {
  std::vector<SqlValue> key;
  std::optional<std::vector<SqlValue>> before;  ///< By TableShape::columns.
  std::optional<std::vector<SqlValue>> after;
};

class TableCompare {
 public:
  /// Both outlive it and do not change.
  TableCompare(Vfs& vfs, PageSpace& before, PageSpace& after);
  ~TableCompare();
  TableCompare(const TableCompare&) = delete;
  TableCompare& operator=(const TableCompare&) = delete;

  [[nodiscard]] std::vector<SchemaDifference> schema();
  /// What the schema before has for a table and all that belongs to it, in an order in which it can
  /// be made again.
  [[nodiscard]] std::vector<SchemaEntry> schemaBefore(std::string_view table);
  /// Every table of either side, without SQLite's own and without the shadows of virtual tables.
  [[nodiscard]] std::vector<TableShape> tables();
  [[nodiscard]] std::optional<TableShape> table(std::string_view name);
  /// Returns false when the visitor did, and stops there. Throws: SqlError.
  bool rows(const TableShape& table, const std::function<bool(RowDifference&&)>& visit);
  /// The table's AUTOINCREMENT counter before.
  [[nodiscard]] std::optional<std::int64_t> sequenceBefore(std::string_view table);

 private:
  using Visit = std::function<bool(sqlite3_stmt*)>;
  bool query(const std::string& text, const std::vector<std::string_view>& parameters,
             const Visit& visit);
  std::vector<SchemaEntry> entries(const char* side);
  void describe(const char* side, TableShape& table);

  Vfs::Mount beforeMount_;
  Vfs::Mount afterMount_;
  TempSpace temp_;
  sqlite3* db_ = nullptr;
};

/// `name` as an SQL identifier.
[[nodiscard]] std::string quoted(std::string_view name);

}  // namespace cairn::sql
