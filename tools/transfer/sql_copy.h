// Copies one database into an empty one: tables with their rows and rowids, virtual tables with
// their content, indexes, views and triggers.
//
// Into an object's database virtual tables go through their modules, as the engine guards the
// tables in which they keep their content; so FTS5 and R*Tree can be copied and nothing else, and
// `obstacles` says beforehand what cannot. Into a file everything goes as it is stored.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/transfer/sql_end.h"
#include "tools/transfer/sql_schema.h"

namespace cairn::cli {

class SqlCopy {
 public:
  enum class Into { kObject, kFile };

  /// `onRows` is called every now and then with the rows copied so far; what it throws ends the
  /// copy.
  SqlCopy(SqlEnd& from, SqlEnd& to, Into into, std::function<void(std::uint64_t)> onRows)
      : from_(from),
        to_(to),
        into_(into),
        onRows_(std::move(onRows)),
        schema_(Schema::read(from)) {}

  /// What stands against copying this database into an object, a line each; empty: nothing.
  [[nodiscard]] std::vector<std::string> obstacles();

  void run();

  struct Counts {
    std::uint64_t tables = 0;
    std::uint64_t rows = 0;  ///< Of ordinary tables.
    std::uint64_t indexes = 0;
    std::uint64_t views = 0;
    std::uint64_t triggers = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// What is different afterwards, for people.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::string obstacleOf(const SchemaItem& item) const;
  void relaxChecks();
  void copyTables();
  void copyTable(const SchemaItem& item);
  void copyVirtualTable(const SchemaItem& item);
  void copyFts5Settings(const SchemaItem& item);
  void copyRows(const std::string& table);
  void copyOwnTable(const std::string& table, const std::string& make);
  void makeItems(const std::string& type, std::uint64_t& count);
  void rebuildExternalIndexes();
  template <typename Work>
  void on(const SchemaItem& item, Work&& work);

  SqlEnd& from_;
  SqlEnd& to_;
  Into into_;
  std::function<void(std::uint64_t)> onRows_;
  Schema schema_;
  Counts counts_;
  std::uint64_t rowsMoved_ = 0;  ///< Of tables of every kind.
  std::vector<std::string> notes_;
};

}  // namespace cairn::cli
