// The public face of an instance's storage.
#include <cairn/durable_object_storage.h>
#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/host/instance.h"
#include "engine/host/storage_access.h"

namespace cairn {

DurableObjectStorage::DurableObjectStorage(host::Instance& instance)
    : instance_(instance),
      access_(std::make_unique<host::StorageAccess>(instance)),
      kv_(*access_),
      sql_(*access_) {}

DurableObjectStorage::~DurableObjectStorage() = default;

SyncKv& DurableObjectStorage::kv() {
  instance_.session().requireSqlite("synchronous key-value storage");
  return kv_;
}

Operation<bool> DurableObjectStorage::erase(std::string_view key, const WriteOptions& options) {
  return host::actNow([&] {
    Unconfirmed unconfirmed(*this, options);
    return kv_.erase(key);
  });
}

Operation<std::vector<std::string>> DurableObjectStorage::keys(const ListOptions& options) {
  return host::actNow([&] {
    std::vector<std::string> keys;
    for (KvCursor cursor = kv_.cursor(options); cursor.next();) keys.emplace_back(cursor.key());
    return keys;
  });
}

Operation<std::uint64_t> DurableObjectStorage::count(std::string_view prefix) {
  return host::actNow([&] { return kv_.count(prefix); });
}

Operation<> DurableObjectStorage::deleteAll(const DeleteAllOptions& options) {
  return host::actNow([&] {
    Storage(instance_.session()).deleteAll(options);
    instance_.wrote();
  });
}

// ---- alarms

Operation<std::optional<UnixMillis>> DurableObjectStorage::getAlarm(std::string_view name,
                                                                    const ReadOptions&) {
  return host::actNow([&] { return instance_.readAlarm(name); });
}

Operation<> DurableObjectStorage::setAlarm(UnixMillis time, const WriteOptions& options) {
  return setAlarm({}, time, options);
}

Operation<> DurableObjectStorage::setAlarm(std::string_view name, UnixMillis time,
                                           const WriteOptions& options) {
  return host::actNow([&] {
    Unconfirmed unconfirmed(*this, options);
    instance_.writeAlarm(name, time);
  });
}

Operation<> DurableObjectStorage::deleteAlarm(std::string_view name, const WriteOptions& options) {
  return host::actNow([&] {
    Unconfirmed unconfirmed(*this, options);
    instance_.clearAlarm(name);
  });
}

std::vector<std::string> DurableObjectStorage::alarmNames() {
  return instance_.session().alarms().names();
}

// ---- durability and history

Operation<> DurableObjectStorage::sync() { return instance_.outputOpen(true); }

StorageSize DurableObjectStorage::size() { return instance_.session().size(); }

Operation<Bookmark> DurableObjectStorage::getCurrentBookmark() {
  return host::actNow([&] {
    instance_.commitNow();
    return Storage(instance_.session()).getCurrentBookmark();
  });
}

Operation<Bookmark> DurableObjectStorage::getBookmarkForTime(UnixMillis time) {
  return host::actNow([&] {
    instance_.commitNow();
    return Storage(instance_.session()).getBookmarkForTime(time);
  });
}

Operation<Bookmark> DurableObjectStorage::onNextSessionRestoreBookmark(const Bookmark& bookmark,
                                                                       AlarmOnRestore alarm) {
  return host::actNow([&] {
    instance_.commitNow();
    Bookmark undo = Storage(instance_.session()).onNextSessionRestoreBookmark(bookmark, alarm);
    instance_.wrote();
    instance_.noteCommit();
    return undo;
  });
}

// ---- transactions

void DurableObjectStorage::enterScope() {
  instance_.session().enterScope();
  instance_.wrote();
}
void DurableObjectStorage::releaseScope() { instance_.session().releaseScope(); }
void DurableObjectStorage::rollbackScope() noexcept {
  // A reset has undone everything already.
  if (!instance_.broken()) instance_.session().rollbackScope();
}

std::shared_ptr<host::SectionResult> DurableObjectStorage::openTransaction(host::SectionBody body) {
  return instance_.openTransaction(std::move(body));
}

void DurableObjectStorage::checkBatch(std::size_t keys) const {
  std::size_t max = instance_.actor().place().core().limits().batchKeysMax;
  if (keys <= max) return;
  throw Error(ErrorCode::kLimitExceeded,
              fmt::format("{} keys in one call, {} are allowed", keys, max));
}

void DurableObjectStorage::refuseUndefined(std::string_view key) {
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("put of an undefined value for key \"{}\"", key));
}

DurableObjectStorage::Unconfirmed::Unconfirmed(DurableObjectStorage& storage,
                                               const WriteOptions& options)
    : access_(options.allowUnconfirmed ? storage.access_.get() : nullptr) {
  if (access_ != nullptr) access_->unconfirmed(1);
}
DurableObjectStorage::Unconfirmed::~Unconfirmed() {
  if (access_ != nullptr) access_->unconfirmed(-1);
}

void Transaction::rollback() {
  if (state_ == State::kEnded) check("rollback");
  instance_.rollback(*this);
}

void Transaction::check(const char* what) const {
  if (state_ == State::kOpen) return;
  throw Error(ErrorCode::kConflict,
              fmt::format("{}() on a transaction that has {}", what,
                          state_ == State::kEnded ? "ended: was it kept beyond its callback?"
                                                  : "been rolled back"));
}

// ---- awaiting

namespace host {

void reportUnobserved(const std::exception_ptr& error) noexcept {
  Instance* instance = Instance::running();
  if (instance == nullptr || !instance->core().logs()) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    instance->core().log(LogLevel::kWarning, "operation_failed_unobserved", &instance->actor().id(),
                         {{"error", exception.what()}});
  } catch (...) {
  }
}

Task<> whenOver(std::shared_ptr<SectionResult> section) {
  return section->scope->instance()->whenOver(section);
}

}  // namespace host

}  // namespace cairn
