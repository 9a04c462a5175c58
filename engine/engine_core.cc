#include "engine/engine_core.h"

#include <algorithm>
#include <cairn/error.h>
#include <chrono>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/mutant.h"
#include "engine/journal_scan.h"
#include "engine/object_names.h"
#include "engine/retention.h"
#include "kv/keys.h"

namespace cairn {

namespace {

// Turns of this thread that are in progress: an inner one must not wait for a round, which may wait
// for the outer one's snapshot.
thread_local unsigned turnDepth = 0;

// Memory a queued record takes beside its ops.
constexpr std::uint64_t kRecordOverhead = 128;
// How long a reader beside the owner waits for the stores to catch up with the journal, how long
// for the end of a round that has begun, and how often it looks.
constexpr std::chrono::seconds kJournalPatience{15};
constexpr std::chrono::seconds kRoundPatience{60};
constexpr std::chrono::milliseconds kRoundLook{5};
// Of the time that history is kept, each segment covers at most such a part, so that not much more
// is kept than asked for.
constexpr std::int64_t kSegmentsPerWindow = 30;

void checkOptions(const EngineOptions& options) {
  auto refuse = [](const std::string& what) { throw Error(ErrorCode::kInvalidArgument, what); };
  if (options.root.empty()) refuse("the root's path is empty");
  if (options.journalSegmentBytes % 4096 != 0 || options.journalSegmentBytes < (64 << 10)) {
    refuse(fmt::format("journalSegmentBytes is {}: a multiple of 4096 from 65536 on is needed",
                       options.journalSegmentBytes));
  }
  if (options.dirtyBytesHard < options.dirtyBytesSoft) {
    refuse(fmt::format("dirtyBytesHard {} is below dirtyBytesSoft {}", options.dirtyBytesHard,
                       options.dirtyBytesSoft));
  }
  constexpr std::uint64_t kTransactionBytesCap = std::uint64_t{3} << 30;
  if (options.limits.transactionBytesMax > kTransactionBytesCap) {
    refuse(fmt::format("transactionBytesMax {} is over {}", options.limits.transactionBytesMax,
                       kTransactionBytesCap));
  }
}

}  // namespace

EngineCore::EngineCore(const EngineOptions& options, Access access)
    : access_(access),
      options_((checkOptions(options), options)),
      root_(access == Access::kReadOnly
                ? Root::look(*options.fileSystem, options.root)
                : Root::open(*options.fileSystem, options.root, options.clock->now())),
      budget_(options.dirtyBytesSoft, options.dirtyBytesHard),
      changeFiles_{*options.fileSystem, root_.changes(), std::string(root_.id().view()),
                   root_.id().seed()} {
  FileSystem& fileSystem = *options_.fileSystem;
  recovery_.created = root_.created();
  lmdb_ = std::make_unique<kv::Environment>(kv::Environment::Options{
      .directory = root_.store(), .mapBytes = options_.storeMapBytes, .readOnly = readOnly()});
  pageFiles_ = std::make_unique<sql::PageFiles>(fileSystem, root_.sql());
  scratch_ = std::make_unique<sql::Scratch>(fileSystem, root_.scratch(), root_.id().seed());
  changeReader_ = std::make_unique<pitr::ChangeLogReader>(changeFiles_);
  vfs_ = std::make_unique<sql::Vfs>(clock());
  connections_ = std::make_unique<SqlConnections>(options_.sqlConnectionsMax,
                                                  [this](ObjectState& object) { letGo(object); });
  changeReader_->askWhenMissing([this](std::uint64_t segment) {
    kv::Snapshot snapshot = lmdb_->snapshot();
    return !snapshot.get(kv::Table::kSegments,
                         kv::numberKey(Number<struct SegmentMeaning>(segment)));
  });
  if (readOnly()) {
    awaitJournal();
    loadClasses();
    return;
  }
  recover();
  loadClasses();
  checkpointer_ = std::jthread([this] { checkpointLoop(); });
}

EngineCore::~EngineCore() {
  try {
    close();
  } catch (const std::exception&) {
    // What is not in the stores is in the journal: the next open finds it.
  }
  connections_->closeIdle();
}

// ---- opening

void EngineCore::recover() {
  FileSystem& fileSystem = *options_.fileSystem;
  // The process that ended a round may have died while LMDB made it durable. What the round needed,
  // the scratch and the journal, is given up from now on.
  if (!mutantActive(Mutant::kStoreUnsyncedAtOpen)) lmdb_->makeDurable();
  std::optional<StoreState> loaded = StoreState::load(lmdb_->snapshot());
  storeState_ = loaded.value_or(StoreState{});

  std::vector<RecordRef> records;
  journal::ScanFrom from{.segment = storeState_.journalSegment,
                         .after = storeState_.lsn,
                         .time = storeState_.time,
                         .newRoot = !loaded.has_value()};
  journal::Scan scan = journal::scan(fileSystem, root_.journal(), root_.id(), from,
                                     [&](const RecordRef& record) { records.push_back(record); });
  recovery_.cleanlyClosed = scan.cleanlyClosed || root_.created();
  recovery_.commitsReplayed = scan.records;
  if (scan.tornTail) {
    recovery_.tornTail = fmt::format("journal {} offset {}: a block of {} bytes was cut off",
                                     journal::segmentName(scan.tornTail->segment),
                                     scan.tornTail->offset, scan.tornTail->bytes);
  }
  // What was read may be there only because the machine did not go down with the process: the last
  // block, be it the one that says that the journal was closed, and without syncs
  // (Durability::kProcess) all of it. From now on it is relied on.
  for (const Journal::Used& used : scan.start.used) {
    std::string path = root_.journal() + "/" + journal::segmentName(used.number);
    fileSystem.open(path, {.write = true})->syncData();
  }
  for (std::uint64_t number : scan.abandoned) {
    if (mutantActive(Mutant::kJournalPieceKept)) break;
    fileSystem.unlink(root_.journal() + "/" + journal::segmentName(number));
    fileSystem.syncDirectory(root_.journal());
  }
  journal_ =
      std::make_unique<Journal>(fileSystem, clock(), root_.id(),
                                Journal::Options{.directory = root_.journal(),
                                                 .segmentBytes = options_.journalSegmentBytes,
                                                 .durability = options_.durability,
                                                 .onSegmentBegun = [this] { wakeCheckpointer(); }},
                                scan.start);

  // A complete scratch newer than the store is a round that a crash interrupted: it is finished as
  // it was begun.
  std::optional<sql::Scratch::Complete> saved = scratch_->complete();
  auto interrupted = records.begin();
  if (saved && saved->lsn > storeState_.lsn && !mutantActive(Mutant::kScratchIgnored)) {
    interrupted = std::find_if(records.begin(), records.end(),
                               [&](const RecordRef& record) { return record->lsn > saved->lsn; });
    std::vector<RecordRef> first(records.begin(), interrupted);
    finishRound(
        Round(stores(), roundOptions(), first, saved->lsn)
            .finishInterrupted(storeState_, saved->note, journal_->firstSegmentNeeded(saved->lsn)));
    recovery_.scratchApplied = true;
  } else if (!saved) {
    scratch_->dropTorn(storeState_.lsn);
  }
  // The cut is where numbering goes on: after an unclean end that is beyond the last commit.
  std::vector<RecordRef> rest(interrupted, records.end());
  Lsn cut = journal_->durable();
  finishRound(Round(stores(), roundOptions(), rest, cut)
                  .run(storeState_, journal_->firstSegmentNeeded(cut)));
  removeStraySegments(stores(), storeState_);
  // What an earlier process had begun to sweep, or to build, goes now.
  kv::Snapshot snapshot = lmdb_->snapshot();
  kv::Cursor dropped = snapshot.cursor(kv::Table::kDropped);
  roundWanted_ = dropped.first() && Lsn(loadBigEndian64(dropped.key().data())) <=
                                        std::max(sweepableThrough(), kNeverEntered);
}

// Gives the owner's rounds the time to bring what is durable now to the stores.
void EngineCore::awaitJournal() {
  auto load = [&] { return StoreState::load(lmdb_->snapshot()).value_or(StoreState{}); };
  storeState_ = load();
  journal::ScanFrom from{.segment = storeState_.journalSegment,
                         .after = storeState_.lsn,
                         .time = storeState_.time,
                         .newRoot = false};
  Lsn durable = storeState_.lsn;
  try {
    journal::scan(*options_.fileSystem, root_.journal(), root_.id(), from,
                  [&](const RecordRef& record) { durable = record->lsn; });
  } catch (const Error&) {
    // The owner recycles and writes segments while they are read here; what was read holds.
  }
  auto deadline = std::chrono::steady_clock::now() + kJournalPatience;
  while (storeState_.lsn < durable && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kRoundLook);
    storeState_ = load();
  }
  recovery_.commitsNotSeen =
      storeState_.lsn < durable ? durable.value() - storeState_.lsn.value() : 0;
  storedLsn_ = storeState_.lsn.value();
}

