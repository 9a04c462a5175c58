// Rows copied out of a statement, packed: the rows of RETURNING, and those of a cursor whose
// statement had to be let go. Taken from the front.
#pragma once

#include <cairn/sql.h>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/buffer.h"

struct sqlite3_stmt;

namespace cairn::sql {

class RowBuffer {
 public:
  /// Copies the row the statement stands on.
  void push(sqlite3_stmt* statement);

  [[nodiscard]] bool empty() const { return rows_ == 0; }
  [[nodiscard]] std::size_t memoryBytes() const { return bytes_.capacity(); }

  // The row in front. Views end with it.
  [[nodiscard]] int columns() const { return static_cast<int>(front_.size()); }
  [[nodiscard]] int type(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  /// Of a text or blob.
  [[nodiscard]] std::string_view bytes(int column) const;
  [[nodiscard]] SqlValue value(int column) const;
  void pop();
  void clear();

 private:
  void openFront();

  Buffer bytes_;
  std::size_t rows_ = 0;
  std::size_t position_ = 0;        ///< Where the row in front begins.
  std::vector<std::size_t> front_;  ///< Where its columns begin.
  std::size_t frontEnd_ = 0;
};

/// The value in a column of the row the statement stands on.
[[nodiscard]] SqlValue columnValue(sqlite3_stmt* statement, int column);

}  // namespace cairn::sql
