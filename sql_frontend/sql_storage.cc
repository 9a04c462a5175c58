// The public SQL classes: thin over CursorState and Connection.
#include <cairn/sql.h>

#include <fmt/format.h>
#include <sqlite3.h>

#include "sql_frontend/connection.h"
#include "sql_frontend/cursor_state.h"
#include "sql_frontend/sql_error.h"

namespace cairn {

namespace {

const char* typeName(const SqlValue& value) {
  static constexpr const char* kNames[] = {"NULL", "INTEGER", "REAL", "TEXT", "BLOB"};
  return kNames[value.index()];
}

}  // namespace

SqlParameter::SqlParameter(const SqlValue& value) {
  std::visit(
      [this](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::string>) {
          held_ = std::string_view(held);
        } else if constexpr (std::is_same_v<T, Bytes>) {
          held_ = BytesView(held);
        } else {
          held_ = held;
        }
      },
      value);
}

const SqlValue& SqlRow::operator[](std::string_view name) const {
  for (std::size_t i = names_->size(); i-- > 0;) {
    if ((*names_)[i] == name) return values_[i];
  }
  throw Error(ErrorCode::kNotFound, fmt::format("no column is named {}", name));
}

void sql::throwColumnType(const SqlValue& found, const char* asked, const std::string& column) {
  throw Error(ErrorCode::kTypeMismatch,
              fmt::format("column {} holds {}, asked for {}", column, typeName(found), asked));
}

std::optional<SqlRow> SqlCursor::next() {
  if (!state_->hasRow()) return std::nullopt;
  SqlRow row(state_->names(), state_->row());
  state_->advance();
  return row;
}

std::vector<SqlRow> SqlCursor::toArray() {
  std::vector<SqlRow> rows;
  while (std::optional<SqlRow> row = next()) rows.push_back(std::move(*row));
  return rows;
}

SqlRow SqlCursor::one() {
  expectOne();
  SqlRow row = *next();
  endAfterSurplus();
  return row;
}

std::optional<std::vector<SqlValue>> SqlCursor::nextRaw() {
  if (!state_->hasRow()) return std::nullopt;
  std::vector<SqlValue> row = state_->row();
  state_->advance();
  return row;
}

std::vector<std::vector<SqlValue>> SqlCursor::toRawArray() {
  std::vector<std::vector<SqlValue>> rows;
  while (std::optional<std::vector<SqlValue>> row = nextRaw()) rows.push_back(std::move(*row));
  return rows;
}

const std::vector<std::string>& SqlCursor::columnNames() const { return *state_->names(); }
std::uint64_t SqlCursor::rowsRead() const { return state_->counts().read; }
std::uint64_t SqlCursor::rowsWritten() const { return state_->counts().written; }
bool SqlCursor::rowsReadExact() const { return state_->counts().readExact; }
bool SqlCursor::rowsWrittenExact() const { return state_->counts().writtenExact; }

bool SqlCursor::hasRow() const { return state_->hasRow(); }
void SqlCursor::advance() { state_->advance(); }

void SqlCursor::expectOne() const {
  if (!state_->hasRow())
    throw Error(ErrorCode::kNotFound, "expected exactly one row, the result has none");
}

// The row was taken; another one behind it makes the answer ambiguous.
void SqlCursor::endAfterSurplus() {
  if (!state_->hasRow()) return;
  state_->end();
  throw Error(ErrorCode::kOutOfRange, "expected exactly one row, the result has more");
}

void SqlCursor::checkColumns(std::size_t asked) const {
  std::size_t found = state_->names()->size();
  if (asked != found) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("the result has {} columns, {} were asked for", found, asked));
  }
}

// The typed reads look a column up once. To SQLite such a value is "unprotected": it must not be
// used while another thread uses the connection, which the turn sees to.
bool SqlCursor::isNull(int column) const {
  sqlite3_stmt* live = state_->live();
  int type = live != nullptr ? sqlite3_column_type(live, column) : state_->copied().type(column);
  return type == SQLITE_NULL;
}

std::int64_t SqlCursor::integerAt(int column) const {
  if (sqlite3_stmt* live = state_->live()) {
    sqlite3_value* found = sqlite3_column_value(live, column);
    if (sqlite3_value_type(found) == SQLITE_INTEGER) return sqlite3_value_int64(found);
  }
  SqlValue value = valueAt(column);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  sql::throwColumnType(value, "an integer", columnNames()[static_cast<std::size_t>(column)]);
}

double SqlCursor::realAt(int column) const {
  SqlValue value = valueAt(column);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  sql::throwColumnType(value, "a number", columnNames()[static_cast<std::size_t>(column)]);
}

std::string_view SqlCursor::textAt(int column) const {
  if (sqlite3_stmt* live = state_->live()) {
    sqlite3_value* found = sqlite3_column_value(live, column);
    if (sqlite3_value_type(found) == SQLITE_TEXT) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(found));
      if (text == nullptr) throw std::bad_alloc();
      return {text, static_cast<std::size_t>(sqlite3_value_bytes(found))};
    }
  } else if (state_->copied().type(column) == SQLITE_TEXT) {
    return state_->copied().bytes(column);
  }
  sql::throwColumnType(valueAt(column), "text", columnNames()[static_cast<std::size_t>(column)]);
}

BytesView SqlCursor::blobAt(int column) const {
  if (sqlite3_stmt* live = state_->live()) {
    sqlite3_value* found = sqlite3_column_value(live, column);
    if (sqlite3_value_type(found) == SQLITE_BLOB) {
      const auto* bytes = static_cast<const std::byte*>(sqlite3_value_blob(found));
      auto size = static_cast<std::size_t>(sqlite3_value_bytes(found));
      if (bytes == nullptr && size > 0) throw std::bad_alloc();
      return {bytes, size};
    }
  } else if (state_->copied().type(column) == SQLITE_BLOB) {
    std::string_view bytes = state_->copied().bytes(column);
    return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
  }
  sql::throwColumnType(valueAt(column), "bytes", columnNames()[static_cast<std::size_t>(column)]);
}

SqlValue SqlCursor::valueAt(int column) const { return state_->value(column); }

void SqlCursor::outOfRange(int column, std::int64_t value) const {
  throw Error(ErrorCode::kTypeMismatch,
              fmt::format("column {} holds {}, which does not fit the integer asked for",
                          columnNames()[static_cast<std::size_t>(column)], value));
}

SqlCursor SqlStorage::execute(std::string_view text, std::span<const SqlParameter> parameters) {
  return SqlCursor(context_->connection().execute(*context_, text, parameters));
}

std::uint64_t SqlStorage::databaseSize() {
  return context_->hasDatabase() ? context_->connection().databaseSize() : 0;
}

}  // namespace cairn
