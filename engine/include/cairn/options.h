// How an engine is opened.
#pragma once

#include <cairn/clock.h>
#include <cairn/file_system.h>
#include <cstddef>
#include <cstdint>
#include <string>

namespace cairn {

/// What an acknowledged commit survives.
enum class Durability {
  kSynced,   ///< Power loss: the commit is on the device before it is acknowledged.
  kProcess,  ///< The end of this process, but not of the machine: the commit is with the kernel
             ///< when it is acknowledged. After a power loss the root opens with a prefix of the
             ///< commits.
};

/// How a class of objects keeps its data.
enum class Backend : std::uint8_t {
  kSqlite =
      0,  ///< SQL, synchronous and asynchronous KV, point-in-time recovery (`new_sqlite_classes`).
  kKeyValue = 1,  ///< The platform's legacy class: asynchronous KV and alarms only (`new_classes`).
};

/// Bounds on what one object may do. Each figure can be set by itself.
struct Limits {
  std::size_t kvPairBytesMax =
      2'097'152;  ///< Key and value of a SQLite-backed class together ("2 MB").
  std::size_t legacyKeyBytesMax = 2'048;  ///< Key of a legacy class ("2 KiB").
  std::size_t legacyValueBytesMax =
      131'072 + 34;  ///< Value of a legacy class ("128 KiB", and room for the encoding).
  std::size_t batchKeysMax = 128;            ///< Keys in one many-key get, put or erase.
  std::size_t sqlValueBytesMax = 2'097'152;  ///< String, BLOB or row ("2 MB").
  std::size_t sqlTextBytesMax = 100'000;     ///< Text of one `exec` ("100 KB").
  int sqlColumnsMax = 100;
  int sqlParametersMax = 100;
  int sqlFunctionArgumentsMax = 32;
  int sqlLikePatternBytesMax = 50;
  int sqlExpressionDepthMax = 100;  ///< As workerd sets it.
  int sqlCompoundSelectMax = 5;     ///< As workerd sets it.
  int sqlVdbeOpsMax = 25'000;       ///< As workerd sets it.
  /// Tables, indexes, views and triggers of a database. SQLite compiles views of views, and
  /// triggers and foreign keys that set off others, by recursion, and does not bound its depth:
  /// some 3,000 would be more than a thread's stack.
  int sqlSchemaObjectsMax = 2'000;
  int sqlTriggerDepthMax = 10;                             ///< As workerd sets it.
  std::uint64_t objectBytesMax = std::uint64_t{10} << 30;  ///< Storage per object ("10 GB").
  std::uint64_t transactionBytesMax =
      std::uint64_t{2'000} << 20;  ///< Changes of one commit, in memory until a checkpoint.
  /// CPU time of the SQL statements of one event ("CPU per request: 30 s"): those that its handler
  /// and what it awaits, opens and leaves behind run, over all of its turns, of any object's
  /// database; of one turn, where there is no host. Past it every statement of the event fails with
  /// SQLITE_INTERRUPT; what it wrote stays, except that SQLite rolls the turn back for a write that
  /// was under way. Measured by the thread's CPU clock: long steps every 20,000 instructions, so
  /// that one function call may overrun it; of short ones a sample of one in 64.
  std::uint64_t cpuMs = 30'000;
  std::uint64_t sqlTempBytesMax =
      std::uint64_t{128} << 20;  ///< Sorting and temporary tables of one connection's statements;
                                 ///< an isolate of the platform has 128 MB of memory.
  std::size_t statementCacheBytes =
      1'048'576;  ///< SQL text whose compiled form is kept, per object.
  std::uint64_t sqlCacheBytes =
      std::uint64_t{2} << 20;  ///< Pages that one open connection keeps; SQLite's own default.

  /// The platform's documented figures.
  [[nodiscard]] static Limits platform() { return {}; }
  /// What the open-source runtime enforces, as recorded in the scenarios.
  [[nodiscard]] static Limits workerd();
  /// As far as the stores go.
  [[nodiscard]] static Limits relaxed();
};

struct EngineOptions {
  std::string root;  ///< The directory; created, with its parents present, if it is missing.
  Durability durability = Durability::kSynced;
  Limits limits;

  /// Memory of commits that are not yet in the store. Past the soft limit a checkpoint round
  /// starts; past the hard limit new turns wait for it.
  std::uint64_t dirtyBytesSoft = std::uint64_t{64} << 20;
  std::uint64_t dirtyBytesHard = std::uint64_t{512} << 20;
  /// A round starts when the journal grows past this, or when nothing was committed for
  /// `idleCheckpointMs`.
  std::uint64_t journalBytesMax = std::uint64_t{256} << 20;
  std::int64_t idleCheckpointMs = 1'000;
  /// A round also starts when a commit has waited about this long for one.
  std::int64_t checkpointAgeMs = 5'000;

  std::uint64_t journalSegmentBytes = std::uint64_t{16}
                                      << 20;  ///< A multiple of 4,096, at least 64 KiB.
  std::uint64_t storeMapBytes =
      std::uint64_t{64} << 30;  ///< LMDB's map to begin with; address space, not memory. It grows.
  /// How far back states can be brought back: 30 days. 0 keeps no history.
  std::int64_t historyMs = std::int64_t{30} * 24 * 3'600 * 1'000;
  /// History beyond this is dropped even if it is younger, the oldest first; EngineStats says how
  /// much. 0: no budget.
  std::uint64_t historyBytesMax = 0;
  /// A restore of an object that would hold more than this in memory makes the state in a copy of
  /// the object instead, in the stores and in bounded memory: it then takes time and disk space by
  /// the object's size, not by what changed.
  std::uint64_t restoreBytesMax = std::uint64_t{256} << 20;
  std::uint64_t changeSegmentBytes = std::uint64_t{64}
                                     << 20;  ///< History is dropped in pieces of this size.
  unsigned sqlConnectionsMax =
      256;  ///< Open SQLite connections; the least recently used one is closed.

  const Clock* clock = &systemClock();
  FileSystem* fileSystem = &posixFileSystem();
};

}  // namespace cairn
