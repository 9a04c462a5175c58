// Raw calls and members of the platform's objects, by name: `call` and `typeof` of the scenarios.
#pragma once

#include <functional>

#include "tests/conformance/sync_steps.h"

namespace cairn::conformance {

/// The step that a `call` amounts to. Throws: JsError (TypeError) for a method that is not there
/// and for arguments that the bindings refuse.
[[nodiscard]] Json stepOfCall(const Json& call);
[[nodiscard]] bool isSynchronousCall(const Json& call);
/// Makes a synchronous call; `perform` runs the step it amounts to.
[[nodiscard]] JsValue callNow(const Json& call, const SyncSteps& values,
                              const std::function<JsValue(const Json& step)>& perform);
/// `typeof ctx.storage.sql` and the like.
[[nodiscard]] JsValue typeOfMember(const Json& step);

}  // namespace cairn::conformance
