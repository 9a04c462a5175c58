// The engine in a world that a seed decides: which thread goes on, how long the disk takes and
// which of its calls fails, when the power goes and what it leaves.
#pragma once

#include <cstdint>
#include <string>

namespace cairn::test {

struct SimulationOptions {
  std::uint64_t seed = 1;
  int crashes = 6;     ///< Disks opened again per run.
  bool faults = true;  ///< Some runs have a disk that fails.
  bool verbose = false;
};

struct SimulationResult {
  std::string problem;  ///< Empty: everything was as it must be.
  std::uint64_t commits = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t disks = 0;
  std::uint64_t events = 0;       ///< Of the disk.
  std::uint64_t fingerprint = 0;  ///< Of the schedule: equal for equal seeds.
  std::string fault;              ///< What was made to fail.
};

SimulationResult simulate(const SimulationOptions& options);

}  // namespace cairn::test
