#define SQLITE_ENABLE_PREUPDATE_HOOK  // Before sqlite3.h declares it.
#include "sql_frontend/connection.h"

#include <algorithm>
#include <cmath>
#include <time.h>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "engine/base/check.h"
#include "sql_frontend/authorizer.h"
#include "sql_frontend/cpu_budget.h"
#include "sql_frontend/cursor_state.h"
#include "sql_frontend/sql_error.h"
#include "sql_frontend/tokens.h"

namespace cairn::sql {

namespace {

// Rows that cursors keep when their statement has to be let go.
constexpr std::size_t kKeptRowsBytesMax = std::size_t{16} << 20;
// Instructions between two looks at the CPU budget.
constexpr int kProgressInterval = 20'000;
// Of so many steps of a statement one is timed, for the budget of those that take many short ones.
// A thread's CPU clock is a system call: with one in 64 it was 5 % of reading rows.
constexpr std::uint32_t kStepsPerSample = 256;

std::uint64_t threadCpuNs() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

int clampToInt(std::uint64_t value) {
  return static_cast<int>(std::min<std::uint64_t>(value, INT32_MAX));
}

void applyLimits(sqlite3* db, const Limits& limits) {
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, clampToInt(limits.sqlValueBytesMax));
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, clampToInt(limits.sqlTextBytesMax));
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

// Whether the linked SQLite keeps the steps of ordinary loops where we look for them: three sorted
// rows take two.
bool countsLoops(sqlite3* db) {
  sqlite3_stmt* sorting = nullptr;
  sqlite3_prepare_v2(db, "SELECT column1 FROM (VALUES (1), (2), (3)) ORDER BY -column1", -1,
                     &sorting, nullptr);
  while (sqlite3_step(sorting) == SQLITE_ROW) {
  }
  int steps = sqlite3_stmt_status(sorting, 0, 0);
  sqlite3_finalize(sorting);
  return steps == 2;
}

// Whether a lookup by this value may not be one for an integer.
bool isStrangeKey(const SqlParameter::Held& value) {
  if (const auto* real = std::get_if<double>(&value))
    return !(std::abs(*real) < 9e18 && *real == std::floor(*real));
  return !std::holds_alternative<std::int64_t>(value);
}

// SQLite compiles DELETE without WHERE to the quick clearing of a table only while there is no
// preupdate hook. Takes the hook away for as long as it lives.
class Unhooked {
 public:
  explicit Unhooked(sqlite3* db) : db_(db), owner_(sqlite3_preupdate_hook(db, nullptr, nullptr)) {}
  ~Unhooked() { sqlite3_preupdate_hook(db_, Connection::onChange, owner_); }
  Unhooked(const Unhooked&) = delete;
  Unhooked& operator=(const Unhooked&) = delete;

 private:
  sqlite3* db_;
  void* owner_;
};

// Sets a flag for as long as it lives.
class Raised {
 public:
  explicit Raised(bool& flag) : flag_(flag), before_(flag) { flag_ = true; }
  ~Raised() { flag_ = before_; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  bool& flag_;
  const bool before_;
};

}  // namespace

Connection::Connection(Vfs& vfs, PageSpace& pages, const Limits& limits)
    : pages_(pages),
      limits_(limits),
      mount_(vfs, pages),
      temp_(limits.sqlTempBytesMax),
      cache_(limits.statementCacheBytes) {
  try {
    open(vfs.name());
  } catch (...) {
    sqlite3_close_v2(db_);
    throw;
  }
}

void Connection::open(const std::string& vfs) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
              SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  int result = sqlite3_open_v2(mount_.fileName().c_str(), &db_, flags, vfs.c_str());
  if (result != SQLITE_OK) throw error(result);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // The schema is the application's own work, judged like any statement when it was made: its
  // triggers and views may use R*Tree and FTS5 tables.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  if (sqlite3_drop_modules(db_, allowedModules()) != SQLITE_OK) throw error(SQLITE_NOMEM);
  // One pass: each pragma costs a compilation. Pages beyond the cache come from the overlay or the
  // kernel's cache at the price of a copy.
  internal(fmt::format("PRAGMA page_size={}; PRAGMA locking_mode=EXCLUSIVE; PRAGMA "
                       "journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; "
                       "PRAGMA secure_delete=OFF; PRAGMA cache_size=-{}; PRAGMA max_page_count={}",
                       kPageBytes, limits_.sqlCacheBytes / 1024,
                       std::clamp<std::uint64_t>(limits_.objectBytesMax / kPageBytes, 1,
                                                 std::uint64_t{UINT32_MAX} - 1))
               .c_str());
  applyLimits(db_, limits_);
  pages_.limitPending(limits_.transactionBytesMax);
  sqlite3_set_authorizer(db_, authorize, this);
  sqlite3_progress_handler(db_, kProgressInterval, onProgress, this);
  sqlite3_preupdate_hook(db_, onChange, this);
}

