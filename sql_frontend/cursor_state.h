// The rows behind an SqlCursor: a statement that stands on the row to be taken next, or rows
// already copied out of it.
#pragma once

#include <cairn/sql.h>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

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

  [[nodiscard]] const std::shared_ptr<Prepared>& prepared() const { return prepared_; }
  [[nodiscard]] sqlite3_stmt* statement() const;
  /// The statement when rows come from it, null when they were copied.
  [[nodiscard]] sqlite3_stmt* live() const { return live_ ? statement() : nullptr; }
  [[nodiscard]] const std::deque<std::vector<SqlValue>>& copied() const { return copied_; }
  [[nodiscard]] const std::shared_ptr<const std::vector<std::string>>& names() const {
    return names_;
  }
  [[nodiscard]] std::uint64_t rowsRead() const;
  [[nodiscard]] std::uint64_t rowsWritten() const { return rowsWritten_; }

 private:
  friend class Connection;
  void readNames();
  void letGo();

  Connection* connection_;
  std::shared_ptr<Prepared> prepared_;
  bool live_ = false;  ///< The statement stands on the row to be taken next.
  std::deque<std::vector<SqlValue>> copied_;
  std::shared_ptr<const std::vector<std::string>> names_;
  std::string canceled_;
  std::uint64_t rowsRead_ = 0;
  std::uint64_t rowsWritten_ = 0;
  CursorState* previous_ = nullptr;  ///< In the connection's list of live cursors.
  CursorState* next_ = nullptr;
};

}  // namespace cairn::sql
