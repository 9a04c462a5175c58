#include "engine/round.h"

#include <algorithm>
#include <cairn/error.h>
#include <optional>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/mutant.h"
#include "engine/round_history.h"
#include "kv/keys.h"

namespace cairn {

using kv::Table;

namespace {

constexpr int kHistoryCompression = 4;
// What a changed row may dirty at most: its path in the tree, every page of it split, twice.
constexpr std::uint64_t kStoreBytesPerRow = 2 * 10 * 4096;
constexpr std::uint64_t kStoreBytesMin = std::uint64_t{256} << 10;

}  // namespace

Round::Round(Stores stores, RoundOptions options, const std::vector<RecordRef>& records, Lsn cut)
    : stores_(stores), options_(std::move(options)), records_(records), cut_(cut) {}

void Round::begin(const StoreState& before, std::uint64_t journalSegment) {
  CAIRN_CHECK(cut_ >= before.lsn);
  state_ = before;
  state_.lsn = mutantActive(Mutant::kCutTooHigh)  ? cut_.next()
               : mutantActive(Mutant::kCutTooLow) ? Lsn(cut_.value() - 1)
                                                  : cut_;
  state_.journalSegment = journalSegment;
  if (records_.empty()) return;
  CAIRN_CHECK(records_.front()->lsn > before.lsn && records_.back()->lsn <= cut_);
  state_.time = records_.back()->time;
}

Round::Result Round::run(const StoreState& before, std::uint64_t journalSegment) {
  prepare(before, journalSegment);
  return apply();
}

void Round::prepare(const StoreState& before, std::uint64_t journalSegment) {
  begin(before, journalSegment);
  {
    kv::Snapshot snapshot = stores_.lmdb.snapshot();
    plan_ = planRound(snapshot, records_, before, options_.history);
    writeHistoryAndScratch(snapshot, before);
  }
  pages_ = result_.scratchBytes > 0;
}

Round::Result Round::finishInterrupted(const StoreState& before, const sql::Scratch::Note& note,
                                       std::uint64_t journalSegment) {
  begin(before, journalSegment);
  options_.history = note.third != 0;
  // The process that wrote both may have died just before it had made them durable.
  if (note.first != 0) {
    stores_.changes.fileSystem.open(stores_.changes.path(note.first), {.write = true})->syncData();
    stores_.changes.fileSystem.syncDirectory(stores_.changes.directory);
  }
  stores_.scratch.makeDurable();
  {
    kv::Snapshot snapshot = stores_.lmdb.snapshot();
    plan_ = planRound(snapshot, records_, before, options_.history);
    adoptHistory(before, {note.first, note.second});
  }
  pages_ = true;
  return apply();
}

// Steps 1 and 2. Both are written side by side, space by space; the scratch is completed only when
// the change log is durable.
void Round::writeHistoryAndScratch(const kv::ReadAccess&, const StoreState& before) {
  Compressor compressor(kHistoryCompression);
  pitr::PagePacker packer;
  pitr::ChangeLogWriter log(
      stores_.changes, compressor, before.changes, options_.now,
      {.bytesMax = options_.changeSegmentBytes, .ageMaxMs = options_.changeSegmentMs});
  std::optional<sql::Scratch::Writer> scratch;
  for (auto& [space, plan] : plan_.spaces) {
    SpaceHistory history(space, plan, stores_.pages, log, packer);
    history.run();
    if (plan.pages.empty() && plan.row.sqlPages == plan.filePages) continue;
    if (!scratch) scratch.emplace(stores_.scratch, cut_);
    result_.pagesWritten += history.writePages(*scratch);
  }
  log.finish();
  if (scratch) {
    scratch->finish({log.end().segment, log.end().offset, options_.history ? 1U : 0U});
    result_.scratchBytes = scratch->bytes();
  }
  placed_ = log.placed();
  if (!mutantActive(Mutant::kChangeLogEndForgotten)) state_.changes = log.end();
  result_.historyBytes = log.bytesWritten();
}

// The interrupted round's frames stand behind the end that the store knows, up to the end that the
// round noted, whole, because they were durable before its scratch was.
void Round::adoptHistory(const StoreState& before, const pitr::ChangeLogEnd& end) {
  state_.changes = end;
  bool sameSegment = end.segment == before.changes.segment;
  std::uint64_t from = sameSegment ? before.changes.offset : 0;
  if (sameSegment && end.offset == from) return;
  std::uint64_t sound = stores_.changeReader.scanRuns(
      end.segment, from, [&](const pitr::PlacedRun& run, const pitr::RunHeader& header) {
        if (run.place.frameOffset >= end.offset) return;
        placed_.push_back(run);
        adoptRun(header);
      });
  if (sound < end.offset) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("change log {:08x} offset {}: a frame is damaged that an interrupted "
                            "checkpoint had made durable",
                            end.segment, sound));
  }
}

void Round::adoptRun(const pitr::RunHeader& header) {
  auto found = plan_.spaces.find(header.space);
  if (found == plan_.spaces.end() || header.lastLsn > cut_) {
    throw Error(
        ErrorCode::kDamaged,
        fmt::format(
            "change log: a run of space {} up to LSN {} belongs to no commit of the journal",
            header.space.value(), header.lastLsn.value()));
  }
  // Runs come in order: the last one's digest is the space's.
  SpaceRow& row = found->second.row;
  row.dataDigest = header.digestAfter;
  row.dataDigest -= row.alarmDigest;
}

