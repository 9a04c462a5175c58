// rowsRead and rowsWritten, the platform's billing units, from an SQLite that does not count them.
//
// The platform counts instructions: each step to a next row, each lookup, each insert into a table
// or index (SEMANTICS 1.8 has the list). SQLite keeps only totals for a whole run, but what its
// program may do next after each instruction is known. So how often each instruction ran is an
// unknown of a linear system: what flows into an instruction flows out of it, and the totals are
// sums of such flows. For most statements the system determines both counts; then they are exact.
// Where it does not, as after a lookup in an index that is not unique, the counts are what they
// would be had every lookup found something, and are called estimates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sql_frontend/bytecode.h"
#include "sql_frontend/linear_system.h"

namespace cairn::sql {

/// What was counted while one statement ran.
enum class Counter : int {
  kOne,        ///< The number 1.
  kSteps,      ///< Instructions.
  kLoops,      ///< Steps to a next row, other than those of kScans and kAutoIndex.
  kScans,      ///< Of a scan of a whole table.
  kAutoIndex,  ///< While building an automatic index.
  kSorts,
  kPrograms,  ///< The statement's own and triggers', each time they began.
  kFilterHits,
  kFilterMisses,
  kResults,  ///< Rows the statement gave.
  kChanges,  ///< sqlite3_changes64().
  kCounted,  ///< What the statement's count(*) came to.
  kCount_,
};

/// Rows one statement changed in one table, as the preupdate hook saw them.
struct TableChanges {
  const std::string* table = nullptr;  ///< Lives as long as the connection.
  int action = 0;                      ///< SQLITE_INSERT, SQLITE_UPDATE or SQLITE_DELETE.
  bool nested = false;                 ///< By a trigger or foreign key action.
  std::uint64_t rows = 0;
};

struct RunCounters {
  std::array<std::uint64_t, static_cast<std::size_t>(Counter::kCount_)> values{};
  std::vector<TableChanges> changes;
  bool finished = false;  ///< Ran to its end; else it stands on a row.
  bool strangeKeys =
      false;                ///< Some parameter is no integer: a lookup by it may not have been one.
  bool recompiled = false;  ///< SQLite compiled it anew, maybe differently, as it began.
  int reprepares = 0;       ///< How often SQLite had compiled it anew before.
  std::array<std::int64_t, 4> firstRow{};  ///< The integers in the first row's columns.

  [[nodiscard]] std::uint64_t& operator[](Counter counter) {
    return values[static_cast<std::size_t>(counter)];
  }
  [[nodiscard]] std::uint64_t operator[](Counter counter) const {
    return values[static_cast<std::size_t>(counter)];
  }
};

struct RowCounts {
  std::uint64_t read = 0;
  std::uint64_t written = 0;
  bool readExact = false;
  bool writtenExact = false;
};

/// How the counts of one program follow from the counters of a run, either of one that finished or
/// of one that stands on a row.
class RowCountRule {
 public:
  RowCountRule(const Bytecode& code, bool finished);

  [[nodiscard]] RowCounts apply(const RunCounters& counters) const;

 private:
  friend class RuleBuilder;
  struct Event {
    std::string table;
    int action;
    bool nested;
  };

  [[nodiscard]] std::vector<std::uint64_t> measure(const RunCounters& counters) const;

  bool understood_ = false;
  std::optional<Formula> read_;
  std::optional<Formula> written_;
  std::optional<Formula> likelyRead_;  ///< Where the equations leave it open.
  std::optional<Formula> likelyWritten_;
  std::optional<Formula> likelySeeksToEnd_;
  /// Lookups that may not have happened because the key was no integer. Nothing: cannot be told.
  std::optional<Formula> doubtfulLookups_;
  std::optional<Formula> strangeLookups_;  ///< The same, if some parameter was no integer.
  std::optional<Formula> seeksToEnd_;      ///< The first of these counts, the others may.
  std::vector<Formula> conditions_;
  std::vector<Event> events_;  ///< What the measurements after Counter's are.
  int countedColumn_ = -1;     ///< The result column that shows what count(*) came to.
};

}  // namespace cairn::sql
