#include "sql_frontend/connection.h"

#include <time.h>

#include <fmt/format.h>
#include <sqlite3.h>

#include "engine/base/check.h"
#include "sql_frontend/authorizer.h"
#include "sql_frontend/cursor_state.h"
#include "sql_frontend/sql_error.h"

namespace cairn::sql {

namespace {

// Rows that cursors keep when their statement has to be let go.
constexpr std::size_t kKeptRowsBytesMax = std::size_t{16} << 20;
// Instructions between two looks at the CPU budget.
constexpr int kProgressInterval = 20'000;
// SQLite's page cache, in KiB. Pages beyond it come from the overlay or the kernel's cache at the
// price of a copy.
constexpr int kPageCacheKib = 512;

std::uint64_t threadCpuNs() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

// Whether nothing but white space, comments and semicolons is left.
bool isBlank(std::string_view text) {
  while (!text.empty()) {
    std::size_t skip = text.find_first_not_of(" \t\r\n\f;");
    if (skip == std::string_view::npos) return true;
    text.remove_prefix(skip);
    std::size_t end = std::string_view::npos;
    if (text.starts_with("--")) {
      end = text.find('\n');
    } else if (text.starts_with("/*")) {
      end = text.find("*/", 2);
      if (end != std::string_view::npos) ++end;
    } else {
      return false;
    }
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
  return true;
}

void applyLimits(sqlite3* db, const Limits& limits) {
  auto bytes = [](std::size_t value) {
    return static_cast<int>(std::min<std::size_t>(value, INT32_MAX));
  };
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, bytes(limits.sqlValueBytesMax));
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, bytes(limits.sqlTextBytesMax));
  sqlite3_limit(db, SQLITE_LIMIT_COLUMN, limits.sqlColumnsMax);
  sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, limits.sqlExpressionDepthMax);
  sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, limits.sqlCompoundSelectMax);
  sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, limits.sqlVdbeOpsMax);
  sqlite3_limit(db, SQLITE_LIMIT_FUNCTION_ARG, limits.sqlFunctionArgumentsMax);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, limits.sqlLikePatternBytesMax);
  sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, limits.sqlParametersMax);
  sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, limits.sqlTriggerDepthMax);
  sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
}

}  // namespace

Connection::Connection(Vfs& vfs, PageSpace& pages, const Limits& limits)
    : pages_(pages), limits_(limits), mount_(vfs, pages), cache_(limits.statementCacheBytes) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
              SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  int result = sqlite3_open_v2(mount_.fileName().c_str(), &db_, flags, vfs.name().c_str());
  try {
    if (result != SQLITE_OK) throw error(result);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
    // One pass: each pragma costs a compilation.
    internal(fmt::format(
                 "PRAGMA page_size={}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY; "
                 "PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=OFF; "
                 "PRAGMA cache_size=-{}",
                 kPageBytes, kPageCacheKib)
                 .c_str());
    applyLimits(db_, limits_);
    sqlite3_set_authorizer(db_, authorize, this);
    sqlite3_progress_handler(db_, kProgressInterval, onProgress, this);
  } catch (...) {
    sqlite3_close_v2(db_);
    throw;
  }
}

Connection::~Connection() {
  for (CursorState* cursor = cursors_; cursor != nullptr; cursor = cursors_)
    cursor->materialise(kKeptRowsBytesMax);
  cache_.clear();
  sqlite3_finalize(begin_);
  sqlite3_finalize(commit_);
  CAIRN_CHECK(sqlite3_close(db_) == SQLITE_OK);
}

SqlError Connection::error(int code) {
  if (std::exception_ptr beneath = takeVfsError()) {
    try {
      std::rethrow_exception(beneath);
    } catch (const std::exception& cause) {
      return sqliteError(cause.what(), code);
    }
  }
  return sqliteError(db_, code);
}

void Connection::internal(const char* text) {
  internal_ = true;
  int result = sqlite3_exec(db_, text, nullptr, nullptr, nullptr);
  internal_ = false;
  if (result != SQLITE_OK) throw error(result);
}

std::uint64_t Connection::internalNumber(const char* pragma) {
  internal_ = true;
  sqlite3_stmt* statement = nullptr;
  int result = sqlite3_prepare_v2(db_, pragma, -1, &statement, nullptr);
  std::uint64_t number = 0;
  if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
    number = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
  }
  sqlite3_finalize(statement);
  internal_ = false;
  if (result != SQLITE_OK) throw error(result);
  return number;
}