Connection::~Connection() {
  materialiseOthers(nullptr);
  settleCounts();
  while (cursors_ != nullptr) {
    CursorState& cursor = *cursors_;
    unlink(cursor);
    cursor.connection_ = nullptr;
    cursor.prepared_.reset();
    if (!cursor.counts_) cursor.counts_.emplace();
  }
  cache_.clear();
  for (sqlite3_stmt* own :
       {begin_, commit_, schemaVersion_, pageCount_, freePages_, schemaObjects_, isShadow_})
    sqlite3_finalize(own);
  CAIRN_CHECK(sqlite3_close(db_) == SQLITE_OK);
}

SqlError Connection::error(int code, std::size_t textOffset) {
  if (overBudget_) {
    overBudget_ = false;
    return sqliteError(
        fmt::format("SQL took more than {} ms of CPU time, which is what {} may take",
                    limits_.cpuMs, CpuBudget::current() != nullptr ? "one event" : "one statement"),
        code);
  }
  if (std::exception_ptr beneath = takeVfsError()) {
    try {
      std::rethrow_exception(beneath);
    } catch (const std::exception& cause) {
      return sqliteError(cause.what(), code);
    }
  }
  if ((code & 0xff) == SQLITE_FULL) {
    return sqliteError(fmt::format("the database would take more than the {} bytes that are "
                                   "allowed for an object's storage",
                                   limits_.objectBytesMax),
                       code);
  }
  return sqliteError(db_, code, textOffset);
}

// ---- statements of our own

void Connection::internal(const char* text) {
  Raised ours(internal_);
  TempSpace::Scope scope(temp_);
  int result = sqlite3_exec(db_, text, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) throw error(result);
}

void Connection::runOwn(sqlite3_stmt*& statement, const char* text) {
  Raised ours(internal_);
  TempSpace::Scope scope(temp_);
  int result = SQLITE_OK;
  if (statement == nullptr)
    result = sqlite3_prepare_v3(db_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result == SQLITE_OK) {
    sqlite3_step(statement);
    result = sqlite3_reset(statement);
  }
  if (result != SQLITE_OK) throw error(result);
}

std::uint64_t Connection::internalNumber(sqlite3_stmt*& statement, const char* query,
                                         std::string_view parameter) {
  Raised ours(internal_);
  int result = SQLITE_OK;
  if (statement == nullptr)
    result = sqlite3_prepare_v3(db_, query, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result == SQLITE_OK && !parameter.empty())
    result = sqlite3_bind_text64(statement, 1, parameter.data(), parameter.size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
  std::uint64_t number = 0;
  if (result == SQLITE_OK) {
    if (sqlite3_step(statement) == SQLITE_ROW)
      number = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
    result = sqlite3_reset(statement);
  }
  if (result != SQLITE_OK) throw error(result);
  return number;
}

std::uint64_t Connection::databaseSize() {
  return (internalNumber(pageCount_, "PRAGMA page_count") -
          internalNumber(freePages_, "PRAGMA freelist_count")) *
         kPageBytes;
}

std::uint64_t Connection::changes() const {
  return static_cast<std::uint64_t>(sqlite3_changes64(db_));
}

Connection::Maintenance::Maintenance(Connection& connection, Context& context)
    : connection_(connection) {
  connection.settleCounts();
  connection.beginWrite(context);
  connection.schemaTouched_ = true;
  connection.internal_ = true;
  enforceRules(false);
}

Connection::Maintenance::~Maintenance() {
  enforceRules(true);
  connection_.internal_ = false;
  connection_.dropCompiled();
}

void Connection::Maintenance::enforceRules(bool on) {
  // A row and its key are more parameters than a statement of the application may have.
  constexpr int kParameters = 32'766;
  sqlite3* db = connection_.db_;
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, on ? 1 : 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, on ? 1 : 0, nullptr);
  sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER,
                on ? connection_.limits_.sqlParametersMax : kParameters);
}

