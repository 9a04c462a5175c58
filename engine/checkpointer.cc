// The engine's thread that brings commits to the stores: when a round is due, how it begins and
// ends, and who waits for it. What a round does is engine/round.h's.
#include <cairn/error.h>
#include <chrono>

#include "engine/base/mutant.h"
#include "engine/engine_core.h"
#include "engine/retention.h"

namespace cairn {

namespace {

// How often the checkpointer looks whether the engine has become idle.
constexpr std::chrono::milliseconds kIdleLook{200};
// How often a thread that reads the store and waits for a round looks whether that waits for it.
constexpr std::chrono::milliseconds kGrowthLook{5};

}  // namespace

void EngineCore::wakeCheckpointer() {
  {
    std::lock_guard lock(checkpointMutex_);
    roundWanted_ = true;
  }
  checkpointWake_.notify_one();
}

void EngineCore::checkpointLoop() {
  std::unique_lock lock(checkpointMutex_);
  while (!stopCheckpointer_) {
    auto asked = [this] {
      return roundWanted_ || roundsAsked_ != roundsDone_ || !storeWork_.empty() ||
             stopCheckpointer_;
    };
    if (unstoredCommits()) {
      if (unstoredSinceNs_ == 0) unstoredSinceNs_ = clock().monotonic().count();
      checkpointWake_.wait_for(lock, kIdleLook, asked);
    } else {
      checkpointerAsleep_ = true;
      checkpointWake_.wait(lock, asked);
    }
    checkpointerAsleep_ = false;
    if (stopCheckpointer_) break;
    std::uint64_t serving = roundsAsked_;
    bool explicitly = serving != roundsDone_;
    roundWanted_ = false;
    lock.unlock();
    std::exception_ptr failure;
    freeDiscarded();
    try {
      // R2: what failed is not tried again. A sync that succeeds after one that failed means
      // nothing.
      checkUsable();
      journal_->refill();
      // A round that is stuck half way comes before anything else that changes the stores.
      if (explicitly || round_ || roundDue()) runRound();
      runStoreWork();
      dropOldHistory();
      sweep();
    } catch (const Error& error) {
      failure = std::current_exception();
      if (error.code() != ErrorCode::kNoSpace) breakWith(failure);
    } catch (...) {
      failure = std::current_exception();
      breakWith(failure);
    }
    if (failure) refuseStoreWork(failure);
    lock.lock();
    roundFailure_ = failure;
    roundsDone_ = serving;
    checkpointDone_.notify_all();
    // A full disk is tried again, but not in a tight loop.
    if (failure && !stopCheckpointer_) checkpointWake_.wait_for(lock, kIdleLook);
  }
  lock.unlock();
  try {
    throw Error(ErrorCode::kBroken, "the engine is closed");
  } catch (...) {  // There may be no memory for it.
    refuseStoreWork(std::current_exception());
  }
}

void EngineCore::dropOldHistory() {
  RetentionOptions retention{
      .keepMs = options_.historyMs, .bytesMax = options_.historyBytesMax, .now = clock().now()};
  // Before anybody is kept out: what grows the store waits for its readers.
  lmdb_->reserve(kRetentionBytes);
  // Whoever asks for a lease meanwhile sees what is left.
  std::lock_guard lock(leasesMutex_);
  retention.leasedFrom = leases_.empty() ? Lsn(UINT64_MAX) : *leases_.begin();
  for (;;) {
    DroppedHistory dropped = dropOldestSegment(stores(), retention, storeState_);
    if (dropped.bytes == 0) return;
    (dropped.forBudget ? historyCutBytes_ : historyExpiredBytes_) += dropped.bytes;
  }
}

bool EngineCore::unstoredCommits() const { return journal_->lastAssigned() > storedLsn(); }

bool EngineCore::roundDue() {
  if (isBroken_) return false;
  if (budget_.overSoft() || journal_->liveBytes() > options_.journalBytesMax) return true;
  std::int64_t now = clock().monotonic().count();
  if (unstoredSinceNs_ != 0 && now - unstoredSinceNs_ >= options_.checkpointAgeMs * 1'000'000)
    return true;
  std::int64_t idleNs = now - lastCommitNs_.load(std::memory_order_relaxed);
  return idleNs >= options_.idleCheckpointMs * 1'000'000;
}

void EngineCore::runRound() {
  unstoredSinceNs_ = 0;
  softSignaled_ = false;
  journal_->wait(journal_->lastAssigned());
  journal_->takeDurable(unstored_);
  // A round that failed while it changed the stores comes first, and then what came meanwhile.
  while (round_ || !unstored_.empty()) {
    auto begin = std::chrono::steady_clock::now();
    if (!round_) beginRound();
    if (mutantActive(Mutant::kJournalRecycledEarly))
      journal_->retireBelow(journal_->firstSegmentNeeded(roundRecords_.back()->lsn));
    finishRound(round_->apply());
    endRound();
    roundNanoseconds_ +=
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                       std::chrono::steady_clock::now() - begin)
                                       .count());
  }
}

