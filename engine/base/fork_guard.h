// Tells the process that made something from its forks. A fork has none of the threads and all of
// the descriptors: what it wrote to a root would go into the middle of its parent's writes.
#pragma once

#include <unistd.h>

namespace cairn {

class ForkGuard {
 public:
  ForkGuard() : forks_(forksSoFar()), owner_(::getpid()) {}

  /// Whether this is a fork of the process that made the guard. As cheap as a load.
  [[nodiscard]] bool inFork() const { return forks_ != forksSoFar(); }
  /// Throws: kBroken, naming both processes, in a fork.
  void refuseFork() const {
    if (inFork()) refuse();
  }

 private:
  static unsigned forksSoFar();
  [[noreturn]] void refuse() const;

  unsigned forks_;
  pid_t owner_;
};

}  // namespace cairn
