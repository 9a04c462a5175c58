#include "engine/journal.h"

#include <algorithm>
#include <array>
#include <cairn/error.h>
#include <chrono>
#include <cstring>
#include <span>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/coding.h"
#include "engine/base/mutant.h"

namespace cairn {

using journal::BlockHeader;
using journal::kBlockHeaderBytes;
using journal::kPage;

namespace {

// How long the writer thread stays awake for the next group once it has been needed. A sleeping
// thread takes about as long to wake as a small block takes to write (engine/DESIGN.md, "Who writes
// the block").
constexpr std::chrono::microseconds kWriterPatience{60};
// A commit nobody waits for is written this much later at the latest.
constexpr std::chrono::milliseconds kUnwaitedDelay{5};
// Below this a block is not worth compressing: a sync of 32 KiB costs what a sync of 4 KiB costs.
constexpr std::size_t kCompressFrom = 32 << 10;
// After a block that did not shrink, this many are written as they are.
constexpr unsigned kCompressionPause = 16;
// Bytes of block header, record header and rounding that a record may cost beside its ops.
constexpr std::size_t kRecordOverhead = kBlockHeaderBytes + 3 * kMaxVarintBytes;

std::uint64_t journalSpace(const Record& record) {
  return AlignedBuffer::roundUp(record.ops.size() + kRecordOverhead);
}

std::size_t encodeRecordHeader(char* out, const Record& record, UnixMillis base) {
  char* end = encodeVarint(out, record.space.value());
  end = encodeVarint(end, static_cast<std::uint64_t>(record.time.value - base.value));
  return static_cast<std::size_t>(end - out);
}

}  // namespace

Journal::Journal(FileSystem& fileSystem, const Clock& clock, const RootId& root, Options options,
                 const Start& start)
    : clock_(clock),
      root_(root),
      seed_(root.seed()),
      options_(std::move(options)),
      segments_(fileSystem,
                {.directory = options_.directory,
                 .segmentBytes = options_.segmentBytes,
                 .synced = options_.durability == Durability::kSynced},
                start.used.empty() ? 0 : start.used.back().number),
      nextLsn_(start.nextLsn),
      lastTime_(start.lastTime),
      durable_(Lsn(start.nextLsn.value() - 1)),
      used_(start.used.begin(), start.used.end()),
      segmentOffset_(start.end),
      chain_(start.chain) {
  // A new segment at every open: what a torn tail left in the old one is sealed off by the new
  // header. It is on disk before anything else happens, so that a later recovery can insist on
  // finding it.
  beginSegment(nextLsn_, durable_.load());
  segment_->write(0, block_.view(kPage));
  if (options_.durability == Durability::kProcess) segment_->syncData();
  headerPending_ = false;
  used_.push_back({segmentNumber_, durable_.load()});
  begun_.clear();
  syncTarget_ = segment_;
  segmentRoom_ = roomInSegment();
  writer_ = std::jthread([this] { writerLoop(); });
}

Journal::~Journal() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  writerWake_.notify_all();
}

Lsn Journal::submit(const RecordRef& record, Purpose purpose) {
  CAIRN_CHECK(record->lsn.isZero());
  std::uint64_t space = journalSpace(*record);
  std::unique_lock lock(mutex_);
  if (broken_) throwBroken();
  CAIRN_CHECK(!stopping_);
  if (queuedBytes_ + space > segmentRoom_) reserve(lock, space, purpose);
  if (pending_.size() == pending_.capacity()) pending_.reserve(2 * pending_.size() + 16);
  // From here on nothing throws: the number is taken.
  record->lsn = nextLsn_;
  nextLsn_ = nextLsn_.next();
  lastTime_ = mutantActive(Mutant::kJournalTimeUnclamped) ? clock_.now()
                                                          : std::max(lastTime_, clock_.now());
  record->time = lastTime_;
  queuedBytes_ += space;
  ++submitted_;
  pending_.push_back(record);
  pendingHint_.store(pending_.size(), std::memory_order_relaxed);
  if (writerDeepAsleep_) wakeWriter();
  return record->lsn;
}

