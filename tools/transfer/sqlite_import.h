// A SQLite file as an object's database.
#pragma once

#include <cairn/engine.h>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/cli/object_name.h"
#include "tools/transfer/sql_copy.h"

namespace cairn::cli {

class SqliteImport {
 public:
  /// Opens the file. Throws: see FileEnd::reading.
  explicit SqliteImport(const std::string& path) : file_(FileEnd::reading(path)) {}

  /// Returns when the database is the object's, durably. Throws, with the object as it was:
  /// Failure(kRefused) when it has tables, or the file something that cannot be copied.
  void run(Engine& engine, const ObjectName& object,
           const std::function<void(std::uint64_t)>& onRows);

  [[nodiscard]] const SqlCopy::Counts& counts() const { return counts_; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  void noteSettings();
  void copy(SqlEnd& to, const std::function<void(std::uint64_t)>& onRows);
  void runInOneCommit(Engine& engine, const ObjectRef& object,
                      const std::function<void(std::uint64_t)>& onRows);
  void runInParts(Engine& engine, const ObjectRef& object,
                  const std::function<void(std::uint64_t)>& onRows);

  FileEnd file_;
  SqlCopy::Counts counts_;
  std::vector<std::string> notes_;
};

}  // namespace cairn::cli
