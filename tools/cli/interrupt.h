// SIGINT and SIGTERM for verbs that have something to clean up. The engine itself needs no help: it
// may die at any moment.
#pragma once

namespace cairn::cli {

/// From now on the first signal is only noted; the second ends the process.
void catchInterrupts();

[[nodiscard]] bool interrupted();
/// Throws: Failure(kInterrupted) when a signal came.
void checkInterrupt();

}  // namespace cairn::cli