// The commit must not run out of space once it has its number: whatever its blocks may need is
// there before. Others may have taken numbers while the lock was away, counting on the same space.
void Journal::reserve(std::unique_lock<std::mutex>& lock, std::uint64_t bytes, Purpose purpose) {
  // Each block may leave the rest of a segment unused.
  std::uint64_t usable = options_.segmentBytes - 2 * kPage - payloadMax();
  std::uint64_t lastReserve = purpose == Purpose::kOrdinary ? options_.segmentBytes : 0;
  std::uint64_t ensured = 0;
  for (;;) {
    std::uint64_t needed =
        ((queuedBytes_ + bytes) / usable + 1) * options_.segmentBytes + lastReserve;
    if (needed <= ensured) return;
    lock.unlock();
    segments_.ensurePrepared(needed);
    lock.lock();
    if (broken_) throwBroken();
    ensured = needed;
  }
}

Lsn Journal::lastAssigned() const {
  std::lock_guard lock(mutex_);
  return Lsn(nextLsn_.value() - 1);
}

void Journal::wait(Lsn lsn) {
  if (durable() >= lsn) return;
  std::unique_lock lock(mutex_);
  while (durable() < lsn) {
    if (broken_) throwBroken();
    CAIRN_CHECK(lsn < nextLsn_);
    if (!leading_ && !writerActive_) {
      lead(lock);
    } else {
      bool inFlight = leading_ && !batch_.empty() && lsn <= batch_.back()->lsn;
      blockDone_[(blockNumber_ + (inFlight ? 0 : 1)) % 2].wait(lock);
    }
  }
}

void Journal::onDurable(Lsn lsn, DurableCallback callback) {
  std::unique_lock lock(mutex_);
  auto at = callbacks_.end();
  while (at != callbacks_.begin() && std::prev(at)->lsn > lsn) --at;
  callbacks_.insert(at, {lsn, std::move(callback)});
  if (!writerActive_) wakeWriter();
}

void Journal::wakeWriter() {
  writerWanted_ = true;
  writerDeepAsleep_ = false;
  writerWake_.notify_one();
}

void Journal::writerLoop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    runReadyCallbacks(lock);
    if (leading_) {
      // A waiting committer is writing; it says when it is done.
      writerWake_.wait(lock, [this] { return !leading_ || stopping_; });
    } else if (!pending_.empty() && !broken_) {
      writerActive_ = true;
      lead(lock);
    } else if (!spinForWork(lock)) {
      writerActive_ = false;
      parkWriter(lock);
    }
  }
}

// Stays awake for a moment after a group, so that the next one starts without a wake-up.
bool Journal::spinForWork(std::unique_lock<std::mutex>& lock) {
  if (!writerActive_ || broken_) return false;
  lock.unlock();
  auto until = std::chrono::steady_clock::now() + kWriterPatience;
  bool found = false;
  while (!found && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
    found = pendingHint_.load(std::memory_order_relaxed) != 0;
  }
  lock.lock();
  return !pending_.empty() || !callbacks_.empty();
}

void Journal::parkWriter(std::unique_lock<std::mutex>& lock) {
  auto wanted = [this] { return writerWanted_ || stopping_; };
  std::uint64_t before = submitted_;
  bool woken = writerWake_.wait_for(lock, kUnwaitedDelay, wanted);
  if (!woken && submitted_ == before && pending_.empty()) {
    writerDeepAsleep_ = true;
    writerWake_.wait(lock, wanted);
    writerDeepAsleep_ = false;
    // The submit that woke us is usually followed by a wait, which writes the block better than we
    // would.
    if (callbacks_.empty() && !stopping_) {
      writerWanted_ = false;
      writerWake_.wait_for(lock, kUnwaitedDelay, wanted);
    }
  }
  writerWanted_ = false;
}

void Journal::runReadyCallbacks(std::unique_lock<std::mutex>& lock) {
  Lsn durableNow = durable();
  auto isReady = [&] {
    return !callbacks_.empty() && (broken_ || callbacks_.front().lsn <= durableNow);
  };
  while (isReady()) {
    std::array<Waiting, 64> ready;  // No vector: this thread must not run out of memory.
    std::size_t count = 0;
    while (count < ready.size() && isReady()) {
      ready[count++] = std::move(callbacks_.front());
      callbacks_.pop_front();
    }
    std::exception_ptr cause = broken_;
    lock.unlock();
    for (Waiting& waiting : std::span(ready).first(count)) {
      waiting.callback(waiting.lsn <= durableNow ? nullptr : cause);
      waiting.callback = nullptr;
    }
    lock.lock();
    durableNow = durable();
  }
}

