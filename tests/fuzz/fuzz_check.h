// What a fuzz target does with a broken promise: it ends the process, which is what libFuzzer and
// the replay look for.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace cairn::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace cairn::fuzz
