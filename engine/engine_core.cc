#include "engine/engine_core.h"

#include <algorithm>
#include <cairn/error.h>
#include <chrono>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/journal_scan.h"
#include "engine/object_names.h"
#include "engine/sweeper.h"
#include "kv/keys.h"

namespace cairn {

namespace {

// Turns of this thread that are in progress: an inner one must not wait for a round, which may wait
// for the outer one's snapshot.
thread_local unsigned turnDepth = 0;

// Memory a queued record takes beside its ops.
constexpr std::uint64_t kRecordOverhead = 128;
// How often the checkpointer looks whether the engine has become idle.
constexpr std::chrono::milliseconds kIdleLook{200};
// Keys of dropped spaces removed in one transaction.
constexpr std::size_t kSweepKeys = 20'000;

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

EngineCore::EngineCore(const EngineOptions& options)
    : options_((checkOptions(options), options)),
      root_(Root::open(*options.fileSystem, options.root, options.clock->now())),
      budget_(options.dirtyBytesSoft, options.dirtyBytesHard) {
  FileSystem& fileSystem = *options_.fileSystem;
  recovery_.created = root_.created();
  lmdb_ = std::make_unique<kv::Environment>(
      kv::Environment::Options{.directory = root_.store(), .mapBytes = options_.storeMapBytes});
  pageFiles_ = std::make_unique<sql::PageFiles>(fileSystem, root_.sql());
  scratch_ = std::make_unique<sql::Scratch>(fileSystem, root_.scratch(), root_.id().seed());
  vfs_ = std::make_unique<sql::Vfs>(clock());
  connections_ = std::make_unique<SqlConnections>(options_.sqlConnectionsMax);
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
  for (std::uint64_t number : scan.abandoned) {
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

  Stores stores{*lmdb_, *pageFiles_, *scratch_};
  // A complete scratch newer than the store is a round that a crash interrupted: it is finished as
  // it was begun.
  std::optional<Lsn> scratchLsn = scratch_->completeThrough();
  auto interrupted = records.begin();
  if (scratchLsn && *scratchLsn > storeState_.lsn) {
    interrupted = std::find_if(records.begin(), records.end(),
                               [&](const RecordRef& record) { return record->lsn > *scratchLsn; });
    std::vector<RecordRef> first(records.begin(), interrupted);
    scratch_->apply(*pageFiles_);
    finishRound(Round(stores, first, *scratchLsn)
                    .run(storeState_, journal_->firstSegmentNeeded(*scratchLsn), true));
    recovery_.scratchApplied = true;
  }
  // The cut is where numbering goes on: after an unclean end that is beyond the last commit.
  std::vector<RecordRef> rest(interrupted, records.end());
  Lsn cut = journal_->durable();
  finishRound(Round(stores, rest, cut).run(storeState_, journal_->firstSegmentNeeded(cut), false));
}

void EngineCore::finishRound(const Round::Result& result) {
  storeState_ = result.state;
  storedLsn_.store(storeState_.lsn.value(), std::memory_order_release);
  journal_->retireBelow(storeState_.journalSegment);
  rounds_ += 1;
  roundKeys_ += result.keysWritten;
  roundPages_ += result.pagesWritten;
}

void EngineCore::loadClasses() {
  nextObject_ = storeState_.nextObject.value();
  nextSpace_ = storeState_.nextSpace.value();
  nextClass_ = storeState_.nextClass.value();
  kv::Snapshot snapshot = lmdb_->snapshot();
  kv::Cursor cursor = snapshot.cursor(kv::Table::kClasses);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    ClassRow row = ClassRow::decode(cursor.value());
    if (row.name.empty()) continue;
    auto entry = std::make_unique<ClassEntry>();
    entry->name = row.name;
    entry->number = ClassNumber(loadBigEndian64(cursor.key().data()));
    entry->backend = row.backend;
    entry->defined = true;
    classes_.emplace(row.name, std::move(entry));
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
  if (checkpointer_.joinable()) checkpointer_.join();
  connections_->closeIdle();
  if (journal_ && !isBroken_) journal_->close();
  if (failure) std::rethrow_exception(failure);
}

void EngineCore::checkUsable() const {
  if (!isBroken_.load(std::memory_order_acquire)) return;
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
  object.data.space = ObjectRow::decode(*row).space;
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
  }
  return std::make_unique<Session>(*this);
}

void EngineCore::giveSession(std::unique_ptr<Session> session) {
  std::lock_guard lock(sessionsMutex_);
  sessions_.push_back(std::move(session));
}

Ticket EngineCore::runTurn(ObjectState& object, const std::function<void(Session&)>& work) {
  struct Counted {
    std::atomic<unsigned>& running;
    explicit Counted(std::atomic<unsigned>& counter) : running(counter) {
      ++running;
      ++turnDepth;
    }
    ~Counted() {
      --turnDepth;
      --running;
    }
  };
  if (turnDepth == 0 && budget_.overHard()) {
    wakeCheckpointer();
    budget_.waitBelowHard([this] { return closing_.load() || isBroken_.load(); });
  }
  Counted counted(turnsRunning_);
  if (closing_) throw Error(ErrorCode::kBroken, "the engine is closed");
  checkUsable();
  if (object.turnThread.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
    throw Error(ErrorCode::kConflict,
                fmt::format("a turn of object {} inside a turn of the same object", object.name));
  }
  std::unique_ptr<Session> session = takeSession();
  object.turn.lock();
  object.turnThread.store(std::this_thread::get_id(), std::memory_order_relaxed);
  session->attach(object);
  std::exception_ptr thrown;
  Lsn lsn;
  try {
    try {
      work(*session);
    } catch (...) {
      thrown = std::current_exception();
    }
    lsn = session->commit();
  } catch (...) {
    thrown = std::current_exception();
  }
  session->detach();
  account(object);
  object.turnThread.store(std::thread::id(), std::memory_order_relaxed);
  letGo(object);
  giveSession(std::move(session));
  if (thrown) std::rethrow_exception(thrown);
  return {*this, lsn};
}

Lsn EngineCore::submit(ObjectState& object, const RecordRef& record, Journal::Purpose purpose) {
  record->owner = &object;
  Lsn lsn = journal_->submit(record, purpose);
  if (!object.pinned) {
    object.pinned = true;
    ObjectTable::retain(object);
  }
  budget_.add(static_cast<std::int64_t>(record->ops.capacity() + kRecordOverhead));
  lastCommitNs_.store(clock().monotonic().count(), std::memory_order_relaxed);
  if (checkpointerAsleep_.load(std::memory_order_relaxed) ||
      (budget_.overSoft() && !softSignaled_.exchange(true, std::memory_order_relaxed))) {
    wakeCheckpointer();
  }
  return lsn;
}

// Keeps the budget in step with what the object holds in memory.
void EngineCore::account(ObjectState& object) {
  std::uint64_t now = object.data.memoryBytes();
  if (now == object.accountedBytes) return;
  budget_.add(static_cast<std::int64_t>(now) - static_cast<std::int64_t>(object.accountedBytes));
  object.accountedBytes = now;
}

// Ends the turn. Rounds leave word in `storedThrough` and drop what the store holds if they can
// have the object; if they cannot, whoever has it sees the word when letting it go.
void EngineCore::letGo(ObjectState& object) {
  for (;;) {
    Lsn stored(object.storedThrough.load());
    if (stored > object.trimmedThrough) trim(object, stored);
    bool unpin = object.pinned && object.lastLsn <= stored;
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
void EngineCore::trim(ObjectState& object, Lsn stored) {
  object.data.overlay.dropThrough(stored);
  if (object.alarms) {
    object.alarms->dropThrough(stored);
    if (object.alarms->entries.empty()) object.alarms.reset();
  }
  if (SqlState* state = object.data.sql.get()) {
    kv::Snapshot snapshot = lmdb_->snapshot();
    std::optional<std::string_view> row =
        snapshot.get(kv::Table::kSpaces, kv::numberKey(object.data.space));
    state->pages.dropThrough(stored, row ? SpaceRow::decode(*row).sqlPages : 0);
    if (!state->connection && !state->pages.hasOverlay()) object.data.sql.reset();
  }
  object.trimmedThrough = stored;
  account(object);
}

// ---- rounds

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
      return roundWanted_ || roundsAsked_ != roundsDone_ || stopCheckpointer_;
    };
    if (unstoredCommits()) {
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
    try {
      journal_->refill();
      if (explicitly || roundDue()) runRound();
      while (sweepSome({*lmdb_, *pageFiles_, *scratch_}, clock().now(), kSweepKeys) && !closing_) {
      }
    } catch (const Error& error) {
      failure = std::current_exception();
      if (error.code() != ErrorCode::kNoSpace) breakWith(failure);
    } catch (...) {
      failure = std::current_exception();
      breakWith(failure);
    }
    lock.lock();
    roundFailure_ = failure;
    roundsDone_ = serving;
    checkpointDone_.notify_all();
    // A full disk is tried again, but not in a tight loop.
    if (failure && !stopCheckpointer_) checkpointWake_.wait_for(lock, kIdleLook);
  }
}

bool EngineCore::unstoredCommits() const { return journal_->lastAssigned() > storedLsn(); }

bool EngineCore::roundDue() {
  if (isBroken_) return false;
  if (budget_.overSoft() || journal_->liveBytes() > options_.journalBytesMax) return true;
  std::int64_t idleNs = clock().monotonic().count() - lastCommitNs_.load(std::memory_order_relaxed);
  return idleNs >= options_.idleCheckpointMs * 1'000'000;
}

void EngineCore::runRound() {
  auto begin = std::chrono::steady_clock::now();
  softSignaled_ = false;
  journal_->wait(journal_->lastAssigned());
  journal_->takeDurable(unstored_);
  if (unstored_.empty()) return;
  Lsn cut = unstored_.back()->lsn;
  Round round({*lmdb_, *pageFiles_, *scratch_}, unstored_, cut);
  finishRound(round.run(storeState_, journal_->firstSegmentNeeded(cut), false));
  scratch_->shrink(options_.dirtyBytesSoft);

  std::uint64_t recordBytes = 0;
  for (const RecordRef& record : unstored_) recordBytes += record->ops.capacity() + kRecordOverhead;
  trimOwners();
  unstored_.clear();
  budget_.add(-static_cast<std::int64_t>(recordBytes));
  roundNanoseconds_ += static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin)
          .count());
}

