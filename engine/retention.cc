#include "engine/retention.h"

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/mutant.h"
#include "kv/keys.h"

namespace cairn {

namespace {

using kv::Table;

struct Segment {
  std::uint64_t number;
  SegmentRow row;
};

std::optional<Segment> oldestSegment(const kv::ReadAccess& store) {
  kv::Cursor cursor = store.cursor(Table::kSegments);
  if (!cursor.first()) return std::nullopt;
  return Segment{loadBigEndian64(cursor.key().data()), SegmentRow::decode(cursor.value())};
}

std::string segmentKey(std::uint64_t number) {
  return kv::numberKey(Number<struct SegmentMeaning>(number));
}

// Index rows that point into a segment, found by reading it: the cost follows what is dropped.
std::vector<std::string> indexKeysByReading(const Stores& stores, std::uint64_t segment) {
  std::vector<std::string> keys;
  stores.changeReader.scanRuns(segment, 0, [&](const pitr::PlacedRun& run, const pitr::RunHeader&) {
    keys.push_back(kv::numberKey(run.space, run.lastLsn));
  });
  return keys;
}

// The same for a segment that cannot be read.
std::vector<std::string> indexKeysBySearching(const kv::ReadAccess& store, std::uint64_t segment) {
  std::vector<std::string> keys;
  kv::Cursor cursor = store.cursor(Table::kChanges);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    if (pitr::RunPlace::decode(cursor.value()).segment == segment) keys.emplace_back(cursor.key());
  }
  return keys;
}

std::vector<std::string> indexKeys(const Stores& stores, const kv::ReadAccess& store,
                                   std::uint64_t segment) {
  std::vector<std::string> keys;
  std::size_t known = 0;
  try {
    keys = indexKeysByReading(stores, segment);
    for (const std::string& key : keys) known += store.get(Table::kChanges, key) ? 1 : 0;
  } catch (const std::exception&) {
    keys.clear();
  }
  // Damage cuts reading short.
  return known == 0 || known < keys.size() ? indexKeysBySearching(store, segment) : keys;
}

void eraseTimesBefore(kv::WriteTransaction& transaction, Lsn lsn) {
  kv::Cursor cursor = transaction.cursor(Table::kTimes);
  while (cursor.first() && Lsn(loadBigEndian64(cursor.key().data() + 8)) < lsn)
    cursor.eraseCurrent();
}

}  // namespace

DroppedHistory dropOldestSegment(const Stores& stores, const RetentionOptions& options,
                                 StoreState& state) {
  std::optional<Segment> oldest;
  std::uint64_t total = 0;
  std::vector<std::string> keys;
  bool late = false;
  {
    kv::Snapshot snapshot = stores.lmdb.snapshot();
    oldest = oldestSegment(snapshot);
    if (!oldest || oldest->number == state.changes.segment) return {};
    std::int64_t keepMs =
        mutantActive(Mutant::kHistoryDroppedEarly) ? options.keepMs / 2 : options.keepMs;
    late = oldest->row.lastTime.value < options.now.value - keepMs;
    if (!late && options.bytesMax > 0) total = storedHistoryBytes(snapshot);
    bool overBudget = options.bytesMax > 0 && total > options.bytesMax;
    if ((!late && !overBudget) || options.leasedFrom < oldest->row.lastLsn) return {};
    keys = indexKeys(stores, snapshot, oldest->number);
  }
  StoreState next = state;
  next.historyLsn = oldest->row.lastLsn;
  next.historyTime = oldest->row.lastTime;
  FileSystem& fileSystem = stores.changes.fileSystem;
  if (mutantActive(Mutant::kSegmentUnlinkedFirst))
    fileSystem.unlink(stores.changes.path(oldest->number));
  stores.lmdb.write([&](kv::WriteTransaction& transaction) {
    for (const std::string& key : keys) transaction.erase(Table::kChanges, key);
    transaction.erase(Table::kSegments, segmentKey(oldest->number));
    eraseTimesBefore(transaction, next.historyLsn);
    next.save(transaction);
  });
  state = next;
  // A crash before this leaves a file that the next open removes.
  fileSystem.unlink(stores.changes.path(oldest->number));
  fileSystem.syncDirectory(stores.changes.directory);
  stores.changeReader.forget();
  return {oldest->row.bytes, !late};
}

void removeStraySegments(const Stores& stores, const StoreState& state) {
  std::optional<Segment> oldest = oldestSegment(stores.lmdb.snapshot());
  std::uint64_t first = oldest ? oldest->number : state.changes.segment;
  bool removed = false;
  FileSystem& fileSystem = stores.changes.fileSystem;
  for (const std::string& name : fileSystem.list(stores.changes.directory)) {
    std::optional<std::uint64_t> number = pitr::changeSegmentNumber(name);
    if (!number || (*number >= first && *number <= state.changes.segment)) continue;
    fileSystem.unlink(stores.changes.path(*number));
    removed = true;
  }
  if (removed) fileSystem.syncDirectory(stores.changes.directory);
}

std::uint64_t storedHistoryBytes(const kv::ReadAccess& store) {
  std::uint64_t total = 0;
  kv::Cursor cursor = store.cursor(Table::kSegments);
  for (bool more = cursor.first(); more; more = cursor.next())
    total += SegmentRow::decode(cursor.value()).bytes;
  return total;
}

}  // namespace cairn
