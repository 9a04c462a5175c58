// The input gate of an object: which of the things that wait may run next.
//
// Events belong to scopes. The root scope takes requests and alarms; each critical section
// (`blockConcurrencyWhile`, `transaction`) is a scope inside the one it was opened in. While a
// section runs, nothing of the scopes around it does, only what the section itself began. Sections
// that wait go before events that wait; otherwise first come, first served.
//
// Knows no time, no threads and no storage. Used on the object's strand only.
#pragma once

#include <cairn/unique_function.h>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace cairn::host {

class Instance;

/// A place events belong to.
class Scope {
 public:
  Scope(std::shared_ptr<Instance> instance, std::shared_ptr<Scope> parent, unsigned depth)
      : instance_(std::move(instance)), parent_(std::move(parent)), depth_(depth) {}

  [[nodiscard]] const std::shared_ptr<Instance>& instance() const { return instance_; }
  [[nodiscard]] unsigned depth() const { return depth_; }
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  friend class InputGate;
  struct Waiting {
    std::shared_ptr<Scope> scope;
    UniqueFunction<void()> run;
  };

  const std::shared_ptr<Instance> instance_;
  std::shared_ptr<Scope> parent_;
  unsigned depth_;
  bool finished_ = false;
  std::shared_ptr<Scope> running_;  ///< The section inside this scope that holds the gate.
  std::deque<Waiting> sections_;    ///< Not begun yet; `run` begins one.
  std::deque<Waiting> resumed_;     ///< What waited for a section that is over.
  std::deque<Waiting> events_;
};

class InputGate {
 public:
  static constexpr unsigned kDepthMax = 64;

  explicit InputGate(std::shared_ptr<Instance> instance)
      : root_(std::make_shared<Scope>(std::move(instance), nullptr, 0)) {}

  [[nodiscard]] const std::shared_ptr<Scope>& root() const { return root_; }

  /// Queues what is to run in `scope`; what belongs to a finished section belongs to the scope
  /// around it.
  void deliver(const std::shared_ptr<Scope>& scope, UniqueFunction<void()> run);
  /// As `deliver`, but before the sections and events that wait there: what waited for a section
  /// that is over goes on before anything else comes in.
  void deliverFirst(const std::shared_ptr<Scope>& scope, UniqueFunction<void()> run);

  /// Opens a section inside `parent`; `begin` runs in it, once it holds the gate. Throws:
  /// kLimitExceeded past `kDepthMax`.
  std::shared_ptr<Scope> open(const std::shared_ptr<Scope>& parent, UniqueFunction<void()> begin);
  /// Ends a section that holds the gate, or gives up one that waits. What it left behind is taken
  /// over by the scope around it.
  void finish(const std::shared_ptr<Scope>& section);

  struct Next {
    std::shared_ptr<Scope> scope;
    UniqueFunction<void()> run;
  };
  /// What runs next; nothing when everything waits for the section that holds the gate.
  [[nodiscard]] std::optional<Next> next();

  /// Whether a section holds the gate.
  [[nodiscard]] bool locked() const { return root_->running_ != nullptr; }
  /// Whether anything waits.
  [[nodiscard]] bool empty() const { return waiting_ == 0; }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

  /// Drops everything that waits, and the gate's hold on its instance.
  void clear();

 private:
  static std::shared_ptr<Scope> living(std::shared_ptr<Scope> scope);

  std::shared_ptr<Scope> root_;
  std::size_t waiting_ = 0;
};

}  // namespace cairn::host
