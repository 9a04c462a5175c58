#include "tools/transfer/sql_schema.h"

#include <algorithm>

#include <fmt/format.h>

namespace cairn::cli {

namespace {

std::string lowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string trimmed(std::string_view text) {
  std::size_t begin = text.find_first_not_of(" \t\r\n\f");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n\f") + 1 - begin));
}

// Behind the quoted piece that begins at `at`; at + 1 where none begins.
std::size_t skipQuoted(std::string_view text, std::size_t at) {
  char open = text[at];
  char close = open == '[' ? ']' : open;
  if (open != '\'' && open != '"' && open != '`' && open != '[') return at + 1;
  for (++at; at < text.size(); ++at) {
    if (text[at] != close) continue;
    if (close == ']' || at + 1 >= text.size() || text[at + 1] != close) return at + 1;
    ++at;
  }
  return text.size();
}

std::string unquoted(const std::string& text) {
  if (text.size() < 2 || skipQuoted(text, 0) != text.size()) return text;
  char quote = text.back();
  std::string content;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    content += text[i];
    if (text[i] == quote && text[i + 1] == quote) ++i;
  }
  return content;
}

// Where the word USING ends, outside of quotes.
std::size_t behindUsing(std::string_view sql) {
  std::string lower = lowerCase(sql);
  for (std::size_t at = 0; at < sql.size(); at = skipQuoted(sql, at)) {
    bool begins =
        at > 0 && std::string_view(" \t\r\n\f\"'`]").find(sql[at - 1]) != std::string_view::npos;
    if (begins && lower.compare(at, 5, "using") == 0) return at + 5;
  }
  return sql.size();
}

const std::string& textOf(const SqlValue& value) {
  static const std::string kNone;
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? kNone : *text;
}

std::int64_t integerOf(const SqlValue& value) {
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? 0 : *integer;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string quotedName(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + '"';
}

bool SchemaItem::isVirtual() const {
  return type == "table" && lowerCase(sql.substr(0, 14)) == "create virtual";
}

bool SchemaItem::isSqlites() const { return lowerCase(name.substr(0, 7)) == "sqlite_"; }

VirtualTable VirtualTable::parse(const std::string& sql) {
  VirtualTable table;
  std::string_view rest = std::string_view(sql).substr(behindUsing(sql));
  std::size_t open = std::min(rest.find('('), rest.size());
  table.module = lowerCase(unquoted(trimmed(rest.substr(0, open))));
  std::size_t close = rest.rfind(')');
  if (close == std::string_view::npos || close <= open) return table;
  rest = rest.substr(open + 1, close - open - 1);
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t at = 0; at < rest.size(); at = skipQuoted(rest, at)) {
    if (rest[at] == '(') ++depth;
    if (rest[at] == ')') --depth;
    if (rest[at] != ',' || depth > 0) continue;
    table.arguments.push_back(trimmed(rest.substr(begin, at - begin)));
    begin = at + 1;
  }
  table.arguments.push_back(trimmed(rest.substr(begin)));
  return table;
}

std::optional<std::string> VirtualTable::option(std::string_view name) const {
  for (const std::string& argument : arguments) {
    std::size_t equals = argument.find('=');
    if (equals == std::string::npos) continue;
    if (lowerCase(trimmed(std::string_view(argument).substr(0, equals))) == name)
      return unquoted(trimmed(std::string_view(argument).substr(equals + 1)));
  }
  return std::nullopt;
}

Schema Schema::read(SqlEnd& end) {
  Schema schema;
  end.query(
      "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid",
      [&](const std::vector<SqlValue>& row) {
        schema.items.push_back({textOf(row[0]), textOf(row[1]), textOf(row[2]), textOf(row[3])});
      });
  // schema, name, type, columns, WITHOUT ROWID, STRICT
  end.query("PRAGMA table_list", [&](const std::vector<SqlValue>& row) {
    if (textOf(row.at(0)) != "main") return;
    if (textOf(row.at(2)) == "shadow") schema.shadows.push_back(textOf(row[1]));
    if (integerOf(row.at(4)) != 0) schema.withoutRowid.push_back(textOf(row[1]));
  });
  return schema;
}

const SchemaItem* Schema::find(std::string_view name) const {
  auto found = std::find_if(items.begin(), items.end(),
                            [&](const SchemaItem& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

bool Schema::isShadow(std::string_view name) const { return contains(shadows, name); }

TableColumns Schema::columnsOf(SqlEnd& end, const std::string& table) const {
  TableColumns columns;
  std::vector<std::string> all;
  // cid, name, type, NOT NULL, default, primary key, hidden: 1 a virtual table's hidden column, 2
  // and 3 generated ones
  end.query(fmt::format("PRAGMA table_xinfo({})", quotedName(table)),
            [&](const std::vector<SqlValue>& row) {
              all.push_back(lowerCase(textOf(row.at(1))));
              if (integerOf(row.at(6)) == 0) columns.names.push_back(textOf(row[1]));
            });
  if (contains(withoutRowid, table)) return columns;
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    if (contains(all, name)) continue;
    columns.rowid = name;
    break;
  }
  return columns;
}

}  // namespace cairn::cli
