// Coroutines of the actor layer are Asio's: anything Asio can await, an object can await. A handler
// that awaits something other than its own storage lets other events in until that completes, and
// what it wrote before is committed.
//
// A caution for g++ 12 and older: a lambda that captures owning values and stands as a temporary in
// an expression with co_await has its captures destroyed twice. Give such a lambda a name, or await
// in a second step: `auto done = storage().transaction([s = name]() -> Task<> {...});
// co_await std::move(done);`. Captures by reference are fine.
#pragma once

#include <type_traits>
#include <utility>

#include <asio/awaitable.hpp>

namespace cairn {

template <typename T = void>
using Task = asio::awaitable<T>;

namespace host {

template <typename T>
struct TaskResult {
  using Type = T;
  static constexpr bool kIsTask = false;
};
template <typename T>
struct TaskResult<asio::awaitable<T>> {
  using Type = T;
  static constexpr bool kIsTask = true;
};

/// What a plain function returns, or a coroutine gives in the end.
template <typename T>
using ResultOf = typename TaskResult<std::remove_cvref_t<T>>::Type;
template <typename T>
inline constexpr bool kIsTask = TaskResult<std::remove_cvref_t<T>>::kIsTask;

}  // namespace host

/// An asynchronous call that has already acted: awaiting it gives its result or throws its error,
/// and it may just as well be dropped. One that failed and was dropped is logged.
template <typename T = void>
class Operation : public asio::awaitable<T> {
 public:
  explicit Operation(asio::awaitable<T> result) : asio::awaitable<T>(std::move(result)) {}
};

}  // namespace cairn