// ---- what SQLite asks and tells

void Connection::noteTraits(int action, const char* first, const char* second) {
  switch (action) {
    case SQLITE_CREATE_TRIGGER:
      traits_.triggerOn = second;
      [[fallthrough]];
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_VTABLE:
      traits_.addsToSchema = true;
      [[fallthrough]];
    case SQLITE_ALTER_TABLE:
    case SQLITE_ANALYZE:
    case SQLITE_DROP_INDEX:
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_TRIGGER:
    case SQLITE_DROP_VIEW:
    case SQLITE_DROP_VTABLE:
    case SQLITE_REINDEX:
      traits_.changesSchema = true;
      break;
    case SQLITE_PRAGMA:
      traits_.pragma = true;
      traits_.changesSettings = changesSettings(first, second);
      if (second != nullptr && sqlite3_stricmp(first, "defer_foreign_keys") == 0)
        traits_.startsTransaction = true;
      break;
    case SQLITE_FUNCTION:
      if (sqlite3_stricmp(second, "count") == 0) traits_.counts = true;
      break;
    default:
      break;
  }
}

int Connection::authorize(void* self, int action, const char* first, const char* second,
                          const char* database, const char*) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.internal_) return SQLITE_OK;
  try {
    std::optional<Refusal> refusal = judgeAction(action, first, second, database);
    if (!refusal) {
      connection.noteTraits(action, first, second);
      return SQLITE_OK;
    }
    connection.refusal_ = std::move(refusal->reason);
  } catch (const std::bad_alloc&) {
    // Refused.
  }
  return SQLITE_DENY;
}

int Connection::onProgress(void* self) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.stepping_ == nullptr) return 0;
  std::uint64_t now = threadCpuNs();
  if (connection.tickNs_ == 0) connection.tickNs_ = now;
  std::uint64_t used = connection.cpuUsed(*connection.stepping_) + (now - connection.tickNs_);
  connection.overBudget_ = used > connection.limits_.cpuMs * 1'000'000;
  return connection.overBudget_ ? 1 : 0;
}

void Connection::onChange(void* self, sqlite3* db, int action, const char*, const char* table,
                          long long, long long) noexcept {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.stepping_ == nullptr) return;
  try {
    connection.noteChange(action, table, sqlite3_preupdate_depth(db) > 0);
  } catch (const std::bad_alloc&) {
    // The counts will not add up and say so.
  }
}

void Connection::noteChange(int action, const char* table, bool nested) {
  std::vector<TableChanges>& changes = stepping_->counters().changes;
  for (TableChanges& change : changes) {
    if (change.action == action && change.nested == nested && *change.table == table) {
      ++change.rows;
      return;
    }
  }
  const std::string* name = &*tables_.emplace(table).first;
  changes.push_back({name, action, nested, 1});
}

void Connection::interrupt() { sqlite3_interrupt(db_); }

// ---- executing

