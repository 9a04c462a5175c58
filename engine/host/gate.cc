#include "engine/host/gate.h"

#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/check.h"

namespace cairn::host {

std::shared_ptr<Scope> InputGate::living(std::shared_ptr<Scope> scope) {
  while (scope->finished_) scope = scope->parent_;
  return scope;
}

void InputGate::deliver(const std::shared_ptr<Scope>& scope, UniqueFunction<void()> run) {
  std::shared_ptr<Scope> place = living(scope);
  place->events_.push_back({place, std::move(run)});
  ++waiting_;
}

void InputGate::deliverFirst(const std::shared_ptr<Scope>& scope, UniqueFunction<void()> run) {
  std::shared_ptr<Scope> place = living(scope);
  place->resumed_.push_back({place, std::move(run)});
  ++waiting_;
}

std::shared_ptr<Scope> InputGate::open(const std::shared_ptr<Scope>& parent,
                                       UniqueFunction<void()> begin) {
  std::shared_ptr<Scope> place = living(parent);
  if (place->depth_ + 1 > kDepthMax) {
    throw Error(ErrorCode::kLimitExceeded,
                fmt::format("blockConcurrencyWhile and transaction calls are nested too deeply: {} "
                            "levels are allowed",
                            kDepthMax));
  }
  auto section = std::make_shared<Scope>(place->instance_, place, place->depth_ + 1);
  place->sections_.push_back({section, std::move(begin)});
  ++waiting_;
  return section;
}

void InputGate::finish(const std::shared_ptr<Scope>& section) {
  if (section->finished_) return;
  std::shared_ptr<Scope> parent = living(section->parent_);
  section->finished_ = true;
  if (parent->running_ == section) {
    parent->running_ = std::move(section->running_);
    if (parent->running_) parent->running_->parent_ = parent;
  } else {
    waiting_ -= std::erase_if(
        parent->sections_, [&](const Scope::Waiting& waiting) { return waiting.scope == section; });
  }
  for (Scope::Waiting& waiting : section->sections_) {
    waiting.scope->parent_ = parent;
    parent->sections_.push_back(std::move(waiting));
  }
  for (Scope::Waiting& waiting : section->resumed_)
    parent->resumed_.push_back({parent, std::move(waiting.run)});
  for (Scope::Waiting& waiting : section->events_)
    parent->events_.push_back({parent, std::move(waiting.run)});
  section->sections_.clear();
  section->resumed_.clear();
  section->events_.clear();
}

std::optional<InputGate::Next> InputGate::next() {
  std::shared_ptr<Scope> active = root_;
  while (active->running_) active = active->running_;
  std::deque<Scope::Waiting>& queue = !active->resumed_.empty()    ? active->resumed_
                                      : !active->sections_.empty() ? active->sections_
                                                                   : active->events_;
  if (queue.empty()) return std::nullopt;
  if (&queue == &active->sections_) active->running_ = queue.front().scope;
  Next next{queue.front().scope, std::move(queue.front().run)};
  queue.pop_front();
  --waiting_;
  return next;
}

void InputGate::clear() {
  // What waits may hold the last reference to scopes, and drops frames of coroutines as it goes.
  std::deque<Scope::Waiting> dropped;
  std::deque<std::shared_ptr<Scope>> scopes;
  scopes.push_back(std::move(root_));
  while (!scopes.empty()) {
    std::shared_ptr<Scope> scope = std::move(scopes.front());
    scopes.pop_front();
    if (!scope) continue;
    // Sections that have not begun have events of their own already.
    for (const Scope::Waiting& waiting : scope->sections_) scopes.push_back(waiting.scope);
    for (std::deque<Scope::Waiting>* queue :
         {&scope->resumed_, &scope->sections_, &scope->events_}) {
      for (Scope::Waiting& waiting : *queue) dropped.push_back(std::move(waiting));
      queue->clear();
    }
    scopes.push_back(std::move(scope->running_));
  }
  waiting_ = 0;
}

}  // namespace cairn::host