// Steps 3 and 4.
Round::Result Round::apply() {
  // Before anybody is kept out: what grows the store waits for its readers.
  std::uint64_t bytes = kStoreBytesMin;
  for (const auto& [space, plan] : plan_.spaces) {
    bytes += kStoreBytesPerRow * (1 + plan.kv.size());
    for (const KvChange& change : plan.kv) bytes += 2 * (change.key.size() + change.value.size());
  }
  bytes += kStoreBytesPerRow * (plan_.objects.size() + plan_.alarms.size() + placed_.size());
  stores_.lmdb.reserve(bytes);

  auto work = [&] {
    bool pagesLast = mutantActive(Mutant::kPagesAfterStore);
    if (pages_ && !pagesLast) stores_.scratch.apply(stores_.pages);
    stores_.lmdb.write([this](kv::WriteTransaction& transaction) { writeLmdb(transaction); });
    if (pages_ && pagesLast) stores_.scratch.apply(stores_.pages);
  };
  if (options_.exclusively) {
    options_.exclusively(work);
  } else {
    work();
  }
  result_.state = state_;
  return result_;
}

void Round::writeLmdb(kv::WriteTransaction& transaction) {
  result_.keysWritten = 0;
  state_.nextObject = plan_.next.nextObject;
  state_.nextSpace = plan_.next.nextSpace;
  state_.nextClass = plan_.next.nextClass;
  for (const auto& [space, plan] : plan_.spaces) writeKeys(transaction, space, plan);
  writeSpaces(transaction);
  writeObjects(transaction);
  writeAlarms(transaction);
  for (const auto& [number, row] : plan_.classes)
    transaction.put(Table::kClasses, kv::numberKey(number), row.encode());
  for (const auto& [key, row] : plan_.labels) {
    if (row) {
      transaction.put(Table::kLabels, key, row->encode());
    } else {
      if (!mutantActive(Mutant::kLabelNotRemoved)) transaction.erase(Table::kLabels, key);
    }
  }
  for (const auto& [key, row] : plan_.receipts)
    transaction.put(Table::kReceipts, key, row.encode());
  writeHistoryIndex(transaction);
  state_.save(transaction);
}

void Round::writeKeys(kv::WriteTransaction& transaction, SpaceId space, const SpacePlan& plan) {
  if (plan.kv.empty()) return;
  kv::Cursor cursor = transaction.cursor(Table::kKv);
  for (std::uint32_t index : plan.kvByKey) {
    const KvChange& change = plan.kv[index];
    if (!change.last) continue;
    std::optional<std::string_view> value;
    if (!change.erased) value = change.value;
    kv::writeKey(cursor, space, change.key, value);
    ++result_.keysWritten;
  }
}

void Round::writeSpaces(kv::WriteTransaction& transaction) {
  for (const Pointing& pointing : plan_.pointings) {
    for (SpaceId space : {pointing.before, pointing.after}) {
      if (space.isZero()) continue;
      if (std::optional<std::string_view> row =
              transaction.get(Table::kSpaces, kv::numberKey(space))) {
        Lsn dropped = SpaceRow::decode(*row).dropped;
        if (!dropped.isZero()) transaction.erase(Table::kDropped, kv::numberKey(dropped, space));
      }
    }
    transaction.put(Table::kTimeline, kv::numberKey(pointing.object, pointing.lsn),
                    kv::numberKey(pointing.after));
  }
  for (const auto& [space, plan] : plan_.spaces) {
    transaction.put(Table::kSpaces, kv::numberKey(space), plan.row.encode());
    if (!plan.row.dropped.isZero())
      transaction.put(Table::kDropped, kv::numberKey(plan.row.dropped, space), {});
  }
}

void Round::writeObjects(kv::WriteTransaction& transaction) {
  for (const auto& [number, plan] : plan_.objects) {
    transaction.put(Table::kObjects, kv::numberKey(number), plan.row.encode());
    if (plan.created) {
      transaction.put(Table::kNames, nameKey(plan.row.classNumber, plan.row.name),
                      kv::numberKey(number));
    }
  }
}

void Round::writeAlarms(kv::WriteTransaction& transaction) {
  for (const auto& [which, alarm] : plan_.alarms) {
    const auto& [object, name] = which;
    std::string key = alarms::tableKey(object, name);
    if (std::optional<std::string_view> before = transaction.get(Table::kAlarms, key)) {
      if (!mutantActive(Mutant::kAlarmQueueKeepsOld))
        transaction.erase(Table::kAlarmQueue,
                          alarms::queueKey(alarms::Alarm::decode(*before).time, object, name));
    }
    if (alarm) {
      transaction.put(Table::kAlarms, key, alarm->encode());
      transaction.put(Table::kAlarmQueue, alarms::queueKey(alarm->time, object, name), {});
    } else {
      transaction.erase(Table::kAlarms, key);
    }
  }
}

void Round::writeHistoryIndex(kv::WriteTransaction& transaction) {
  if (!records_.empty())
    transaction.put(Table::kTimes, timeKey(state_.time, state_.lsn.value()), {});
  if (placed_.empty()) return;
  for (const pitr::PlacedRun& run : placed_) {
    transaction.put(Table::kChanges, kv::numberKey(run.space, run.lastLsn), run.place.encode());
  }
  SegmentRow segment{cut_, state_.time, state_.changes.offset};
  transaction.put(Table::kSegments,
                  kv::numberKey(Number<struct SegmentMeaning>(state_.changes.segment)),
                  segment.encode());
}

}  // namespace cairn