void EngineCore::beginRound() {
  Lsn cut = unstored_.back()->lsn;
  roundRecords_.swap(unstored_);
  try {
    auto round = std::make_unique<Round>(stores(), roundOptions(), roundRecords_, cut);
    round->prepare(storeState_, journal_->firstSegmentNeeded(cut));
    round_ = std::move(round);
  } catch (...) {
    unstored_.swap(roundRecords_);
    throw;
  }
}

void EngineCore::endRound() {
  round_.reset();
  std::int64_t recordBytes = 0;
  for (const RecordRef& record : roundRecords_) recordBytes += memoryOf(*record);
  trimOwners();
  roundRecords_.clear();
  budget_.add(-recordBytes);
  scratch_->shrink(options_.dirtyBytesSoft);  // The disk may refuse: last.
}

// Tells every object with commits in the round how far the store is. Until it is told, an object is
// pinned.
void EngineCore::trimOwners() {
  std::vector<ObjectState*> owners;
  owners.reserve(roundRecords_.size());
  for (const RecordRef& record : roundRecords_) {
    auto* object = static_cast<ObjectState*>(record->owner);
    if (object->markedByRound) continue;
    object->markedByRound = true;
    ObjectTable::retain(*object);
    owners.push_back(object);
  }
  for (ObjectState* object : owners) {
    object->markedByRound = false;
    object->storedThrough.store(storeState_.lsn.value());
    if (object->turn.try_lock()) letGo(*object);
    ObjectTable::release(*object);
  }
}

void EngineCore::checkpoint() {
  if (!readOnly()) storeThrough(journal_->lastAssigned());
}

void EngineCore::storeThrough(Lsn target) {
  forkGuard_.refuseFork();
  if (readOnly() || storedLsn() >= target) return;
  journal_->wait(target);
  if (storedLsn() >= target) return;
  Session::releaseStores();
  std::unique_lock lock(checkpointMutex_);
  std::uint64_t mine = ++roundsAsked_;
  checkpointWake_.notify_one();
  auto done = [&] { return roundsDone_ >= mine || stopCheckpointer_; };
  if (!kv::Environment::heldHere()) checkpointDone_.wait(lock, done);
  while (!done()) {
    // A callback in the middle of reading history asked for this: what it holds cannot be given
    // back.
    checkpointDone_.wait_for(lock, kGrowthLook);
    if (!done() && lmdb_->growing()) {
      throw Error(ErrorCode::kConflict,
                  "the store has to grow, and this thread is in the middle of reading it");
    }
  }
  if (storedLsn() >= target) return;
  if (roundFailure_) std::rethrow_exception(roundFailure_);
  checkUsable();
  throw Error(ErrorCode::kBroken, "the engine is closed");
}

}  // namespace cairn