void Journal::lead(std::unique_lock<std::mutex>& lock) {
  CAIRN_CHECK(!leading_ && batch_.empty());
  if (pending_.empty()) return;
  leading_ = true;
  batch_.swap(pending_);
  pendingHint_.store(0, std::memory_order_relaxed);
  std::uint64_t block = ++blockNumber_;
  if (mutantActive(Mutant::kJournalAcknowledgedEarly))
    durable_.store(batch_.back()->lsn, std::memory_order_release);
  lock.unlock();

  std::exception_ptr cause;
  try {
    writeBatch(batch_);
  } catch (...) {
    cause = std::current_exception();
  }

  lock.lock();
  if (mutantActive(Mutant::kJournalFailureIgnored)) cause = nullptr;
  try {
    if (!cause) concludeBatch();
  } catch (...) {
    cause = std::current_exception();
  }
  if (cause) fail(cause);
  batch_.clear();
  leading_ = false;
  segmentRoom_ = roomInSegment();
  // Somebody must look after what came meanwhile, and after callbacks.
  if (!writerActive_ && (!pending_.empty() || !callbacks_.empty())) wakeWriter();
  bool writerWaits = !writerActive_;
  lock.unlock();
  blockDone_[block % 2].notify_all();
  if (writerWaits) writerWake_.notify_one();
  lock.lock();
}

// The batch is on disk.
void Journal::concludeBatch() {
  if (retained_.capacity() - retained_.size() < batch_.size())
    retained_.reserve(std::max(2 * retained_.capacity(), retained_.size() + batch_.size()));
  for (const Used& segment : begun_) {
    used_.back().lastLsn = segment.lastLsn;
    used_.push_back(segment);
  }
  begun_.clear();
  // From here on nothing throws.
  used_.back().lastLsn = batch_.back()->lsn;
  for (const RecordRef& record : batch_) queuedBytes_ -= journalSpace(*record);
  syncTarget_ = segment_;
  leaderStats_.commits += batch_.size();
  stats_ = leaderStats_;
  durable_.store(mutantActive(Mutant::kJournalGroupOverstated) ? Lsn(nextLsn_.value() - 1)
                                                               : batch_.back()->lsn,
                 std::memory_order_release);
  retained_.insert(retained_.end(), std::make_move_iterator(batch_.begin()),
                   std::make_move_iterator(batch_.end()));
}

void Journal::fail(std::exception_ptr cause) {
  broken_ = std::move(cause);
  isBroken_.store(true, std::memory_order_release);
  pending_.clear();
  pendingHint_.store(0, std::memory_order_relaxed);
  for (std::condition_variable& waiters : blockDone_) waiters.notify_all();
  writerWanted_ = true;
}

void Journal::checkUsable() const {
  if (!broken()) return;
  std::lock_guard lock(mutex_);
  throwBroken();
}

void Journal::throwBroken() const {
  try {
    std::rethrow_exception(broken_);
  } catch (const std::exception& cause) {
    throw Error(ErrorCode::kBroken,
                fmt::format("the engine is broken until it is reopened: {}", cause.what()));
  }
}

void Journal::writeBatch(const std::vector<RecordRef>& batch) {
  std::size_t next = 0;
  while (next < batch.size()) {
    if (batch[next]->ops.size() + kRecordOverhead > payloadMax()) {
      writeFragments(*batch[next]);
      ++next;
    } else {
      next = gatherBlock(batch, next);
    }
  }
}

