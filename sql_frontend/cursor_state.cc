#include "sql_frontend/cursor_state.h"

#include <sqlite3.h>

#include "engine/base/check.h"
#include "sql_frontend/connection.h"
#include "sql_frontend/statement_cache.h"

namespace cairn::sql {

namespace {

SqlValue columnValue(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement, column));
      return Bytes(bytes, bytes + sqlite3_column_bytes(statement, column));
    }
    default:
      return std::monostate{};
  }
}

std::vector<SqlValue> currentRow(sqlite3_stmt* statement) {
  int columns = sqlite3_data_count(statement);
  std::vector<SqlValue> row;
  row.reserve(static_cast<std::size_t>(columns));
  for (int i = 0; i < columns; ++i) row.push_back(columnValue(statement, i));
  return row;
}

std::size_t memoryOf(const std::vector<SqlValue>& row) {
  std::size_t bytes = row.size() * sizeof(SqlValue);
  for (const SqlValue& value : row) {
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    if (const auto* blob = std::get_if<Bytes>(&value)) bytes += blob->size();
  }
  return bytes;
}

}  // namespace

CursorState::CursorState(Connection& connection, std::shared_ptr<Prepared> statement)
    : connection_(&connection), prepared_(std::move(statement)) {
  CAIRN_CHECK(!prepared_->busy);
  prepared_->busy = true;
}

CursorState::~CursorState() { end(); }

sqlite3_stmt* CursorState::statement() const { return prepared_->get(); }

void CursorState::start() {
  int result = connection_->step(*this);
  readNames();
  if (prepared_->writes()) {
    // A write statement left half-way would keep the transaction from committing; its rows are
    // complete anyway.
    for (; result == SQLITE_ROW; result = connection_->step(*this))
      copied_.push_back(currentRow(statement()));
  } else if (result == SQLITE_ROW) {
    live_ = true;
    connection_->link(*this);
    return;
  }
  if (result != SQLITE_DONE) {
    SqlError error = connection_->error(result);
    letGo();
    throw error;
  }
  letGo();
}

void CursorState::readNames() {
  int reprepares = sqlite3_stmt_status(statement(), SQLITE_STMTSTATUS_REPREPARE, 0);
  if (!prepared_->names || prepared_->namesReprepares != reprepares) {
    auto names = std::make_shared<std::vector<std::string>>();
    int columns = sqlite3_column_count(statement());
    for (int i = 0; i < columns; ++i) names->emplace_back(sqlite3_column_name(statement(), i));
    prepared_->names = std::move(names);
    prepared_->namesReprepares = reprepares;
  }
  names_ = prepared_->names;
}

// The statement may be used again.
void CursorState::letGo() {
  if (!prepared_) return;
  rowsRead_ = rowsRead();
  if (live_) connection_->unlink(*this);
  live_ = false;
  sqlite3_reset(statement());
  sqlite3_clear_bindings(statement());
  prepared_->busy = false;
  prepared_.reset();
}

bool CursorState::hasRow() const {
  checkUsable();
  return live_ || !copied_.empty();
}

void CursorState::advance() {
  if (!live_) {
    copied_.pop_front();
    return;
  }
  int result = connection_->step(*this);
  if (result == SQLITE_ROW) return;
  if (result == SQLITE_DONE) return letGo();
  SqlError error = connection_->error(result);
  letGo();
  throw error;
}

void CursorState::end() {
  letGo();
  copied_.clear();
}

SqlValue CursorState::value(int column) const {
  return live_ ? columnValue(statement(), column)
               : copied_.front().at(static_cast<std::size_t>(column));
}

std::vector<SqlValue> CursorState::row() const {
  return live_ ? currentRow(statement()) : copied_.front();
}

void CursorState::materialise(std::size_t bytesMax) {
  std::size_t bytes = 0;
  int result = SQLITE_ROW;
  for (; live_ && result == SQLITE_ROW; result = sqlite3_step(statement())) {
    copied_.push_back(currentRow(statement()));
    bytes += memoryOf(copied_.back());
    if (bytes > bytesMax)
      return cancel(
          "the cursor's remaining rows did not fit into memory when its statement was closed");
  }
  if (live_ && result != SQLITE_DONE) return cancel(connection_->error(result).what());
  letGo();
}

void CursorState::cancel(const std::string& why) {
  end();
  canceled_ = why;
}

void CursorState::checkUsable() const {
  if (!canceled_.empty()) throw Error(ErrorCode::kCanceled, canceled_);
}

std::uint64_t CursorState::rowsRead() const {
  if (!prepared_) return rowsRead_;
  return rowsRead_ + static_cast<std::uint64_t>(
                         sqlite3_stmt_status(statement(), SQLITE_STMTSTATUS_FULLSCAN_STEP, 0));
}

}  // namespace cairn::sql
