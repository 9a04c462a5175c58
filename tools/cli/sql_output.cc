#include "tools/cli/sql_output.h"

#include <algorithm>

#include "tools/cli/sql_json.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

// Rows whose widths decide the columns'; what follows keeps them.
constexpr std::size_t kRowsMeasured = 10'000;

void printRow(JsonWriter& json, const std::vector<std::string>& names,
              const std::vector<SqlValue>& row, bool arrays) {
  if (arrays) {
    json.beginArray();
    for (const SqlValue& value : row) appendSqlJson(json, value);
    json.endArray();
    return;
  }
  json.beginObject();
  for (std::size_t i = 0; i < row.size(); ++i) {
    bool again = std::find(names.begin() + static_cast<std::ptrdiff_t>(i) + 1, names.end(),
                           names[i]) != names.end();
    if (again) continue;
    json.key(names[i]);
    appendSqlJson(json, row[i]);
  }
  json.endObject();
}

}  // namespace

void printSqlTable(Output& out, SqlCursor& cursor) {
  std::vector<TextTable::Column> columns;
  for (const std::string& name : cursor.columnNames()) columns.push_back({printable(name)});
  if (columns.empty()) return;
  std::optional<std::vector<SqlValue>> row = cursor.nextRaw();
  for (std::size_t i = 0; row && i < row->size(); ++i) {
    bool number = (*row)[i].index() == 1 || (*row)[i].index() == 2;
    if (number) columns[i].align = TextTable::Align::kRight;
  }
  TextTable table(std::move(columns));
  for (; row; row = cursor.nextRaw()) {
    std::vector<std::string> cells;
    for (const SqlValue& value : *row) cells.push_back(sqlForPeople(value));
    table.row(std::move(cells));
    if (table.rows() == kRowsMeasured) table.print(out);
  }
  table.print(out);
}

void printSqlJson(Output& out, SqlCursor& cursor, bool arrays) {
  std::string text;
  JsonWriter json(text);
  auto hand = [&] {
    out.write(text);
    text.clear();
  };
  json.beginObject().key("columns").beginArray();
  for (const std::string& name : cursor.columnNames()) json.text(name);
  json.endArray().key("rows").beginArray();
  while (std::optional<std::vector<SqlValue>> row = cursor.nextRaw()) {
    printRow(json, cursor.columnNames(), *row, arrays);
    hand();
  }
  json.endArray().member("rowsRead", cursor.rowsRead());
  json.member("rowsWritten", cursor.rowsWritten()).endObject();
  hand();
  out.write("\n");
}

}  // namespace cairn::cli
