// One ordered store of keys, as the workloads see it. What "durable" means is the engine's mode
// (bench/README.md, "Engines").
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bench/support/run.h"

namespace bench {

struct Pair {
  std::string_view key;
  std::string_view value;
};

/// Reads of one transaction.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Valid until the next call.
  virtual std::optional<std::string_view> get(std::string_view key) = 0;
  /// Visits up to `limit` pairs from `start` on, and returns how many. Adds every key's and value's
  /// length and first byte to `sum`, so that nobody can skip them.
  virtual std::uint64_t scan(std::string_view start, std::uint64_t limit, std::uint64_t& sum) = 0;
};

/// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;
  /// One commit of all pairs, as durable as the mode says when it returns.
  virtual void put(std::span<const Pair> pairs) = 0;
  /// Like `put` of one pair; an engine whose commits overlap answers later.
  virtual void putOne(const Pair& pair, Done done) {
    put(std::span(&pair, 1));
    done.now();
  }
  /// Reads a number, adds one, commits. Isolated from other increments of the same key only where
  /// the engine does that by itself.
  virtual void increment(std::string_view key, Done done);
  virtual void read(const std::function<void(Reader&)>& work) = 0;
  /// Forgets every key; durable.
  virtual void clear() = 0;
  /// Brings the store into the shape it has at rest: checkpointed, compacted.
  virtual void settle() {}
  [[nodiscard]] virtual bool overlaps() const { return false; }
};

/// Opens the engine's store in the directory, creating it if it is missing. `expectOverlap`: more
/// than one request will be in flight.
[[nodiscard]] std::unique_ptr<Store> openStore(Engine engine, const std::string& directory,
                                               bool expectOverlap = false);
[[nodiscard]] std::unique_ptr<Store> openCairnStore(const std::string& directory, bool overlap);
/// Everything stays in the overlay and the journal.
[[nodiscard]] std::unique_ptr<Store> openCairnStoreWithoutRounds(const std::string& directory);
[[nodiscard]] std::unique_ptr<Store> openSqliteStore(const std::string& directory, bool full);
[[nodiscard]] std::unique_ptr<Store> openLmdbStore(const std::string& directory, bool synced);
[[nodiscard]] std::unique_ptr<Store> openRocksdbStore(const std::string& directory, bool synced);
[[nodiscard]] std::unique_ptr<Store> openLeveldbStore(const std::string& directory, bool synced);
/// No store at all: overwrites one page of a file that is already there and syncs it.
[[nodiscard]] std::unique_ptr<Store> openFloor(const std::string& directory);

/// A store with keys 0 … count-1 (bench/support/keys.h), at rest. Loaded once for all runs of the
/// process; runs that write to it overwrite values only, or say so.
[[nodiscard]] std::unique_ptr<Store> openLoadedStore(const Run& run, std::uint64_t count,
                                                     bool expectOverlap = false);
/// Stores keys [0, count) in key order, `batch` per commit.
void loadKeys(Store& store, std::uint64_t count, std::uint64_t batch);

}  // namespace bench