void EngineCore::readStores(const std::function<Lsn()>& read) {
  for (;;) {
    {
      std::shared_lock stable = stableStore();
      if (storesStandAt(read())) return;
    }
    awaitRound();
  }
}

bool EngineCore::storesStandAt(Lsn lsn) { return !readOnly() || scratch_->begunThrough() <= lsn; }

void EngineCore::awaitRound() {
  auto deadline = std::chrono::steady_clock::now() + kRoundPatience;
  for (;;) {
    Lsn begun = scratch_->begunThrough();
    if (StoreState::load(lmdb_->snapshot()).value().lsn >= begun) return;
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(
          ErrorCode::kBusy,
          fmt::format("the checkpoint round to LSN {} in {} does not end; if no process has "
                      "the root, open it to recover it",
                      begun.value(), options_.root));
    }
    std::this_thread::sleep_for(kRoundLook);
  }
}

RoundOptions EngineCore::roundOptions() {
  return {.history = options_.historyMs > 0,
          .changeSegmentBytes = options_.changeSegmentBytes,
          .changeSegmentMs = options_.historyMs / kSegmentsPerWindow,
          .now = clock().now(),
          .exclusively = [this](const std::function<void()>& work) {
            std::unique_lock lock(storeChanging_);
            storeHalfChanged_ = true;
            work();
            storeHalfChanged_ = false;
          }};
}