// Writes records from `from` on as one block, as many as fit, and returns the first that did not.
std::size_t Journal::gatherBlock(const std::vector<RecordRef>& batch, std::size_t from) {
  BlockHeader header;
  header.firstLsn = batch[from]->lsn;
  header.time = batch[from]->time;
  std::size_t size = 0;
  std::size_t next = from;
  for (; next < batch.size(); ++next) {
    const Record& record = *batch[next];
    std::size_t bound = record.ops.size() + kRecordOverhead;
    if (size + bound > payloadMax()) break;
    growBlock(size + bound);
    char fields[2 * kMaxVarintBytes];
    std::size_t fieldBytes = encodeRecordHeader(fields, record, header.time);
    char* out = encodeVarint(payload() + size, fieldBytes + record.ops.size());
    std::memcpy(out, fields, fieldBytes);
    std::memcpy(out + fieldBytes, record.ops.data(), record.ops.size());
    size = static_cast<std::size_t>(out + fieldBytes + record.ops.size() - payload());
  }
  header.count = static_cast<std::uint32_t>(next - from);
  header.rawBytes = header.storedBytes = static_cast<std::uint32_t>(size);
  writeBlock(header, Lsn(header.firstLsn.value() - 1));
  return next;
}

void Journal::writeFragments(const Record& record) {
  char fields[2 * kMaxVarintBytes];
  std::size_t fieldBytes = encodeRecordHeader(fields, record, record.time);
  std::size_t done = 0;
  while (done < record.ops.size()) {
    // A piece takes what is left of the segment, unless that is next to nothing.
    std::size_t room = roomInSegment();
    if (room < 2 * kPage) room = options_.segmentBytes - kPage;
    bool first = done == 0;
    std::size_t before = first ? fieldBytes : 0;
    std::size_t take = std::min(payloadMax(), room - kBlockHeaderBytes) - before;
    take = std::min(take, record.ops.size() - done);
    growBlock(before + take);
    std::memcpy(payload(), fields, before);
    std::memcpy(payload() + before, record.ops.data() + done, take);
    done += take;

    BlockHeader header;
    bool last = done == record.ops.size();
    header.flags =
        static_cast<std::uint16_t>(journal::kFragment | (first ? journal::kFirstFragment : 0) |
                                   (last ? journal::kLastFragment : 0));
    header.firstLsn = record.lsn;
    header.time = record.time;
    header.count = last ? 1 : 0;
    header.rawBytes = header.storedBytes = static_cast<std::uint32_t>(before + take);
    // A segment that holds a piece of the record is needed until the whole record is retired.
    writeBlock(header, first ? Lsn(record.lsn.value() - 1) : record.lsn);
  }
}

// The payload stands in `block_`; the header says how long it is. `lastBefore`: the last commit of
// which something stands in front of this block.
void Journal::writeBlock(BlockHeader header, Lsn lastBefore) {
  leaderStats_.rawBytes += header.rawBytes;
  if (header.rawBytes >= kCompressFrom) compressPayload(header);
  if (header.paddedBytes() > roomInSegment()) beginSegment(header.firstLsn, lastBefore);
  if (options_.durability == Durability::kProcess) header.flags |= journal::kUnsynced;
  header.chain = chain_;
  char* block = block_.data() + kPage;
  header.seal(seed_, block);
  std::size_t used = kBlockHeaderBytes + header.storedBytes;
  std::memset(block + used, 0, header.paddedBytes() - used);

  std::int64_t begunNs = clock_.monotonic().count();
  // A new segment's header goes out in the same write as its first block.
  if (headerPending_) {
    segment_->write(0, {block_.data(), kPage + header.paddedBytes()});
    // The store may soon say that recovery begins here.
    if (options_.durability == Durability::kProcess) segment_->syncData();
    headerPending_ = false;
  } else {
    segment_->write(segmentOffset_, {block, header.paddedBytes()});
  }
  chain_ = header.checksum;
  segmentOffset_ += header.paddedBytes();
  leaderStats_.writeNs.add(
      static_cast<std::uint64_t>(std::max<std::int64_t>(clock_.monotonic().count() - begunNs, 0)));
  leaderStats_.groupCommits.add(header.count);
  ++leaderStats_.blocks;
  leaderStats_.writtenBytes += header.paddedBytes();
}

void Journal::compressPayload(BlockHeader& header) {
  if (compressionPause_ > 0) {
    --compressionPause_;
    return;
  }
  if (compressed_.size() < header.rawBytes) compressed_ = AlignedBuffer(header.rawBytes);
  std::size_t worthwhile = header.rawBytes - header.rawBytes / 8;
  std::size_t size =
      compressor_.compress({payload(), header.rawBytes}, {compressed_.data(), worthwhile});
  if (size == 0) {
    compressionPause_ = kCompressionPause;
    return;
  }
  std::memcpy(payload(), compressed_.data(), size);
  header.storedBytes = static_cast<std::uint32_t>(size);
  header.flags |= journal::kCompressed;
}

