#include "sql_frontend/table_compare.h"

#include <algorithm>
#include <cairn/error.h>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>

#include "sql_frontend/authorizer.h"
#include "sql_frontend/row_buffer.h"
#include "sql_frontend/sql_error.h"
#include "sql_frontend/sqlite_handle.h"

namespace cairn::sql {

namespace {

constexpr const char* kBefore = "main";
constexpr const char* kAfter = "later";

constexpr const char* kRowidNames[] = {"rowid", "_rowid_", "oid"};

// Comparing looks rows up and sorts nothing; this is for what SQLite's planner may do all the same.
constexpr std::uint64_t kTempBytesMax = std::uint64_t{256} << 20;

std::string textOf(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return {text == nullptr ? "" : text,
          static_cast<std::size_t>(sqlite3_column_bytes(statement, column))};
}

std::vector<SqlValue> valuesOf(sqlite3_stmt* statement, std::size_t first, std::size_t count) {
  std::vector<SqlValue> values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(columnValue(statement, static_cast<int>(first + i)));
  return values;
}

// "a.k, a.c1, a.c2": the key and the columns of one side.
std::string columnList(const char* alias, const TableShape& table) {
  std::vector<std::string> list;
  for (const std::string& name : table.key) list.push_back(fmt::format("{}.{}", alias, name));
  for (const std::string& name : table.columns)
    list.push_back(fmt::format("{}.{}", alias, quoted(name)));
  return fmt::format("{}", fmt::join(list, ", "));
}

std::string sameKey(const TableShape& table) {
  std::vector<std::string> terms;
  for (const std::string& name : table.key) terms.push_back(fmt::format("a.{0} = b.{0}", name));
  return fmt::format("{}", fmt::join(terms, " AND "));
}

// Same text in another case, or 1 beside 1.0, is another row.
std::string differs(const TableShape& table) {
  std::string text = fmt::format("b.{} IS NULL", table.key.front());
  for (const std::string& name : table.columns) {
    text += fmt::format(" OR a.{0} COLLATE BINARY IS NOT b.{0} OR typeof(a.{0}) <> typeof(b.{0})",
                        quoted(name));
  }
  return text;
}

bool sameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         sqlite3_strnicmp(a.data(), b.data(), static_cast<int>(a.size())) == 0;
}

}  // namespace

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (char c : name) {
    text += c;
    if (c == '"') text += c;
  }
  return text + '"';
}

TableCompare::TableCompare(Vfs& vfs, PageSpace& before, PageSpace& after)
    : beforeMount_(vfs, before), afterMount_(vfs, after), temp_(kTempBytesMax) {
  try {
    int result = sqlite3_open_v2(beforeMount_.fileName().c_str(), &db_,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                     SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                                 vfs.name().c_str());
    if (result != SQLITE_OK) throw sqliteError(db_, result, 0);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    if (sqlite3_drop_modules(db_, allowedModules()) != SQLITE_OK)
      throw sqliteError(db_, SQLITE_NOMEM, 0);
    query(fmt::format("ATTACH ?1 AS {}", kAfter), {afterMount_.fileName()}, {});
    query("PRAGMA query_only=1", {}, {});
  } catch (...) {
    sqlite3_close_v2(db_);
    throw;
  }
}

TableCompare::~TableCompare() { sqlite3_close_v2(db_); }

