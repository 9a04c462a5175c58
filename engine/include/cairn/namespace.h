// The objects of a class, and stubs to call them by.
#pragma once

#include <cairn/durable_object.h>
#include <cairn/id.h>
#include <cairn/reply.h>
#include <cairn/task.h>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cairn {

struct CallOptions {
  /// From the call to its answer; past it the answer is kTimeout, and the call is withdrawn.
  std::optional<std::chrono::milliseconds> timeout;
};

struct StubOptions {
  /// Where the object had best be created: wnam, enam, sam, weur, eeur, apac, oc, afr, me. There is
  /// one place only here; the commit that creates the object records it, for
  /// `DurableObjectState::locationHint` and `ObjectInfo`. Later ones change nothing. At most 64
  /// bytes.
  std::string locationHint;
};

namespace host {

class Core;

/// Sends an event to an object; from an object's strand, through that object's output gate.
/// Thread-safe. What cannot be delivered fails at once.
void send(Core& core, const DurableObjectId& id, const std::string& locationHint,
          std::shared_ptr<Event> event, const CallOptions& options);

template <typename T, typename Work>
class CallEvent final : public ResultEvent<ResultOf<std::invoke_result_t<Work&, T&>>> {
 public:
  using Result = ResultOf<std::invoke_result_t<Work&, T&>>;
  explicit CallEvent(Work work) : work_(std::move(work)) {}

  std::optional<Task<>> perform(DurableObject& object) override {
    T& target = static_cast<T&>(object);
    if constexpr (kIsTask<std::invoke_result_t<Work&, T&>>) {
      return runTask(target);
    } else if constexpr (std::is_void_v<Result>) {
      work_(target);
      return std::nullopt;
    } else {
      this->result.emplace(work_(target));
      return std::nullopt;
    }
  }

 private:
  // The event outlives the coroutine: whoever runs it keeps both.
  Task<> runTask(T& target) {
    if constexpr (std::is_void_v<Result>) {
      co_await work_(target);
    } else {
      this->result.emplace(co_await work_(target));
    }
  }

  Work work_;
};

}  // namespace host

/// Calls an object. Cheap to copy; from any thread. Must not outlive the host.
template <typename T>
class Stub {
 public:
  Stub(host::Core& core, DurableObjectId id, StubOptions options)
      : core_(&core), id_(std::move(id)), options_(std::move(options)) {}

  [[nodiscard]] const DurableObjectId& id() const { return id_; }

  /// The same object, called with these options.
  [[nodiscard]] Stub with(const CallOptions& options) const {
    Stub stub = *this;
    stub.call_ = options;
    return stub;
  }

  /// Calls a method, a coroutine or a plain function, with copies of the arguments.
  template <typename Result, typename Base, typename... Parameters, typename... Arguments>
  requires std::derived_from<T, Base>
  auto call(Result (Base::*method)(Parameters...), Arguments&&... arguments) const {
    return run([method, held = std::tuple<std::decay_t<Parameters>...>(
                            std::forward<Arguments>(arguments)...)](T& object) mutable -> Result {
      return std::apply(
          [&](auto&... values) -> Result {
            return (object.*method)(static_cast<Parameters&&>(values)...);
          },
          held);
    });
  }
  template <typename Result, typename Base, typename... Parameters, typename... Arguments>
  requires std::derived_from<T, Base>
  auto call(Result (Base::*method)(Parameters...) const, Arguments&&... arguments) const {
    return run([method, held = std::tuple<std::decay_t<Parameters>...>(
                            std::forward<Arguments>(arguments)...)](T& object) mutable -> Result {
      return std::apply(
          [&](auto&... values) -> Result {
            return (object.*method)(static_cast<Parameters&&>(values)...);
          },
          held);
    });
  }

  /// Runs any function of the object as an event of it.
  template <typename Work>
  requires std::invocable<Work&, T&>
  auto run(Work work) const -> Reply<host::ResultOf<std::invoke_result_t<Work&, T&>>> {
    static_assert(std::derived_from<T, DurableObject>);
    auto event = std::make_shared<host::CallEvent<T, Work>>(std::move(work));
    host::send(*core_, id_, options_.locationHint, event, call_);
    return Reply<typename host::CallEvent<T, Work>::Result>(std::move(event));
  }

 private:
  host::Core* core_;
  DurableObjectId id_;
  StubOptions options_;
  CallOptions call_;
};

/// The objects of one class in one jurisdiction. Cheap to copy. Must not outlive the host.
template <typename T>
class Namespace {
 public:
  Namespace(host::Core& core, std::string className, Jurisdiction jurisdiction)
      : core_(&core), className_(std::move(className)), jurisdiction_(jurisdiction) {}

  /// Always the same for the same name. Throws: kInvalidArgument for a name an object cannot have.
  [[nodiscard]] DurableObjectId idFromName(std::string_view name) const {
    return DurableObjectId::fromName(className_, jurisdiction_, name);
  }
  [[nodiscard]] DurableObjectId newUniqueId() const {
    return DurableObjectId::unique(className_, jurisdiction_);
  }
  /// Throws: kInvalidArgument for an id of another class or jurisdiction.
  [[nodiscard]] DurableObjectId idFromString(std::string_view text) const {
    return DurableObjectId::fromString(className_, jurisdiction_, text);
  }
  /// The same class in that jurisdiction: "eu" or "fedramp". Throws: kInvalidArgument.
  [[nodiscard]] Namespace jurisdiction(std::string_view name) const {
    return {*core_, className_, jurisdictionOf(name)};
  }

  /// Throws: kInvalidArgument for an id of another class or jurisdiction, or a hint that is too
  /// long.
  [[nodiscard]] Stub<T> get(const DurableObjectId& id, const StubOptions& options = {}) const {
    check(id);
    if (options.locationHint.size() > 64) {
      throw Error(ErrorCode::kInvalidArgument, "a location hint of " +
                                                   std::to_string(options.locationHint.size()) +
                                                   " bytes, 64 are allowed");
    }
    return {*core_, id, options};
  }
  [[nodiscard]] Stub<T> getByName(std::string_view name, const StubOptions& options = {}) const {
    return get(idFromName(name), options);
  }

 private:
  void check(const DurableObjectId& id) const {
    if (id.className() == className_ && id.jurisdiction() == jurisdiction_) return;
    throw Error(ErrorCode::kInvalidArgument,
                "id " + id.toString() + " is of class " + id.className() + " in jurisdiction \"" +
                    std::string(jurisdictionName(id.jurisdiction())) + "\", not of class " +
                    className_ + " in jurisdiction \"" +
                    std::string(jurisdictionName(jurisdiction_)) + "\"");
  }

  host::Core* core_;
  std::string className_;
  Jurisdiction jurisdiction_;
};

}  // namespace cairn
