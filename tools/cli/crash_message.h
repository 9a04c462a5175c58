// The last word of a command that its root's bytes have killed: LMDB reads through a map of its
// file and trusts what it finds there.
#pragma once

#include <string>

namespace cairn::cli {

/// From now on SIGSEGV, SIGBUS, SIGFPE and SIGABRT end the command with a message that names
/// `root`, and the exit code for damage. Nothing acknowledged is lost by that: an engine may die at
/// any moment.
void blameRootForCrashes(const std::string& root, bool json);

}  // namespace cairn::cli
