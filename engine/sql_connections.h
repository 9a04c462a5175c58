// The open SQLite connections of an engine, at most so many: the least recently used one is closed
// for a new one. Its object does not notice: pages it has not yet given to the store stay in
// memory, and live cursors keep their rows.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <utility>

#include "engine/object_state.h"

namespace cairn {

class SqlConnections {
 public:
  /// `letGo` ends the hold on an object's turn.
  SqlConnections(std::size_t max, std::function<void(ObjectState&)> letGo)
      : max_(max), letGo_(std::move(letGo)) {}
  ~SqlConnections();

  /// `object`, whose turn the caller holds, is given a connection.
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
  void makeRoom(std::size_t max);

  const std::size_t max_;
  const std::function<void(ObjectState&)> letGo_;
  std::mutex mutex_;
  std::list<ObjectState*> recent_;  ///< Most recently used first; each holds a reference.
  /// The first of them, if known: one object's statements in a row need not take the lock.
  std::atomic<const ObjectState*> newest_{nullptr};
};

}  // namespace cairn
