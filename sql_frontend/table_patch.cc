#include "sql_frontend/table_patch.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>

#include "sql_frontend/row_buffer.h"
#include "sql_frontend/sqlite_handle.h"

namespace cairn::sql {

namespace {

std::vector<std::string> quotedAll(const std::vector<std::string>& names) {
  std::vector<std::string> list;
  for (const std::string& name : names) list.push_back(quoted(name));
  return list;
}

std::string where(const TableShape& shape) {
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < shape.key.size(); ++i)
    terms.push_back(fmt::format("{} = ?{}", shape.key[i], i + 1));
  return fmt::format("{}", fmt::join(terms, " AND "));
}

void bindOne(sqlite3_stmt* statement, int index, const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(statement, index, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_bind_double(statement, index, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    const void* begin = bytes->empty() ? static_cast<const void*>("") : bytes->data();
    sqlite3_bind_blob64(statement, index, begin, bytes->size(), SQLITE_STATIC);
  } else {
    sqlite3_bind_null(statement, index);
  }
}

}  // namespace

TablePatch::TablePatch(Connection::Maintenance& maintenance, const TableShape& shape)
    : maintenance_(maintenance), shape_(shape) {
  const std::string table = quoted(shape.name);
  try {
    select_ = compile(fmt::format("SELECT {} FROM {} WHERE {}",
                                  fmt::join(quotedAll(shape.columns), ", "), table, where(shape)));
    remove_ = compile(fmt::format("DELETE FROM {} WHERE {}", table, where(shape)));
    std::vector<std::string> columns = quotedAll(shape.columns);
    if (shape.rowidKey) columns.insert(columns.begin(), shape.key.front());
    std::vector<std::string> values(columns.size(), "?");
    insert_ = compile(fmt::format("INSERT INTO {}({}) VALUES({})", table, fmt::join(columns, ", "),
                                  fmt::join(values, ", ")));
  } catch (...) {
    for (sqlite3_stmt* statement : {select_, remove_, insert_}) sqlite3_finalize(statement);
    throw;
  }
}

TablePatch::~TablePatch() {
  for (sqlite3_stmt* statement : {select_, remove_, insert_}) sqlite3_finalize(statement);
}

sqlite3_stmt* TablePatch::compile(const std::string& text) {
  TempSpace::Scope scope(maintenance_.temp());
  sqlite3_stmt* statement = nullptr;
  int result = sqlite3_prepare_v2(maintenance_.db(), text.data(), static_cast<int>(text.size()),
                                  &statement, nullptr);
  if (result != SQLITE_OK) throw maintenance_.error(result);
  return statement;
}

void TablePatch::bind(sqlite3_stmt* statement, int first, const std::vector<SqlValue>& values) {
  for (const SqlValue& value : values) bindOne(statement, first++, value);
}

void TablePatch::finish(sqlite3_stmt* statement) {
  TempSpace::Scope scope(maintenance_.temp());
  sqlite3_step(statement);
  int result = sqlite3_reset(statement);
  if (result != SQLITE_OK) throw maintenance_.error(result);
}

bool TablePatch::holds(const std::vector<SqlValue>& key,
                       const std::optional<std::vector<SqlValue>>& row) {
  TempSpace::Scope scope(maintenance_.temp());
  bind(select_, 1, key);
  bool same = true;
  bool there = sqlite3_step(select_) == SQLITE_ROW;
  if (there != row.has_value()) same = false;
  for (std::size_t i = 0; same && there && i < row->size(); ++i)
    same = columnValue(select_, static_cast<int>(i)) == (*row)[i];
  int result = sqlite3_reset(select_);
  if (result != SQLITE_OK) throw maintenance_.error(result);
  return same;
}

void TablePatch::remove(const std::vector<SqlValue>& key) {
  bind(remove_, 1, key);
  finish(remove_);
}

void TablePatch::insert(const std::vector<SqlValue>& key, const std::vector<SqlValue>& row) {
  int first = 1;
  if (shape_.rowidKey) bindOne(insert_, first++, key.front());
  bind(insert_, first, row);
  finish(insert_);
}

void setSequence(Connection::Maintenance& maintenance, const std::string& table,
                 std::int64_t value) {
  std::string name = table;
  for (std::size_t at = 0; (at = name.find('\'', at)) != std::string::npos; at += 2)
    name.insert(at, 1, '\'');
  maintenance.run(
      fmt::format("DELETE FROM sqlite_sequence WHERE name = '{0}';"
                  "INSERT INTO sqlite_sequence(name, seq) VALUES('{0}', {1})",
                  name, value));
}

std::optional<std::string> brokenReference(Connection::Maintenance& maintenance,
                                           const std::string& table) {
  TempSpace::Scope scope(maintenance.temp());
  sqlite3_stmt* compiled = nullptr;
  int result =
      sqlite3_prepare_v2(maintenance.db(),
                         "SELECT c.\"table\", c.rowid, c.parent FROM (SELECT ?1 AS name UNION "
                         "SELECT m.name FROM sqlite_schema m, pragma_foreign_key_list(m.name) f "
                         "WHERE m.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE) t, "
                         "pragma_foreign_key_check(t.name) c LIMIT 1",
                         -1, &compiled, nullptr);
  if (result != SQLITE_OK) throw maintenance.error(result);
  StatementHandle statement(compiled);
  sqlite3_bind_text64(compiled, 1, table.data(), table.size(), SQLITE_STATIC, SQLITE_UTF8);
  std::optional<std::string> found;
  if ((result = sqlite3_step(compiled)) == SQLITE_ROW) {
    auto text = [&](int column) {
      return std::string(reinterpret_cast<const char*>(sqlite3_column_text(compiled, column)));
    };
    found = fmt::format("row {} of table {} refers to a row of table {} that is not there",
                        sqlite3_column_int64(compiled, 1), text(0), text(2));
  } else if (result != SQLITE_DONE) {
    throw maintenance.error(result);
  }
  return found;
}

}  // namespace cairn::sql
