// Explores the disks that a power loss may leave behind a workload.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::test {

struct ExploreOptions {
  std::uint64_t states = 5'000;
  std::uint64_t seed = 1;
  std::uint64_t firstWorkload = 0;  ///< Those before it are left out.
  bool stopAtFirst = false;
  bool verbose = false;
};

struct ExploreResult {
  std::uint64_t states = 0;  ///< Distinct disks opened.
  std::uint64_t lost =
      0;  ///< Opened, but did not hold what was acknowledged, or held half a commit.
  std::uint64_t unopenable = 0;
  std::vector<std::string> problems;  ///< The first few, each with what reproduces it.
};

ExploreResult explore(const ExploreOptions& options);

}  // namespace cairn::test
