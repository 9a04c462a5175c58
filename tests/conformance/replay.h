// Replays scenarios and compares outcomes.
#pragma once

#include <string>
#include <vector>

#include "tests/conformance/js_value.h"

namespace cairn::conformance {

/// Which scenarios: those whose name the regular expression finds itself in, and whether slow ones.
struct ReplayOptions {
  std::string root;  ///< A directory that is empty or absent.
  std::string only;
  bool includeSlow = true;
};

/// `{"recordedWith", "outcomes": {name: [outcome of each event]}}`. Call it while the process has
/// one thread: a crash is a child that is killed.
[[nodiscard]] Json replay(const Json& scenarios, const ReplayOptions& options);

/// One place where outcomes differ.
struct Difference {
  std::string where;  ///< Event, step, step within: "1.0.3"; "1" when the event as a whole differs.
  std::string expected;
  std::string actual;
};

/// All of them. Values and names of errors count; messages and stacks are ours to word.
[[nodiscard]] std::vector<Difference> differences(const Json& expected, const Json& actual);

}  // namespace cairn::conformance