std::shared_ptr<CursorState> Connection::execute(Context& context, std::string_view text,
                                                 std::span<const SqlParameter> parameters) {
  if (const Batch* cached = cache_.find(text)) {
    if (cached->size() == 1) return run(context, cached->front(), parameters);
    Batch statements = *cached;
    for (std::size_t i = 0; i + 1 < statements.size(); ++i)
      run(context, std::move(statements[i]), {})->drain();
    return run(context, std::move(statements.back()), parameters);
  }
  if (text.size() > limits_.sqlTextBytesMax) {
    throw sqliteError(fmt::format("statement too long, {} bytes where {} are allowed", text.size(),
                                  limits_.sqlTextBytesMax),
                      SQLITE_TOOBIG);
  }
  // To SQLite the text would end there.
  if (std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("the SQL text has a NUL byte at offset {}", nul));
  }
  // Without an end that SQLite can see, it would copy the rest of the text for every statement.
  const std::string terminated(text);
  text = terminated;
  Batch batch;
  bool cacheable = true;
  for (std::size_t at = 0;;) {
    std::shared_ptr<Prepared> statement = prepare(text, at);
    cacheable = cacheable && !statement->traits().changesSchema && !statement->traits().pragma;
    batch.push_back(statement);
    if (isBlank(text.substr(at))) {
      if (cacheable) cache_.insert(text, std::move(batch));
      return run(context, std::move(statement), parameters);
    }
    // The next statement may build on this one, so this one runs before that one is compiled.
    if (statement->parameters() > 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  "only the last of several SQL statements may have parameters");
    }
    run(context, std::move(statement), {})->drain();
  }
}

// Compiles the first statement from `at` on, and moves `at` behind it.
std::shared_ptr<Prepared> Connection::prepare(std::string_view text, std::size_t& at) {
  for (;;) {
    std::string_view rest = text.substr(at);
    if (rest.empty())
      throw Error(ErrorCode::kInvalidArgument, "the SQL text has no statement in it");
    // A pragma changes settings while it is compiled, explained or not, and programs with them.
    if (Token first = Tokens(rest).next(); first.is("PRAGMA") || first.is("EXPLAIN"))
      settleCounts();
    refusal_.clear();
    traits_ = {};
    (void)takeVfsError();
    sqlite3_stmt* compiled = nullptr;
    const char* tail = nullptr;
    int result = compile(rest, &compiled, &tail);
    StatementHandle statement(compiled);
    if (result != SQLITE_OK) {
      if (!refusal_.empty()) throw sqliteError(refusal_, SQLITE_AUTH);
      throw error(result, at);
    }
    std::string_view own = rest.substr(0, static_cast<std::size_t>(tail - rest.data()));
    CAIRN_CHECK(!own.empty());
    at += own.size();
    if (statement == nullptr) continue;
    auto prepared = std::make_shared<Prepared>(std::move(statement), traits_);
    if (std::optional<Refusal> refusal = judgeText(own)) {
      throw sqliteError(refusal->reason.empty() ? "not authorized" : refusal->reason, SQLITE_AUTH);
    }
    return prepared;
  }
}

// `text` is followed by a NUL byte.
int Connection::compile(std::string_view text, sqlite3_stmt** statement, const char** tail) {
  Unhooked unhooked(db_);
  return sqlite3_prepare_v3(db_, text.data(), clampToInt(text.size() + 1),
                            SQLITE_PREPARE_PERSISTENT, statement, tail);
}

std::shared_ptr<CursorState> Connection::run(Context& context, std::shared_ptr<Prepared> statement,
                                             std::span<const SqlParameter> parameters) {
  if (static_cast<std::size_t>(statement->parameters()) != parameters.size()) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("wrong number of SQL parameters: the statement takes {}, {} were given",
                            statement->parameters(), parameters.size()));
  }
  const bool writes = statement->writes();
  const bool changesSchema = statement->traits().changesSchema;
  const bool changesSettings = statement->traits().changesSettings;
  if (writes || statement->traits().startsTransaction) beginWrite(context);
  if (changesSchema) beforeSchemaChange(*statement);
  auto cursor = std::make_shared<CursorState>(*this, std::move(statement));
  bind(*cursor, parameters);
  try {
    cursor->start();
  } catch (...) {
    if (changesSchema) dropCompiled();
    throw;
  }
  if (writes && sqlite3_get_autocommit(db_) != 0) {
    checkTransactionKept(
        Error(ErrorCode::kRolledBack, "a SQL statement rolled the turn's transaction back"));
  }
  if (changesSchema) {
    afterSchemaChange();
  } else if (changesSettings) {
    dropCompiled();
  }
  return cursor;
}

