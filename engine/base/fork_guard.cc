#include "engine/base/fork_guard.h"

#include <atomic>
#include <cairn/error.h>
#include <pthread.h>

#include <fmt/format.h>

namespace cairn {

namespace {

std::atomic<unsigned> forks{0};

}  // namespace

unsigned ForkGuard::forksSoFar() {
  static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return forks.load(std::memory_order_relaxed);
}

void ForkGuard::refuse() const {
  throw Error(ErrorCode::kBroken,
              fmt::format("process {} opened the root, and this one, {}, is a fork of it: open a "
                          "root after forking, or call exec",
                          owner_, ::getpid()));
}

}  // namespace cairn
