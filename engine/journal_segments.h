// The journal's files: which segments hold commits, which are ready for use, and turning old ones
// into new ones.
//
// A segment is prepared, filled with zeros and synced, before it is needed, because overwriting
// written space is what a disk makes durable fastest, and because a commit must not find out
// half-way that the disk is full (R6).
#pragma once

#include <cairn/file_system.h>
#include <cairn/types.h>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace cairn::journal {

class Segments {
 public:
  struct Options {
    std::string directory;
    std::uint64_t segmentBytes;
    bool synced;               ///< Open segments so that each write is durable.
    unsigned sparesReady = 2;  ///< Prepared segments that `refill` sees to.
    unsigned sparesKept = 6;   ///< More than these are not kept when segments come back.
  };

  struct Segment {
    std::uint64_t number = 0;
    std::unique_ptr<File> file;
  };

  /// `lastUsed`: the highest segment that holds, or held, commits. Files above it are taken as
  /// spares.
  Segments(FileSystem& fileSystem, Options options, std::uint64_t lastUsed);

  /// The next segment, its content unspecified, its file as long as `segmentBytes`. Thread-safe,
  /// like all calls.
  Segment take();

  /// Makes sure that `bytes` fit into prepared segments. Throws: kNoSpace.
  void ensurePrepared(std::uint64_t bytes);
  /// Brings the number of spares up to `sparesReady`.
  void refill();
  [[nodiscard]] std::uint64_t preparedBytes() const;

  /// Segment `number` is no longer needed: it becomes a spare, or is removed.
  void recycle(std::uint64_t number);

 private:
  [[nodiscard]] std::string path(std::uint64_t number) const;
  void prepareNext();

  FileSystem& fileSystem_;
  Options options_;
  mutable std::mutex mutex_;
  std::uint64_t nextToTake_;
  std::uint64_t nextToPrepare_;  ///< [nextToTake_, nextToPrepare_) are prepared.
};

}  // namespace cairn::journal