void Connection::bind(CursorState& cursor, std::span<const SqlParameter> parameters) {
  // A statement that writes is done when `exec` returns; a cursor may still look at its parameters
  // later.
  sqlite3_stmt* target = cursor.statement();
  sqlite3_destructor_type lifetime = cursor.prepared_->writes() ? SQLITE_STATIC : SQLITE_TRANSIENT;
  int index = 0;
  for (const SqlParameter& parameter : parameters) {
    ++index;
    int result = std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
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
    if (isStrangeKey(parameter.held())) cursor.counters().strangeKeys = true;
  }
}

std::uint64_t& Connection::cpuUsed(CursorState& cursor) {
  CpuBudget* budget = CpuBudget::current();
  return budget != nullptr ? budget->usedNs : cursor.cpuNs_;
}

int Connection::step(CursorState& cursor) {
  (void)takeVfsError();  // Of an earlier failure that SQLite got over.
  std::uint64_t& used = cpuUsed(cursor);
  if (used > limits_.cpuMs * 1'000'000) {
    overBudget_ = true;
    return SQLITE_INTERRUPT;
  }
  TempSpace::Scope scope(temp_);
  CursorState* outer = std::exchange(stepping_, &cursor);
  tickNs_ = 0;
  overBudget_ = false;
  // A linear congruential generator: which steps are timed must not follow the statement's rhythm.
  sampler_ = sampler_ * 1'664'525 + 1'013'904'223;
  bool timed = (sampler_ >> 16) % kStepsPerSample == 0;
  std::uint64_t before = timed ? threadCpuNs() : 0;
  int result = sqlite3_step(cursor.statement());
  if (tickNs_ != 0) {
    used += threadCpuNs() - tickNs_;
  } else if (timed) {
    used += (threadCpuNs() - before) * kStepsPerSample;
  }
  stepping_ = outer;
  if ((result & 0xff) == SQLITE_INTERRUPT && !overBudget_) {
    // SQLite interrupts everything until nothing runs any more.
    for (CursorState* other = cursors_; other != nullptr; other = other->next_) {
      if (other != &cursor && other->live_) other->cancel("the cursor was interrupted");
    }
  }
  if ((result & 0xff) != SQLITE_LOCKED) return result;
  // A forgotten cursor must not stand in the way of DROP TABLE: cursors keep copies of their rows
  // instead.
  sqlite3_reset(cursor.statement());
  if (!materialiseOthers(&cursor)) return result;
  cursor.discardCounters();
  return step(cursor);
}

bool Connection::materialiseOthers(const CursorState* except) {
  bool any = false;
  for (CursorState* cursor = cursors_; cursor != nullptr; cursor = cursor->next_) {
    if (cursor == except || !cursor->live_) continue;
    cursor->materialise(kKeptRowsBytesMax);
    any = true;
  }
  return any;
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
  for (CursorState* cursor = cursors_; cursor != nullptr; cursor = cursor->next_) {
    if (cursor->live_) cursor->cancel(why);
  }
}

// ---- the schema, and what depends on it

const RowCountRule& Connection::ruleOf(Prepared& statement, bool finished) {
  int reprepares = sqlite3_stmt_status(statement.get(), SQLITE_STMTSTATUS_REPREPARE, 0);
  if (statement.rulesReprepares != reprepares) statement.rules = {};
  statement.rulesReprepares = reprepares;
  std::unique_ptr<RowCountRule>& rule = statement.rules[finished ? 1 : 0];
  if (!rule) {
    static const bool loopsCounted = countsLoops(db_);
    Bytecode code;
    if (loopsCounted && sqlite3_stmt_isexplain(statement.get()) == 0) {
      Raised ours(internal_);
      std::string text = "EXPLAIN ";
      text += sqlite3_sql(statement.get());
      // What SQLite compiles on the way is longer than a short text.
      constexpr std::size_t kOwnTextBytes = 10'000;
      int before =
          sqlite3_limit(db_, SQLITE_LIMIT_SQL_LENGTH, clampToInt(text.size() + kOwnTextBytes));
      Unhooked unhooked(db_);
      code = loadBytecode(db_, text);
      sqlite3_limit(db_, SQLITE_LIMIT_SQL_LENGTH, before);
    }
    rule = std::make_unique<RowCountRule>(code, finished);
  }
  return *rule;
}

