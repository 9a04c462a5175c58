#include "engine/session.h"

#include <cairn/error.h>
#include <utility>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/mutant.h"
#include "engine/engine_core.h"
#include "kv/keys.h"

namespace cairn {

namespace {

constexpr std::string_view kDatabaseDeleted =
    "the SQLite query was canceled because the database was deleted";

thread_local Session* innermost = nullptr;

}  // namespace

Session::Session(EngineCore& engine) : engine_(engine), kv_(*this), alarms_(*this) {}

void Session::attach(ObjectState& object) {
  CAIRN_CHECK(object_ == nullptr && !record_ && scopes_.empty());
  object_ = &object;
  if (!object.alarms)
    object.alarms = spareAlarms_ ? std::move(spareAlarms_) : std::make_unique<alarms::Overlay>();
  cpu_ = {};
  resume();
  bindData();
}

void Session::resume() {
  outer_ = std::exchange(innermost, this);
  ownsCpu_ = sql::CpuBudget::ofTurn() == nullptr;
  if (ownsCpu_) sql::CpuBudget::enterTurn(&cpu_);
}

void Session::pause() {
  releaseStore();
  if (std::exchange(ownsCpu_, false)) sql::CpuBudget::enterTurn(nullptr);
  Session** at = &innermost;
  while (*at != nullptr && *at != this) at = &(*at)->outer_;
  if (*at != nullptr) *at = outer_;
  outer_ = nullptr;
}

void Session::releaseStores() {
  for (Session* session = innermost; session != nullptr; session = session->outer_)
    session->releaseStore();
}

void Session::bindData() {
  kv_.bind(object_->data.space, object_->data.overlay);
  alarms_.bind(*object_->alarms);
}

void Session::detach() {
  CAIRN_CHECK(!record_);
  pause();
  if (object_->alarms && object_->alarms->entries.empty())
    spareAlarms_ = std::move(object_->alarms);
  doomed_ = nullptr;
  object_ = nullptr;
}

void Session::releaseStore() {
  if (!snapshot_) return;
  snapshot_ = {};
  ++storeGeneration_;
}

void Session::checkUsable() const {
  if (!doomed_) return;
  try {
    std::rethrow_exception(doomed_);
  } catch (const std::exception& cause) {
    throw Error(ErrorCode::kRolledBack,
                fmt::format("the turn's transaction was rolled back: {}", cause.what()));
  }
}

void Session::doom(std::exception_ptr cause) {
  if (!doomed_) doomed_ = std::move(cause);
}

// ---- what the parts ask for

const RecordRef& Session::openRecord() {
  checkUsable();
  if (!record_) {
    engine_.checkUsable();
    RecordRef record = RecordRef::make(object_->data.space);
    if (object_->data.space.isZero()) beginCreation(*record);
    emptyOpsBytes_ = record->ops.size();
    record_ = std::move(record);
  }
  return record_;
}

// The object does not exist, or was deleted: this commit gives it a space, and a number if it never
// had one.
void Session::beginCreation(Record& record) {
  ClassEntry& classEntry = object_->classEntry;
  if (!classEntry.defined.load(std::memory_order_acquire)) {
    appendOp(record.ops,
             DefineClassOp{classEntry.number, static_cast<std::uint8_t>(classEntry.backend),
                           classEntry.name});
  }
  // The rows of a deleted object may have been swept since.
  newNumber_ = object_->number.isZero() ? engine_.newObjectNumber() : object_->number;
  appendOp(record.ops, CreateObjectOp{newNumber_, classEntry.number, object_->name});
  if (!object_->locationHint.empty())
    appendOp(record.ops, LocateObjectOp{newNumber_, object_->locationHint});
  record.space = engine_.newSpace();
  appendOp(record.ops, PointObjectOp{newNumber_, SpaceId(), record.space});
}

ObjectNumber Session::objectNumber() const {
  return object_->number.isZero() ? newNumber_ : object_->number;
}

const kv::ReadAccess& Session::store() {
  if (!snapshot_) snapshot_ = engine_.lmdb().snapshot();
  return snapshot_;
}

void Session::requireSqlite(const char* what) const {
  if (object_->classEntry.backend == Backend::kSqlite) return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("{} needs a SQLite-backed class; class {} is a legacy key-value class",
                          what, object_->classEntry.name));
}

kv::Turn& Session::reading() {
  checkUsable();
  return kv_;
}

std::optional<std::string_view> Session::read(std::string_view key) {
  checkUsable();
  return kv_.get(key);
}

