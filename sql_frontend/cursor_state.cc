#include "sql_frontend/cursor_state.h"

#include <algorithm>
#include <new>

#include <sqlite3.h>

#include "engine/base/check.h"
#include "sql_frontend/connection.h"
#include "sql_frontend/statement_cache.h"

namespace cairn::sql {

namespace {

struct Source {
  Counter counter;
  int status;
};

// SQLite keeps the steps of ordinary loops under number 0, which its documentation does not name;
// `countsLoops` in connection.cc makes sure of it before anything is concluded.
constexpr Source kSources[] = {
    {Counter::kSteps, SQLITE_STMTSTATUS_VM_STEP},
    {Counter::kLoops, 0},
    {Counter::kScans, SQLITE_STMTSTATUS_FULLSCAN_STEP},
    {Counter::kAutoIndex, SQLITE_STMTSTATUS_AUTOINDEX},
    {Counter::kSorts, SQLITE_STMTSTATUS_SORT},
    {Counter::kPrograms, SQLITE_STMTSTATUS_RUN},
    {Counter::kFilterHits, SQLITE_STMTSTATUS_FILTER_HIT},
    {Counter::kFilterMisses, SQLITE_STMTSTATUS_FILTER_MISS},
};

int repreparesOf(sqlite3_stmt* statement) {
  return sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_REPREPARE, 0);
}

void readStatus(sqlite3_stmt* statement, RunCounters& counters, bool reset) {
  for (const Source& source : kSources) {
    counters[source.counter] =
        static_cast<std::uint32_t>(sqlite3_stmt_status(statement, source.status, reset ? 1 : 0));
  }
  counters.recompiled = repreparesOf(statement) != counters.reprepares;
}

}  // namespace

CursorState::CursorState(Connection& connection, std::shared_ptr<Prepared> statement)
    : connection_(&connection), prepared_(std::move(statement)) {
  CAIRN_CHECK(!prepared_->busy);
  prepared_->busy = true;
  counters_[Counter::kOne] = 1;
  counters_.reprepares = repreparesOf(prepared_->get());
  connection_->link(*this);
}

CursorState::~CursorState() {
  end();
  if (connection_ != nullptr) connection_->unlink(*this);
}

sqlite3_stmt* CursorState::statement() const { return prepared_->get(); }

int CursorState::step() {
  int result = connection_->step(*this);
  if (result != SQLITE_ROW) return result;
  if (++counters_[Counter::kResults] == 1 && prepared_->traits().counts) {
    int columns =
        std::min(sqlite3_data_count(statement()), static_cast<int>(counters_.firstRow.size()));
    for (int i = 0; i < columns; ++i) {
      if (sqlite3_column_type(statement(), i) == SQLITE_INTEGER)
        counters_.firstRow[static_cast<std::size_t>(i)] = sqlite3_column_int64(statement(), i);
    }
  }
  return result;
}

void CursorState::start() {
  int result = step();
  readNames();
  if (prepared_->writes()) {
    // A write statement left half-way would keep the transaction from committing; its rows are
    // complete anyway.
    for (; result == SQLITE_ROW; result = step()) copied_.push(statement());
  } else if (result == SQLITE_ROW) {
    live_ = true;
    return;
  }
  if (result != SQLITE_DONE) fail(result);
  counters_.finished = true;
  letGo();
}

void CursorState::drain() {
  while (live_) advance();
  copied_.clear();
}

void CursorState::readNames() {
  int reprepares = repreparesOf(statement());
  if (!prepared_->names || prepared_->namesReprepares != reprepares) {
    auto names = std::make_shared<std::vector<std::string>>();
    int columns = sqlite3_column_count(statement());
    for (int i = 0; i < columns; ++i) {
      const char* name = sqlite3_column_name(statement(), i);
      if (name == nullptr) throw std::bad_alloc();
      names->emplace_back(name);
    }
    prepared_->names = std::move(names);
    prepared_->namesReprepares = reprepares;
  }
  names_ = prepared_->names;
}

