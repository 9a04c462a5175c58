// The answer to a call that is on its way: a future that coroutines can await as well.
//
//   cairn::Reply<std::int64_t> reply = stub.call(&Counter::increment);
//   std::int64_t n = reply.get();       // in a thread
//   std::int64_t m = co_await stub.call(&Counter::increment);
//
// It leaves the object through its output gate: once it is here, everything the object wrote before
// is durable. Dropping a Reply does not withdraw the call.
#pragma once

#include <cairn/error.h>
#include <cairn/task.h>
#include <cairn/unique_function.h>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cairn {

class DurableObject;

/// The object was reset while the call was under way, or could not be begun: by an error that
/// escaped `blockConcurrencyWhile` or the constructor, a failed commit, a timeout, or `abort`.
class ObjectReset : public Error {
 public:
  explicit ObjectReset(const std::string& message, std::exception_ptr cause = nullptr)
      : Error(ErrorCode::kBroken, message), cause_(std::move(cause)) {}
  /// What reset it; null when nothing was thrown.
  [[nodiscard]] const std::exception_ptr& cause() const { return cause_; }

 private:
  std::exception_ptr cause_;
};

namespace host {

class Instance;

/// Something an object is asked to do, and the answer on its way back. The first of `release` and
/// `fail` settles it; both are thread-safe.
class Event {
 public:
  Event() = default;
  virtual ~Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Runs what was asked; on the object's strand. A coroutine is returned to be run there.
  virtual std::optional<Task<>> perform(DurableObject& object) = 0;

  /// The result, which `perform` left, may go out.
  void release() { settle(nullptr); }
  void fail(std::exception_ptr error) { settle(std::move(error)); }
  [[nodiscard]] bool settled() const;
  void wait() const;
  /// Whether it settled in that time.
  bool waitFor(std::chrono::nanoseconds time) const;
  [[nodiscard]] const std::exception_ptr& error() const { return error_; }
  /// Calls `then` when it is settled, at once if it is; in any thread.
  void onSettled(UniqueFunction<void()> then);

  /// Withdraws it: what has not begun never will, what has is told at its next await. Thread-safe.
  void withdraw(ErrorCode code, const std::string& why);
  /// Calls `then` when it is withdrawn, at once if it was; in any thread.
  void onWithdrawn(UniqueFunction<void()> then);

  std::int64_t queuedNs = 0;  ///< On the host's clock; the host's own.

 private:
  void settle(std::exception_ptr error);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool settled_ = false;
  bool withdrawn_ = false;
  std::exception_ptr error_;
  std::vector<UniqueFunction<void()>> then_;
  UniqueFunction<void()> whenWithdrawn_;
};

template <typename T>
class ResultEvent : public Event {
 public:
  std::optional<T> result;
  T take() {
    if (error()) std::rethrow_exception(error());
    return std::move(*result);
  }
};
template <>
class ResultEvent<void> : public Event {
 public:
  void take() const {
    if (error()) std::rethrow_exception(error());
  }
};

/// Suspends until the event is settled; goes on in the coroutine's executor.
Task<> whenSettled(std::shared_ptr<Event> event);

template <typename T>
Task<T> awaitResult(std::shared_ptr<ResultEvent<T>> event) {
  if (!event->settled()) co_await whenSettled(event);
  co_return event->take();
}

}  // namespace host

template <typename T>
class Reply : public asio::awaitable<T> {
 public:
  explicit Reply(std::shared_ptr<host::ResultEvent<T>> event)
      : asio::awaitable<T>(host::awaitResult<T>(event)), event_(std::move(event)) {}

  /// Waits in this thread; not for use on an object's strand. Once. Throws what the handler threw;
  /// ObjectReset; kOverloaded; kTimeout past the call's deadline; kCanceled.
  T get() {
    event_->wait();
    return event_->take();
  }
  [[nodiscard]] bool ready() const { return event_->settled(); }
  void wait() const { event_->wait(); }
  /// Whether the answer came in that time.
  bool waitFor(std::chrono::nanoseconds time) const { return event_->waitFor(time); }
  /// Withdraws the call: one that waits in the queue is not run; a coroutine that is under way is
  /// told by an exception at its next await. What it wrote stays.
  void cancel() { event_->withdraw(ErrorCode::kCanceled, "the caller withdrew the call"); }
  /// Calls `then` when the answer is there, in any thread.
  void onReady(UniqueFunction<void()> then) { event_->onSettled(std::move(then)); }

 private:
  std::shared_ptr<host::ResultEvent<T>> event_;
};

}  // namespace cairn