void Journal::beginSegment(Lsn firstLsn, Lsn lastBefore) {
  // Whoever syncs the current segment must not have to know of older ones.
  if (options_.durability == Durability::kProcess && segment_) segment_->syncData();
  journal::Segments::Segment next = segments_.take();
  journal::SegmentHeader header;
  header.number = next.number;
  header.bytes = options_.segmentBytes;
  header.firstLsn = firstLsn;
  header.previousEnd = segmentOffset_;
  header.previousChain = chain_;
  header.created = clock_.now();
  growBlock(0);
  chain_ = header.encode(root_, block_.data());
  headerPending_ = true;
  segment_ = std::move(next.file);
  segmentNumber_ = next.number;
  segmentOffset_ = kPage;
  begun_.push_back({segmentNumber_, lastBefore});
  if (options_.onSegmentBegun) options_.onSegmentBegun();
}

void Journal::growBlock(std::size_t payloadBytes) {
  std::size_t needed = kPage + AlignedBuffer::roundUp(kBlockHeaderBytes + payloadBytes);
  if (needed <= block_.size()) return;
  AlignedBuffer grown(std::max(needed, 2 * block_.size()));
  if (block_.size() > 0) std::memcpy(grown.data(), block_.data(), block_.size());
  block_ = std::move(grown);
}

std::size_t Journal::payloadMax() const {
  return std::min<std::size_t>(journal::kBlockPayloadMax, options_.segmentBytes / 4);
}

std::size_t Journal::roomInSegment() const { return options_.segmentBytes - segmentOffset_; }

Lsn Journal::takeDurable(std::vector<RecordRef>& out) {
  std::unique_lock lock(mutex_);
  if (broken_) throwBroken();
  std::vector<RecordRef> taken;
  taken.swap(retained_);
  Lsn through = durable();
  std::shared_ptr<File> target =
      options_.durability == Durability::kProcess ? syncTarget_ : nullptr;
  lock.unlock();
  if (target && !taken.empty()) {
    try {
      target->syncData();
    } catch (...) {
      lock.lock();
      fail(std::current_exception());
      throw;
    }
  }
  out.insert(out.end(), std::make_move_iterator(taken.begin()),
             std::make_move_iterator(taken.end()));
  return through;
}

std::uint64_t Journal::firstSegmentNeeded(Lsn lsn) const {
  std::lock_guard lock(mutex_);
  for (const Used& segment : used_) {
    if (segment.lastLsn > lsn) return segment.number;
  }
  return used_.back().number;
}

void Journal::retireBelow(std::uint64_t segment) {
  for (;;) {
    std::uint64_t number;
    {
      std::lock_guard lock(mutex_);
      if (used_.size() < 2 || used_.front().number >= segment) return;
      number = used_.front().number;
      used_.pop_front();
    }
    segments_.recycle(number);
  }
}

std::uint64_t Journal::liveBytes() const {
  std::lock_guard lock(mutex_);
  return used_.size() * options_.segmentBytes - segmentRoom_;
}

void Journal::close() {
  std::unique_lock lock(mutex_);
  while (!pending_.empty() || leading_) {
    if (broken_) return;
    if (!leading_) {
      lead(lock);
    } else {
      blockDone_[blockNumber_ % 2].wait(lock);
    }
  }
  if (broken_ || stopping_) return;
  leading_ = true;
  lock.unlock();
  std::exception_ptr cause;
  try {
    BlockHeader header;
    header.flags = journal::kCleanClose;
    header.firstLsn = nextLsn_;
    header.time = lastTime_;
    writeBlock(header, Lsn(nextLsn_.value() - 1));
  } catch (...) {
    cause = std::current_exception();
  }
  lock.lock();
  if (cause) fail(cause);
  leading_ = false;
  stopping_ = true;
  lock.unlock();
  writerWake_.notify_all();
  writer_.join();
  lock.lock();
  runReadyCallbacks(lock);
}

Journal::Stats Journal::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace cairn