bool TableCompare::query(const std::string& text, const std::vector<std::string_view>& parameters,
                         const Visit& visit) {
  TempSpace::Scope scope(temp_);
  auto fail = [&](int code) -> SqlError {
    if (std::exception_ptr beneath = takeVfsError()) std::rethrow_exception(beneath);
    return sqliteError(db_, code, 0);
  };
  (void)takeVfsError();
  sqlite3_stmt* compiled = nullptr;
  int result =
      sqlite3_prepare_v2(db_, text.data(), static_cast<int>(text.size()), &compiled, nullptr);
  if (result != SQLITE_OK) throw fail(result);
  StatementHandle statement(compiled);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    sqlite3_bind_text64(compiled, static_cast<int>(i + 1), parameters[i].data(),
                        parameters[i].size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  while ((result = sqlite3_step(compiled)) == SQLITE_ROW) {
    if (!visit(compiled)) return false;
  }
  if (result != SQLITE_DONE) throw fail(result);
  return true;
}

std::vector<SchemaEntry> TableCompare::entries(const char* side) {
  std::vector<SchemaEntry> found;
  // Indexes that SQLite made by itself have no text and follow their tables.
  query(fmt::format("SELECT type, name, tbl_name, sql FROM {}.sqlite_schema "
                    "WHERE sql IS NOT NULL ORDER BY rowid",
                    side),
        {}, [&](sqlite3_stmt* row) {
          found.push_back({textOf(row, 0), textOf(row, 1), textOf(row, 2), textOf(row, 3)});
          return true;
        });
  return found;
}

std::vector<SchemaDifference> TableCompare::schema() {
  std::map<std::pair<std::string, std::string>, SchemaDifference> byName;
  for (SchemaEntry& entry : entries(kBefore))
    byName[{entry.type, entry.name}].before = std::move(entry);
  for (SchemaEntry& entry : entries(kAfter)) {
    SchemaDifference& difference = byName[{entry.type, entry.name}];
    difference.after = std::move(entry);
  }
  std::vector<SchemaDifference> found;
  for (auto& [name, difference] : byName) {
    if (difference.before && difference.after && difference.before->text == difference.after->text)
      continue;
    found.push_back(std::move(difference));
  }
  return found;
}

std::vector<SchemaEntry> TableCompare::schemaBefore(std::string_view table) {
  std::vector<SchemaEntry> own;
  for (SchemaEntry& entry : entries(kBefore)) {
    if (sameName(entry.table, table)) own.push_back(std::move(entry));
  }
  std::stable_partition(own.begin(), own.end(),
                        [](const SchemaEntry& entry) { return entry.type == "table"; });
  return own;
}

std::vector<TableShape> TableCompare::tables() {
  std::map<std::string, TableShape> byName;
  for (const char* side : {kBefore, kAfter}) {
    query(fmt::format("PRAGMA {}.table_list", side), {}, [&](sqlite3_stmt* row) {
      std::string name = textOf(row, 1);
      std::string type = textOf(row, 2);
      // The pragma lists every schema whichever is asked for.
      if (textOf(row, 0) != side || name.starts_with("sqlite_")) return true;
      if (type != "table" && type != "virtual") return true;
      TableShape& table = byName[name];
      table.name = name;
      table.isVirtual = type == "virtual";
      (side == kBefore ? table.inBefore : table.inAfter) = true;
      return true;
    });
  }
  std::vector<TableShape> found;
  for (auto& [name, table] : byName) {
    if (table.inBefore) describe(kBefore, table);
    if (table.inAfter) describe(kAfter, table);
    found.push_back(std::move(table));
  }
  return found;
}

std::optional<TableShape> TableCompare::table(std::string_view name) {
  for (TableShape& table : tables()) {
    if (sameName(table.name, name)) return std::move(table);
  }
  return std::nullopt;
}

// Called for each side that has the table: the second time only columns of both stay.
void TableCompare::describe(const char* side, TableShape& table) {
  std::vector<std::string> columns;
  std::set<std::string> taken;
  std::map<int, std::string> primary;
  query(fmt::format("PRAGMA {}.table_xinfo({})", side, quoted(table.name)), {},
        [&](sqlite3_stmt* row) {
          std::string name = textOf(row, 1);
          std::string lower = name;
          std::ranges::transform(lower, lower.begin(),
                                 [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
          taken.insert(lower);
          if (sqlite3_column_int(row, 6) == 0) columns.push_back(name);
          if (int position = sqlite3_column_int(row, 5); position > 0) primary[position] = name;
          return true;
        });
  bool withoutRowid = false;
  query("SELECT wr FROM pragma_table_list WHERE schema = ?1 AND name = ?2", {side, table.name},
        [&](sqlite3_stmt* row) {
          withoutRowid = sqlite3_column_int(row, 0) != 0;
          return true;
        });
  table.key.clear();
  table.rowidKey = !withoutRowid;
  if (withoutRowid) {
    for (const auto& [position, name] : primary) table.key.push_back(quoted(name));
  } else {
    const auto* free = std::ranges::find_if(
        kRowidNames, [&](const char* alias) { return !taken.contains(alias); });
    if (free == std::end(kRowidNames)) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("table {}: its columns hide every name of the rowid", table.name));
    }
    table.key.emplace_back(*free);
  }
  if (table.columns.empty()) {
    table.columns = std::move(columns);
  } else {
    std::erase_if(table.columns, [&](const std::string& name) {
      return std::ranges::find(columns, name) == columns.end();
    });
  }
}

bool TableCompare::rows(const TableShape& table,
                        const std::function<bool(RowDifference&&)>& visit) {
  const std::size_t keys = table.key.size();
  const std::size_t columns = table.columns.size();
  const std::string name = quoted(table.name);
  auto oneSided = [&](bool before) {
    return [&, before](sqlite3_stmt* row) {
      RowDifference difference;
      difference.key = valuesOf(row, 0, keys);
      (before ? difference.before : difference.after) = valuesOf(row, keys, columns);
      return visit(std::move(difference));
    };
  };
  if (!table.inAfter) {
    return query(fmt::format("SELECT {} FROM {}.{} a", columnList("a", table), kBefore, name), {},
                 oneSided(true));
  }
  if (!table.inBefore) {
    return query(fmt::format("SELECT {} FROM {}.{} b", columnList("b", table), kAfter, name), {},
                 oneSided(false));
  }
  // The join order is the one written: a lookup in `b` for each row of `a`.
  bool more = query(fmt::format("SELECT {}, {} FROM {}.{} a LEFT JOIN {}.{} b ON {} WHERE {}",
                                columnList("a", table), columnList("b", table), kBefore, name,
                                kAfter, name, sameKey(table), differs(table)),
                    {}, [&](sqlite3_stmt* row) {
                      RowDifference difference;
                      difference.key = valuesOf(row, 0, keys);
                      difference.before = valuesOf(row, keys, columns);
                      bool there =
                          sqlite3_column_type(row, static_cast<int>(keys + columns)) != SQLITE_NULL;
                      if (there) difference.after = valuesOf(row, 2 * keys + columns, columns);
                      return visit(std::move(difference));
                    });
  if (!more) return false;
  return query(
      fmt::format("SELECT {} FROM {}.{} b WHERE NOT EXISTS (SELECT 1 FROM {}.{} a WHERE {})",
                  columnList("b", table), kAfter, name, kBefore, name, sameKey(table)),
      {}, oneSided(false));
}

std::optional<std::int64_t> TableCompare::sequenceBefore(std::string_view table) {
  std::optional<std::int64_t> sequence;
  bool counts = false;
  query(fmt::format("SELECT 1 FROM {}.sqlite_schema WHERE name = 'sqlite_sequence'", kBefore), {},
        [&](sqlite3_stmt*) { return counts = true; });
  if (!counts) return sequence;
  query(fmt::format("SELECT seq FROM {}.sqlite_sequence WHERE name = ?1", kBefore), {table},
        [&](sqlite3_stmt* row) {
          sequence = sqlite3_column_int64(row, 0);
          return true;
        });
  return sequence;
}

}  // namespace cairn::sql
