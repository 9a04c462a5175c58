#include "engine/open_turn.h"

namespace cairn {

OpenTurn::OpenTurn(EngineCore& engine, ObjectState& object)
    : engine_(engine), object_(object), session_(engine.beginTurn(object)) {}

OpenTurn::~OpenTurn() {
  session_->abandon();
  engine_.endTurn(object_, std::move(session_));
}

void OpenTurn::pause() { engine_.pauseTurn(object_, *session_); }
void OpenTurn::resume() { engine_.resumeTurn(object_, *session_); }

}  // namespace cairn
