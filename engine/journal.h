// The journal: the one place where commits become durable (I1). Commits of all objects that wait at
// the same moment are written as one block and made durable by one sync.
//
// A thread that submits and waits writes the block itself when nobody else is at it: no hand-over,
// so one commit after another runs at the disk's own rate. Under load a writer thread takes over
// and goes from block to block; whoever waits, waits for it. One block is in flight at a time: at
// most the last block on disk can be torn.
//
// A failed write breaks the journal for good (R2): what reached the disk is unknown, so nothing
// more is appended and everything that waits fails with the first cause.
#pragma once

#include <array>
#include <atomic>
#include <cairn/clock.h>
#include <cairn/file_system.h>
#include <cairn/histogram.h>
#include <cairn/options.h>
#include <cairn/types.h>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/commit_record.h"
#include "engine/base/compression.h"
#include "engine/journal_format.h"
#include "engine/journal_segments.h"
#include "engine/root_identity.h"

namespace cairn {

class Journal {
 public:
  /// A segment that holds commits, and the last of them.
  struct Used {
    std::uint64_t number;
    Lsn lastLsn;
  };

  /// Where the journal goes on, as recovery found it.
  struct Start {
    std::vector<Used> used;   ///< Segments found, oldest first; empty: the journal is new.
    std::uint64_t end = 0;    ///< Where the last whole block ends in the last of them.
    std::uint64_t chain = 0;  ///< Its checksum, or its segment header's.
    Lsn nextLsn{1};
    UnixMillis lastTime;
  };

  struct Options {
    std::string directory;
    std::uint64_t segmentBytes;
    Durability durability;
    /// Called when a segment was begun, on the thread that writes: the moment to call `refill`
    /// elsewhere.
    std::function<void()> onSegmentBegun;
  };

  /// Called once: with null when the commit is durable, else with what broke the journal. On the
  /// journal's own thread, in LSN order; must be quick and must not throw.
  using DurableCallback = std::function<void(const std::exception_ptr&)>;

  struct Stats {
    std::uint64_t commits = 0;
    std::uint64_t blocks = 0;        ///< Each one sync.
    std::uint64_t rawBytes = 0;      ///< Records before compression.
    std::uint64_t writtenBytes = 0;  ///< As written, padding included.
    Histogram groupCommits;          ///< Commits of one block.
    Histogram writeNs;               ///< Write and sync of one block.
  };

  Journal(FileSystem& fileSystem, const Clock& clock, const RootId& root, Options options,
          const Start& start);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Numbers the record and queues it. It becomes durable soon, or at once when somebody waits for
  /// it. A record that `frees` space may use the last reserve of a full disk. Throws: kNoSpace with
  /// nothing queued; kBroken.
  enum class Purpose { kOrdinary, kFreesSpace };
  Lsn submit(const RecordRef& record, Purpose purpose = Purpose::kOrdinary);

  /// Returns when everything up to `lsn` is durable. Throws: kBroken.
  void wait(Lsn lsn);
  void onDurable(Lsn lsn, DurableCallback callback);
  [[nodiscard]] Lsn durable() const { return durable_.load(std::memory_order_acquire); }
  [[nodiscard]] Lsn lastAssigned() const;
  /// Whether a write failed: nothing more becomes durable.
  [[nodiscard]] bool broken() const { return isBroken_.load(std::memory_order_acquire); }
  /// Throws: kBroken with the cause, once it is broken.
  void checkUsable() const;

  /// Hands over the records that became durable since the last call, in LSN order. With
  /// Durability::kProcess they are synced first: the store must never be ahead of the journal (I2).
  /// Returns the last LSN handed over so far.
  Lsn takeDurable(std::vector<RecordRef>& out);
  /// Segments below `segment` are recycled: the store has written down that it does not need them.
  void retireBelow(std::uint64_t segment);
  /// The first segment a recovery needs when the store stands at `lsn`.
  [[nodiscard]] std::uint64_t firstSegmentNeeded(Lsn lsn) const;
  /// Bytes of segments that hold commits not yet retired.
  [[nodiscard]] std::uint64_t liveBytes() const;
  /// Prepares segments ahead of need; called from the background. Throws: kNoSpace.
  void refill() { segments_.refill(); }

