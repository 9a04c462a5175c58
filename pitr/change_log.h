// Writing and reading the change log's files.
#pragma once

#include <cairn/file_system.h>
#include <cairn/types.h>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/compression.h"
#include "pitr/change_log_format.h"

namespace cairn::pitr {

struct ChangeLogFiles {
  FileSystem& fileSystem;
  std::string directory;
  std::string rootId;  ///< 16 bytes.
  std::uint64_t seed;  ///< Every checksum starts from it.

  [[nodiscard]] std::string path(std::uint64_t segment) const;
};

/// Where the change log ends for the store: bytes beyond it belong to no completed round (I6).
struct ChangeLogEnd {
  std::uint64_t segment = 0;  ///< 0: nothing was ever written.
  std::uint64_t offset = 0;
};

/// A run and where it went.
struct PlacedRun {
  SpaceId space;
  Lsn lastLsn;
  RunPlace place;
};

/// Appends the runs of one round. Nothing is promised until `finish` returns; then everything is
/// durable (I4).
class ChangeLogWriter {
 public:
  /// When a round begins a segment instead of going on with the last one.
  struct SegmentLimits {
    std::uint64_t bytesMax;
    std::int64_t ageMaxMs;
  };
  ChangeLogWriter(const ChangeLogFiles& files, Compressor& compressor, const ChangeLogEnd& end,
                  UnixMillis now, const SegmentLimits& limits);

  void add(const RunBuilder& run);
  void finish();

  [[nodiscard]] const ChangeLogEnd& end() const { return end_; }
  [[nodiscard]] const std::vector<PlacedRun>& placed() const { return placed_; }
  [[nodiscard]] std::uint64_t bytesWritten() const { return bytesWritten_; }
  [[nodiscard]] bool beganSegment() const { return beganSegment_; }

 private:
  void openSegment(Lsn firstLsn);
  [[nodiscard]] bool openLast();
  void writeFrame();

  const ChangeLogFiles& files_;
  Compressor& compressor_;
  ChangeLogEnd end_;
  UnixMillis now_;
  SegmentLimits limits_;
  std::unique_ptr<File> file_;
  bool beganSegment_ = false;
  Buffer payload_;
  Buffer frame_;
  FrameHeader header_;
  std::size_t firstOfFrame_ = 0;
  std::vector<PlacedRun> placed_;
  std::uint64_t bytesWritten_ = 0;
};

/// A frame's payload, shared by whoever reads runs in it.
using FramePayload = std::shared_ptr<const std::string>;

/// Thread-safe. Segments are immutable up to the end that the store knows.
class ChangeLogReader {
 public:
  explicit ChangeLogReader(const ChangeLogFiles& files) : files_(files) {}

  /// Whether a segment that is missing was dropped by retention, for those who hold no lease.
  void askWhenMissing(std::function<bool(std::uint64_t segment)> isDropped) {
    isDropped_ = std::move(isDropped);
  }

  struct Run {
    FramePayload payload;
    std::string_view bytes;
  };
  /// Throws: kDamaged naming segment, offset and the LSNs whose history is lost; kOutOfRange when
  /// retention has dropped the segment meanwhile; kForeign.
  Run read(SpaceId space, Lsn lastLsn, const RunPlace& place);

  /// Gives every frame of a segment from `offset` (the first: 0) up to `end` to `visit`, with its
  /// payload if `withPayload`. Returns where the last sound frame ends. Throws: kForeign; kDamaged
  /// for the segment's header.
  std::uint64_t scan(std::uint64_t segment, std::uint64_t offset, std::uint64_t end,
                     bool withPayload,
                     const std::function<void(std::uint64_t offset, const FrameHeader&,
                                              std::string_view payload)>& visit);

  /// The same for every run of every frame. Returns where the last sound frame ends.
  std::uint64_t scanRuns(std::uint64_t segment, std::uint64_t offset,
                         const std::function<void(const PlacedRun&, const RunHeader&)>& visit);

  /// Forgets what was read, e.g. after segments were removed.
  void forget();

 private:
  struct Cached {
    std::uint64_t segment;
    std::uint64_t offset;
    FramePayload payload;
  };
  FramePayload frame(const RunPlace& place, SpaceId space, Lsn lastLsn);
  std::unique_ptr<File> openSegment(std::uint64_t segment);

  const ChangeLogFiles& files_;
  std::function<bool(std::uint64_t)> isDropped_;
  std::mutex mutex_;
  // Under the mutex.
  Decompressor decompressor_;
  std::list<Cached> cache_;  ///< Most recently used first.
  std::size_t cachedBytes_ = 0;
};

/// "0000002a" for 42; nullopt for names that are none.
[[nodiscard]] std::optional<std::uint64_t> changeSegmentNumber(std::string_view name);

}  // namespace cairn::pitr
