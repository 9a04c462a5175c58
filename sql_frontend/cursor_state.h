// The rows behind an SqlCursor: a statement that stands on the row to be taken next, or rows
// already copied out of it.
#pragma once

#include <cairn/sql.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql_frontend/row_buffer.h"
#include "sql_frontend/row_counts.h"

struct sqlite3_stmt;

namespace cairn::sql {

class Connection;
class Prepared;

class CursorState {
 public:
  CursorState(Connection& connection, std::shared_ptr<Prepared> statement);
  ~CursorState();
  CursorState(const CursorState&) = delete;
  CursorState& operator=(const CursorState&) = delete;

  /// Runs the statement to its first row. For a statement that writes: to its end, keeping the
  /// rows.
  void start();
  /// Runs the statement to its end, keeping nothing.
  void drain();

  [[nodiscard]] bool hasRow() const;
  void advance();
  /// No more rows.
  void end();
  [[nodiscard]] SqlValue value(int column) const;
  [[nodiscard]] std::vector<SqlValue> row() const;

  /// Copies the remaining rows so that the statement can be let go; at most `bytesMax` of them,
  /// else the cursor is canceled.
  void materialise(std::size_t bytesMax);
  /// The next use throws `kCanceled` with this text.
  void cancel(const std::string& why);
  void checkUsable() const;

  [[nodiscard]] sqlite3_stmt* statement() const;
  /// The statement when rows come from it, null when they were copied.
  [[nodiscard]] sqlite3_stmt* live() const { return live_ ? statement() : nullptr; }
  [[nodiscard]] const RowBuffer& copied() const { return copied_; }
  [[nodiscard]] const std::shared_ptr<const std::vector<std::string>>& names() const {
    return names_;
  }
  [[nodiscard]] RowCounts counts() const;

  // For the connection.
  [[nodiscard]] RunCounters& counters() { return counters_; }
  /// The statement starts over.
  void discardCounters();

 private:
  friend class Connection;
  int step();
  void readNames();
  void letGo();
  RunCounters currentCounters() const;
  void settle() const;
  RowCounts settled(RowCounts counts) const;
  [[nodiscard]] bool mayBeHalfDone(const SqlError& error) const;
  [[noreturn]] void fail(int result);

  Connection* connection_;                      ///< Null once the connection is gone.
  mutable std::shared_ptr<Prepared> prepared_;  ///< Kept until the counts have been asked for.
  bool running_ = true;                         ///< The statement is ours.
  bool live_ = false;                           ///< It stands on the row to be taken next.
  RowBuffer copied_;
  std::shared_ptr<const std::vector<std::string>> names_;
  std::string canceled_;
  RunCounters counters_;
  mutable std::optional<RowCounts> counts_;
  std::uint64_t cpuNs_ = 0;          ///< What it took outside of any CpuBudget, about.
  CursorState* previous_ = nullptr;  ///< In the connection's list.
  CursorState* next_ = nullptr;
};

}  // namespace cairn::sql