void EngineCore::finishRound(const Round::Result& result) {
  storeState_ = result.state;
  storedLsn_.store(storeState_.lsn.value(), std::memory_order_release);
  journal_->retireBelow(storeState_.journalSegment);
  rounds_ += 1;
  roundKeys_ += result.keysWritten;
  roundPages_ += result.pagesWritten;
  historyBytes_ += result.historyBytes;
}

void EngineCore::loadClasses() {
  nextObject_ = storeState_.nextObject.value();
  nextSpace_ = storeState_.nextSpace.value();
  nextClass_ = storeState_.nextClass.value();
  kv::Snapshot snapshot = lmdb_->snapshot();
  kv::Cursor cursor = snapshot.cursor(kv::Table::kClasses);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    ClassRow row = ClassRow::decode(cursor.value());
    auto entry = std::make_unique<ClassEntry>();
    entry->name = row.name;
    entry->number = ClassNumber(loadBigEndian64(cursor.key().data()));
    entry->backend = row.backend;
    entry->defined = true;
    if (row.name.empty()) {
      deadClasses_.push_back(std::move(entry));
    } else {
      classes_.emplace(row.name, std::move(entry));
    }
  }
}

// ---- closing

void EngineCore::close() {
  {
    std::lock_guard lock(checkpointMutex_);
    if (closed_) return;
    closed_ = true;
  }
  closing_ = true;
  budget_.wakeAll();
  while (turnsRunning_.load() > 0) std::this_thread::yield();
  std::exception_ptr failure;
  try {
    if (journal_) {
      journal_->wait(journal_->lastAssigned());
      checkpoint();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  {
    std::lock_guard lock(checkpointMutex_);
    stopCheckpointer_ = true;
  }
  checkpointWake_.notify_all();
  checkpointDone_.notify_all();  // A reader of history may wait for a round that does not come.
  if (checkpointer_.joinable()) checkpointer_.join();
  connections_->closeIdle();
  if (journal_ && !isBroken_) journal_->close();
  if (failure) std::rethrow_exception(failure);
}

void EngineCore::checkUsable() const {
  forkGuard_.refuseFork();
  if (readOnly())
    throw Error(ErrorCode::kUnsupported, fmt::format("{} is open for reading only", options_.root));
  if (!isBroken_.load(std::memory_order_acquire)) {
    if (journal_) journal_->checkUsable();
    return;
  }
  std::lock_guard lock(brokenMutex_);
  try {
    std::rethrow_exception(broken_);
  } catch (const std::exception& cause) {
    throw Error(ErrorCode::kBroken,
                fmt::format("the engine is broken until it is reopened: {}", cause.what()));
  }
}

void EngineCore::breakWith(std::exception_ptr cause) {
  {
    std::lock_guard lock(brokenMutex_);
    if (!broken_) broken_ = std::move(cause);
    isBroken_.store(true, std::memory_order_release);
  }
  budget_.wakeAll();
}

// ---- classes and objects

ClassEntry& EngineCore::classEntry(std::string_view name, std::optional<Backend> backend) {
  checkClassName(name);
  std::lock_guard lock(classesMutex_);
  auto found = classes_.find(name);
  if (found == classes_.end()) {
    auto entry = std::make_unique<ClassEntry>();
    entry->name = std::string(name);
    entry->number = ClassNumber(nextClass_++);
    entry->backend = backend.value_or(Backend::kSqlite);
    found = classes_.emplace(std::string(name), std::move(entry)).first;
  }
  if (backend && found->second->backend != *backend) {
    throw Error(ErrorCode::kConflict,
                fmt::format("class {} is {}", name,
                            found->second->backend == Backend::kSqlite
                                ? "SQLite-backed, a legacy key-value class was asked for"
                                : "a legacy key-value class, a SQLite-backed one was asked for"));
  }
  return *found->second;
}

ObjectState* EngineCore::acquire(std::string_view className, std::string_view name) {
  checkObjectName(name);
  return table_.acquire(classEntry(className), name,
                        [this](ObjectState& object) { loadObject(object); });
}

void EngineCore::loadObject(ObjectState& object) {
  kv::Snapshot snapshot = lmdb_->snapshot();
  object.lastLsn = storedLsn();
  std::optional<std::string_view> number =
      snapshot.get(kv::Table::kNames, nameKey(object.classEntry.number, object.name));
  if (!number) return;
  object.number = ObjectNumber(loadBigEndian64(number->data()));
  std::optional<std::string_view> row = snapshot.get(kv::Table::kObjects, *number);
  if (!row)
    throw Error(ErrorCode::kDamaged,
                fmt::format("store: object {} is named but missing", object.number.value()));
  ObjectRow decoded = ObjectRow::decode(*row);
  object.data.space = decoded.space;
  object.locationHint = std::move(decoded.locationHint);
  if (!mutantActive(Mutant::kArmedForgotten)) object.armed = std::move(decoded.armed);
}

ObjectState* EngineCore::acquire(ObjectNumber number) {
  checkpoint();
  std::optional<ObjectRow> row;
  {
    kv::Snapshot snapshot = lmdb_->snapshot();
    if (std::optional<std::string_view> bytes =
            snapshot.get(kv::Table::kObjects, kv::numberKey(number))) {
      row = ObjectRow::decode(*bytes);
    }
  }
  std::string className;
  {
    std::lock_guard lock(classesMutex_);
    for (const auto& [name, entry] : classes_) {
      if (row && entry->number == row->classNumber) className = name;
    }
  }
  if (className.empty())
    throw Error(ErrorCode::kNotFound, fmt::format("no object has the number {}", number.value()));
  return acquire(className, row->name);
}

// ---- turns

std::unique_ptr<Session> EngineCore::takeSession() {
  {
    std::lock_guard lock(sessionsMutex_);
    if (!sessions_.empty()) {
      std::unique_ptr<Session> session = std::move(sessions_.back());
      sessions_.pop_back();
      return session;
    }
    // Giving one back must not need memory.
    if (sessions_.capacity() <= sessionsMade_) sessions_.reserve(2 * sessionsMade_ + 4);
    ++sessionsMade_;
  }
  return std::make_unique<Session>(*this);
}

void EngineCore::giveSession(std::unique_ptr<Session> session) noexcept {
  std::lock_guard lock(sessionsMutex_);
  sessions_.push_back(std::move(session));
}

std::unique_ptr<Session> EngineCore::beginTurn(ObjectState& object) {
  ++turnsRunning_;
  std::unique_ptr<Session> session;
  try {
    if (closing_) throw Error(ErrorCode::kBroken, "the engine is closed");
    checkUsable();
    if (object.turnThread.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
      throw Error(ErrorCode::kConflict,
                  fmt::format("a turn of object {} inside a turn of the same object", object.name));
    }
    session = takeSession();
  } catch (...) {
    --turnsRunning_;
    throw;
  }
  Session::releaseStores();  // Of the turn that this one is inside of.
  object.turn.lock();
  object.turnThread.store(std::this_thread::get_id(), std::memory_order_relaxed);
  ++turnDepth;
  try {
    session->attach(object);
    if (!object.sessionBegun) session->beginSession();
  } catch (...) {
    endTurn(object, std::move(session));
    throw;
  }
  return session;
}

void EngineCore::endTurn(ObjectState& object, std::unique_ptr<Session> session) {
  session->detach();
  account(object);
  object.turnThread.store(std::thread::id(), std::memory_order_relaxed);
  --turnDepth;
  letGo(object);
  giveSession(std::move(session));
  --turnsRunning_;
}

void EngineCore::pauseTurn(ObjectState& object, Session& session) {
  session.pause();
  object.turnThread.store(std::thread::id(), std::memory_order_relaxed);
  --turnDepth;
}

void EngineCore::resumeTurn(ObjectState& object, Session& session) {
  session.resume();
  object.turnThread.store(std::this_thread::get_id(), std::memory_order_relaxed);
  ++turnDepth;
}

Ticket EngineCore::runTurn(ObjectState& object, const std::function<void(Session&)>& work) {
  if (turnDepth == 0 && budget_.overHard()) {
    wakeCheckpointer();
    budget_.waitBelowHard([this] { return closing_.load() || isBroken_.load(); });
  }
  std::unique_ptr<Session> session = beginTurn(object);
  std::exception_ptr thrown;
  Lsn lsn;
  try {
    work(*session);
  } catch (...) {
    thrown = std::current_exception();
  }
  try {
    lsn = session->commit();
  } catch (...) {
    thrown = std::current_exception();
  }
  endTurn(object, std::move(session));
  if (thrown) std::rethrow_exception(thrown);
  return {*this, lsn};
}

std::int64_t EngineCore::memoryOf(const Record& record) {
  return static_cast<std::int64_t>(record.ops.capacity() + kRecordOverhead);
}

Lsn EngineCore::submit(ObjectState& object, const RecordRef& record, Journal::Purpose purpose) {
  record->owner = &object;
  Lsn lsn = journal_->submit(record, purpose);
  if (!object.pinned) {
    object.pinned = true;
    ObjectTable::retain(object);
  }
  budget_.add(memoryOf(*record));
  lastCommitNs_.store(clock().monotonic().count(), std::memory_order_relaxed);
  if (checkpointerAsleep_.load(std::memory_order_relaxed) ||
      (budget_.overSoft() && !softSignaled_.exchange(true, std::memory_order_relaxed))) {
    wakeCheckpointer();
  }
  return lsn;
}

// Taking a million entries apart takes tens of milliseconds: not on the path of a deleteAll.
void EngineCore::discard(kv::Overlay overlay) noexcept {
  constexpr std::size_t kFewEntries = 1'000;
  if (overlay.entries().size() < kFewEntries) return;
  try {
    std::lock_guard lock(discardedMutex_);
    discarded_.push_back(std::move(overlay));
  } catch (const std::bad_alloc&) {
    return;  // Then here.
  }
  wakeCheckpointer();
}

void EngineCore::freeDiscarded() {
  std::vector<kv::Overlay> freed;  // Before the lock: it goes after it.
  std::lock_guard lock(discardedMutex_);
  freed.swap(discarded_);
}

// Keeps the budget in step with what the object holds in memory.
void EngineCore::account(ObjectState& object) {
  std::uint64_t now = object.data.memoryBytes();
  if (now == object.accountedBytes) return;
  budget_.add(static_cast<std::int64_t>(now) - static_cast<std::int64_t>(object.accountedBytes));
  object.accountedBytes = now;
}

EngineCore::Hold::Hold(EngineCore& engine, ObjectState& object) : engine_(engine), object_(object) {
  object.turn.lock();
}

EngineCore::Hold::~Hold() { engine_.letGo(object_); }

// Ends the turn. Rounds leave word in `storedThrough` and drop what the store holds if they can
// have the object; if they cannot, whoever has it sees the word when letting it go.
void EngineCore::letGo(ObjectState& object) noexcept {
  for (;;) {
    Lsn stored(object.storedThrough.load());
    bool trimmed = stored <= object.trimmedThrough || trim(object, stored);
    bool unpin = trimmed && object.pinned && object.lastLsn <= stored;
    if (unpin) {
      CAIRN_CHECK(object.clean());
      object.pinned = false;
    }
    object.turn.unlock();
    if (unpin) ObjectTable::release(object);
    if (unpin || Lsn(object.storedThrough.load()) == stored || !object.turn.try_lock()) return;
  }
}

// I7: the caller has the object, so no turn of it reads an older state, and snapshots taken from
// now on are at `stored` or later.
// Returns false if the store could not be read: what it holds then stays in memory until the object
// is let go again.
bool EngineCore::trim(ObjectState& object, Lsn stored) noexcept {
  if (mutantActive(Mutant::kOverlayDroppedEarly)) stored = object.lastLsn;
  SqlState* sql = object.data.sql.get();
  std::uint32_t pages = 0;
  try {
    if (sql != nullptr) {
      kv::Snapshot snapshot = lmdb_->snapshot();
      std::optional<std::string_view> row =
          snapshot.get(kv::Table::kSpaces, kv::numberKey(object.data.space));
      if (row) pages = SpaceRow::decode(*row).sqlPages;
    }
  } catch (const std::exception&) {
    return false;
  }
  object.data.overlay.dropThrough(stored);
  if (object.alarms) {
    object.alarms->dropThrough(stored);
    if (object.alarms->entries.empty()) object.alarms.reset();
  }
  if (sql != nullptr) {
    sql->pages.dropThrough(stored, pages);
    if (!sql->connection && !sql->pages.hasOverlay()) object.data.sql.reset();
  }
  object.trimmedThrough = stored;
  account(object);
  return true;
}

// ---- history

EngineCore::Lease::Lease(EngineCore& engine, Lsn lsn) : engine_(engine) {
  std::lock_guard lock(engine_.leasesMutex_);
  place_ = engine_.leases_.insert(lsn);
}

EngineCore::Lease::~Lease() {
  std::lock_guard lock(engine_.leasesMutex_);
  engine_.leases_.erase(place_);
}

std::shared_lock<std::shared_mutex> EngineCore::stableStore() {
  Session::releaseStores();
  std::shared_lock lock(storeChanging_);
  if (storeHalfChanged_) {
    checkUsable();
    throw Error(ErrorCode::kNoSpace,
                "the last checkpoint did not get to its end for lack of space; the past can be "
                "looked at again when it does");
  }
  return lock;
}

void EngineCore::endSession(ObjectState& object) {
  Hold hold(*this, object);
  object.sessionBegun = false;
}

// ---- looking at the whole

ObjectInfo EngineCore::describe(const kv::ReadAccess& store, ObjectNumber number,
                                const ObjectRow& row) {
  ObjectInfo info;
  info.name = row.name;
  info.number = number;
  info.space = row.space;
  info.created = row.created;
  info.locationHint = row.locationHint;
  if (std::optional<std::string_view> bytes =
          store.get(kv::Table::kSpaces, kv::numberKey(row.space))) {
    SpaceRow space = SpaceRow::decode(*bytes);
    info.lastCommit = space.lastLsn;
    info.size = {space.kvKeys, space.kvBytes, std::uint64_t{space.sqlPages} * sql::kPageBytes};
  }
  if (std::optional<std::string_view> alarm =
          store.get(kv::Table::kAlarms, alarms::tableKey(number, alarms::kDefaultName))) {
    info.alarm = alarms::Alarm::decode(*alarm).time;
  }
  return info;
}

std::vector<ObjectInfo> EngineCore::objects(std::string_view className, std::string_view startAfter,
                                            std::size_t limit) {
  checkpoint();
  ClassNumber number;
  {
    std::lock_guard lock(classesMutex_);
    auto found = classes_.find(className);
    if (found == classes_.end())
      throw Error(ErrorCode::kNotFound, fmt::format("no class is named {}", className));
    number = found->second->number;
  }
  std::vector<ObjectInfo> found;
  kv::Snapshot snapshot = lmdb_->snapshot();
  std::string prefix = nameKey(number, {});
  std::string from = nameKey(number, startAfter);
  if (!startAfter.empty()) from.push_back('\0');
  kv::Cursor cursor = snapshot.cursor(kv::Table::kNames);
  for (bool more = cursor.seek(from);
       more && cursor.key().starts_with(prefix) && found.size() < limit; more = cursor.next()) {
    ObjectNumber object(loadBigEndian64(cursor.value().data()));
    std::optional<std::string_view> row = snapshot.get(kv::Table::kObjects, cursor.value());
    if (!row)
      throw Error(ErrorCode::kDamaged,
                  fmt::format("store: object {} is named but missing", object.value()));
    ObjectRow decoded = ObjectRow::decode(*row);
    if (decoded.space.isZero()) continue;
    found.push_back(describe(snapshot, object, decoded));
    found.back().className = std::string(className);
  }
  return found;
}

std::vector<ClassInfo> EngineCore::classes() {
  checkpoint();
  kv::Snapshot snapshot = lmdb_->snapshot();
  std::vector<ClassInfo> found;
  std::lock_guard lock(classesMutex_);
  for (const auto& [name, entry] : classes_) {
    if (!entry->defined || isHidden(name)) continue;
    ClassInfo info{name, entry->backend, 0};
    std::string prefix = nameKey(entry->number, {});
    kv::Cursor cursor = snapshot.cursor(kv::Table::kNames);
    for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix);
         more = cursor.next()) {
      std::optional<std::string_view> row = snapshot.get(kv::Table::kObjects, cursor.value());
      if (row && !ObjectRow::decode(*row).space.isZero()) ++info.objects;
    }
    found.push_back(std::move(info));
  }
  return found;
}