void Connection::settleCounts() noexcept {
  for (CursorState* cursor = cursors_; cursor != nullptr; cursor = cursor->next_) {
    try {
      cursor->settle();
    } catch (const std::exception&) {
      // Its counts stay estimates.
      cursor->counts_.emplace();
    }
  }
}

void Connection::refuseSchemaChange(const StatementTraits& traits) {
  if (!traits.addsToSchema) return;
  auto limit = static_cast<std::uint64_t>(limits_.sqlSchemaObjectsMax);
  if (internalNumber(schemaObjects_, "SELECT count(*) FROM sqlite_schema") >= limit) {
    throw sqliteError(
        fmt::format("too many tables, indexes, views and triggers, {} are allowed", limit),
        SQLITE_ERROR);
  }
  // The trigger would run while a virtual table writes to its own tables, where SQLite does not
  // keep others from writing to them.
  if (!traits.triggerOn.empty() &&
      internalNumber(isShadow_, "SELECT count(*) FROM pragma_table_list(?1) WHERE type = 'shadow'",
                     traits.triggerOn) > 0)
    throw sqliteError("not authorized", SQLITE_AUTH);
}

void Connection::beforeSchemaChange(Prepared& statement) {
  refuseSchemaChange(statement.traits());
  settleCounts();
  // Afterwards SQLite could not list the program any more: the table exists, or is gone.
  (void)ruleOf(statement, true);
  schemaBefore_ = internalNumber(schemaVersion_, "PRAGMA schema_version");
}

void Connection::afterSchemaChange() {
  // IF NOT EXISTS mostly changes nothing.
  if (internalNumber(schemaVersion_, "PRAGMA schema_version") == schemaBefore_) return;
  schemaTouched_ = true;
  dropCompiled();
}

// Compiled statements that SQLite would compile anew when they run are compiled anew by us.
void Connection::dropCompiled() { cache_.clear(); }

// ---- the transaction of the turn

void Connection::beginWrite(Context& context) {
  context.beforeWrite();
  if (!inTransaction_) {
    runOwn(begin_, "BEGIN");
    inTransaction_ = true;
    writer_ = &context;
    schemaTouched_ = false;
  }
  while (savepoints_ < context.scopes()) {
    internal(fmt::format("SAVEPOINT scope_{}", savepoints_ + 1).c_str());
    ++savepoints_;
  }
}

void Connection::checkTransactionKept(const Error& cause) {
  if (!inTransaction_ || sqlite3_get_autocommit(db_) == 0) return;
  inTransaction_ = false;
  savepoints_ = 0;
  dropCompiled();
  pages_.discard();
  writer_->transactionLost(std::make_exception_ptr(cause));
}

void Connection::giveUpTransaction(const Error& cause) {
  if (!inTransaction_) return;
  Context* writer = writer_;
  rollback();
  writer->transactionLost(std::make_exception_ptr(Error(
      ErrorCode::kRolledBack,
      fmt::format("a statement failed after its first rows, and SQLite could not undo them: {}",
                  cause.what()))));
}

void Connection::releaseScope(unsigned scope) {
  if (savepoints_ < scope) return;
  internal(fmt::format("RELEASE scope_{}", scope).c_str());
  savepoints_ = scope - 1;
}

void Connection::rollbackScope(unsigned scope) {
  if (savepoints_ < scope) return;
  if (schemaTouched_) settleCounts();
  internal(fmt::format("ROLLBACK TO scope_{0}; RELEASE scope_{0}", scope).c_str());
  savepoints_ = scope - 1;
  if (schemaTouched_) dropCompiled();
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
  if (schemaTouched_) settleCounts();
  if (inTransaction_ && sqlite3_get_autocommit(db_) == 0) {
    Raised ours(internal_);
    TempSpace::Scope scope(temp_);
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  if (schemaTouched_) dropCompiled();
  inTransaction_ = false;
  schemaTouched_ = false;
  savepoints_ = 0;
  pages_.discard();
}

}  // namespace cairn::sql
