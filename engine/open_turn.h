// A turn that its holder begins and ends, for hosts whose turns are not one call: it stays open
// while a coroutine of the object waits inside a transaction, and may go on in another thread.
#pragma once

#include <memory>

#include "engine/engine_core.h"
#include "engine/object_state.h"
#include "engine/session.h"

namespace cairn {

class OpenTurn {
 public:
  /// Begins the turn; waits for a turn of the object that is in progress. Throws: kBroken.
  OpenTurn(EngineCore& engine, ObjectState& object);
  /// Ends the turn. What was not committed is undone.
  ~OpenTurn();
  OpenTurn(const OpenTurn&) = delete;
  OpenTurn& operator=(const OpenTurn&) = delete;

  [[nodiscard]] Session& session() { return *session_; }
  /// Commits what was written since the last commit, if anything was; the turn goes on. Throws as
  /// Engine::turn does, everything since the last commit undone.
  Lsn commit() { return session_->commit(); }

  /// Lets the thread go. Nothing may be asked of the session until `resume`, which any thread may
  /// call.
  void pause();
  void resume();

 private:
  EngineCore& engine_;
  ObjectState& object_;
  std::unique_ptr<Session> session_;
};

}  // namespace cairn
