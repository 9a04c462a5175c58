// The executor of an object's coroutines: what is given to it becomes an event of the scope it
// belongs to, so whatever a coroutine awaits comes back through the input gate.
#pragma once

#include <cairn/unique_function.h>
#include <memory>
#include <utility>

#include <asio/any_io_executor.hpp>
#include <asio/execution.hpp>

#include "engine/host/gate.h"
#include "sql_frontend/cpu_budget.h"

namespace cairn::host {

/// While it lives, what this thread runs is part of the event that the budget is of.
class EventScope {
 public:
  using Budget = std::shared_ptr<sql::CpuBudget>;

  explicit EventScope(Budget budget)
      : outer_(std::exchange(running(), std::move(budget))),
        outerBudget_(sql::CpuBudget::enterEvent(running().get())) {}
  ~EventScope() {
    sql::CpuBudget::enterEvent(outerBudget_);
    running() = std::move(outer_);
  }
  EventScope(const EventScope&) = delete;
  EventScope& operator=(const EventScope&) = delete;

  [[nodiscard]] static Budget& running();

 private:
  Budget outer_;
  sql::CpuBudget* outerBudget_;
};

class StrandExecutor {
 public:
  /// Runs in `scope`, as part of the event that is running.
  explicit StrandExecutor(std::shared_ptr<Scope> scope)
      : StrandExecutor(std::move(scope), EventScope::running(), true) {}

  template <typename Function>
  void execute(Function&& function) const {
    if (mayBlock_ && runsHere()) {
      EventScope event(event_);
      std::decay_t<Function> here(std::forward<Function>(function));
      std::move(here)();
    } else {
      post(OneShot<std::decay_t<Function>>{event_, std::forward<Function>(function)});
    }
  }

  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const noexcept;
  [[nodiscard]] asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
    if (mayBlock_) return asio::execution::blocking.possibly;
    return asio::execution::blocking.never;
  }
  [[nodiscard]] StrandExecutor require(asio::execution::blocking_t::never_t) const {
    return StrandExecutor(scope_, event_, false);
  }
  [[nodiscard]] StrandExecutor require(asio::execution::blocking_t::possibly_t) const {
    return StrandExecutor(scope_, event_, true);
  }

  friend bool operator==(const StrandExecutor& a, const StrandExecutor& b) noexcept {
    return a.scope_ == b.scope_ && a.event_ == b.event_ && a.mayBlock_ == b.mayBlock_;
  }
  friend bool operator!=(const StrandExecutor& a, const StrandExecutor& b) noexcept {
    return !(a == b);
  }

 private:
  template <typename Function>
  struct OneShot {
    EventScope::Budget event;
    Function function;
    void operator()() {
      EventScope scope(std::move(event));
      std::move(function)();
    }
  };
  StrandExecutor(std::shared_ptr<Scope> scope, EventScope::Budget event, bool mayBlock)
      : scope_(std::move(scope)), event_(std::move(event)), mayBlock_(mayBlock) {}

  /// Whether the thread is in a turn of this very scope.
  [[nodiscard]] bool runsHere() const noexcept;
  void post(UniqueFunction<void()> function) const;

  std::shared_ptr<Scope> scope_;
  EventScope::Budget event_;
  bool mayBlock_;
};

/// Runs what it is given at once: for completions that are of no consequence.
class InlineExecutor {
 public:
  template <typename Function>
  void execute(Function&& function) const {
    std::decay_t<Function> here(std::forward<Function>(function));
    std::move(here)();
  }
  [[nodiscard]] static constexpr asio::execution::blocking_t query(
      asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  [[nodiscard]] InlineExecutor require(asio::execution::blocking_t::never_t) const { return *this; }
  friend bool operator==(const InlineExecutor&, const InlineExecutor&) noexcept { return true; }
  friend bool operator!=(const InlineExecutor&, const InlineExecutor&) noexcept { return false; }
};

}  // namespace cairn::host
