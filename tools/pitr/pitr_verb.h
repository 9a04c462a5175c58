// What verbs of one object's history share: OBJECT comes first, its history is at hand, and what is
// missing in it is found damage, never an empty answer.
#pragma once

#include <cairn/history.h>
#include <string>

#include <fmt/format.h>

#include "tools/cli/object_verb.h"
#include "tools/pitr/target.h"

namespace cairn::cli {

class PitrVerb : public ObjectVerb {
 protected:
  virtual ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) = 0;

  /// Whether it needs the root for itself. Others work beside a host that has it.
  [[nodiscard]] virtual bool writes() const { return false; }

  /// The option that says as of when. Without it: as of now.
  void declareAt(Arguments& arguments) {
    arguments.text("--at", at_, "As of this point, a TARGET (default now)");
  }
  [[nodiscard]] Target at(History& history, const ObjectName& object) const {
    return resolveTarget(history, object, at_);
  }

 private:
  ExitCode runOn(Context& context, const ObjectName& object) final {
    Engine& engine = writes() ? context.engine() : context.engineForReading();
    History history = engine.history(engine.object(object.className, object.name));
    requireObject(history, object);
    return runOnHistory(context, object, history);
  }

  // One that was deleted still has its history.
  static void requireObject(History& history, const ObjectName& object) {
    try {
      (void)history.bounds();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      throw Failure(ExitCode::kNotFound, fmt::format("there is no object {}", object.forPeople()));
    }
  }

  std::string at_ = "now";
};

}  // namespace cairn::cli