void Session::checkPairSize(std::string_view key, std::string_view value) const {
  const Limits& limits = engine_.limits();
  auto refuse = [&](const std::string& what, std::size_t allowed) {
    throw Error(ErrorCode::kLimitExceeded,
                fmt::format("{}: {} bytes, {} are allowed", kv::nameKey(key), what, allowed));
  };
  if (object_->classEntry.backend == Backend::kKeyValue) {
    if (key.size() > limits.legacyKeyBytesMax)
      refuse(fmt::format("the key has {}", key.size()), limits.legacyKeyBytesMax);
    if (value.size() > limits.legacyValueBytesMax)
      refuse(fmt::format("the value has {}", value.size()), limits.legacyValueBytesMax);
  } else if (key.size() + value.size() > limits.kvPairBytesMax) {
    refuse(fmt::format("key and value together have {} + {}", key.size(), value.size()),
           limits.kvPairBytesMax);
  }
}

void Session::write(std::string_view key, std::string_view value) {
  checkPairSize(key, value);
  checkUsable();
  refuseOverLimit(key.size() + value.size());
  openRecord();
  refuseOversize(key.size() + value.size());
  onlyFrees_ = false;
  kv_.put(key, value);
}

bool Session::remove(std::string_view key) {
  checkUsable();
  return kv_.erase(key);
}

// The bound grows with every write and is measured anew only where it meets the limit.
void Session::refuseOverLimit(std::size_t more) {
  std::uint64_t limit = engine_.limits().objectBytesMax;
  std::uint64_t& bound = bytesBound();
  if (bound + more > limit) {
    StorageSize now = size();
    bound = now.kvBytes + now.sqlBytes;
    if (bound + more > limit) {
      throw Error(ErrorCode::kNoSpace,
                  fmt::format("object {} takes {} bytes and would take {} more, {} are allowed",
                              object_->name, bound, more, limit));
    }
  }
  bound += more;
}

std::uint64_t& Session::bytesBound() {
  std::optional<std::uint64_t>& bound = object_->data.bytesBound;
  if (!bound) {
    std::optional<SpaceRow> row = storedRow();
    std::uint64_t pages = row ? row->sqlPages : 0;
    if (object_->data.sql) pages = object_->data.sql->pages.committedPageCount();
    bound =
        object_->data.overlay.memoryBytes() + (row ? row->kvBytes : 0) + pages * sql::kPageBytes;
  }
  return *bound;
}

// SQLite has committed to `pages`; the engine has not.
void Session::refuseSqlGrowth(const sql::PageSpace& pages) {
  if (pages.pageCount() <= pages.committedPageCount()) return;
  std::uint64_t limit = engine_.limits().objectBytesMax;
  std::uint64_t more =
      std::uint64_t{pages.pageCount() - pages.committedPageCount()} * sql::kPageBytes;
  std::uint64_t& bound = bytesBound();
  bound += more;
  if (bound <= limit) return;
  StorageSize now = size();
  bound = now.kvBytes + now.sqlBytes;
  if (bound <= limit) return;
  object_->data.bytesBound.reset();
  throw Error(ErrorCode::kNoSpace,
              fmt::format("object {} would take {} bytes of key-value pairs and {} of SQL, {} more "
                          "than before, {} are allowed",
                          object_->name, now.kvBytes, now.sqlBytes, more, limit));
}

void Session::refuseOversize(std::size_t more) {
  std::size_t size = record_->ops.size() + more;
  if (size <= engine_.limits().transactionBytesMax) return;
  Error error(ErrorCode::kLimitExceeded, fmt::format("a transaction of {} bytes, {} are allowed",
                                                     size, engine_.limits().transactionBytesMax));
  doom(std::make_exception_ptr(error));
  throw error;
}

alarms::Turn& Session::alarms() {
  checkUsable();
  return alarms_;
}

const Clock& Session::clock() const { return engine_.clock(); }

SqlState& Session::sqlState() {
  if (!object_->data.sql) {
    std::optional<SpaceRow> row = storedRow();
    object_->data.sql = std::make_unique<SqlState>(engine_.pageFiles(), object_->data.space,
                                                   row ? row->sqlPages : 0);
  }
  return *object_->data.sql;
}

sql::Connection& Session::connection() {
  checkUsable();
  requireSqlite("SQL");
  SqlState& state = sqlState();
  if (!state.connection) {
    auto opened = std::make_unique<sql::Connection>(engine_.vfs(), state.pages, engine_.limits());
    engine_.connections().opened(*object_);
    state.connection = std::move(opened);
  } else {
    engine_.connections().used(*object_);
  }
  onlyFrees_ = false;
  return *state.connection;
}