std::uint64_t Connection::databaseSize() {
  return (internalNumber("PRAGMA page_count") - internalNumber("PRAGMA freelist_count")) *
         kPageBytes;
}

int Connection::authorize(void* self, int action, const char* first, const char* second,
                          const char* database, const char*) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.internal_) return SQLITE_OK;
  std::optional<Refusal> refusal = judgeAction(action, first, second, database);
  if (!refusal) return SQLITE_OK;
  connection.refusal_ = refusal->reason;
  return SQLITE_DENY;
}

int Connection::onProgress(void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  std::uint64_t now = threadCpuNs();
  if (connection.cpuDeadlineNs_ == 0)
    connection.cpuDeadlineNs_ = now + connection.limits_.cpuMs * 1'000'000;
  return now > connection.cpuDeadlineNs_ ? 1 : 0;
}

void Connection::interrupt() { sqlite3_interrupt(db_); }

std::shared_ptr<CursorState> Connection::execute(Context& context, std::string_view text,
                                                 std::span<const SqlParameter> parameters) {
  if (std::shared_ptr<Prepared> cached = cache_.find(text))
    return run(context, std::move(cached), parameters);
  if (text.size() > limits_.sqlTextBytesMax) {
    throw sqliteError(fmt::format("statement too long, {} bytes where {} are allowed", text.size(),
                                  limits_.sqlTextBytesMax),
                      SQLITE_TOOBIG);
  }
  std::string_view rest = text;
  for (bool first = true;; first = false) {
    std::shared_ptr<Prepared> statement = prepare(rest);
    if (isBlank(rest)) {
      if (first) cache_.insert(text, statement);
      return run(context, std::move(statement), parameters);
    }
    // The next statement may build on this one, so this one runs before that one is compiled.
    if (statement->parameters() > 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  "only the last of several SQL statements may have parameters");
    }
    run(context, std::move(statement), {})->end();
  }
}

// Compiles the first statement of `text` and leaves what stands behind it.
std::shared_ptr<Prepared> Connection::prepare(std::string_view& text) {
  sqlite3_stmt* statement = nullptr;
  while (statement == nullptr) {
    if (text.empty())
      throw Error(ErrorCode::kInvalidArgument, "the SQL text has no statement in it");
    refusal_.clear();
    const char* tail = nullptr;
    int result = sqlite3_prepare_v3(db_, text.data(), static_cast<int>(text.size()),
                                    SQLITE_PREPARE_PERSISTENT, &statement, &tail);
    if (result != SQLITE_OK) {
      if (!refusal_.empty()) throw sqliteError(refusal_, SQLITE_AUTH);
      throw error(result);
    }
    std::string_view own = text.substr(0, static_cast<std::size_t>(tail - text.data()));
    text.remove_prefix(own.size());
    if (statement == nullptr) continue;
    if (std::optional<Refusal> refusal = judgeText(own)) {
      sqlite3_finalize(statement);
      throw sqliteError(refusal->reason, SQLITE_AUTH);
    }
  }
  return std::make_shared<Prepared>(statement);
}

std::shared_ptr<CursorState> Connection::run(Context& context, std::shared_ptr<Prepared> statement,
                                             std::span<const SqlParameter> parameters) {
  if (static_cast<std::size_t>(statement->parameters()) != parameters.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("wrong number of SQL parameters: the statement takes {}, {} were given",
                            statement->parameters(), parameters.size()));
  }
  bool writes = statement->writes();
  if (writes) beginWrite(context);
  auto cursor = std::make_shared<CursorState>(*this, std::move(statement));
  bind(*cursor->prepared(), parameters);
  try {
    cursor->start();
  } catch (...) {
    if (writes) checkTransactionKept(context, std::current_exception());
    throw;
  }
  if (writes) checkTransactionKept(context, nullptr);
  return cursor;
}

