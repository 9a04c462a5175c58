// Invariants that guard data stay on in release builds (R10). For bugs only: bad bytes from a user
// or a disk are errors, never a failed check.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace cairn {

[[noreturn]] inline void checkFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "cairn: invariant violated: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace cairn

#define CAIRN_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::cairn::checkFailed(#expression, __FILE__, __LINE__))
