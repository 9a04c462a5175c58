// Many objects with a counter each. In Cairn they are objects of one root, for SQLite a database
// file each, for the others keys of one store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bench/support/run.h"

namespace bench {

/// Thread-safe.
class Objects {
 public:
  virtual ~Objects() = default;
  /// Makes objects 0 … count-1 with a counter of zero, by the quickest way there is.
  virtual void populate(std::uint64_t count) = 0;
  /// Makes an object that does not exist with a counter of zero: its first commit.
  virtual void create(std::uint64_t object, Done done) = 0;
  /// Reads the counter, adds one, commits.
  virtual void increment(std::uint64_t object, Done done) = 0;
  /// The counter; opens the object if it is not open.
  [[nodiscard]] virtual std::int64_t value(std::uint64_t object) = 0;
  /// Lets every open object go; the engine stays open.
  virtual void closeAll() {}
  /// Brings the store into the shape it has at rest.
  virtual void settle() {}
  /// Whether no increment can get lost.
  [[nodiscard]] virtual bool isolated() const { return true; }
  [[nodiscard]] virtual bool overlaps() const { return false; }
};

/// `overlap`: more than one request will be in flight.
[[nodiscard]] std::unique_ptr<Objects> openObjects(Engine engine, const std::string& directory,
                                                   bool overlap);
[[nodiscard]] std::unique_ptr<Objects> openCairnObjects(const std::string& directory, bool overlap);
[[nodiscard]] std::unique_ptr<Objects> openSqliteObjects(const std::string& directory, bool full);

}  // namespace bench
