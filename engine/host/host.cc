// The public face of Core.
#include <cairn/host.h>

#include "engine/host/actor.h"
#include "engine/host/core.h"
#include "engine/host/instance.h"

namespace cairn {

Host::Host(HostOptions options) : core_(std::make_unique<host::Core>(*this, std::move(options))) {}
Host::~Host() {
  // Its threads are another process's.
  if (core_->forkGuard().inFork()) static_cast<void>(core_.release());
}

void Host::defineClass(std::string className, ClassOptions options, bool hasAlarm) {
  core_->define(std::move(className), std::move(options), hasAlarm);
}

void Host::applyMigrations(std::span<const Migration> migrations) {
  core_->applyMigrations(migrations);
}
void Host::applyMigrations(const std::string& path) {
  core_->applyMigrations(WranglerConfig::read(path).migrations);
}

void Host::tick() { core_->tick(); }
std::optional<std::chrono::nanoseconds> Host::untilNextTick() { return core_->untilNextTick(); }
void Host::reset(const DurableObjectId& id, const std::string& reason) { core_->reset(id, reason); }
std::size_t Host::evictIdle() { return core_->evictIdle(0); }
void Host::close(std::chrono::milliseconds patience) { core_->close(patience); }
HostMetrics Host::metrics() { return core_->metrics(); }

std::vector<ObjectMetrics> Host::objectMetrics(std::size_t limit) {
  return core_->objectMetrics(limit);
}

std::optional<ObjectMetrics> Host::metrics(const DurableObjectId& id) {
  std::shared_ptr<host::Actor> actor = core_->find(id);
  if (!actor) return std::nullopt;
  return actor->metrics();
}

Engine& Host::engine(Jurisdiction jurisdiction) { return *core_->place(jurisdiction).engine; }
asio::any_io_executor Host::executor() const { return core_->executor(); }

namespace host {

namespace {

// A call that the output gate never lets out is answered too.
class Outgoing {
 public:
  explicit Outgoing(std::shared_ptr<Event> event) : event_(std::move(event)) {}
  Outgoing(Outgoing&&) = default;
  Outgoing& operator=(Outgoing&&) = delete;
  ~Outgoing() {
    if (!event_) return;
    event_->fail(std::make_exception_ptr(
        Error(ErrorCode::kCanceled, "the call was not sent: the object that made it was reset")));
  }
  std::shared_ptr<Event> take() { return std::move(event_); }

 private:
  std::shared_ptr<Event> event_;
};

}  // namespace

void send(Core& core, const DurableObjectId& id, const std::string& locationHint,
          std::shared_ptr<Event> event, const CallOptions& options) {
  if (options.timeout) core.watchDeadline(event, *options.timeout);
  Instance* sender = Instance::running();
  if (sender == nullptr) {
    core.send(id, locationHint, std::move(event));
    return;
  }
  sender->output([&core, id, locationHint, outgoing = Outgoing(std::move(event))]() mutable {
    core.send(id, locationHint, outgoing.take());
  });
}

}  // namespace host

}  // namespace cairn
