// Compiled statements, kept by the text they came from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sql_frontend/row_counts.h"
#include "sql_frontend/sqlite_handle.h"

namespace cairn::sql {

/// What was learned about a statement while it was compiled.
struct StatementTraits {
  bool changesSchema = false;
  bool addsToSchema = false;       ///< Makes a table, index, view or trigger.
  std::string triggerOn;           ///< The table for which it makes a trigger.
  bool changesSettings = false;    ///< That other compiled statements depend on.
  bool pragma = false;             ///< Does its work, or part of it, while it is compiled.
  bool startsTransaction = false;  ///< Writes nothing, but what it sets ends with a transaction.
  bool counts = false;             ///< Calls count().
};

/// One compiled statement; finalised with the last owner.
class Prepared {
 public:
  Prepared(StatementHandle statement, const StatementTraits& traits);

  [[nodiscard]] sqlite3_stmt* get() const { return statement_.get(); }
  [[nodiscard]] bool writes() const { return writes_; }
  [[nodiscard]] int parameters() const { return parameters_; }
  [[nodiscard]] const StatementTraits& traits() const { return traits_; }
  [[nodiscard]] bool explains() const { return explains_; }

  bool busy = false;                                      ///< A cursor stands on it.
  std::shared_ptr<const std::vector<std::string>> names;  ///< Of its columns, once it has run.
  int namesReprepares = 0;  ///< How often SQLite had recompiled it by then.
  /// How its rows are counted: when it stands on a row, and when it has finished. Null until
  /// somebody asks.
  std::array<std::unique_ptr<RowCountRule>, 2> rules;
  int rulesReprepares = 0;  ///< How often SQLite had recompiled it by then.

 private:
  StatementHandle statement_;
  StatementTraits traits_;
  bool writes_;
  bool explains_;
  int parameters_;
};

/// The statements of one text.
using Batch = std::vector<std::shared_ptr<Prepared>>;

/// Least recently used texts go first when the bound on their bytes, or on their number, is passed.
class StatementCache {
 public:
  explicit StatementCache(std::size_t bytesMax) : bytesMax_(bytesMax) {}

  /// Null when the text is not there or one of its statements is in use.
  const Batch* find(std::string_view text);
  void insert(std::string_view text, Batch statements);
  void clear();
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string text;
    Batch statements;
  };
  std::size_t bytesMax_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  ///< Most recently used first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> byText_;
};

}  // namespace cairn::sql
