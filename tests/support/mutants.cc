#include "tests/support/mutants.h"

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace cairn::test {

namespace {

constexpr MutantInfo kMutants[] = {
    {Mutant::kJournalUnsynced, "journal-unsynced",
     "Journal blocks are written without being made durable.", "crash_explorer"},
    {Mutant::kJournalChainUnchecked, "journal-chain-unchecked",
     "Recovery follows blocks without comparing their chain.", "crash_explorer"},
    {Mutant::kJournalChecksumUnchecked, "journal-checksum-unchecked",
     "Recovery takes a block without comparing its checksum.", "crash_explorer"},
    {Mutant::kJournalAcknowledgedEarly, "journal-acknowledged-early",
     "A group of commits counts as durable before its block is written.", "simulate"},
    {Mutant::kJournalGroupOverstated, "journal-group-overstated",
     "A block acknowledges every commit that has a number, in it or not.", "simulate"},
    {Mutant::kJournalFailureIgnored, "journal-failure-ignored",
     "A failed write of the journal is taken for a good one.", "simulate"},
    {Mutant::kJournalRecycledEarly, "journal-recycled-early",
     "Journal segments are recycled before the round that makes them dispensable.",
     "crash_explorer"},
    {Mutant::kJournalDirectoryUnsynced, "journal-directory-unsynced",
     "The directory is not synced after a journal segment was made or renamed.", "crash_explorer"},
    {Mutant::kJournalNumbersReused, "journal-numbers-reused",
     "After a crash numbering goes on right behind the last commit found.", "crash_explorer"},
    {Mutant::kJournalPieceKept, "journal-piece-kept",
     "Segments that hold the beginning of an unfinished commit are not removed.", "crash_explorer"},
    {Mutant::kJournalTimeUnclamped, "journal-time-unclamped",
     "Commit times follow a wall clock that goes back.", "crash_explorer"},
    {Mutant::kScratchUnsynced, "scratch-unsynced",
     "A round overwrites SQLite pages before their saved images are durable.", "crash_explorer"},
    {Mutant::kScratchNotWritten, "scratch-not-written",
     "A round overwrites SQLite pages without saving them first.", "crash_explorer"},
    {Mutant::kScratchChecksumUnchecked, "scratch-checksum-unchecked",
     "Recovery takes a scratch for whole without comparing its checksum.", "crash_explorer"},
    {Mutant::kScratchIgnored, "scratch-ignored", "Recovery does not look for an interrupted round.",
     "crash_explorer"},
    {Mutant::kPagesUnsynced, "pages-unsynced",
     "SQLite files are not synced before LMDB ends the round.", "crash_explorer"},
    {Mutant::kPageDirectoryUnsynced, "page-directory-unsynced",
     "The directory of a new SQLite file is not synced.", "crash_explorer"},
    {Mutant::kPagesAfterStore, "pages-after-store",
     "LMDB ends the round before the SQLite pages are written.", "crash_explorer"},
    {Mutant::kStoreUnsyncedAtOpen, "store-unsynced-at-open",
     "Recovery relies on a round that a dead process ended and had not made durable.",
     "crash_explorer"},
    {Mutant::kDeltaChecksumUnchecked, "delta-checksum-unchecked",
     "A page is not compared with the checksum its commit wrote down.", "damage_test"},
    {Mutant::kCutTooHigh, "cut-too-high",
     "The store says that it holds one commit more than it does.", "crash_explorer"},
    {Mutant::kCutTooLow, "cut-too-low",
     "The store says that it holds one commit less than it does.", "crash_explorer"},
    {Mutant::kOverlayDroppedEarly, "overlay-dropped-early",
     "An object forgets commits that the store does not hold yet.", "crash_explorer"},
    {Mutant::kAlarmQueueKeepsOld, "alarm-queue-keeps-old",
     "The queue of alarms keeps the time that an alarm had before.", "crash_explorer"},
    {Mutant::kLongKeyBucketLost, "long-key-bucket-lost",
     "Long keys of one beginning share a bucket, and each overwrites the others.",
     "crash_explorer"},
    {Mutant::kChangeLogUnsynced, "change-log-unsynced",
     "The change log is not synced before the stores are changed.", "crash_explorer"},
    {Mutant::kChangeLogDirectoryUnsynced, "change-log-directory-unsynced",
     "The directory is not synced after a change-log segment was begun.", "crash_explorer"},
    {Mutant::kChangeLogEndForgotten, "change-log-end-forgotten",
     "The store does not learn where the change log ends.", "crash_explorer"},
    {Mutant::kCreatedKeyNotUndone, "created-key-not-undone",
     "The undo of a commit leaves out the keys that it created.", "crash_explorer"},
    {Mutant::kCutPagesNotUndone, "cut-pages-not-undone",
     "The undo of a commit leaves out the pages that it cut off.", "crash_explorer"},
    {Mutant::kAlarmNotUndone, "alarm-not-undone",
     "The undo of a commit leaves out the alarm that it replaced.", "crash_explorer"},
    {Mutant::kDroppedSpaceSweptEarly, "dropped-space-swept-early",
     "The data of before a deleteAll is swept while its history is kept.", "crash_explorer"},
    {Mutant::kUndoNewestWins, "undo-newest-wins",
     "Of several undos of a key the newest one counts.", "crash_explorer"},
    {Mutant::kUndoOneCommitShort, "undo-one-commit-short",
     "The undo stops one commit before the state asked for.", "crash_explorer"},
    {Mutant::kRunsOneCommitLate, "runs-one-commit-late",
     "The index of the change log is read from one commit too late.", "crash_explorer"},
    {Mutant::kRestoreKeepsAlarm, "restore-keeps-alarm", "A restore leaves the alarm as it is.",
     "crash_explorer"},
    {Mutant::kArmedForgotten, "armed-forgotten",
     "What was armed to be restored is forgotten at the end of the process.", "crash_explorer"},
    {Mutant::kLabelNotRemoved, "label-not-removed", "A label that was removed stays.",
     "oracle_test"},
    {Mutant::kBuiltPagesUnsynced, "built-pages-unsynced",
     "The pages of a space that a restore made are not synced before the object is moved there.",
     "crash_explorer"},
    {Mutant::kHistoryDroppedEarly, "history-dropped-early",
     "History is dropped when half of its time is over.", "retention_campaign"},
    {Mutant::kSegmentUnlinkedFirst, "segment-unlinked-first",
     "A change-log segment is removed before the store has forgotten it.", "crash_explorer"},
    {Mutant::kRollbackKeepsKeys, "rollback-keeps-keys",
     "A transaction that is rolled back keeps its keys.", "oracle_test"},
    {Mutant::kRollbackKeepsRecord, "rollback-keeps-record",
     "What a rolled back transaction wrote stays in the commit record.", "crash_explorer"},
    {Mutant::kRollbackKeepsAlarm, "rollback-keeps-alarm",
     "A transaction that is rolled back keeps its alarm.", "oracle_test"},
    {Mutant::kFailedTurnKeepsPages, "failed-turn-keeps-pages",
     "A turn that could not be committed leaves its SQLite pages behind.", "fault_test"},
};

}  // namespace

std::span<const MutantInfo> mutants() { return kMutants; }

void addMutantOption([[maybe_unused]] CLI::App& app) {
#ifdef CAIRN_MUTANTS
  auto choose = [](const std::string& name) {
    for (const MutantInfo& mutant : kMutants) {
      if (mutant.name == name) return activeMutant.store(mutant.mutant);
    }
    throw CLI::ValidationError("--mutant", "there is no " + name);
  };
  app.add_option_function<std::string>("--mutant", choose,
                                       "Break the engine in this way, to see it noticed");
#endif
}

}  // namespace cairn::test
