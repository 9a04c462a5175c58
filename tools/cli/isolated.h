// Work on bytes that nobody vouches for, in a child process: whatever it dies of, the command lives
// to say so.
#pragma once

#include <functional>
#include <string>

#include "tools/cli/exit_code.h"

namespace cairn::cli {

struct IsolatedResult {
  int signal = 0;     ///< What the child died of; 0: it came to its end.
  std::string phase;  ///< What it was doing last.
  ExitCode exit = ExitCode::kDone;
  std::string output;
};

/// Tells what the work is at, for `IsolatedResult::phase`.
using ReportPhase = std::function<void(std::string_view)>;

/// Runs `work(out, phase)` in a child with bounded memory. Call it before any engine is opened or
/// thread started. Throws: the Failure that `work` ended with, or Failure(kInterrupted).
[[nodiscard]] IsolatedResult runIsolated(
    const std::function<ExitCode(std::string& out, const ReportPhase& phase)>& work);

}  // namespace cairn::cli
