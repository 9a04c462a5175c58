// The LMDB environment: tables, read snapshots that are kept for reuse, and one writer.
//
// LMDB is used at its default durability (R7): no NOSYNC, NOMETASYNC, WRITEMAP or MAPASYNC. The map
// grows between transactions only: a write that finds it full is undone, the map is grown while no
// snapshot is out, and the whole write is repeated.
#pragma once

#include <array>
#include <atomic>
#include <cairn/file_system.h>
#include <cairn/types.h>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fork_guard.h"
#include "kv/lmdb_layout.h"

struct MDB_cursor;
struct MDB_env;
struct MDB_txn;

namespace cairn::kv {

enum class Table : unsigned {
  kMeta,        ///< name -> number or bytes
  kClasses,     ///< class -> backend, name
  kNames,       ///< class, name -> object
  kObjects,     ///< object -> space, class, name
  kSpaces,      ///< space -> object, LSNs, sizes, digest
  kKv,          ///< space, key -> value
  kAlarms,      ///< object, alarm name -> time, attempts
  kAlarmQueue,  ///< time, object, alarm name -> nothing
  kChanges,     ///< space, last LSN -> where its run of undo stands in the change log
  kTimeline,    ///< object, LSN -> space the object was pointed at
  kDropped,     ///< LSN, space -> nothing: spaces no object is pointed at, to be swept
  kSegments,    ///< change-log segment -> its last LSN and time, bytes
  kTimes,       ///< time, LSN -> nothing: of the last commit of each round
  kLabels,      ///< object, label -> LSN, time
  kReceipts,    ///< object, LSN -> what that commit restored
};
inline constexpr unsigned kTableCount = 15;

/// LMDB's limit on keys.
inline constexpr std::size_t kStoreKeyBytesMax = 511;

/// A position in a table. Views it returns live until the next call on it and no longer than its
/// transaction.
class Cursor {
 public:
  Cursor() = default;
  /// `mapPageBytes`: of the pages of the map that all entries stand in; 0 when some may stand
  /// elsewhere, as in a write transaction.
  Cursor(MDB_txn* transaction, unsigned dbi, std::size_t mapPageBytes);
  Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&& other) noexcept;
  ~Cursor();

  /// Each returns whether there is an entry there.
  bool seek(std::string_view key);  ///< First entry at or after `key`.
  bool seekExact(std::string_view key);
  bool first();
  bool last();
  bool next() {
    return (leaf_ && leafAt_ + 1 < leaf_.count() && takeFromLeaf(leafAt_ + 1)) || stepNext();
  }
  bool previous() { return (leaf_ && leafAt_ > 0 && takeFromLeaf(leafAt_ - 1)) || stepPrevious(); }
  /// Last entry before `key`.
  bool seekBefore(std::string_view key);

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::string_view value() const { return value_; }

  // In a write transaction only.
  void put(std::string_view key, std::string_view value);
  /// The key is greater than any in the table.
  void append(std::string_view key, std::string_view value);
  void eraseCurrent();

 private:
  bool move(int operation);
  bool leap(int operation);
  bool step(int operation);
  bool stepNext();
  bool stepPrevious();
  bool takeFromLeaf(std::size_t index) {
    std::optional<lmdb::LeafPage::Entry> entry = leaf_.entry(index);
    if (!entry) return false;
    leafAt_ = index;
    behind_ = true;
    key_ = entry->key;
    value_ = entry->value;
    return true;
  }

  MDB_cursor* cursor_ = nullptr;
  bool valid_ = false;
  std::string_view key_;
  std::string_view value_;
  // Steps within a page are made here, without a call of LMDB (bench/PROFILE.md).
  std::size_t mapPageBytes_ = 0;
  lmdb::LeafPage leaf_;  ///< The one that the entry stands in, if it was stepped into.
  std::size_t leafAt_ = 0;
  bool behind_ = false;  ///< LMDB's cursor is where the page was entered.
};

class Environment;

