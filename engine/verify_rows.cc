// The store's rows against each other: every name leads to its object and back, every object to its
// space and back, alarms to their queue and back, and counts are what is there.
#include <cairn/error.h>
#include <map>
#include <set>

#include <fmt/format.h>

#include "alarms/alarm_table.h"
#include "engine/verification.h"
#include "kv/keys.h"

namespace cairn {

using kv::Table;

namespace {

class RowsCheck {
 public:
  RowsCheck(Verification& verification, const kv::ReadAccess& store, const StoreState& state)
      : verification_(verification), store_(store), state_(state) {}

  void run() {
    eachRow(Table::kClasses, "class", 8, 8,
            [this](auto key, auto value) { checkClass(key, value); });
    eachRow(Table::kNames, "name", 9, 511, [this](auto key, auto value) { checkName(key, value); });
    eachRow(Table::kObjects, "object", 8, 8,
            [this](auto key, auto value) { checkObject(key, value); });
    eachRow(Table::kSpaces, "space", 8, 8,
            [this](auto key, auto value) { checkSpace(key, value); });
    eachRow(Table::kDropped, "dropped space", 16, 16,
            [this](auto key, auto) { checkDropped(key); });
    checkKeys();
    eachRow(Table::kAlarms, "alarm", 8, 511,
            [this](auto key, auto value) { checkAlarm(key, value); });
    eachRow(Table::kAlarmQueue, "alarm queue", 16, 511,
            [this](auto key, auto) { checkAlarmQueue(key); });
    for (SpaceId space : droppedUnlisted_)
      damage(fmt::format("space {}", space.value()), "dropped, but not listed to be removed");
    verification_.count("objects", objects_);
    verification_.count("spaces", spaces_);
    verification_.count("keys", keys_);
    verification_.count("alarms", alarms_);
  }

 private:
  void damage(const std::string& row, std::string what) {
    verification_.damage("store, " + row, std::move(what));
  }

  // Calls `check(key, value)` for each row; one that does not decode is a finding.
  template <typename CheckRow>
  void eachRow(Table table, const char* what, std::size_t keyBytesMin, std::size_t keyBytesMax,
               CheckRow&& check) {
    std::uint64_t total = store_.entries(table);
    std::uint64_t done = 0;
    kv::Cursor cursor = store_.cursor(table);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      verification_.progress(++done, total);
      std::string_view key = cursor.key();
      if (key.size() < keyBytesMin || key.size() > keyBytesMax) {
        damage(fmt::format("{} row {}", what, done), fmt::format("a key of {} bytes", key.size()));
        continue;
      }
      try {
        check(key, cursor.value());
      } catch (const Error& error) {
        damage(fmt::format("{} {}", what, loadBigEndian64(key.data())), error.what());
      }
    }
  }

  void checkClass(std::string_view key, std::string_view value) {
    ClassNumber number(loadBigEndian64(key.data()));
    ClassRow row = ClassRow::decode(value);
    if (number >= state_.nextClass)
      damage(fmt::format("class {}", number.value()), "its number was never given out");
    classes_.insert(number);
  }

  void checkName(std::string_view key, std::string_view value) {
    std::string where = fmt::format("name of class {}", loadBigEndian64(key.data()));
    if (value.size() != 8) return damage(where, "it leads to no object number");
    std::optional<std::string_view> object = store_.get(Table::kObjects, value);
    where = fmt::format("object {}", loadBigEndian64(value.data()));
    if (!object) return damage(where, "it has a name, but no row");
    ObjectRow row = ObjectRow::decode(*object);
    if (nameKey(row.classNumber, row.name) != key)
      damage(where, "its row has another name than the one that leads to it");
  }

  void checkObject(std::string_view key, std::string_view value) {
    ObjectNumber number(loadBigEndian64(key.data()));
    std::string where = fmt::format("object {}", number.value());
    ObjectRow row = ObjectRow::decode(value);
    std::optional<std::string_view> named =
        store_.get(Table::kNames, nameKey(row.classNumber, row.name));
    if (!named || *named != key) damage(where, "its name does not lead to it");
    if (!classes_.contains(row.classNumber)) damage(where, "its class has no row");
    if (number >= state_.nextObject) damage(where, "its number was never given out");
    if (row.space.isZero()) return;
    ++objects_;
    std::optional<std::string_view> space = store_.get(Table::kSpaces, kv::numberKey(row.space));
    if (!space) return damage(where, fmt::format("its space {} has no row", row.space.value()));
    SpaceRow spaceRow = SpaceRow::decode(*space);
    if (spaceRow.object != number)
      damage(where, fmt::format("its space {} belongs to object {}", row.space.value(),
                                spaceRow.object.value()));
    if (!spaceRow.dropped.isZero())
      damage(where, fmt::format("its space {} was dropped at LSN {}", row.space.value(),
                                spaceRow.dropped.value()));
  }

  void checkSpace(std::string_view key, std::string_view value) {
    SpaceId space(loadBigEndian64(key.data()));
    std::string where = fmt::format("space {}", space.value());
    SpaceRow row = SpaceRow::decode(value);
    ++spaces_;
    if (space >= state_.nextSpace) damage(where, "its number was never given out");
    if (row.lastLsn > state_.lsn) {
      damage(where, fmt::format("its last commit is {}, the store is at {}", row.lastLsn.value(),
                                state_.lsn.value()));
    }
    if (!row.dropped.isZero()) {
      droppedUnlisted_.insert(space);
      return;
    }
    std::optional<std::string_view> object = store_.get(Table::kObjects, kv::numberKey(row.object));
    if (!object) return damage(where, fmt::format("its object {} has no row", row.object.value()));
    if (ObjectRow::decode(*object).space != space)
      damage(where, fmt::format("object {} points to another one", row.object.value()));
  }