bool Session::hasDatabase() {
  checkUsable();
  requireSqlite("SQL");
  if (object_->data.sql) return true;
  std::optional<SpaceRow> row = storedRow();
  return row && row->sqlPages > 0;
}

std::optional<SpaceRow> Session::storedRow() {
  if (object_->data.space.isZero()) return std::nullopt;
  std::optional<std::string_view> row =
      store().get(kv::Table::kSpaces, kv::numberKey(object_->data.space));
  if (!row) return std::nullopt;
  return SpaceRow::decode(*row);
}

// ---- scopes

void Session::enterScope() {
  openRecord();
  scopes_.reserve(scopes_.size() + 1);
  Scope scope{kv_.mark(), alarms_.mark(), record_->ops.size()};
  scopes_.push_back(scope);
}

void Session::releaseScope() {
  checkUsable();
  if (object_->data.sql && object_->data.sql->connection)
    object_->data.sql->connection->releaseScope(scopes());
  kv_.release(scopes_.back().kv);
  scopes_.pop_back();
}

void Session::rollbackScope() noexcept {
  Scope scope = scopes_.back();
  if (!doomed_) {
    try {
      if (object_->data.sql && object_->data.sql->connection)
        object_->data.sql->connection->rollbackScope(scopes());
      if (!mutantActive(Mutant::kRollbackKeepsKeys)) kv_.rollback(scope.kv);
      if (!mutantActive(Mutant::kRollbackKeepsAlarm)) alarms_.rollback(scope.alarms);
      if (!mutantActive(Mutant::kRollbackKeepsRecord)) record_->ops.truncate(scope.opsBytes);
    } catch (...) {
      doom(std::current_exception());
    }
  }
  scopes_.pop_back();
}

// ---- the end of a transaction

Lsn Session::commit() {
  CAIRN_CHECK(scopes_.empty());
  if (doomed_) {
    undo();
    checkUsable();
  }
  if (!record_) return object_->lastLsn;
  try {
    collectPages();
    if (record_->ops.size() == emptyOpsBytes_ && !left_) {
      undo();
      return object_->lastLsn;
    }
    refuseOversize(0);
    submit();
  } catch (const Error& error) {
    undo();
    ErrorCode code = error.code() == ErrorCode::kSql || error.code() == ErrorCode::kLimitExceeded
                         ? ErrorCode::kRolledBack
                         : error.code();
    throw Error(code, fmt::format("the turn was rolled back: {}", error.what()));
  } catch (...) {
    undo();
    throw;
  }
  finish();
  return object_->lastLsn;
}

void Session::collectPages() {
  SqlState* state = object_->data.sql.get();
  if (state == nullptr) return;
  if (state->connection) {
    bool wrote = state->connection->inTransaction();
    state->connection->commit();
    sqlCommitted_ = true;
    if (wrote) refuseSqlGrowth(state->pages);
  }
  if (state->pages.changed()) state->pages.collect(record_->ops);
}

Lsn Session::submit() {
  if (record_->ops.capacity() > record_->ops.size() + record_->ops.size() / 4 + 64)
    record_->ops.shrinkToFit();
  Journal::Purpose purpose =
      onlyFrees_ ? Journal::Purpose::kFreesSpace : Journal::Purpose::kOrdinary;
  lastCommitBytes_ = record_->ops.size();
  Lsn lsn = engine_.submit(*object_, record_, purpose);
  try {
    submitted(lsn);
  } catch (...) {
    // The journal has the commit and memory a part of it.
    engine_.breakWith(std::current_exception());
    engine_.checkUsable();
  }
  return lsn;
}

void Session::submitted(Lsn lsn) {
  object_->classEntry.defined.store(true, std::memory_order_release);
  object_->lastLsn = lsn;
  object_->number = objectNumber();
  if (!left_) object_->data.space = record_->space;
  if (object_->data.sql) {
    object_->data.sql->pages.assign(object_->data.space);
    object_->data.sql->pages.commit(lsn);
  }
  alarms_.forEachChanged([&](std::string_view name, const std::optional<alarms::Alarm>& alarm) {
    engine_.alarmCommitted({*object_, name, alarm, lsn});
  });
}

void Session::finish() {
  if (left_) {
    engine_.discard(std::move(left_->overlay));
    left_.reset();
  }
  kv_.finish();
  alarms_.finish();
  record_ = {};
  newNumber_ = ObjectNumber();
  sqlCommitted_ = false;
  onlyFrees_ = true;
  bindData();
}