/// What can be read: shared by snapshots and write transactions.
class ReadAccess {
 public:
  [[nodiscard]] std::optional<std::string_view> get(Table table, std::string_view key) const;
  [[nodiscard]] Cursor cursor(Table table) const;
  [[nodiscard]] std::uint64_t entries(Table table) const;

 protected:
  ReadAccess() = default;
  MDB_txn* transaction_ = nullptr;
  const std::array<unsigned, kTableCount>* tables_ = nullptr;
  const Environment* environment_ = nullptr;
  std::size_t mapPageBytes_ = 0;  ///< See Cursor.
};

/// A consistent view of the store, borrowed from the environment; given back when destroyed. One
/// thread at a time. Holding one for long makes the file grow.
class Snapshot final : public ReadAccess {
 public:
  Snapshot() = default;
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&& other) noexcept;
  ~Snapshot();
  explicit operator bool() const { return transaction_ != nullptr; }

 private:
  friend class Environment;
  Environment* owner_ = nullptr;
  std::uint64_t version_ = 0;
};

class WriteTransaction final : public ReadAccess {
 public:
  void put(Table table, std::string_view key, std::string_view value);
  bool erase(Table table, std::string_view key);

 private:
  friend class Environment;
  WriteTransaction() = default;
};

class Environment {
 public:
  struct Options {
    std::string directory;
    std::uint64_t mapBytes = std::uint64_t{64} << 30;
    unsigned readersMax = 1024;
    bool readOnly = false;  ///< Beside the process that owns the root.
  };

  /// Makes an empty environment in a directory that has none. A crash leaves either nothing or all
  /// of it.
  static void create(FileSystem& fileSystem, const std::string& directory);

  /// Opens the environment. Throws: kDamaged when it is missing, cut short or unreadable; kForeign;
  /// kIo.
  explicit Environment(const Options& options);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// The state as of the last completed write. Waits while the map is being grown, unless this
  /// thread holds a snapshot.
  [[nodiscard]] Snapshot snapshot();

  /// Runs `work` in the one write transaction and makes it durable. `work` may run more than once.
  /// If it throws, nothing happened. Throws also: kNoSpace, kIo, kDamaged.
  void write(const std::function<void(WriteTransaction&)>& work);

  /// Makes durable what another process wrote: it may have died before it did. Throws: kIo.
  void makeDurable();

  /// Grows the map, if need be, so that a write of `bytes` finds room. Waits for the snapshots that
  /// are out; whoever may hold one while waiting for the caller would wait for ever.
  void reserve(std::uint64_t bytes);
  /// The map is being grown, and that waits for the snapshots that are out.
  [[nodiscard]] bool growing();
  /// The calling thread holds a snapshot.
  [[nodiscard]] static bool heldHere();

  struct Size {
    std::uint64_t fileBytes = 0;
    std::uint64_t usedBytes = 0;  ///< Of pages in use, free pages excluded.
    std::uint64_t mapBytes = 0;
  };
  [[nodiscard]] Size size();

 private:
  friend class Snapshot;
  explicit Environment(const std::string& newFile);
  void configure();
  void widenMap();
  void openTables(bool create);
  [[nodiscard]] Size measure() const;
  void checkFileLength();
  bool attempt(const std::function<void(WriteTransaction&)>& work);
  void grow();
  void release(Snapshot& snapshot);
  void refreshIdle();

  Options options_;
  ForkGuard forkGuard_;  ///< LMDB must not be used after a fork.
  MDB_env* environment_ = nullptr;
  std::array<unsigned, kTableCount> tables_{};
  std::atomic<std::uint64_t> mapBytes_ = 0;
  std::size_t mapPageBytes_ = 0;  ///< Unless the map may begin in the middle of a page.

  std::atomic<std::uint64_t> version_{1};  ///< Grows with every completed write.
  std::mutex mutex_;
  std::condition_variable idleChanged_;
  struct Idle {
    MDB_txn* transaction;
    std::uint64_t version;  ///< 0: reset, must be renewed.
  };
  std::vector<Idle> idle_;
  unsigned out_ = 0;
  bool growing_ = false;
};

}  // namespace cairn::kv