  // The key's second number is the space, whatever the first orders by.
  void checkDropped(std::string_view key) {
    SpaceId space(loadBigEndian64(key.data() + 8));
    if (droppedUnlisted_.erase(space) == 0)
      damage(fmt::format("space {}", space.value()), "listed to be removed, but not dropped");
  }

  struct Held {
    std::uint64_t keys = 0;
    std::uint64_t bytes = 0;
  };

  // Keys stand in the order of their spaces, so each space is counted by itself.
  void checkKeys() {
    SpaceId current;
    Held held;
    std::uint64_t total = store_.entries(Table::kKv);
    std::uint64_t done = 0;
    kv::Cursor cursor = store_.cursor(Table::kKv);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      verification_.progress(++done, total);
      if (cursor.key().size() < kv::kSpaceBytes) {
        damage(fmt::format("key row {}", done), "it has no space in front");
        continue;
      }
      SpaceId space(loadBigEndian64(cursor.key().data()));
      if (space != current) finishSpaces(current, space, held);
      current = space;
      countKey(cursor, held);
    }
    finishSpaces(current, SpaceId(UINT64_MAX), held);
  }

  void countKey(const kv::Cursor& cursor, Held& held) {
    if (!kv::isBucket(cursor.key())) {
      ++held.keys;
      held.bytes += cursor.key().size() - kv::kSpaceBytes + cursor.value().size();
      return;
    }
    try {
      kv::visitBucket(cursor.value(), [&](const kv::BucketEntry& entry) {
        ++held.keys;
        held.bytes += entry.key.size() + entry.value.size();
      });
    } catch (const DecodeError& error) {
      damage(fmt::format("a long key of space {}", loadBigEndian64(cursor.key().data())),
             error.what());
    }
  }

  // Compares what `current` holds with its row; spaces in between hold nothing.
  void finishSpaces(SpaceId current, SpaceId next, Held& held) {
    keys_ += held.keys;
    if (!current.isZero()) compare(current, held);
    held = {};
    kv::Cursor cursor = store_.cursor(Table::kSpaces);
    for (bool more = cursor.seek(kv::numberKey(current.next()));
         more && cursor.key().size() == 8 && loadBigEndian64(cursor.key().data()) < next.value();
         more = cursor.next()) {
      compare(SpaceId(loadBigEndian64(cursor.key().data())), {});
    }
  }

  void compare(SpaceId space, const Held& held) {
    std::string where = fmt::format("space {}", space.value());
    std::optional<std::string_view> bytes = store_.get(Table::kSpaces, kv::numberKey(space));
    if (!bytes) return damage(where, fmt::format("{} keys, but no row", held.keys));
    SpaceRow row;
    try {
      row = SpaceRow::decode(*bytes);
    } catch (const Error&) {
      return;  // Found already.
    }
    // A dropped space may be half removed.
    if (!row.dropped.isZero() || (row.kvKeys == held.keys && row.kvBytes == held.bytes)) return;
    damage(where, fmt::format("{} keys of {} bytes, its row says {} of {}", held.keys, held.bytes,
                              row.kvKeys, row.kvBytes));
  }

  void checkAlarm(std::string_view key, std::string_view value) {
    ObjectNumber object(loadBigEndian64(key.data()));
    std::string where = fmt::format("alarm of object {}", object.value());
    ++alarms_;
    alarms::Alarm alarm = alarms::Alarm::decode(value);
    if (!store_.get(Table::kObjects, kv::numberKey(object))) damage(where, "its object has no row");
    if (!store_.get(Table::kAlarmQueue, alarms::queueKey(alarm.time, object, key.substr(8))))
      damage(where, "it is not in the queue, so it would never be due");
  }

  void checkAlarmQueue(std::string_view key) {
    UnixMillis time = kv::fromSortableTime(kv::SortableTime(loadBigEndian64(key.data())));
    ObjectNumber object(loadBigEndian64(key.data() + 8));
    std::optional<std::string_view> alarm =
        store_.get(Table::kAlarms, alarms::tableKey(object, key.substr(16)));
    if (!alarm || alarms::Alarm::decode(*alarm).time != time) {
      damage(fmt::format("alarm queue of object {}", object.value()),
             fmt::format("an entry at {} ms that no alarm has", time.value));
    }
  }

  Verification& verification_;
  const kv::ReadAccess& store_;
  const StoreState& state_;
  std::set<ClassNumber> classes_;
  std::set<SpaceId> droppedUnlisted_;
  std::uint64_t objects_ = 0;
  std::uint64_t spaces_ = 0;
  std::uint64_t keys_ = 0;
  std::uint64_t alarms_ = 0;
};

}  // namespace

void checkRows(Verification& verification) {
  // A store without a state never completed a round: its tables are empty.
  if (!verification.lmdb || !verification.state) return;
  kv::Snapshot snapshot = verification.lmdb->snapshot();
  RowsCheck(verification, snapshot, *verification.state).run();
}

}  // namespace cairn
