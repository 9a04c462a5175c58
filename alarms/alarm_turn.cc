#include "alarms/alarm_turn.h"

#include <set>

#include "kv/keys.h"

namespace cairn::alarms {

namespace {

// What an op needs beside the alarm's name.
constexpr std::size_t kOpOverhead = 1 + 6 * kMaxVarintBytes;

}  // namespace

void Overlay::dropThrough(Lsn lsn) {
  std::erase_if(entries, [&](const auto& entry) {
    Lsn written = entry.second.record->lsn;
    return !written.isZero() && written <= lsn;
  });
}

std::optional<Alarm> Turn::get(std::string_view name) {
  if (auto found = overlay_->entries.find(name); found != overlay_->entries.end())
    return found->second.alarm;
  ObjectNumber object = context_.objectNumber();
  if (object.isZero()) return std::nullopt;
  std::optional<std::string_view> row =
      context_.store().get(kv::Table::kAlarms, tableKey(object, name));
  if (!row) return std::nullopt;
  return Alarm::decode(*row);
}

void Turn::set(std::string_view name, const Alarm& alarm) {
  if (get(name) != alarm) change(name, alarm);
}

void Turn::clear(std::string_view name) {
  if (get(name)) change(name, std::nullopt);
}

std::vector<std::string> Turn::names() {
  std::set<std::string> names;
  if (ObjectNumber object = context_.objectNumber(); !object.isZero()) {
    std::string prefix = kv::numberKey(object);
    kv::Cursor cursor = context_.store().cursor(kv::Table::kAlarms);
    for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix);
         more = cursor.next()) {
      names.emplace(cursor.key().substr(prefix.size()));
    }
  }
  for (const auto& [name, entry] : overlay_->entries) {
    if (entry.alarm) {
      names.insert(name);
    } else {
      names.erase(name);
    }
  }
  return {names.begin(), names.end()};
}

void Turn::change(std::string_view name, const std::optional<Alarm>& alarm) {
  // Everything that may run out of memory does so before anything has changed.
  const RecordRef& record = context_.openRecord();
  record->ops.ensureRoom(kOpOverhead + name.size());
  if (undo_.size() == undo_.capacity()) undo_.reserve(2 * undo_.size() + 4);
  std::string kept(name);
  auto [entry, created] = overlay_->entries.try_emplace(kept);
  undo_.push_back({std::move(kept), created ? std::nullopt : std::optional(entry->second)});
  append(*record, name, alarm);
  entry->second = {alarm, record};
}

void Turn::append(Record& record, std::string_view name, const std::optional<Alarm>& alarm) {
  if (alarm) {
    appendOp(record.ops, SetAlarmOp{context_.objectNumber(), name, alarm->time, alarm->attempts,
                                    alarm->backoff, alarm->delayMs});
  } else {
    appendOp(record.ops, ClearAlarmOp{context_.objectNumber(), name});
  }
}

void Turn::rollback(const Mark& mark) {
  while (undo_.size() > mark.undo) {
    Undo& undo = undo_.back();
    if (undo.before) {
      overlay_->entries[undo.name] = std::move(*undo.before);
    } else {
      overlay_->entries.erase(undo.name);
    }
    undo_.pop_back();
  }
}

void Turn::moveTo(const RecordRef& record) {
  for (const Undo& undo : undo_) {
    Overlay::Entry& entry = overlay_->entries.find(undo.name)->second;
    if (entry.record == record) continue;
    append(*record, undo.name, entry.alarm);
    entry.record = record;
  }
}

}  // namespace cairn::alarms
