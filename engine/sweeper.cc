#include "engine/sweeper.h"

#include <optional>

#include "kv/keys.h"

namespace cairn {

using kv::Table;

namespace {

struct Dropped {
  std::string key;
  SpaceId space;
};

std::optional<Dropped> oldest(const kv::ReadAccess& store, const SweepOptions& options) {
  kv::Cursor cursor = store.cursor(Table::kDropped);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    if (Lsn(loadBigEndian64(cursor.key().data())) > options.droppedBy) return std::nullopt;
    SpaceId space(loadBigEndian64(cursor.key().data() + 8));
    if (!options.claimedSpaces.contains(space)) return Dropped{std::string(cursor.key()), space};
  }
  return std::nullopt;
}

// Nobody will ask any more where the object was pointed before it left the space.
void eraseTimeline(kv::WriteTransaction& transaction, const SpaceRow& left) {
  std::string prefix = kv::numberKey(left.object);
  kv::Cursor cursor = transaction.cursor(Table::kTimeline);
  while (cursor.seek(prefix) && cursor.key().starts_with(prefix) &&
         Lsn(loadBigEndian64(cursor.key().data() + 8)) < left.dropped) {
    cursor.eraseCurrent();
  }
}

// Whether the space is empty now.
bool eraseKeys(kv::WriteTransaction& transaction, SpaceId space, std::size_t& left) {
  std::string prefix = kv::numberKey(space);
  kv::Cursor cursor = transaction.cursor(Table::kKv);
  while (cursor.seek(prefix) && cursor.key().starts_with(prefix)) {
    if (left == 0) return false;
    --left;
    cursor.eraseCurrent();
  }
  return true;
}

void eraseUnder(kv::WriteTransaction& transaction, Table table, const std::string& prefix) {
  kv::Cursor cursor = transaction.cursor(table);
  while (cursor.seek(prefix) && cursor.key().starts_with(prefix)) cursor.eraseCurrent();
}

// When the object was last pointed anywhere, as far as that is still known.
Lsn lastPointing(const kv::ReadAccess& store, ObjectNumber object) {
  kv::Cursor cursor = store.cursor(Table::kTimeline);
  bool isKnown = cursor.seekBefore(kv::numberKey(object.next())) &&
                 cursor.key().starts_with(kv::numberKey(object));
  return isKnown ? Lsn(loadBigEndian64(cursor.key().data() + 8)) : Lsn();
}

// An object that was deleted by then, and is not there again, leaves nothing to be asked about.
void eraseDeletedObject(kv::WriteTransaction& transaction, ObjectNumber object, Lsn deletedBy) {
  std::string key = kv::numberKey(object);
  std::optional<std::string_view> bytes = transaction.get(Table::kObjects, key);
  if (!bytes) return;
  ObjectRow row = ObjectRow::decode(*bytes);
  if (!row.space.isZero()) return;
  if (lastPointing(transaction, object) > deletedBy) return;
  for (Table table : {Table::kTimeline, Table::kLabels, Table::kReceipts})
    eraseUnder(transaction, table, key);
  transaction.erase(Table::kNames, nameKey(row.classNumber, row.name));
  transaction.erase(Table::kObjects, key);
}

// What is left of a space that is half removed must not be taken for the past.
void markSwept(kv::WriteTransaction& transaction, SpaceId space) {
  std::optional<std::string_view> bytes = transaction.get(Table::kSpaces, kv::numberKey(space));
  if (!bytes) return;
  SpaceRow row = SpaceRow::decode(*bytes);
  if (!row.keepsHistory) return;
  row.keepsHistory = false;
  transaction.put(Table::kSpaces, kv::numberKey(space), row.encode());
}

}  // namespace

bool sweepSome(const Stores& stores, const SweepOptions& options) {
  std::optional<Dropped> victim;
  {
    kv::Snapshot snapshot = stores.lmdb.snapshot();
    victim = oldest(snapshot, options);
  }
  if (!victim) return false;
  // The file goes first: a crash in between leaves the row, and with it another try.
  stores.pages.remove(victim->space);
  stores.lmdb.write([&](kv::WriteTransaction& transaction) {
    std::size_t left = options.keysMax;
    if (!eraseKeys(transaction, victim->space, left)) return markSwept(transaction, victim->space);
    if (std::optional<std::string_view> bytes =
            transaction.get(Table::kSpaces, kv::numberKey(victim->space))) {
      SpaceRow row = SpaceRow::decode(*bytes);
      eraseTimeline(transaction, row);
      if (!options.claimedObjects.contains(row.object))
        eraseDeletedObject(transaction, row.object, options.droppedBy);
    }
    transaction.erase(Table::kSpaces, kv::numberKey(victim->space));
    transaction.erase(Table::kDropped, victim->key);
  });
  return true;
}

}  // namespace cairn