  /// Writes what is queued and a mark that the close was orderly. Nothing may be submitted any
  /// more.
  void close();

  [[nodiscard]] Stats stats() const;

 private:
  struct Waiting {
    Lsn lsn;
    DurableCallback callback;
  };

  void writerLoop();
  bool spinForWork(std::unique_lock<std::mutex>& lock);
  void parkWriter(std::unique_lock<std::mutex>& lock);
  void runReadyCallbacks(std::unique_lock<std::mutex>& lock);
  void wakeWriter();
  void lead(std::unique_lock<std::mutex>& lock);
  void concludeBatch();
  void fail(std::exception_ptr cause);
  [[noreturn]] void throwBroken() const;
  void reserve(std::unique_lock<std::mutex>& lock, std::uint64_t bytes, Purpose purpose);

  // The leader's side; no lock needed, as there is one leader at a time.
  void writeBatch(const std::vector<RecordRef>& batch);
  std::size_t gatherBlock(const std::vector<RecordRef>& batch, std::size_t from);
  void writeFragments(const Record& record);
  void writeBlock(journal::BlockHeader header, Lsn lastBefore);
  void compressPayload(journal::BlockHeader& header);
  void beginSegment(Lsn firstLsn, Lsn lastBefore);
  char* payload() { return block_.data() + journal::kPage + journal::kBlockHeaderBytes; }
  void growBlock(std::size_t payloadBytes);
  [[nodiscard]] std::size_t payloadMax() const;
  [[nodiscard]] std::size_t roomInSegment() const;

  const Clock& clock_;
  const RootId root_;
  const std::uint64_t seed_;
  const Options options_;
  journal::Segments segments_;

  mutable std::mutex mutex_;
  std::array<std::condition_variable, 2> blockDone_;  ///< For waiters of even and odd blocks.
  std::condition_variable writerWake_;
  std::vector<RecordRef> pending_;
  std::vector<RecordRef> batch_;
  std::vector<RecordRef> retained_;
  std::deque<Waiting> callbacks_;  ///< By LSN.
  Lsn nextLsn_;
  UnixMillis lastTime_;
  std::atomic<Lsn> durable_;
  std::uint64_t blockNumber_ = 0;  ///< Of the block in flight, or the last one.
  std::uint64_t queuedBytes_ = 0;  ///< Journal space that pending and in-flight records may need.
  std::uint64_t segmentRoom_ = 0;  ///< Left in the current segment, as of the last block.
  std::uint64_t submitted_ = 0;    ///< Counts submits, to tell an idle journal.
  bool leading_ = false;
  bool writerActive_ = false;  ///< The writer thread is looking after pending records.
  bool writerWanted_ = false;
  bool writerDeepAsleep_ = false;
  bool stopping_ = false;
  std::exception_ptr broken_;
  std::atomic<bool> isBroken_{false};
  Stats stats_;
  std::deque<Used> used_;  ///< Segments not yet retired whose first block is on disk, oldest first.
  std::shared_ptr<File> syncTarget_;  ///< Durability::kProcess: the segment that a round must sync.

  // The leader's own.
  std::shared_ptr<File> segment_;
  std::uint64_t segmentNumber_ = 0;
  std::vector<Used>
      begun_;  ///< Segments begun in this batch; `lastLsn` is that of the segment before.
  Stats leaderStats_;
  std::uint64_t segmentOffset_ = 0;
  std::uint64_t chain_ = 0;
  bool headerPending_ = false;  ///< The segment's header page waits in front of the next block.
  AlignedBuffer block_;         ///< A page for a segment header, then the block.
  AlignedBuffer compressed_;
  Compressor compressor_{1};
  unsigned compressionPause_ = 0;

  std::atomic<std::size_t> pendingHint_{0};
  std::jthread writer_;
};

}  // namespace cairn
