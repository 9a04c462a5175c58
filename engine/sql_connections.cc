#include "engine/sql_connections.h"

#include <vector>

#include "engine/base/check.h"

namespace cairn {

SqlConnections::~SqlConnections() { CAIRN_CHECK(recent_.empty()); }

void SqlConnections::opened(ObjectState& object) {
  makeRoom(max_ == 0 ? 0 : max_ - 1);
  std::lock_guard lock(mutex_);
  recent_.push_front(&object);
  object.data.sql->recency = recent_.begin();
  newest_ = &object;
  ObjectTable::retain(object);
}

void SqlConnections::used(ObjectState& object) {
  if (newest_.load(std::memory_order_relaxed) == &object) return;
  std::lock_guard lock(mutex_);
  recent_.splice(recent_.begin(), recent_, object.data.sql->recency);
  newest_ = &object;
}

void SqlConnections::close(ObjectState& object) {
  if (!object.data.sql || !object.data.sql->connection) return;
  closeLocked(object);
  ObjectTable::release(object);
}

// Leaves the object's reference to the caller.
void SqlConnections::closeLocked(ObjectState& object) {
  {
    std::lock_guard lock(mutex_);
    recent_.erase(object.data.sql->recency);
    newest_ = nullptr;
  }
  object.data.sql->connection.reset();
  object.data.sql->pages.closeFile();
  if (!object.data.sql->pages.hasOverlay()) object.data.sql.reset();
}

void SqlConnections::makeRoom(std::size_t max) {
  std::vector<ObjectState*> victims;
  {
    std::lock_guard lock(mutex_);
    std::size_t excess = recent_.size() > max ? recent_.size() - max : 0;
    victims.reserve(excess);
    for (auto candidate = recent_.rbegin(); candidate != recent_.rend() && victims.size() < excess;
         ++candidate) {
      ObjectTable::retain(**candidate);
      victims.push_back(*candidate);
    }
  }
  for (ObjectState* victim : victims) {
    // An object in the middle of a turn keeps its connection; the next one that opens tries again.
    if (victim->turn.try_lock()) {
      bool open = victim->data.sql && victim->data.sql->connection;
      if (open) closeLocked(*victim);
      letGo_(*victim);
      if (open) ObjectTable::release(*victim);
    }
    ObjectTable::release(*victim);
  }
}

void SqlConnections::closeIdle() { makeRoom(0); }

std::size_t SqlConnections::count() {
  std::lock_guard lock(mutex_);
  return recent_.size();
}

}  // namespace cairn
