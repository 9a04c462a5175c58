// Work on the stores beside rounds, on their thread, and what keeps a space from being swept before
// the commit that enters it is stored.
#include <algorithm>
#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/mutant.h"
#include "engine/engine_core.h"
#include "engine/sweeper.h"
#include "kv/keys.h"

namespace cairn {

namespace {

// Keys of dropped spaces removed in one transaction.
constexpr std::size_t kSweepKeys = 20'000;

}  // namespace

struct EngineCore::StoreWork {
  const std::function<void(const Stores&)>& work;
  std::exception_ptr failure;
  bool done = false;
};

void EngineCore::changeStores(const std::function<void(const Stores&)>& work) {
  Session::releaseStores();
  if (kv::Environment::heldHere()) {
    throw Error(ErrorCode::kConflict,
                "the stores are to be changed, and this thread is in the middle of reading them");
  }
  StoreWork mine{work};
  std::unique_lock lock(checkpointMutex_);
  if (stopCheckpointer_ || closing_) throw Error(ErrorCode::kBroken, "the engine is closed");
  storeWork_.push_back(&mine);
  checkpointWake_.notify_one();
  checkpointDone_.wait(lock, [&] { return mine.done; });
  if (mine.failure) std::rethrow_exception(mine.failure);
}

EngineCore::StoreWork* EngineCore::nextStoreWork() {
  std::lock_guard lock(checkpointMutex_);
  if (storeWork_.empty()) return nullptr;
  StoreWork* next = storeWork_.front();
  storeWork_.pop_front();
  return next;
}

void EngineCore::finishStoreWork(StoreWork& work, std::exception_ptr failure) {
  std::lock_guard lock(checkpointMutex_);
  work.failure = std::move(failure);
  work.done = true;
  checkpointDone_.notify_all();
}

void EngineCore::runStoreWork() {
  while (StoreWork* next = nextStoreWork()) {
    std::exception_ptr failure;
    try {
      checkUsable();
      next->work(stores());
    } catch (const Error& error) {
      failure = std::current_exception();
      if (error.code() != ErrorCode::kNoSpace) breakWith(failure);
    } catch (...) {
      failure = std::current_exception();
      breakWith(failure);
    }
    finishStoreWork(*next, failure);
  }
}

void EngineCore::refuseStoreWork(const std::exception_ptr& cause) {
  while (StoreWork* next = nextStoreWork()) finishStoreWork(*next, cause);
}

void EngineCore::listSpace(SpaceId space, const SpaceRow& row) {
  changeStores([&](const Stores& stores) {
    // The number must not be given out again after a crash.
    StoreState next = storeState_;
    next.nextSpace = std::max(next.nextSpace, space.next());
    stores.lmdb.write([&](kv::WriteTransaction& transaction) {
      transaction.put(kv::Table::kSpaces, kv::numberKey(space), row.encode());
      transaction.put(kv::Table::kDropped, kv::numberKey(row.dropped, space), {});
      next.save(transaction);
    });
    storeState_ = next;
  });
}

// ---- claims and sweeping

EngineCore::Claim::Claim(EngineCore& engine, ObjectNumber object, SpaceId space) : engine_(engine) {
  std::lock_guard lock(engine_.leasesMutex_);
  place_ = engine_.claims_.insert(engine_.claims_.end(), {object, space, Lsn(UINT64_MAX)});
}

EngineCore::Claim::~Claim() {
  if (entered_) return;
  {
    std::lock_guard lock(engine_.leasesMutex_);
    engine_.claims_.erase(place_);
  }
  engine_.wakeCheckpointer();
}

// From now on the sweep lets go of it.
void EngineCore::Claim::enteredBy(Lsn lsn) {
  std::lock_guard lock(engine_.leasesMutex_);
  place_->until = lsn;
  entered_ = true;
}

// Spaces dropped by then are out of reach of any restore, and of whoever looks at the past.
Lsn EngineCore::sweepableThrough() const {
  if (mutantActive(Mutant::kDroppedSpaceSweptEarly)) return storeState_.lsn;
  Lsn through = options_.historyMs > 0 ? storeState_.historyLsn : storeState_.lsn;
  return leases_.empty() ? through : std::min(through, *leases_.begin());
}

void EngineCore::sweep() {
  for (bool more = true; more && !closing_;) {
    // Before anybody is kept out: what grows the store waits for its readers.
    lmdb_->reserve(kRetentionBytes);
    // Whoever asks for a lease or a claim meanwhile sees what is left.
    std::lock_guard lock(leasesMutex_);
    std::erase_if(claims_, [this](const Claimed& claim) { return claim.until <= storedLsn(); });
    SweepOptions options{.droppedBy = std::max(sweepableThrough(), kNeverEntered),
                         .keysMax = kSweepKeys};
    for (const Claimed& claim : claims_) {
      options.claimedSpaces.insert(claim.space);
      options.claimedObjects.insert(claim.object);
    }
    more = sweepSome(stores(), options);
  }
}

}  // namespace cairn
