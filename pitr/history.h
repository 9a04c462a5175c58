// The history of a space: its runs, found through the store's index and read from the change log.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kv/environment.h"
#include "pitr/change_log.h"

namespace cairn::pitr {

struct IndexedRun {
  SpaceId space;
  Lsn lastLsn;
  RunPlace place;
};

/// The commits of a run, oldest first; their views live as long as `keep`. Throws: kDamaged.
[[nodiscard]] std::vector<CommitUndo> readCommits(ChangeLogReader& reader, const IndexedRun& run,
                                                  ChangeLogReader::Run& keep);

/// The index as one state of the store shows it.
class History {
 public:
  History(const kv::ReadAccess& store, ChangeLogReader& reader) : store_(store), reader_(reader) {}

  /// Runs that hold a commit in (after, through], oldest first.
  [[nodiscard]] std::vector<IndexedRun> runs(SpaceId space, Lsn after, Lsn through) const;

  /// The newest of them, at most `limit`, newest first.
  [[nodiscard]] std::vector<IndexedRun> newestRuns(SpaceId space, Lsn after, Lsn through,
                                                   std::size_t limit) const;

  /// Commits in (after, through], oldest first; only of runs that touch one of `touches`
  /// (RunTouches, 0: all). Returns false when the visitor did, and stops there.
  bool forward(SpaceId space, Lsn after, Lsn through, std::uint8_t touches,
               const std::function<bool(const CommitUndo&)>& visit) const;
  /// The same, newest first.
  bool backward(SpaceId space, Lsn after, Lsn through, std::uint8_t touches,
                const std::function<bool(const CommitUndo&)>& visit) const;

  /// The last commit at or before `time` and at or before `through`; nullopt if the index knows
  /// none.
  struct Found {
    Lsn lsn;
    UnixMillis time;
  };
  [[nodiscard]] std::optional<Found> lastCommitAt(SpaceId space, UnixMillis time,
                                                  Lsn through) const;

  /// Low half of the state's digest at `at`, as the change log has it; nullopt when it holds no run
  /// at or after it.
  [[nodiscard]] std::optional<std::uint64_t> digestAt(SpaceId space, Lsn at) const;

 private:
  std::vector<CommitUndo> read(const IndexedRun& run, ChangeLogReader::Run& keep) const {
    return readCommits(reader_, run, keep);
  }

  const kv::ReadAccess& store_;
  ChangeLogReader& reader_;
};

}  // namespace cairn::pitr
