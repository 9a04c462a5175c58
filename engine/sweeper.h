// Reclaims what nobody can reach any more: spaces that no object is pointed at, with their keys,
// their SQLite file and their rows, and the rows of objects that were deleted.
#pragma once

#include <cairn/types.h>
#include <cstddef>
#include <set>

#include "engine/round.h"

namespace cairn {

struct SweepOptions {
  Lsn droppedBy;            ///< Spaces dropped at or before it go, and objects deleted by then.
  std::size_t keysMax = 0;  ///< Removed at a time.
  std::set<SpaceId> claimedSpaces;        ///< Stay: an object is about to be pointed at them.
  std::set<ObjectNumber> claimedObjects;  ///< Theirs.
};

/// Sweeps a part of the oldest such space. Returns whether there is more to do. Runs on the round's
/// thread, between rounds.
bool sweepSome(const Stores& stores, const SweepOptions& options);

}  // namespace cairn