// Tells every object with commits in the round how far the store is. Until it is told, an object is
// pinned.
void EngineCore::trimOwners() {
  std::vector<ObjectState*> owners;
  for (const RecordRef& record : unstored_) {
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
  Lsn target = journal_->lastAssigned();
  journal_->wait(target);
  if (storedLsn() >= target) return;
  std::unique_lock lock(checkpointMutex_);
  std::uint64_t mine = ++roundsAsked_;
  checkpointWake_.notify_one();
  checkpointDone_.wait(lock, [&] { return roundsDone_ >= mine || stopCheckpointer_; });
  if (storedLsn() >= target) return;
  if (roundFailure_) std::rethrow_exception(roundFailure_);
  checkUsable();
}

// ---- looking at the whole

ObjectInfo EngineCore::describe(const kv::ReadAccess& store, ObjectNumber number,
                                const ObjectRow& row) {
  ObjectInfo info;
  info.name = row.name;
  info.number = number;
  info.space = row.space;
  info.created = row.created;
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
    if (!entry->defined) continue;
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
  Journal::Stats journal = journal_->stats();
  stats.commits = journal.commits;
  stats.journalBlocks = journal.blocks;
  stats.journalRawBytes = journal.rawBytes;
  stats.journalWrittenBytes = journal.writtenBytes;
  stats.journalLiveBytes = journal_->liveBytes();
  stats.rounds = rounds_;
  stats.roundKeys = roundKeys_;
  stats.roundPages = roundPages_;
  stats.roundNanoseconds = roundNanoseconds_;
  stats.dirtyBytes = budget_.used();
  stats.openObjects = table_.size();
  stats.openConnections = connections_->count();
  stats.storeBytes = lmdb_->size().fileBytes;
  stats.lastLsn = journal_->lastAssigned();
  stats.durableLsn = journal_->durable();
  stats.storedLsn = storedLsn();
  return stats;
}

}  // namespace cairn
