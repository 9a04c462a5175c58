// Reclaims spaces that no object is pointed at any more: their keys, their SQLite file, their rows.
#pragma once

#include <cairn/types.h>
#include <cstddef>

#include "engine/round.h"

namespace cairn {

/// Removes at most `keysMax` keys of spaces dropped at or before `droppedBefore`. Returns whether
/// there is more to do. Runs on the round's thread, between rounds.
bool sweepSome(const Stores& stores, UnixMillis droppedBefore, std::size_t keysMax);

}  // namespace cairn
