#include "engine/object_past.h"

#include <cairn/error.h>

#include <fmt/format.h>

#include "alarms/alarm_table.h"
#include "kv/keys.h"

namespace cairn {

using kv::Table;

ObjectPast::Stretch ObjectPast::stretchAt(Lsn lsn) const {
  Stretch stretch{Lsn(), Lsn(UINT64_MAX), SpaceId()};
  std::string prefix = kv::numberKey(object_);
  kv::Cursor cursor = store_.cursor(Table::kTimeline);
  bool more = cursor.seek(kv::numberKey(object_, lsn.next()));
  if (more && cursor.key().starts_with(prefix))
    stretch.until = Lsn(loadBigEndian64(cursor.key().data() + 8));
  more = more ? cursor.previous() : cursor.last();
  if (more && cursor.key().starts_with(prefix)) {
    stretch.from = Lsn(loadBigEndian64(cursor.key().data() + 8));
    stretch.space = SpaceId(loadBigEndian64(cursor.value().data()));
  }
  return stretch;
}

std::vector<ObjectPast::Stretch> ObjectPast::stretches(Lsn after) const {
  std::vector<Stretch> found;
  for (Stretch stretch = stretchAt(after);; stretch = stretchAt(stretch.until)) {
    found.push_back(stretch);
    if (stretch.until == Lsn(UINT64_MAX)) return found;
  }
}

ObjectPast::Point ObjectPast::lastCommit(Lsn lsn, const StoreState& state) const {
  Stretch stretch = stretchAt(lsn);
  // Before the object's first commit, or while it was deleted: the state is that of the deletion.
  if (stretch.space.isZero()) return {std::max(stretch.from, state.historyLsn), UnixMillis{}};
  std::optional<pitr::History::Found> found =
      history_.lastCommitAt(stretch.space, UnixMillis{INT64_MAX}, lsn);
  if (found && found->lsn >= stretch.from) return {found->lsn, found->time};
  // Its last commit by then is older than what is retained.
  std::optional<SpaceRow> row = spaceRow(stretch.space);
  if (row && row->lastLsn <= lsn) return {row->lastLsn, UnixMillis{}};
  return {std::max(stretch.from, state.historyLsn), state.historyTime};
}

// The space it left may have been entered and left again since: its row tells of the last time
// only.
UnixMillis ObjectPast::deletionTime(const Stretch& deleted) const {
  Stretch before = stretchAt(Lsn(deleted.from.value() - 1));
  std::optional<pitr::History::Found> commit =
      history_.lastCommitAt(before.space, UnixMillis{INT64_MAX}, deleted.from);
  if (commit && commit->lsn == deleted.from) return commit->time;
  std::optional<SpaceRow> left = spaceRow(before.space);
  return left ? left->droppedTime : UnixMillis{};
}

ObjectPast::Point ObjectPast::lastCommit(UnixMillis time, const StoreState& state) const {
  // The first round that ended later bounds the LSN from above.
  kv::Cursor times = store_.cursor(Table::kTimes);
  Lsn through = state.lsn;
  if (times.seek(kv::numberKey(kv::sortableTime(UnixMillis{time.value + 1})))) {
    through = Lsn(loadBigEndian64(times.key().data() + 8));
  }
  std::vector<Stretch> all = stretches(Lsn());
  for (auto stretch = all.rbegin(); stretch != all.rend(); ++stretch) {
    if (stretch->from > through) continue;
    if (stretch->space.isZero()) {
      // When the object was deleted, or was not there yet, stands with the commit that did it.
      if (stretch->from.isZero()) break;
      UnixMillis deleted = deletionTime(*stretch);
      if (deleted <= time) return {stretch->from, deleted};
      continue;
    }
    Lsn last = std::min(through, Lsn(stretch->until.value() - 1));
    std::optional<pitr::History::Found> found = history_.lastCommitAt(stretch->space, time, last);
    if (found && found->lsn >= stretch->from) return {found->lsn, found->time};
    std::optional<SpaceRow> row = spaceRow(stretch->space);
    // No retained commit that early. An older one, dropped from history, may still be the space's
    // state then.
    bool begunEarlier =
        row && row->created <= state.historyLsn && stretch->from <= state.historyLsn;
    if (begunEarlier) return {state.historyLsn, state.historyTime};
  }
  return {state.historyLsn, state.historyTime};
}

ObjectPast::Alarms ObjectPast::alarmsAt(Lsn lsn, Lsn through) const {
  // The oldest undo of each alarm after `lsn` says how it was; the others are as they are now.
  std::map<std::string, std::optional<UnixMillis>, std::less<>> undone;
  for (const Stretch& stretch : stretches(lsn)) {
    if (stretch.space.isZero()) continue;
    Lsn after = std::max(lsn, stretch.from.isZero() ? Lsn() : Lsn(stretch.from.value() - 1));
    Lsn last = std::min(through, stretch.until);
    history_.forward(stretch.space, after, last, pitr::kTouchesAlarm,
                     [&](const pitr::CommitUndo& commit) {
                       pitr::visitUndos(commit.undos, [&](const pitr::Undo& undo) {
                         if (undo.kind == pitr::UndoKind::kAlarmAbsent)
                           undone.try_emplace(std::string(undo.name), std::nullopt);
                         if (undo.kind == pitr::UndoKind::kAlarmSet)
                           undone.try_emplace(std::string(undo.name), undo.time);
                       });
                       return true;
                     });
  }
  Alarms alarms;
  std::string prefix = kv::numberKey(object_);
  kv::Cursor cursor = store_.cursor(Table::kAlarms);
  for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix);
       more = cursor.next()) {
    alarms.emplace(cursor.key().substr(prefix.size()), alarms::Alarm::decode(cursor.value()).time);
  }
  for (const auto& [name, time] : undone) {
    if (time) {
      alarms[name] = *time;
    } else {
      alarms.erase(name);
    }
  }
  return alarms;
}

std::optional<SpaceRow> ObjectPast::spaceRow(SpaceId space) const {
  std::optional<std::string_view> row = store_.get(Table::kSpaces, kv::numberKey(space));
  if (!row) return std::nullopt;
  return SpaceRow::decode(*row);
}

Lsn endOfSession(const kv::ReadAccess& store, ObjectNumber object, const Bookmark& bookmark) {
  kv::Cursor cursor = store.cursor(Table::kReceipts);
  bool found = cursor.seek(kv::numberKey(object, bookmark.lsn())) &&
               cursor.key().starts_with(kv::numberKey(object));
  if (!found) {
    throw Error(ErrorCode::kOutOfRange,
                fmt::format("bookmark {} names the end of a session that has not ended yet",
                            bookmark.toString()));
  }
  return ReceiptRow::decode(cursor.value()).before;
}

void checkReachable(Lsn lsn, const StoreState& state) {
  if (lsn >= state.historyLsn && lsn <= state.lsn) return;
  throw Error(ErrorCode::kOutOfRange,
              fmt::format("LSN {} is outside what can be brought back: {} to {}", lsn.value(),
                          state.historyLsn.value(), state.lsn.value()));
}

}  // namespace cairn
