#include "tools/transfer/sql_copy.h"

#include <algorithm>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

bool isReserved(std::string_view name) {
  return name.size() >= 4 && (name[0] == '_') && (name[1] == 'c' || name[1] == 'C') &&
         (name[2] == 'f' || name[2] == 'F') && name[3] == '_';
}

std::string quotedText(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  return quoted + '\'';
}

}  // namespace

std::vector<std::string> SqlCopy::obstacles() {
  std::vector<std::string> found;
  for (const SchemaItem& item : schema_.items) {
    std::string why = obstacleOf(item);
    if (!why.empty())
      found.push_back(fmt::format("{} {}: {}", item.type, printable(item.name), why));
  }
  return found;
}

std::string SqlCopy::obstacleOf(const SchemaItem& item) const {
  if (isReserved(item.name)) return "names that begin with _cf_ are the platform's";
  if (!item.isVirtual()) return {};
  VirtualTable table = VirtualTable::parse(item.sql);
  if (table.module == "rtree" || table.module == "rtree_i32" || table.module == "fts5vocab")
    return {};
  if (table.module != "fts5") {
    return fmt::format("virtual tables of module {} are not to be had here; FTS5 and R*Tree are",
                       printable(table.module));
  }
  if (table.option("content") == "")
    return "an FTS5 table that keeps no content (content='') cannot be read back";
  return {};
}

// Errors say which table or index they are about.
template <typename Work>
void SqlCopy::on(const SchemaItem& item, Work&& work) {
  auto about = [&](const std::exception& error) {
    return fmt::format("{} {}: {}", item.type, printable(item.name), error.what());
  };
  try {
    work();
  } catch (const Failure& failure) {
    if (failure.code() != "sql") throw;  // An interruption, not the copy's.
    throw Failure(failure.exit(), failure.code(), about(failure));
  } catch (const Error& error) {
    std::string message = about(error);
    bool isLimit = message.find("TOOBIG") != std::string::npos ||
                   message.find("too many") != std::string::npos;
    if (isLimit) message += "; --limits relaxed lifts the platform's limits";
    throw Failure(exitCodeOf(error.code()), std::string(errorCodeName(error.code())), message);
  }
}

void SqlCopy::run() {
  relaxChecks();
  copyTables();
  makeItems("index", counts_.indexes);
  makeItems("view", counts_.views);
  if (into_ == Into::kObject) rebuildExternalIndexes();
  makeItems("trigger", counts_.triggers);  // Last, so that no row sets one off.
}

// Rows are taken as they are, also those that a constraint of today would refuse. Both settings go
// with the connection.
void SqlCopy::relaxChecks() {
  if (into_ == Into::kFile) {
    to_.run("PRAGMA writable_schema=ON");
    return;
  }
  to_.run("PRAGMA foreign_keys=OFF");
  to_.run("PRAGMA ignore_check_constraints=ON");
}

void SqlCopy::copyTables() {
  bool asStored = into_ == Into::kFile;
  for (const SchemaItem& item : schema_.items) {
    if (item.type != "table" || item.isSqlites()) continue;
    if (schema_.isShadow(item.name) && !asStored) continue;
    on(item, [&] { item.isVirtual() ? copyVirtualTable(item) : copyTable(item); });
    if (!schema_.isShadow(item.name)) ++counts_.tables;
  }
  if (schema_.find("sqlite_sequence") != nullptr) copyOwnTable("sqlite_sequence", "");
  if (schema_.find("sqlite_stat1") != nullptr)
    copyOwnTable("sqlite_stat1", "ANALYZE sqlite_master");
}

void SqlCopy::copyTable(const SchemaItem& item) {
  to_.run(item.sql);
  std::uint64_t before = rowsMoved_;
  copyRows(item.name);
  if (!schema_.isShadow(item.name)) counts_.rows += rowsMoved_ - before;
}

void SqlCopy::copyVirtualTable(const SchemaItem& item) {
  if (into_ == Into::kFile) {
    // Its content is in tables of its own, which are copied like any other.
    to_.run(
        fmt::format("INSERT INTO sqlite_master(type, name, tbl_name, rootpage, sql) "
                    "VALUES('table', {0}, {0}, 0, {1})",
                    quotedText(item.name), quotedText(item.sql)));
    return;
  }
  to_.run(item.sql);
  VirtualTable table = VirtualTable::parse(item.sql);
  if (table.module == "fts5vocab") return;
  if (table.module == "fts5") {
    copyFts5Settings(item);
    if (table.option("content")) return;  // Built from the table it refers to, at the end.
  }
  copyRows(item.name);
}

void SqlCopy::copyFts5Settings(const SchemaItem& item) {
  std::string table = quotedName(item.name);
  from_.query(fmt::format("SELECT k, v FROM {}", quotedName(item.name + "_config")),
              [&](const std::vector<SqlValue>& row) {
                if (row.at(0) == SqlValue("version")) return;
                to_.run(fmt::format("INSERT INTO {0}({0}, rank) VALUES(?, ?)", table), row);
              });
}

void SqlCopy::copyRows(const std::string& table) {
  TableColumns columns = schema_.columnsOf(from_, table);
  std::string names = columns.rowid;
  std::string places = columns.rowid.empty() ? "" : "?";
  for (const std::string& name : columns.names) {
    names += (names.empty() ? "" : ", ") + quotedName(name);
    places += places.empty() ? "?" : ", ?";
  }
  std::string order = columns.rowid.empty() ? "" : " ORDER BY " + columns.rowid;
  std::string insert =
      fmt::format("INSERT INTO {}({}) VALUES({})", quotedName(table), names, places);
  from_.query(fmt::format("SELECT {} FROM {}{}", names, quotedName(table), order),
              [&](const std::vector<SqlValue>& row) {
                to_.run(insert, row);
                onRows_(++rowsMoved_);
              });
}

// SQLite's own tables come into being by themselves, or by `make`.
void SqlCopy::copyOwnTable(const std::string& table, const std::string& make) {
  if (!make.empty()) to_.run(make);
  to_.run("DELETE FROM " + table);
  copyRows(table);
}

void SqlCopy::makeItems(const std::string& type, std::uint64_t& count) {
  for (const SchemaItem& item : schema_.items) {
    if (item.type != type || item.sql.empty()) continue;
    on(item, [&] { to_.run(item.sql); });
    ++count;
  }
}

void SqlCopy::rebuildExternalIndexes() {
  for (const SchemaItem& item : schema_.items) {
    if (!item.isVirtual()) continue;
    VirtualTable table = VirtualTable::parse(item.sql);
    if (table.module != "fts5" || !table.option("content")) continue;
    on(item, [&] {
      to_.run(fmt::format("INSERT INTO {0}({0}) VALUES('rebuild')", quotedName(item.name)));
    });
    notes_.push_back(fmt::format("{} was built anew from {}", printable(item.name),
                                 printable(*table.option("content"))));
  }
}

// Numbers in a file's header that an object's database has no place for.

}  // namespace cairn::cli
