// Compiled statements, kept by the text they came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3_stmt;

namespace cairn::sql {

/// One compiled statement; finalised with the last owner.
class Prepared {
 public:
  explicit Prepared(sqlite3_stmt* statement);
  ~Prepared();
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  [[nodiscard]] sqlite3_stmt* get() const { return statement_; }
  [[nodiscard]] bool writes() const { return writes_; }
  [[nodiscard]] int parameters() const { return parameters_; }

  bool busy = false;                                      ///< A cursor stands on it.
  std::shared_ptr<const std::vector<std::string>> names;  ///< Of its columns, once it has run.
  int namesReprepares = 0;  ///< How often SQLite had recompiled it by then.

 private:
  sqlite3_stmt* statement_;
  bool writes_;
  int parameters_;
};

/// Least recently used texts go first when the bound on their bytes is passed. Only texts of a
/// single statement are kept: the statements of a longer text are compiled one by one as they run.
class StatementCache {
 public:
  explicit StatementCache(std::size_t bytesMax) : bytesMax_(bytesMax) {}

  /// Null when the text is not there or its statement is in use.
  std::shared_ptr<Prepared> find(std::string_view text);
  void insert(std::string_view text, std::shared_ptr<Prepared> statement);
  void clear();
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string text;
    std::shared_ptr<Prepared> statement;
  };
  std::size_t bytesMax_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  ///< Most recently used first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> byText_;
};

}  // namespace cairn::sql
