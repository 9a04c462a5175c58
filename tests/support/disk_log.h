// Everything that was done to a disk, in order, and the disks that a power loss may leave behind.
//
// The model assumes what a disk may do and no more (tests/README.md, "Fault model"): until a sync
// of the file returns, each write to it is kept, lost or torn by itself, and until a sync of the
// directory returns, so is each creation, renaming and removal.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/memory_file_system.h"

namespace cairn::test {

struct DiskEvent {
  enum class Kind {
    kWrite,         ///< bytes at offset
    kDurableWrite,  ///< the same, durable when it returns
    kTruncate,      ///< to offset bytes
    kSync,          ///< of the file
    kSyncFailed,    ///< of the file: what was not durable is kept or lost now, whatever follows
    kCreate,        ///< path
    kRename,        ///< path to target
    kUnlink,        ///< path
    kMakeDirectory,
    kSyncDirectory,
    kSyncAll,
    kMark,  ///< not a disk event: what the workload knew at this point
  };
  Kind kind;
  std::uint32_t inode = 0;
  std::uint64_t offset = 0;
  std::string bytes;
  std::string path;
  std::string target;
};

/// What reads see after a sync failed: the kernel counts the pages as clean, and what they hold
/// depends on the file system.
enum class AfterFailedSync { kNewData, kOldData, kZeros };

/// Thread-safe.
class DiskLog {
 public:
  DiskLog() = default;
  /// The disk holds `image`, all of it durable, before the first event.
  explicit DiskLog(DiskImage image);
  /// Goes on where the first `events` events of another log end: the process died there, the
  /// machine did not, and what was not durable still is not.
  DiskLog(const DiskLog& other, std::size_t events);

  /// The inode of the file at `path`; a new one, with a kCreate event, if the log does not know the
  /// path.
  std::uint32_t inodeOf(const std::string& path);
  void append(DiskEvent event);
  void mark(std::uint64_t value);

  [[nodiscard]] std::size_t size() const;
  /// What reading the file gives when its sync has just failed.
  [[nodiscard]] std::string contentAfter(AfterFailedSync how, const std::string& path) const;
  /// Only once nothing is appended any more.
  [[nodiscard]] const std::vector<DiskEvent>& events() const { return events_; }
  [[nodiscard]] const DiskImage& base() const { return base_; }
  [[nodiscard]] std::uint32_t baseInode(const std::string& path) const {
    return baseInodes_.at(path);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<DiskEvent> events_;
  std::map<std::string, std::uint32_t> inodes_;
  std::uint32_t nextInode_ = 1;
  DiskImage base_;
  std::map<std::string, std::uint32_t> baseInodes_;
};

/// What becomes of the events that no sync covers.
enum class Loss {
  kAllLost,
  kAllKept,
  kPrefix,       ///< Everything up to a random moment.
  kSubset,       ///< Each by itself.
  kTorn512,      ///< Each 512-byte sector of each write by itself.
  kTorn4096,     ///< Each 4 KiB page of each write by itself.
  kEntriesLost,  ///< All data kept, directory entries lost.
};
inline constexpr Loss kEveryLoss[] = {Loss::kAllLost,    Loss::kAllKept, Loss::kPrefix,
                                      Loss::kSubset,     Loss::kTorn512, Loss::kTorn4096,
                                      Loss::kEntriesLost};
[[nodiscard]] const char* lossName(Loss loss);

/// Replays a log and hands out the disks that a power loss at that point may leave.
class CrashDisk {
 public:
  explicit CrashDisk(const DiskLog& log);

  /// Replays up to, not including, event `count`; forward only.
  void advance(std::size_t count);
  [[nodiscard]] std::size_t position() const { return position_; }
  /// The value of the last mark replayed.
  [[nodiscard]] std::uint64_t mark() const { return mark_; }
  /// Events that a power loss now may take away.
  [[nodiscard]] std::size_t unsynced() const;

  [[nodiscard]] DiskImage image(Loss loss, std::mt19937_64& random) const;

 private:
  struct FileState {
    std::string durable;
    std::vector<std::size_t> pending;  ///< Event numbers.
  };

  void apply(std::size_t number);
  void syncFile(FileState& file);

  const std::vector<DiskEvent>& events_;
  std::size_t position_ = 0;
  std::uint64_t mark_ = 0;
  std::map<std::uint32_t, FileState> files_;
  std::map<std::string, std::uint32_t> entries_;  ///< Durable directory entries of files.
  std::set<std::string> directories_;             ///< Durable directories.
  std::vector<std::size_t> pendingEntries_;
};

}  // namespace cairn::test
