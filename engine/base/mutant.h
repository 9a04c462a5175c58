// Deliberately broken variants of the engine, so that the crash campaigns can prove that they would
// notice (tests/support/mutants.cc says what is wrong with each). Compiled into test builds only
// (CAIRN_MUTANTS); elsewhere `mutantActive` is the constant false.
#pragma once

#include <string_view>

#ifdef CAIRN_MUTANTS
#include <atomic>
#endif

namespace cairn {

enum class Mutant : int {
  kNone = 0,
  kJournalUnsynced,
  kJournalChainUnchecked,
  kJournalChecksumUnchecked,
  kJournalAcknowledgedEarly,
  kJournalGroupOverstated,
  kJournalFailureIgnored,
  kJournalRecycledEarly,
  kJournalDirectoryUnsynced,
  kJournalNumbersReused,
  kJournalPieceKept,
  kJournalTimeUnclamped,
  kScratchUnsynced,
  kScratchNotWritten,
  kScratchChecksumUnchecked,
  kScratchIgnored,
  kPagesUnsynced,
  kPageDirectoryUnsynced,
  kPagesAfterStore,
  kStoreUnsyncedAtOpen,
  kDeltaChecksumUnchecked,
  kCutTooHigh,
  kCutTooLow,
  kOverlayDroppedEarly,
  kAlarmQueueKeepsOld,
  kLongKeyBucketLost,
  kChangeLogUnsynced,
  kChangeLogDirectoryUnsynced,
  kChangeLogEndForgotten,
  kCreatedKeyNotUndone,
  kCutPagesNotUndone,
  kAlarmNotUndone,
  kDroppedSpaceSweptEarly,
  kUndoNewestWins,
  kUndoOneCommitShort,
  kRunsOneCommitLate,
  kRestoreKeepsAlarm,
  kArmedForgotten,
  kLabelNotRemoved,
  kBuiltPagesUnsynced,
  kHistoryDroppedEarly,
  kSegmentUnlinkedFirst,
  kRollbackKeepsKeys,
  kRollbackKeepsRecord,
  kRollbackKeepsAlarm,
  kFailedTurnKeepsPages,
};

#ifdef CAIRN_MUTANTS
inline std::atomic<Mutant> activeMutant{Mutant::kNone};
inline bool mutantActive(Mutant mutant) {
  return activeMutant.load(std::memory_order_relaxed) == mutant;
}
#else
constexpr bool mutantActive(Mutant) { return false; }
#endif

}  // namespace cairn
