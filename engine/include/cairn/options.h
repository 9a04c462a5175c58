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
  int sqlExpressionDepthMax = 100;                         ///< As workerd sets it.
  int sqlCompoundSelectMax = 5;                            ///< As workerd sets it.
  int sqlVdbeOpsMax = 25'000;                              ///< As workerd sets it.
  int sqlTriggerDepthMax = 10;                             ///< As workerd sets it.
  std::uint64_t objectBytesMax = std::uint64_t{10} << 30;  ///< Storage per object ("10 GB").
  std::uint64_t transactionBytesMax =
      std::uint64_t{2'000} << 20;  ///< Changes of one commit, in memory until a checkpoint.
  std::uint64_t cpuMs = 30'000;    ///< Of one SQL statement ("CPU per request: 30 s").
  std::size_t statementCacheBytes =
      1'048'576;  ///< SQL text whose compiled form is kept, per object.

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
  std::int64_t idleCheckpointMs = 2'000;

  std::uint64_t journalSegmentBytes = std::uint64_t{16}
                                      << 20;  ///< A multiple of 4,096, at least 64 KiB.
  std::uint64_t storeMapBytes =
      std::uint64_t{64} << 30;  ///< LMDB's map to begin with; address space, not memory. It grows.
  unsigned sqlConnectionsMax =
      256;  ///< Open SQLite connections; the least recently used one is closed.

  const Clock* clock = &systemClock();
  FileSystem* fileSystem = &posixFileSystem();
};

}  // namespace cairn
