// The tour's outside witness: starts the writing process, hears what it begins and what was
// acknowledged to it, and kills it in the middle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/tour/tour_work.h"

namespace cairn::cli {

struct TourWitness {
  std::vector<std::uint64_t> begun;         ///< By object: the last commit begun.
  std::vector<std::uint64_t> acknowledged;  ///< By object: the last one acknowledged.
  std::uint64_t begunCount = 0;
  std::uint64_t acknowledgedCount = 0;
  double seconds = 0;  ///< From the first acknowledgement to the last.
  std::uint64_t statsCommits = 0;
  std::uint64_t statsBlocks = 0;
};

/// Throws: Failure when the child ends by itself or nothing was acknowledged;
/// Failure(kInterrupted).
[[nodiscard]] TourWitness writeAndKill(const std::string& root, const TourPlan& plan);

/// Bare synced overwrites of 4 KiB a second in that directory: what the disk can do at most, one
/// after another.
[[nodiscard]] double bareSyncsPerSecond(const std::string& directory);

}  // namespace cairn::cli
