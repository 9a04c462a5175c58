// A database's schema as a copy sees it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/transfer/sql_end.h"

namespace cairn::cli {

struct SchemaItem {
  std::string type;  ///< table, index, view, trigger
  std::string name;
  std::string table;
  std::string sql;  ///< Empty for the indexes that constraints make.

  [[nodiscard]] bool isVirtual() const;
  /// sqlite_sequence, sqlite_stat1, …: SQLite's own.
  [[nodiscard]] bool isSqlites() const;
};

/// What stands behind USING in CREATE VIRTUAL TABLE.
struct VirtualTable {
  std::string module;  ///< In lower case.
  std::vector<std::string> arguments;

  [[nodiscard]] static VirtualTable parse(const std::string& sql);
  /// The value of `option=value` among the arguments, without its quotes.
  [[nodiscard]] std::optional<std::string> option(std::string_view name) const;
};

struct TableColumns {
  std::vector<std::string> names;  ///< That hold something: neither generated nor hidden.
  std::string rowid;  ///< A name for the rowid; empty when it has none, or none is left.
};

struct Schema {
  std::vector<SchemaItem> items;     ///< In the order in which they were made.
  std::vector<std::string> shadows;  ///< Tables in which virtual tables keep their content.
  std::vector<std::string> withoutRowid;

  [[nodiscard]] static Schema read(SqlEnd& end);
  [[nodiscard]] const SchemaItem* find(std::string_view name) const;
  [[nodiscard]] bool isShadow(std::string_view name) const;
  [[nodiscard]] TableColumns columnsOf(SqlEnd& end, const std::string& table) const;
};

/// "name", with quotes inside doubled.
[[nodiscard]] std::string quotedName(std::string_view name);

}  // namespace cairn::cli
