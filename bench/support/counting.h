// What the process does while a workload runs, counted where it does it: system calls that write
// and sync, and allocations. Works for every engine alike, because the program's own definitions of
// pwrite, fdatasync, malloc … come before the libraries'.
#pragma once

#include <cstdint>

namespace bench {

/// Totals since the program began. A write to a descriptor opened O_DSYNC is one sync.
struct Counts {
  std::uint64_t writtenBytes = 0;
  std::uint64_t syncs = 0;
  std::uint64_t allocations = 0;
};

[[nodiscard]] Counts countsNow();
/// Of the calling thread alone.
[[nodiscard]] std::uint64_t allocationsOfThisThread();

}  // namespace bench
