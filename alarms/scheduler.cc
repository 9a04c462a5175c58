#include "alarms/scheduler.h"

#include <algorithm>

#include "alarms/alarm_table.h"
#include "engine/base/coding.h"
#include "kv/keys.h"

namespace cairn::alarms {

bool Scheduler::committed(ObjectNumber object, const ObjectAddress& address, std::string_view name,
                          std::optional<UnixMillis> time, Lsn lsn) {
  std::lock_guard lock(mutex_);
  AlarmKey alarm{object, std::string(name)};
  remove(alarm);
  if (!time) return false;
  std::string key = queueKey(*time, object, name);
  bool first = byTime_.empty() || key < byTime_.begin()->first;
  insert({std::move(alarm), *time, address, lsn});
  trimIfWorthwhile();
  return first;
}

bool Scheduler::again(const Due& due) {
  std::lock_guard lock(mutex_);
  AlarmKey alarm{due.object, due.name};
  if (byAlarm_.contains(alarm)) return false;
  bool first = byTime_.empty() || due.time < byTime_.begin()->second.time;
  insert({std::move(alarm), due.time, due.address, Lsn(UINT64_MAX)});
  return first;
}

std::optional<Due> Scheduler::take(UnixMillis now) {
  std::lock_guard lock(mutex_);
  trimIfWorthwhile();
  while (!complete()) load();
  if (byTime_.empty() || byTime_.begin()->second.time > now) return std::nullopt;
  if (delivered_ >= options_.atOnce) {
    held_ = true;
    return std::nullopt;
  }
  Entry& entry = byTime_.begin()->second;
  Due due{entry.alarm.first, entry.alarm.second, entry.time, std::move(entry.address)};
  byAlarm_.erase(entry.alarm);
  byTime_.erase(byTime_.begin());
  ++delivered_;
  return due;
}

bool Scheduler::done() {
  std::lock_guard lock(mutex_);
  --delivered_;
  return std::exchange(held_, false);
}

std::optional<UnixMillis> Scheduler::next() {
  std::lock_guard lock(mutex_);
  trimIfWorthwhile();
  while (!complete()) load();
  if (byTime_.empty() || held_) return std::nullopt;
  return byTime_.begin()->second.time;
}

void Scheduler::restart() {
  std::lock_guard lock(mutex_);
  readTo_ = std::string();
}

std::size_t Scheduler::inMemory() const {
  std::lock_guard lock(mutex_);
  return byTime_.size();
}

std::uint64_t Scheduler::rowsRead() const {
  std::lock_guard lock(mutex_);
  return rowsRead_;
}

void Scheduler::insert(Entry entry) {
  std::string key = queueKey(entry.time, entry.alarm.first, entry.alarm.second);
  AlarmKey alarm = entry.alarm;
  auto place = byTime_.emplace(std::move(key), std::move(entry)).first;
  byAlarm_[std::move(alarm)] = place;
}

void Scheduler::remove(const AlarmKey& alarm) {
  auto found = byAlarm_.find(alarm);
  if (found == byAlarm_.end()) return;
  byTime_.erase(found->second);
  byAlarm_.erase(found);
}

// Whether the first entry in memory is the first of all.
bool Scheduler::complete() const {
  if (!readTo_) return true;
  return !byTime_.empty() && byTime_.begin()->first < *readTo_;
}

// Reads on where the store's queue was left. What memory knows of an alarm is newer than the store.
void Scheduler::load() {
  kv::Snapshot snapshot = source_.store.snapshot();
  kv::Cursor cursor = snapshot.cursor(kv::Table::kAlarmQueue);
  std::size_t left = std::max<std::size_t>(options_.inMemoryMax / 4, 16);
  bool more = cursor.seek(*readTo_);
  for (; more && left > 0; more = cursor.next(), --left) {
    std::string_view key = cursor.key();
    ++rowsRead_;
    readTo_->assign(key).push_back('\0');
    ObjectNumber object(loadBigEndian64(key.data() + 8));
    AlarmKey alarm{object, std::string(key.substr(16))};
    if (byAlarm_.contains(alarm)) continue;
    std::optional<ObjectAddress> address = source_.resolve(snapshot, object);
    if (!address) continue;
    insert({std::move(alarm), kv::fromSortableTime(kv::SortableTime(loadBigEndian64(key.data()))),
            std::move(*address), Lsn()});
  }
  if (!more) readTo_.reset();
}

// What no round has stored yet cannot be forgotten: a burst of those is not gone through again
// until a round was.
void Scheduler::trimIfWorthwhile() {
  if (byTime_.size() <= options_.inMemoryMax) return;
  if (source_.storedLsn() > trimmedThrough_) trim();
}

// Forgets the last entries, as far as the store has them; they are read again when their time
// comes.
void Scheduler::trim() {
  Lsn stored = source_.storedLsn();
  std::size_t target = options_.inMemoryMax / 2;
  for (auto entry = byTime_.end(); entry != byTime_.begin() && byTime_.size() > target;) {
    --entry;
    if (entry->second.lsn > stored) continue;
    byAlarm_.erase(entry->second.alarm);
    std::string key = entry->first;
    entry = byTime_.erase(entry);
    if (!readTo_ || key < *readTo_) readTo_ = std::move(key);
  }
  trimmedThrough_ = stored;
}

}  // namespace cairn::alarms