void Connection::bind(Prepared& statement, std::span<const SqlParameter> parameters) {
  // A statement that writes is done when `exec` returns; a cursor may still look at its parameters
  // later.
  sqlite3_destructor_type lifetime = statement.writes() ? SQLITE_STATIC : SQLITE_TRANSIENT;
  int index = 0;
  for (const SqlParameter& parameter : parameters) {
    ++index;
    int result = std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          sqlite3_stmt* target = statement.get();
          if constexpr (std::is_same_v<T, std::int64_t>)
            return sqlite3_bind_int64(target, index, value);
          else if constexpr (std::is_same_v<T, double>)
            return sqlite3_bind_double(target, index, value);
          else if constexpr (std::is_same_v<T, std::string_view>)
            return sqlite3_bind_text64(target, index, value.data() == nullptr ? "" : value.data(),
                                       value.size(), lifetime, SQLITE_UTF8);
          else if constexpr (std::is_same_v<T, BytesView>)
            // Without a pointer SQLite would bind NULL: empty bytes stay bytes.
            return sqlite3_bind_blob64(
                target, index, value.empty() ? "" : reinterpret_cast<const char*>(value.data()),
                value.size(), lifetime);
          else
            return sqlite3_bind_null(target, index);
        },
        parameter.held());
    if (result != SQLITE_OK) throw error(result);
  }
}

void Connection::beginWrite(Context& context) {
  context.beforeWrite();
  if (!inTransaction_) {
    runOwn(begin_, "BEGIN");
    inTransaction_ = true;
  }
  while (savepoints_ < context.scopes()) {
    internal(fmt::format("SAVEPOINT scope_{}", savepoints_ + 1).c_str());
    ++savepoints_;
  }
}

// Some errors, and ROLLBACK in a conflict clause or a trigger, end the whole transaction.
void Connection::checkTransactionKept(Context& context, std::exception_ptr cause) {
  if (!inTransaction_ || sqlite3_get_autocommit(db_) == 0) return;
  inTransaction_ = false;
  savepoints_ = 0;
  pages_.discard();
  if (!cause) {
    cause = std::make_exception_ptr(
        Error(ErrorCode::kRolledBack, "a SQL statement rolled the turn's transaction back"));
  }
  context.transactionLost(cause);
}

void Connection::runOwn(sqlite3_stmt*& statement, const char* text) {
  internal_ = true;
  int result = SQLITE_OK;
  if (statement == nullptr)
    result = sqlite3_prepare_v3(db_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result == SQLITE_OK) {
    sqlite3_step(statement);
    result = sqlite3_reset(statement);
  }
  internal_ = false;
  if (result != SQLITE_OK) throw error(result);
}

void Connection::releaseScope(unsigned scope) {
  if (savepoints_ < scope) return;
  internal(fmt::format("RELEASE scope_{}", scope).c_str());
  savepoints_ = scope - 1;
}

void Connection::rollbackScope(unsigned scope) {
  if (savepoints_ < scope) return;
  internal(fmt::format("ROLLBACK TO scope_{0}; RELEASE scope_{0}", scope).c_str());
  savepoints_ = scope - 1;
}

void Connection::commit() {
  if (!inTransaction_) return;
  try {
    runOwn(commit_, "COMMIT");
  } catch (...) {
    rollback();
    throw;
  }
  inTransaction_ = false;
  savepoints_ = 0;
}

void Connection::rollback() noexcept {
  if (inTransaction_ && sqlite3_get_autocommit(db_) == 0) {
    internal_ = true;
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    internal_ = false;
  }
  inTransaction_ = false;
  savepoints_ = 0;
  pages_.discard();
}

int Connection::step(CursorState& cursor) {
  cpuDeadlineNs_ = 0;
  sqlite3_stmt* statement = cursor.statement();
  int result = sqlite3_step(statement);
  if ((result & 0xff) != SQLITE_LOCKED || cursors_ == nullptr) return result;
  // A forgotten cursor must not stand in the way of DROP TABLE: cursors keep copies of their rows
  // instead.
  sqlite3_reset(statement);
  CursorState* other = cursors_;
  while (other != nullptr) {
    CursorState* next = other->next_;
    if (other != &cursor) other->materialise(kKeptRowsBytesMax);
    other = next;
  }
  return sqlite3_step(statement);
}

void Connection::link(CursorState& cursor) {
  cursor.next_ = cursors_;
  if (cursors_ != nullptr) cursors_->previous_ = &cursor;
  cursors_ = &cursor;
}

void Connection::unlink(CursorState& cursor) {
  (cursor.previous_ != nullptr ? cursor.previous_->next_ : cursors_) = cursor.next_;
  if (cursor.next_ != nullptr) cursor.next_->previous_ = cursor.previous_;
  cursor.previous_ = cursor.next_ = nullptr;
}

void Connection::cancelCursors(const std::string& why) {
  while (cursors_ != nullptr) cursors_->cancel(why);
}

}  // namespace cairn::sql
