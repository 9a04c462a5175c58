#include "engine/sweeper.h"

#include <optional>

#include "kv/keys.h"

namespace cairn {

namespace {

struct Dropped {
  std::string key;
  SpaceId space;
};

std::optional<Dropped> oldest(const kv::ReadAccess& store, UnixMillis droppedBefore) {
  kv::Cursor cursor = store.cursor(kv::Table::kDropped);
  if (!cursor.first()) return std::nullopt;
  UnixMillis time = kv::fromSortableTime(kv::SortableTime(loadBigEndian64(cursor.key().data())));
  if (time > droppedBefore) return std::nullopt;
  return Dropped{std::string(cursor.key()), SpaceId(loadBigEndian64(cursor.key().data() + 8))};
}

// Whether the space is empty now.
bool eraseKeys(kv::WriteTransaction& transaction, SpaceId space, std::size_t& left) {
  std::string prefix = kv::numberKey(space);
  kv::Cursor cursor = transaction.cursor(kv::Table::kKv);
  while (cursor.seek(prefix) && cursor.key().starts_with(prefix)) {
    if (left == 0) return false;
    --left;
    cursor.eraseCurrent();
  }
  return true;
}

}  // namespace

bool sweepSome(const Stores& stores, UnixMillis droppedBefore, std::size_t keysMax) {
  std::optional<Dropped> victim;
  {
    kv::Snapshot snapshot = stores.lmdb.snapshot();
    victim = oldest(snapshot, droppedBefore);
  }
  if (!victim) return false;
  // The file goes first: a crash in between leaves the row, and with it another try.
  stores.pages.remove(victim->space);
  stores.lmdb.write([&](kv::WriteTransaction& transaction) {
    std::size_t left = keysMax;
    if (!eraseKeys(transaction, victim->space, left)) return;
    transaction.erase(kv::Table::kSpaces, kv::numberKey(victim->space));
    transaction.erase(kv::Table::kDropped, victim->key);
  });
  return true;
}

}  // namespace cairn