void Session::undo() noexcept {
  if (record_) {
    alarms_.rollback({});
    kv_.rollback({});
  }
  if (SqlState* state = object_->data.sql.get()) {
    if (state->connection && !sqlCommitted_) state->connection->rollback();
    // SQLite has committed, or a restore wrote pages without it.
    if (state->pages.changed()) {
      if (!mutantActive(Mutant::kFailedTurnKeepsPages)) state->pages.discard();
      if (state->connection) {
        // It believes that its changes were made: it has to read the pages anew.
        state->connection->cancelCursors("the turn was rolled back");
        engine_.connections().close(*object_);
      }
    }
  }
  if (left_) {
    engine_.connections().close(*object_);
    object_->data = std::move(*left_);
    left_.reset();
  }
  finish();
}

void Session::abandon() noexcept {
  scopes_.clear();
  undo();
}

void Session::defineClass(const DefineClassOp& op) {
  openRecord();
  onlyFrees_ = false;
  appendOp(record_->ops, op);
}

// ---- the whole object at once

void Session::deleteAll(const DeleteAllOptions& options) {
  checkUsable();
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "deleteAll() cannot be called within a transaction");
  try {
    emptyObject(options);
  } catch (...) {
    // Half of it is no state to commit.
    doom(std::current_exception());
    throw;
  }
}

void Session::emptyObject(const DeleteAllOptions& options) {
  if (object_->data.space.isZero() && !left_) {
    // The object has nothing but what this turn wrote, and its alarms do not count as that.
    std::vector<std::pair<std::string, alarms::Alarm>> kept;
    for (const std::string& name : alarms_.names()) kept.emplace_back(name, *alarms_.get(name));
    undo();
    if (!options.deleteAlarm) {
      for (const auto& [name, alarm] : kept) alarms_.set(name, alarm);
    }
    return;
  }
  moveToFreshSpace();
  if (options.deleteAlarm) {
    for (const std::string& name : alarms_.names()) alarms_.clear(name);
  }
}

// Leaves the object's data, with what this transaction wrote to it, for those of another space.
void Session::pointAt(SpaceId space) {
  openRecord();
  kv_.rollback({});
  if (object_->data.sql && object_->data.sql->connection) {
    object_->data.sql->connection->cancelCursors(std::string(kDatabaseDeleted));
    object_->data.sql->connection->rollback();
    engine_.connections().close(*object_);
  }
  // A second move of one turn leaves the space that the first one took, which never saw a commit.
  RecordRef record = RecordRef::make(SpaceId());
  SpaceId before = left_ ? left_->space : object_->data.space;
  record->space = space;
  appendOp(record->ops, PointObjectOp{object_->number, before, space});
  alarms_.moveTo(record);
  kv_.finish();
  record_ = std::move(record);
  emptyOpsBytes_ = 0;
  if (!left_) left_ = std::move(object_->data);
  object_->data = ObjectData{};
  object_->data.space = space;
  bindData();
}

void Session::moveToFreshSpace() {
  bool onlyFreedSoFar = !record_ || onlyFrees_;
  pointAt(engine_.newSpace());
  onlyFrees_ = onlyFreedSoFar;
}

void Session::deleteObject() {
  checkUsable();
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "an object cannot be deleted within a transaction");
  if (object_->data.space.isZero()) return;
  try {
    moveToFreshSpace();
    record_->ops.clear();
    record_->space = left_->space;
    appendOp(record_->ops, PointObjectOp{object_->number, left_->space, SpaceId()});
    for (const std::string& name : alarms_.names()) alarms_.clear(name);
  } catch (...) {
    doom(std::current_exception());
    throw;
  }
  object_->data.space = SpaceId();
  bindData();
}

void Session::sync() {
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "sync() cannot be called within a transaction");
  Lsn lsn = commit();
  releaseStore();
  engine_.journal().wait(lsn);
}

StorageSize Session::size() {
  checkUsable();
  StorageSize size;
  if (std::optional<SpaceRow> row = storedRow()) {
    size.kvKeys = row->kvKeys;
    size.kvBytes = row->kvBytes;
  }
  SpaceId space = object_->data.space;
  for (const auto& [key, entry] : object_->data.overlay.entries()) {
    std::optional<std::string_view> before;
    if (!space.isZero()) before = store().get(kv::Table::kKv, kv::StoreKey(space, key).view());
    if (before && kv::isLongKey(key)) before = kv::findInBucket(*before, key);
    if (before) {
      --size.kvKeys;
      size.kvBytes -= key.size() + before->size();
    }
    if (!entry.erased) {
      ++size.kvKeys;
      size.kvBytes += key.size() + entry.bytes().size();
    }
  }
  if (object_->classEntry.backend == Backend::kSqlite && hasDatabase())
    size.sqlBytes = connection().databaseSize();
  return size;
}

}  // namespace cairn
