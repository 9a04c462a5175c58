// Objects with a SQL database each, holding the same tables on every engine:
//   t(id INTEGER PRIMARY KEY, score INT, payload TEXT), an index on score; docs, an FTS5 table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/support/run.h"

namespace bench {

class SqlObject {
 public:
  virtual ~SqlObject() = default;
  /// Rows 1 … rows of t and docs of 20 words each.
  virtual void populate(std::uint64_t rows, std::uint64_t docs) = 0;
  /// Changes the indexed column of one row; a commit.
  virtual void update(std::uint64_t id, std::int64_t score, Done done) = 0;
  /// The same with nobody waiting for it to be durable where the engine can tell the two apart.
  virtual void updateUnwaited(std::uint64_t id, std::int64_t score) = 0;
  /// A KV put, an update of a row and an alarm set, in one commit.
  virtual void turn(std::uint64_t number, Done done) = 0;
  /// `count` reads in one transaction, of the rows that `next` names.
  virtual std::int64_t points(std::uint64_t count, std::uint64_t rows, Random& random) = 0;
  /// The sum of `count` rows' scores and payload lengths, row by row, from `id` on.
  virtual std::int64_t range(std::uint64_t id, std::uint64_t count) = 0;
  /// How many docs hold the word.
  virtual std::int64_t search(const std::string& word) = 0;
  /// Returns once everything committed is as durable as the mode says.
  virtual void flush() {}
  [[nodiscard]] virtual bool overlaps() const { return false; }
};

[[nodiscard]] std::string docText(Random& random);
[[nodiscard]] std::string someWord(Random& random);

[[nodiscard]] std::vector<std::unique_ptr<SqlObject>> openSqlObjects(const Run& run,
                                                                     std::uint64_t count,
                                                                     bool overlap);
[[nodiscard]] std::vector<std::unique_ptr<SqlObject>> openCairnSqlObjects(
    const std::string& directory, std::uint64_t count, bool overlap);
[[nodiscard]] std::vector<std::unique_ptr<SqlObject>> openSqliteSqlObjects(
    const std::string& directory, std::uint64_t count, bool full);

}  // namespace bench