// The statement may be used again.
void CursorState::letGo() {
  if (!running_) return;
  running_ = false;
  live_ = false;
  readStatus(statement(), counters_, true);
  if (prepared_->writes()) counters_[Counter::kChanges] = connection_->changes();
  sqlite3_reset(statement());
  sqlite3_clear_bindings(statement());
  prepared_->busy = false;
}

void CursorState::fail(int result) {
  SqlError error = connection_->error(result);
  letGo();
  connection_->checkTransactionKept(error);
  if (mayBeHalfDone(error)) connection_->giveUpTransaction(error);
  throw error;
}

// For most failures SQLite undoes what the statement did by then. It is not prepared for these two.
bool CursorState::mayBeHalfDone(const SqlError& error) const {
  constexpr std::string_view kRecursion = "too many levels of trigger recursion";
  return !counters_.changes.empty() && (error.primaryCode() == SQLITE_TOOBIG ||
                                        std::string_view(error.what()).starts_with(kRecursion));
}

bool CursorState::hasRow() const {
  checkUsable();
  return live_ || !copied_.empty();
}

void CursorState::advance() {
  if (!live_) {
    copied_.pop();
    return;
  }
  int result = step();
  if (result == SQLITE_ROW) return;
  if (result != SQLITE_DONE) fail(result);
  counters_.finished = true;
  letGo();
}

void CursorState::end() {
  letGo();
  copied_.clear();
}

SqlValue CursorState::value(int column) const {
  return live_ ? columnValue(statement(), column) : copied_.value(column);
}

std::vector<SqlValue> CursorState::row() const {
  int columns = live_ ? sqlite3_data_count(statement()) : copied_.columns();
  std::vector<SqlValue> row;
  row.reserve(static_cast<std::size_t>(columns));
  for (int i = 0; i < columns; ++i) row.push_back(value(i));
  return row;
}

void CursorState::materialise(std::size_t bytesMax) {
  if (!live_) return;
  try {
    int result = SQLITE_ROW;
    for (; result == SQLITE_ROW; result = step()) {
      copied_.push(statement());
      if (copied_.memoryBytes() > bytesMax) {
        return cancel(
            "the cursor's remaining rows did not fit into memory when its statement was closed");
      }
    }
    if (result != SQLITE_DONE) {
      SqlError error = connection_->error(result);
      cancel(error.what());
      return connection_->checkTransactionKept(error);
    }
    counters_.finished = true;
    letGo();
  } catch (const std::exception& failure) {
    cancel(failure.what());
  }
}

void CursorState::cancel(const std::string& why) {
  end();
  canceled_ = why;
}

void CursorState::checkUsable() const {
  if (!canceled_.empty()) throw Error(ErrorCode::kCanceled, canceled_);
}

void CursorState::discardCounters() {
  RunCounters discarded;
  readStatus(statement(), discarded, true);
  counters_.changes.clear();
}

RunCounters CursorState::currentCounters() const {
  RunCounters counters = counters_;
  if (running_) readStatus(statement(), counters, false);
  return counters;
}

RowCounts CursorState::counts() const {
  if (counts_) return *counts_;
  if (prepared_->explains()) return {.readExact = true, .writtenExact = true};
  if (running_) {
    return settled(connection_->ruleOf(*prepared_, false).apply(currentCounters()));
  }
  settle();
  return *counts_;
}

// What writes nothing has written nothing, however little else is known.
RowCounts CursorState::settled(RowCounts counts) const {
  if (!prepared_->writes()) {
    counts.written = 0;
    counts.writtenExact = true;
  }
  return counts;
}

// Works the counts out while the database still has the schema the statement was compiled for.
void CursorState::settle() const {
  if (counts_ || !prepared_) return;
  if (prepared_->explains()) {
    counts_ = counts();
    return;
  }
  if (running_) {
    (void)connection_->ruleOf(*prepared_, false);
    (void)connection_->ruleOf(*prepared_, true);
    return;
  }
  RunCounters counters = counters_;
  counters.recompiled |= repreparesOf(statement()) != counters.reprepares;
  counts_ = settled(connection_->ruleOf(*prepared_, counters.finished).apply(counters));
  prepared_.reset();
}

}  // namespace cairn::sql
