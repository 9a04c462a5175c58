// The public face of EngineCore.
#include <cairn/engine.h>
#include <cairn/history.h>

#include "engine/engine_core.h"
#include "engine/object_state.h"
#include "kv/keys.h"

namespace cairn {

ObjectRef::ObjectRef(ObjectState* state) : state_(state) {}
ObjectRef::ObjectRef(const ObjectRef& other) : state_(other.state_) {
  if (state_ != nullptr) ObjectTable::retain(*state_);
}
ObjectRef::~ObjectRef() {
  if (state_ != nullptr) ObjectTable::release(*state_);
}
const std::string& ObjectRef::name() const { return state_->name; }

bool Ticket::durable() const { return engine_ == nullptr || engine_->journal().durable() >= lsn_; }
void Ticket::wait() const {
  if (engine_ == nullptr) return;
  engine_->forkGuard().refuseFork();
  engine_->journal().wait(lsn_);
}

Engine::Engine(std::unique_ptr<EngineCore> core) : core_(std::move(core)) {}
Engine::~Engine() {
  // The threads to be joined, and the journal to be ended, are another process's.
  if (core_->forkGuard().inFork()) static_cast<void>(core_.release());
}

std::unique_ptr<Engine> Engine::open(const EngineOptions& options) {
  return std::unique_ptr<Engine>(new Engine(std::make_unique<EngineCore>(options)));
}

std::unique_ptr<Engine> Engine::openReadOnly(const EngineOptions& options) {
  return std::unique_ptr<Engine>(
      new Engine(std::make_unique<EngineCore>(options, EngineCore::Access::kReadOnly)));
}

void Engine::close() {
  core_->forkGuard().refuseFork();
  core_->close();
}

void Engine::defineClass(std::string_view className, Backend backend) {
  core_->classEntry(className, backend);
}

ObjectRef Engine::object(std::string_view className, std::string_view name) {
  return ObjectRef(core_->acquire(className, name));
}

ObjectRef Engine::object(ObjectNumber number) { return ObjectRef(core_->acquire(number)); }

Ticket Engine::runTurn(const ObjectRef& object, void (*call)(void*, Storage&), void* context) {
  return core_->runTurn(*object.state(), [&](Session& session) {
    Storage storage(session);
    call(context, storage);
  });
}

void Engine::onDurable(const Ticket& ticket, std::function<void(const std::exception_ptr&)> then) {
  core_->forkGuard().refuseFork();
  core_->journal().onDurable(ticket.lsn(), std::move(then));
}

Ticket Engine::deleteObject(const ObjectRef& object) {
  return core_->runTurn(*object.state(), [](Session& session) { session.deleteObject(); });
}

History Engine::history(const ObjectRef& object) { return {*core_, object}; }
void Engine::endSession(const ObjectRef& object) { core_->endSession(*object.state()); }

void Engine::checkpoint() { core_->checkpoint(); }

std::vector<ObjectInfo> Engine::objects(std::string_view className, std::string_view startAfter,
                                        std::size_t limit) {
  return core_->objects(className, startAfter, limit);
}

std::vector<ClassInfo> Engine::classes() { return core_->classes(); }

std::optional<ObjectInfo> Engine::info(const ObjectRef& object) {
  core_->checkpoint();
  kv::Snapshot snapshot = core_->lmdb().snapshot();
  ClassEntry& classEntry = object.state()->classEntry;
  std::optional<std::string_view> number =
      snapshot.get(kv::Table::kNames, nameKey(classEntry.number, object.name()));
  if (!number) return std::nullopt;
  ObjectRow row = ObjectRow::decode(snapshot.get(kv::Table::kObjects, *number).value());
  if (row.space.isZero()) return std::nullopt;
  ObjectInfo info = core_->describe(snapshot, ObjectNumber(loadBigEndian64(number->data())), row);
  info.className = classEntry.name;
  return info;
}

EngineStats Engine::stats() { return core_->stats(); }
const RecoveryReport& Engine::recovery() const { return core_->recovery(); }
const EngineOptions& Engine::options() const { return core_->options(); }

}  // namespace cairn
