// Explores the disks that a power loss may leave behind a workload.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::test {

/// What is taken out of the engine, to show that the explorer would notice.
enum class Sabotage { kNone, kNoJournalSync, kNoScratch, kNoChainCheck };

struct ExploreOptions {
  std::uint64_t states = 5'000;
  std::uint64_t seed = 1;
  Sabotage sabotage = Sabotage::kNone;
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
