// The open SQLite connections of an engine, at most so many: the least recently used one is closed
// for a new one. Its object does not notice: pages it has not yet given to the store stay in
// memory, and live cursors keep their rows.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>

#include "engine/object_state.h"

namespace cairn {

class SqlConnections {
 public:
  explicit SqlConnections(std::size_t max) : max_(max) {}
  ~SqlConnections();

  /// `object`, whose turn the caller holds, has just opened its connection.
  void opened(ObjectState& object);
  /// It is being used.
  void used(ObjectState& object);
  /// Closes the object's connection, if it has one; the caller holds its turn.
  void close(ObjectState& object);
  /// Closes what can be closed now.
  void closeIdle();
  [[nodiscard]] std::size_t count();

 private:
  void closeLocked(ObjectState& object);
  void makeRoom(const ObjectState* except, std::size_t max);

  const std::size_t max_;
  std::mutex mutex_;
  std::list<ObjectState*> recent_;  ///< Most recently used first; each holds a reference.
};

}  // namespace cairn
