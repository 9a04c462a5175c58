// A checkpoint round: brings the store from one LSN to a later one. A function of the store and of
// the commits in between, and of nothing else: a round of a running engine and the one that ends a
// recovery are the same code.
//
// Order of writes (engine/DESIGN.md has what each crash in between leaves):
//   1 change log: the undo of every commit        (I4: durable before anything below)
//   2 scratch: the new images of SQLite pages     (I5: durable before step 3)
//   3 SQLite files, in place
//   4 LMDB: one transaction, which ends the round (I6)
// Recycling the journal (step 5) is the caller's.
#pragma once

#include <cairn/clock.h>
#include <cairn/types.h>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/commit_record.h"
#include "engine/round_plan.h"
#include "engine/rows.h"
#include "kv/environment.h"
#include "pitr/change_log.h"
#include "pitr/packed_page.h"
#include "sql_frontend/page_files.h"
#include "sql_frontend/scratch.h"

namespace cairn {

/// The stores a round writes. Only rounds do (I3).
struct Stores {
  kv::Environment& lmdb;
  sql::PageFiles& pages;
  sql::Scratch& scratch;
  const pitr::ChangeLogFiles& changes;
  pitr::ChangeLogReader& changeReader;
};

struct RoundOptions {
  bool history = true;  ///< Keep the undo of what SQLite-backed classes commit.
  std::uint64_t changeSegmentBytes = std::uint64_t{64} << 20;
  std::int64_t changeSegmentMs = 0;  ///< A segment that is older than this gets no more.
  UnixMillis now;
  /// Held while SQLite files and LMDB disagree with each other; readers of the past take it shared.
  std::function<void(const std::function<void()>&)> exclusively;
};

class Round {
 public:
  struct Result {
    StoreState state;
    std::uint64_t keysWritten = 0;
    std::uint64_t pagesWritten = 0;
    std::uint64_t scratchBytes = 0;
    std::uint64_t historyBytes = 0;
  };

  /// `records`: every commit after the store's LSN up to `cut`, in LSN order.
  Round(Stores stores, RoundOptions options, const std::vector<RecordRef>& records, Lsn cut);

  /// `journalSegment`: what a recovery will need once this round is done.
  Result run(const StoreState& before, std::uint64_t journalSegment);
  /// The two halves of `run`. Nothing that the stores hold is changed by the first. The second may
  /// be repeated when it failed, and after that nothing else may be done to the stores before it
  /// succeeded.
  void prepare(const StoreState& before, std::uint64_t journalSegment);
  Result apply();

  /// Ends a round that a crash interrupted after its scratch was whole: the change log and the
  /// scratch are as that round wrote them, under the options it ran with: `note` tells.
  Result finishInterrupted(const StoreState& before, const sql::Scratch::Note& note,
                           std::uint64_t journalSegment);

 private:
  void begin(const StoreState& before, std::uint64_t journalSegment);
  void writeHistoryAndScratch(const kv::ReadAccess& store, const StoreState& before);
  void adoptHistory(const StoreState& before, const pitr::ChangeLogEnd& end);
  void adoptRun(const pitr::RunHeader& header);
  void writeLmdb(kv::WriteTransaction& transaction);
  void writeKeys(kv::WriteTransaction& transaction, SpaceId space, const SpacePlan& plan);
  void writeSpaces(kv::WriteTransaction& transaction);
  void writeObjects(kv::WriteTransaction& transaction);
  void writeAlarms(kv::WriteTransaction& transaction);
  void writeHistoryIndex(kv::WriteTransaction& transaction);

  Stores stores_;
  RoundOptions options_;
  const std::vector<RecordRef>& records_;
  Lsn cut_;
  RoundPlan plan_;
  StoreState state_;
  std::vector<pitr::PlacedRun> placed_;
  Result result_;
  bool pages_ = false;  ///< The scratch has pages to apply.
};

}  // namespace cairn
