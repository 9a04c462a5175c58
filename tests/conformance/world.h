// The server of a replay: one host, the objects of the scenarios, and the events that reach them.
//
// Its time is its own: when nothing is left to do at an instant, the clock moves to the next one at
// which there is. So eight seconds of sleep take none, and a minute of retries neither.
#pragma once

#include <cairn/host.h>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "tests/conformance/object_memory.h"
#include "tests/support/manual_clock.h"

namespace cairn::conformance {

class World {
 public:
  /// `notBefore`: when a world before this one, on the same disk, ended.
  explicit World(const std::string& root, UnixMillis notBefore = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// The outcome of one event of the scenario; a crash is the caller's.
  Json event(const Json& scenario, const Json& event);
  [[nodiscard]] UnixMillis now() const { return clock_.now(); }

 private:
  Json request(const Json& scenario, const Json& steps);
  Json concurrent(const Json& scenario, const Json& requests);
  Json restart(const Json& scenario);
  Json waitAlarms(const Json& scenario, const Json& event);

  using Call = Reply<Json>;
  Call send(const Json& scenario, const Json& steps);
  static Json answerOf(Call& call);
  /// Lets the world go on until `isDone`, at the latest until `deadlineMs` of its clock.
  void runUntil(const std::function<bool()>& isDone, std::int64_t deadlineMs);
  void passTime(std::int64_t ms);
  [[nodiscard]] bool isWaitingForDisk();
  template <typename Object>
  void define(const std::string& className, Backend backend);

  using Sender = std::function<Call(const std::string& object, const Json& steps)>;

  test::ManualClock clock_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::map<std::string, ObjectMemory> memories_;
  std::unique_ptr<Host> host_;
  std::map<std::string, Sender> senders_;  ///< By class.
};

}  // namespace cairn::conformance
