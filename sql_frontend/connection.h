// One SQLite connection to one space: settings, limits, what is allowed, compiled statements,
// transactions.
#pragma once

#include <atomic>
#include <cairn/options.h>
#include <cairn/sql.h>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/buffer.h"
#include "sql_frontend/page_space.h"
#include "sql_frontend/statement_cache.h"
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
  // comes.
  [[nodiscard]] bool inTransaction() const { return inTransaction_; }
  void releaseScope(unsigned scope);
  void rollbackScope(unsigned scope);
  /// Throws: SqlError when SQLite refuses, e.g. for a deferred foreign key; everything is rolled
  /// back then.
  void commit();
  void rollback() noexcept;

  /// Live cursors answer any further use with this.
  void cancelCursors(const std::string& why);
  [[nodiscard]] bool hasLiveCursors() const { return cursors_ != nullptr; }

  /// Stops the statement that is running, from any thread.
  void interrupt();

  // For cursors.
  int step(CursorState& cursor);
  void link(CursorState& cursor);
  void unlink(CursorState& cursor);
  [[nodiscard]] SqlError error(int code);

 private:
  std::shared_ptr<Prepared> prepare(std::string_view& text);
  std::shared_ptr<CursorState> run(Context& context, std::shared_ptr<Prepared> statement,
                                   std::span<const SqlParameter> parameters);
  void bind(Prepared& statement, std::span<const SqlParameter> parameters);
  void beginWrite(Context& context);
  void checkTransactionKept(Context& context, std::exception_ptr cause);
  void internal(const char* text);
  void runOwn(sqlite3_stmt*& statement, const char* text);
  std::uint64_t internalNumber(const char* pragma);
  static int authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* trigger) noexcept;
  static int onProgress(void* self) noexcept;

  PageSpace& pages_;
  const Limits limits_;
  Vfs::Mount mount_;
  sqlite3* db_ = nullptr;
  StatementCache cache_;
  CursorState* cursors_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  std::string refusal_;    ///< Why the authorizer said no to the statement being compiled.
  bool internal_ = false;  ///< A statement of ours: the authorizer lets it pass.
  bool inTransaction_ = false;
  unsigned savepoints_ = 0;
  std::uint64_t cpuDeadlineNs_ = 0;
};

}  // namespace cairn::sql
