#include "tools/cli/interrupt.h"

#include <csignal>

#include "tools/cli/exit_code.h"

namespace cairn::cli {

namespace {

volatile std::sig_atomic_t signalSeen = 0;

void note(int) { signalSeen = 1; }

}  // namespace

void catchInterrupts() {
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return signalSeen != 0; }

void checkInterrupt() {
  if (interrupted()) throw Failure(ExitCode::kInterrupted, "interrupted");
}

}  // namespace cairn::cli
