// One SQLite connection to one space: settings, limits, what is allowed, compiled statements,
// transactions.
#pragma once

#include <cairn/options.h>
#include <cairn/sql.h>
#include <cstdint>
#include <exception>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/buffer.h"
#include "sql_frontend/page_space.h"
#include "sql_frontend/row_counts.h"
#include "sql_frontend/statement_cache.h"
#include "sql_frontend/temp_space.h"
#include "sql_frontend/vfs.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cairn::sql {

class Connection;
class CursorState;

/// What an object's turn offers to its SQL half.
class Context {
 public:
  virtual ~Context() = default;
  /// The connection, opened on first use. Throws when SQL is not to be used now.
  virtual Connection& connection() = 0;
  /// Whether the object has a database at all; if not, opening one to look at it would be a waste.
  virtual bool hasDatabase() = 0;
  /// Called before the first statement that writes: opens the implicit transaction. Throws when
  /// writing is not allowed.
  virtual void beforeWrite() = 0;
  /// Scopes of transactionSync that are open.
  [[nodiscard]] virtual unsigned scopes() const = 0;
  /// SQLite gave the transaction up by itself: everything written in this turn is lost.
  virtual void transactionLost(std::exception_ptr cause) = 0;
};

class Connection {
 public:
  Connection(Vfs& vfs, PageSpace& pages, const Limits& limits);
  /// Live cursors keep the rows they were standing on, up to a bound; see `cancelCursors` for the
  /// alternative.
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::shared_ptr<CursorState> execute(Context& context, std::string_view text,
                                       std::span<const SqlParameter> parameters);
  [[nodiscard]] std::uint64_t databaseSize();

  // The transaction of the turn. Scopes are savepoints, made when the first write inside them
  // comes. The context of the first write has to live until the transaction ends.
  [[nodiscard]] bool inTransaction() const { return inTransaction_; }
  void releaseScope(unsigned scope);
  void rollbackScope(unsigned scope);
  /// Throws: SqlError when SQLite refuses, e.g. for a deferred foreign key; everything is rolled
  /// back then.
  void commit();
  void rollback() noexcept;

  /// Live cursors answer any further use with this.
  void cancelCursors(const std::string& why);

  /// Stops the statement that is running, from any thread, as long as the connection lives. It
  /// fails with SQLITE_INTERRUPT, and so do all live cursors: SQLite knows no finer way.
  void interrupt();

  /// While this lives, statements of our own change the database within the turn's transaction:
  /// nothing is judged, no trigger fires, no foreign key acts. For bringing rows back as they were.
  class Maintenance {
   public:
    Maintenance(Connection& connection, Context& context);
    ~Maintenance();
    Maintenance(const Maintenance&) = delete;
    Maintenance& operator=(const Maintenance&) = delete;

    [[nodiscard]] sqlite3* db() const { return connection_.db_; }
    /// Throws: SqlError.
    void run(const std::string& text) { connection_.internal(text.c_str()); }
    [[nodiscard]] SqlError error(int code) { return connection_.error(code); }
    [[nodiscard]] TempSpace& temp() { return connection_.temp_; }

   private:
    void enforceRules(bool on);

    Connection& connection_;
  };

  // For cursors.
  int step(CursorState& cursor);
  void link(CursorState& cursor);
  void unlink(CursorState& cursor);
  [[nodiscard]] SqlError error(int code, std::size_t textOffset = 0);
  /// Some errors, and ROLLBACK in a conflict clause or a trigger, end the whole transaction.
  void checkTransactionKept(const Error& cause);
  /// A statement failed and what it did by then cannot be undone by itself.
  void giveUpTransaction(const Error& cause);
  [[nodiscard]] std::uint64_t changes() const;
  [[nodiscard]] const RowCountRule& ruleOf(Prepared& statement, bool finished);

  /// The preupdate hook.
  static void onChange(void* self, sqlite3* db, int action, const char* database, const char* table,
                       long long before, long long after) noexcept;

  [[nodiscard]] const StatementCache& cache() const { return cache_; }
  [[nodiscard]] const TempSpace& temp() const { return temp_; }

 private:
  void open(const std::string& vfs);
  static std::uint64_t& cpuUsed(CursorState& cursor);
  int compile(std::string_view text, sqlite3_stmt** statement, const char** tail);
  std::shared_ptr<Prepared> prepare(std::string_view text, std::size_t& at);
  std::shared_ptr<CursorState> run(Context& context, std::shared_ptr<Prepared> statement,
                                   std::span<const SqlParameter> parameters);
  void bind(CursorState& cursor, std::span<const SqlParameter> parameters);
  void beginWrite(Context& context);
  void beforeSchemaChange(Prepared& statement);
  void refuseSchemaChange(const StatementTraits& traits);
  void afterSchemaChange();
  void dropCompiled();
  void settleCounts() noexcept;
  bool materialiseOthers(const CursorState* except);
  void internal(const char* text);
  void runOwn(sqlite3_stmt*& statement, const char* text);
  std::uint64_t internalNumber(sqlite3_stmt*& statement, const char* query,
                               std::string_view parameter = {});
  void noteTraits(int action, const char* first, const char* second);
  static int authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* trigger) noexcept;
  static int onProgress(void* self) noexcept;
  void noteChange(int action, const char* table, bool nested);

  PageSpace& pages_;
  const Limits limits_;
  Vfs::Mount mount_;
  TempSpace temp_;
  sqlite3* db_ = nullptr;
  StatementCache cache_;
  CursorState* cursors_ = nullptr;  ///< Every cursor that needs the connection.
  CursorState* stepping_ = nullptr;

  // Statements of our own, compiled when first needed.
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  sqlite3_stmt* schemaVersion_ = nullptr;
  sqlite3_stmt* pageCount_ = nullptr;
  sqlite3_stmt* freePages_ = nullptr;
  sqlite3_stmt* schemaObjects_ = nullptr;
  sqlite3_stmt* isShadow_ = nullptr;

  std::string refusal_;     ///< Why the authorizer said no to the statement being compiled.
  StatementTraits traits_;  ///< Of the statement being compiled.
  bool internal_ = false;   ///< A statement of ours: the authorizer lets it pass.

  bool inTransaction_ = false;
  Context* writer_ = nullptr;  ///< Whose transaction it is.
  unsigned savepoints_ = 0;
  std::uint64_t schemaBefore_ = 0;  ///< The schema's version as the statement began.
  bool schemaTouched_ = false;      ///< By the transaction.

  std::uint64_t tickNs_ = 0;      ///< The step's first look at its CPU time.
  bool overBudget_ = false;       ///< The step was stopped for its CPU time.
  std::uint32_t sampler_ = 1;     ///< Chooses the steps that are timed.
  std::set<std::string> tables_;  ///< Names that change counts refer to.
};

}  // namespace cairn::sql
