#include "pitr/history.h"

#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/mutant.h"
#include "kv/keys.h"

namespace cairn::pitr {

namespace {

IndexedRun indexedRun(const kv::Cursor& cursor) {
  return {SpaceId(loadBigEndian64(cursor.key().data())),
          Lsn(loadBigEndian64(cursor.key().data() + 8)), RunPlace::decode(cursor.value())};
}

}  // namespace

std::vector<IndexedRun> History::runs(SpaceId space, Lsn after, Lsn through) const {
  std::vector<IndexedRun> found;
  std::string prefix = kv::numberKey(space);
  kv::Cursor cursor = store_.cursor(kv::Table::kChanges);
  for (bool more = cursor.seek(kv::numberKey(
           space, mutantActive(Mutant::kRunsOneCommitLate) ? after.next().next() : after.next()));
       more && cursor.key().starts_with(prefix); more = cursor.next()) {
    found.push_back(indexedRun(cursor));
    if (found.back().place.firstLsn > through) {
      found.pop_back();
      break;
    }
  }
  return found;
}

std::vector<IndexedRun> History::newestRuns(SpaceId space, Lsn after, Lsn through,
                                            std::size_t limit) const {
  std::vector<IndexedRun> found;
  std::string prefix = kv::numberKey(space);
  kv::Cursor cursor = store_.cursor(kv::Table::kChanges);
  bool more = cursor.seekBefore(kv::numberKey(space, through.next()));
  for (; more && cursor.key().starts_with(prefix) && found.size() < limit;
       more = cursor.previous()) {
    found.push_back(indexedRun(cursor));
    if (found.back().lastLsn > after) continue;
    found.pop_back();
    break;
  }
  return found;
}

std::vector<CommitUndo> readCommits(ChangeLogReader& reader, const IndexedRun& run,
                                    ChangeLogReader::Run& keep) {
  keep = reader.read(run.space, run.lastLsn, run.place);
  try {
    return RunReader(keep.bytes).commits();
  } catch (const DecodeError& error) {
    throw Error(
        ErrorCode::kDamaged,
        fmt::format(
            "change log {:08x} offset {}: {}; the history of space {} from LSN {} to {} is lost",
            run.place.segment, run.place.frameOffset, error.what(), run.space.value(),
            run.place.firstLsn.value(), run.lastLsn.value()));
  }
}

bool History::forward(SpaceId space, Lsn after, Lsn through, std::uint8_t touches,
                      const std::function<bool(const CommitUndo&)>& visit) const {
  for (const IndexedRun& run : runs(space, after, through)) {
    if (touches != 0 && (run.place.touches & touches) == 0) continue;
    ChangeLogReader::Run keep;
    for (const CommitUndo& commit : read(run, keep)) {
      if (commit.lsn <= after) continue;
      if (commit.lsn > through) break;
      if (!visit(commit)) return false;
    }
  }
  return true;
}

bool History::backward(SpaceId space, Lsn after, Lsn through, std::uint8_t touches,
                       const std::function<bool(const CommitUndo&)>& visit) const {
  std::vector<IndexedRun> found = runs(space, after, through);
  for (auto run = found.rbegin(); run != found.rend(); ++run) {
    if (touches != 0 && (run->place.touches & touches) == 0) continue;
    ChangeLogReader::Run keep;
    std::vector<CommitUndo> commits = read(*run, keep);
    for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit) {
      if (commit->lsn > through) continue;
      if (commit->lsn <= after) break;
      if (!visit(*commit)) return false;
    }
  }
  return true;
}

// Times never decrease with LSNs, so the runs of a space are in the order of time too.
std::optional<History::Found> History::lastCommitAt(SpaceId space, UnixMillis time,
                                                    Lsn through) const {
  std::string prefix = kv::numberKey(space);
  kv::Cursor cursor = store_.cursor(kv::Table::kChanges);
  bool more = cursor.seekBefore(kv::numberKey(space, Lsn(UINT64_MAX)));
  for (; more && cursor.key().starts_with(prefix); more = cursor.previous()) {
    IndexedRun run = indexedRun(cursor);
    if (run.place.firstTime > time || run.place.firstLsn > through) continue;
    ChangeLogReader::Run keep;
    std::vector<CommitUndo> commits = read(run, keep);
    for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit) {
      if (commit->time <= time && commit->lsn <= through) return Found{commit->lsn, commit->time};
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> History::digestAt(SpaceId space, Lsn at) const {
  // The run that ends at or after `at`, if `at` lies in it; else the first one after it says what
  // was before.
  kv::Cursor cursor = store_.cursor(kv::Table::kChanges);
  std::string prefix = kv::numberKey(space);
  if (!cursor.seek(kv::numberKey(space, at)) || !cursor.key().starts_with(prefix))
    return std::nullopt;
  IndexedRun run = indexedRun(cursor);
  ChangeLogReader::Run keep;
  std::vector<CommitUndo> commits = read(run, keep);
  std::uint64_t digest = RunReader(keep.bytes).header().digestBefore;
  for (const CommitUndo& commit : commits) {
    if (commit.lsn > at) break;
    digest = commit.digestAfter;
  }
  return digest;
}

}  // namespace cairn::pitr