EngineStats EngineCore::stats() {
  EngineStats stats;
  if (readOnly()) return stats;
  Journal::Stats journal = journal_->stats();
  stats.commits = journal.commits;
  stats.journalBlocks = journal.blocks;
  stats.journalRawBytes = journal.rawBytes;
  stats.journalWrittenBytes = journal.writtenBytes;
  stats.journalLiveBytes = journal_->liveBytes();
  stats.groupCommits = journal.groupCommits;
  stats.journalWriteNs = journal.writeNs;
  stats.rounds = rounds_;
  stats.roundKeys = roundKeys_;
  stats.roundPages = roundPages_;
  stats.roundNanoseconds = roundNanoseconds_;
  stats.dirtyBytes = budget_.used();
  stats.openObjects = table_.size();
  stats.openConnections = connections_->count();
  stats.historyBytes = historyBytes_;
  stats.historyExpiredBytes = historyExpiredBytes_;
  stats.historyCutBytes = historyCutBytes_;
  {
    kv::Snapshot snapshot = lmdb_->snapshot();
    StoreState state = StoreState::load(snapshot).value();
    stats.historyStoredBytes = storedHistoryBytes(snapshot);
    stats.historyFrom = state.historyLsn;
    stats.historyFromTime = state.historyTime;
  }
  stats.storeBytes = lmdb_->size().fileBytes;
  // In this order none passes the one that it follows.
  stats.storedLsn = storedLsn();
  stats.durableLsn = journal_->durable();
  stats.lastLsn = journal_->lastAssigned();
  return stats;
}

}  // namespace cairn
