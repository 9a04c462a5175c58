#include "engine/session.h"

#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/engine_core.h"
#include "kv/keys.h"

namespace cairn {

namespace {

constexpr std::string_view kDatabaseDeleted =
    "the SQLite query was canceled because the database was deleted";

}  // namespace

Session::Session(EngineCore& engine) : engine_(engine), kv_(*this), alarms_(*this) {}

void Session::attach(ObjectState& object) {
  CAIRN_CHECK(object_ == nullptr && !record_ && scopes_.empty());
  object_ = &object;
  if (!object.alarms)
    object.alarms = spareAlarms_ ? std::move(spareAlarms_) : std::make_unique<alarms::Overlay>();
  bindData();
}

void Session::bindData() {
  kv_.bind(object_->data.space, object_->data.overlay);
  alarms_.bind(*object_->alarms);
}

void Session::detach() {
  CAIRN_CHECK(!record_);
  releaseStore();
  if (object_->alarms->entries.empty()) spareAlarms_ = std::move(object_->alarms);
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
    record_ = RecordRef::make(object_->data.space);
    if (object_->data.space.isZero()) beginCreation();
    emptyOpsBytes_ = record_->ops.size();
  }
  return record_;
}

// The object does not exist, or was deleted: this commit gives it a space, and a number if it never
// had one.
void Session::beginCreation() {
  ClassEntry& classEntry = object_->classEntry;
  if (!classEntry.defined.load(std::memory_order_acquire)) {
    appendOp(record_->ops,
             DefineClassOp{classEntry.number, static_cast<std::uint8_t>(classEntry.backend),
                           classEntry.name});
  }
  newNumber_ = object_->number;
  if (newNumber_.isZero()) {
    newNumber_ = engine_.newObjectNumber();
    appendOp(record_->ops, CreateObjectOp{newNumber_, classEntry.number, object_->name});
  }
  record_->space = engine_.newSpace();
  appendOp(record_->ops, PointObjectOp{newNumber_, SpaceId(), record_->space});
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

void Session::write(std::string_view key, std::string_view value) {
  const Limits& limits = engine_.limits();
  if (object_->classEntry.backend == Backend::kKeyValue) {
    if (key.size() > limits.legacyKeyBytesMax) {
      throw Error(ErrorCode::kLimitExceeded, fmt::format("a key of {} bytes, {} are allowed",
                                                         key.size(), limits.legacyKeyBytesMax));
    }
    if (value.size() > limits.legacyValueBytesMax) {
      throw Error(ErrorCode::kLimitExceeded, fmt::format("a value of {} bytes, {} are allowed",
                                                         value.size(), limits.legacyValueBytesMax));
    }
  } else if (key.size() + value.size() > limits.kvPairBytesMax) {
    throw Error(ErrorCode::kLimitExceeded,
                fmt::format("key and value of {} + {} bytes, {} are allowed together", key.size(),
                            value.size(), limits.kvPairBytesMax));
  }
  openRecord();
  refuseOversize(key.size() + value.size());
  onlyFrees_ = false;
  kv_.put(key, value);
}

bool Session::remove(std::string_view key) {
  checkUsable();
  return kv_.erase(key);
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
    state.connection =
        std::make_unique<sql::Connection>(engine_.vfs(), state.pages, engine_.limits());
    engine_.connections().opened(*object_);
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
      kv_.rollback(scope.kv);
      alarms_.rollback(scope.alarms);
      record_->ops.truncate(scope.opsBytes);
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
  if (state == nullptr || !state->connection) return;
  state->connection->commit();
  sqlCommitted_ = true;
  if (state->pages.changed()) state->pages.collect(record_->ops);
}

Lsn Session::submit() {
  if (record_->ops.capacity() > record_->ops.size() + record_->ops.size() / 4 + 64)
    record_->ops.shrinkToFit();
  Journal::Purpose purpose =
      onlyFrees_ ? Journal::Purpose::kFreesSpace : Journal::Purpose::kOrdinary;
  Lsn lsn = engine_.submit(*object_, record_, purpose);
  object_->classEntry.defined.store(true, std::memory_order_release);
  object_->lastLsn = lsn;
  object_->number = objectNumber();
  if (!left_) object_->data.space = record_->space;
  if (object_->data.sql) {
    object_->data.sql->pages.assign(object_->data.space);
    object_->data.sql->pages.commit(lsn);
  }
  return lsn;
}

void Session::finish() {
  left_.reset();
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
  SqlState* state = object_->data.sql.get();
  if (state != nullptr && state->connection) {
    if (sqlCommitted_ && state->pages.changed()) {
      // SQLite believes that its changes were made: it has to read the pages anew.
      state->connection->cancelCursors("the turn was rolled back");
      state->pages.discard();
      engine_.connections().close(*object_);
    } else {
      state->connection->rollback();
    }
  }
  if (left_) {
    engine_.connections().close(*object_);
    object_->data = std::move(*left_);
  }
  finish();
}

void Session::abandon() noexcept {
  scopes_.clear();
  undo();
}

// ---- the whole object at once

void Session::deleteAll(const DeleteAllOptions& options) {
  checkUsable();
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "deleteAll() cannot be called within a transaction");
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

void Session::moveToFreshSpace() {
  bool onlyFreedSoFar = !record_ || onlyFrees_;
  openRecord();
  kv_.rollback({});
  if (object_->data.sql && object_->data.sql->connection) {
    object_->data.sql->connection->cancelCursors(std::string(kDatabaseDeleted));
    object_->data.sql->connection->rollback();
    engine_.connections().close(*object_);
  }
  // A second deleteAll of one turn leaves the space that the first one took, which never saw a
  // commit.
  RecordRef record = RecordRef::make(SpaceId());
  SpaceId before = left_ ? left_->space : object_->data.space;
  SpaceId after = engine_.newSpace();
  record->space = after;
  appendOp(record->ops, PointObjectOp{object_->number, before, after});
  alarms_.moveTo(record);
  kv_.finish();
  record_ = std::move(record);
  emptyOpsBytes_ = 0;
  if (!left_) left_ = std::move(object_->data);
  object_->data = ObjectData{};
  object_->data.space = after;
  onlyFrees_ = onlyFreedSoFar;
  bindData();
}

void Session::deleteObject() {
  checkUsable();
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "an object cannot be deleted within a transaction");
  if (object_->data.space.isZero()) return;
  moveToFreshSpace();
  record_->ops.clear();
  record_->space = left_->space;
  appendOp(record_->ops, PointObjectOp{object_->number, left_->space, SpaceId()});
  for (const std::string& name : alarms_.names()) alarms_.clear(name);
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
