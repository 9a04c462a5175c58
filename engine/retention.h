// How long history is kept: change-log segments are dropped whole, the oldest first.
#pragma once

#include <cairn/types.h>
#include <cstdint>

#include "engine/round.h"
#include "engine/rows.h"

namespace cairn {

struct RetentionOptions {
  std::int64_t keepMs = 0;
  std::uint64_t bytesMax = 0;  ///< 0: no budget.
  UnixMillis now;
  Lsn leasedFrom;  ///< States from here on are being looked at.
};

struct DroppedHistory {
  std::uint64_t bytes = 0;  ///< 0: nothing was dropped.
  bool forBudget = false;   ///< It was still inside the time to be kept.
};

/// Drops the oldest segment when every commit in it is past its time, or the budget is exceeded,
/// and nothing leased needs it. `state` then says where history begins. Runs on the round's thread,
/// between rounds.
DroppedHistory dropOldestSegment(const Stores& stores, const RetentionOptions& options,
                                 StoreState& state);

/// Removes segments that the store does not know: of a round that came to nothing, or dropped just
/// before a crash.
void removeStraySegments(const Stores& stores, const StoreState& state);

/// Bytes of all segments that the store knows.
[[nodiscard]] std::uint64_t storedHistoryBytes(const kv::ReadAccess& store);

}  // namespace cairn
