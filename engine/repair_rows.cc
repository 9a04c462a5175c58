// Rows of the store that say the same as something else, and can be made from it again: the alarm
// queue from the alarms, the index of the change log from its frames.
#include <cairn/error.h>
#include <map>

#include <fmt/format.h>

#include "alarms/alarm_table.h"
#include "engine/repair_steps.h"
#include "kv/keys.h"
#include "pitr/change_log.h"

namespace cairn {

using kv::Table;

namespace {

using Rows = std::map<std::string, std::string>;

struct Differences {
  std::uint64_t missing = 0;  ///< Or different.
  std::uint64_t surplus = 0;
};

Differences compare(const kv::ReadAccess& store, Table table, const Rows& wanted) {
  Differences differences;
  for (const auto& [key, value] : wanted) {
    std::optional<std::string_view> row = store.get(table, key);
    if (!row || *row != value) ++differences.missing;
  }
  kv::Cursor cursor = store.cursor(table);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    if (!wanted.contains(std::string(cursor.key()))) ++differences.surplus;
  }
  return differences;
}

void replace(Repair& repair, Table table, const Rows& wanted) {
  repair.keep("store/data.mdb");
  kv::Environment environment(kv::Environment::Options{.directory = repair.path("store")});
  environment.write([&](kv::WriteTransaction& transaction) {
    std::vector<std::string> surplus;
    kv::Cursor cursor = transaction.cursor(table);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      if (!wanted.contains(std::string(cursor.key()))) surplus.emplace_back(cursor.key());
    }
    for (const std::string& key : surplus) transaction.erase(table, key);
    for (const auto& [key, value] : wanted) {
      std::optional<std::string_view> row = transaction.get(table, key);
      if (!row || *row != value) transaction.put(table, key, value);
    }
  });
}

template <typename Build>
void rebuild(Repair& repair, Table table, const std::string& where, const std::string& from,
             Build&& build) {
  if (!repair.state) return;
  Rows wanted;
  Differences differences;
  {
    kv::Environment::Options readOnly{.directory = repair.path("store"), .readOnly = true};
    kv::Environment environment(readOnly);
    kv::Snapshot snapshot = environment.snapshot();
    wanted = build(snapshot);
    differences = compare(snapshot, table, wanted);
  }
  if (differences.missing == 0 && differences.surplus == 0) return;
  repair.add({RepairKind::kPossible, where,
              fmt::format("{} rows are missing or wrong, {} lead nowhere", differences.missing,
                          differences.surplus),
              "make it anew from " + from, ""});
  if (repair.applies()) replace(repair, table, wanted);
}

Rows alarmQueueOf(const kv::ReadAccess& store) {
  Rows rows;
  kv::Cursor cursor = store.cursor(Table::kAlarms);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    ObjectNumber object(loadBigEndian64(cursor.key().data()));
    alarms::Alarm alarm = alarms::Alarm::decode(cursor.value());
    rows.emplace(alarms::queueKey(alarm.time, object, cursor.key().substr(8)), std::string());
  }
  return rows;
}

// Runs of spaces that are gone have left the index with them, and segments before the window too.
class IndexBuilder {
 public:
  IndexBuilder(Repair& repair, const kv::ReadAccess& store)
      : repair_(repair),
        store_(store),
        files_{repair.fileSystem(), repair.path("changes"), std::string(repair.rootId.view()),
               repair.rootId.seed()},
        reader_(files_) {}

  Rows build() {
    const StoreState& state = *repair_.state;
    for (const std::string& name : repair_.fileSystem().list(files_.directory)) {
      std::optional<std::uint64_t> number = pitr::changeSegmentNumber(name);
      if (!number || *number > state.changes.segment) continue;
      std::uint64_t end = *number == state.changes.segment
                              ? state.changes.offset
                              : repair_.fileSystem().open(files_.path(*number), {})->size();
      scan(*number, end);
    }
    keepRowsBeyondHoles();
    return std::move(rows_);
  }

 private:
  void scan(std::uint64_t segment, std::uint64_t end) {
    try {
      std::uint64_t stop =
          reader_.scanRuns(segment, 0, [&](const pitr::PlacedRun& run, const pitr::RunHeader&) {
            bool isKept = store_.get(Table::kSpaces, kv::numberKey(run.space)).has_value();
            if (isKept && run.place.frameOffset < end)
              rows_[kv::numberKey(run.space, run.lastLsn)] = run.place.encode();
          });
      soundUpTo_[segment] = stop < end ? stop : UINT64_MAX;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kForeign) throw;
    }
  }

  // Behind a damaged frame only the index knows where others stand.
  void keepRowsBeyondHoles() {
    kv::Cursor cursor = store_.cursor(Table::kChanges);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      try {
        pitr::RunPlace place = pitr::RunPlace::decode(cursor.value());
        auto sound = soundUpTo_.find(place.segment);
        if (sound == soundUpTo_.end() || place.frameOffset >= sound->second)
          rows_.emplace(cursor.key(), cursor.value());
      } catch (const Error&) {
        // Its frame, if it is sound, has given the row already.
      }
    }
  }

  Repair& repair_;
  const kv::ReadAccess& store_;
  pitr::ChangeLogFiles files_;
  pitr::ChangeLogReader reader_;
  Rows rows_;
  std::map<std::uint64_t, std::uint64_t> soundUpTo_;  ///< Of each segment that was scanned.
};

}  // namespace

void repairAlarmQueue(Repair& repair) {
  rebuild(repair, Table::kAlarmQueue, "store, alarm queue", "the alarms", alarmQueueOf);
}

void repairHistoryIndex(Repair& repair) {
  rebuild(repair, Table::kChanges, "store, history index", "the change log's frames",
          [&](const kv::ReadAccess& store) { return IndexBuilder(repair, store).build(); });
}

}  // namespace cairn
