// What the tour's child writes and how its parent knows it again. Commit n of an object adds key,
// row and alarm number n, so that after a crash each single commit can be looked for.
#pragma once

#include <cairn/engine.h>
#include <cstdint>
#include <string>

namespace cairn::cli {

struct TourPlan {
  std::uint64_t objects = 200;
  std::uint64_t threads = 32;
  std::uint64_t commits = 20'000;  ///< Acknowledged before the kill.
  std::uint64_t seconds = 10;      ///< The kill comes then at the latest.
};

/// One line of the child's report, small enough that the pipe keeps it whole.
struct TourNote {
  enum class Kind : std::uint32_t { kBegun, kAcknowledged, kStats };
  Kind kind = Kind::kBegun;
  std::uint32_t object = 0;
  std::uint64_t number = 0;  ///< Of the commit; kStats: commits so far.
  std::uint64_t blocks = 0;  ///< kStats: blocks written so far, each with one sync.
};

[[nodiscard]] std::string tourObjectName(std::uint64_t object);
inline constexpr const char* kTourClass = "Room";

/// Writes until it is killed. Returns only when something failed.
void runTourChild(const EngineOptions& options, const TourPlan& plan, int pipe);

/// How many commits of the object are there, each whole: key, row and alarm agree up to this number
/// and hold what was written. Throws: Failure(kDamage) saying what does not.
[[nodiscard]] std::uint64_t wholeCommits(Engine& engine, std::uint64_t object);

}  // namespace cairn::cli
