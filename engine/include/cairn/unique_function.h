// A function object that is moved, never copied, and called: what events and callbacks are kept in.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace cairn {

template <typename Signature>
class UniqueFunction;

template <typename Result, typename... Arguments>
class UniqueFunction<Result(Arguments...)> {
 public:
  UniqueFunction() = default;
  template <typename Function>
  requires(!std::same_as<std::decay_t<Function>, UniqueFunction> &&
           std::is_invocable_r_v<Result, std::decay_t<Function>&, Arguments...>)
      UniqueFunction(Function&& function)  // NOLINT(google-explicit-constructor)
      : held_(std::make_unique<Held<std::decay_t<Function>>>(std::forward<Function>(function))) {}

  explicit operator bool() const { return held_ != nullptr; }
  Result operator()(Arguments... arguments) {
    return held_->call(std::forward<Arguments>(arguments)...);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual Result call(Arguments... arguments) = 0;
  };
  template <typename Function>
  struct Held final : Base {
    template <typename From>
    explicit Held(From&& from) : function(std::forward<From>(from)) {}
    Result call(Arguments... arguments) override {
      return function(std::forward<Arguments>(arguments)...);
    }
    Function function;
  };

  std::unique_ptr<Base> held_;
};

}  // namespace cairn
