// Objects in memory: what an object has committed beyond the store, and the table that finds it.
#pragma once

#include <array>
#include <atomic>
#include <cairn/options.h>
#include <cairn/types.h>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "alarms/alarm_turn.h"
#include "engine/turn_lock.h"
#include "kv/overlay.h"
#include "sql_frontend/connection.h"
#include "sql_frontend/page_space.h"

namespace cairn {

class ObjectState;
class ObjectTable;

/// A class as the engine knows it. Lives as long as the engine.
struct ClassEntry {
  std::string name;
  ClassNumber number;
  Backend backend = Backend::kSqlite;
  /// A commit that defines the class has been numbered; until then every commit of its objects
  /// carries the definition.
  std::atomic<bool> defined{false};
};

/// The SQL half of an object's data, made on first use.
struct SqlState {
  SqlState(sql::PageFiles& files, SpaceId space, std::uint32_t filePages)
      : pages(files, space, filePages) {}

  sql::PageSpace pages;
  std::unique_ptr<sql::Connection> connection;  ///< After `pages`: it goes first.
  std::list<ObjectState*>::iterator recency;    ///< Among the open connections.
};

/// One generation of an object's data.
struct ObjectData {
  SpaceId space;  ///< Zero: the object has none.
  kv::Overlay overlay;
  /// No less than the bytes it takes; nothing: not known.
  std::optional<std::uint64_t> bytesBound;
  std::unique_ptr<SqlState> sql;

  [[nodiscard]] std::uint64_t memoryBytes() const {
    return overlay.memoryBytes() + (sql ? sql->pages.memoryBytes() : 0);
  }
  [[nodiscard]] bool clean() const { return overlay.empty() && (!sql || !sql->pages.hasOverlay()); }
};

class ObjectState {
 public:
  ObjectState(ObjectTable& itsTable, ClassEntry& itsClass, std::string itsName)
      : table(itsTable), classEntry(itsClass), name(std::move(itsName)) {}

  ObjectTable& table;
  ClassEntry& classEntry;
  const std::string name;

  /// Held by the turn in progress; guards everything below it.
  TurnLock turn;
  std::atomic<std::thread::id> turnThread{};
  ObjectNumber number;  ///< Zero until the first commit.
  Lsn lastLsn;          ///< The last commit, or the store's LSN when the object was loaded.
  ObjectData data;
  std::unique_ptr<alarms::Overlay> alarms;
  std::string locationHint;   ///< To be recorded with the commit that creates the object, or as
                              ///< recorded.
  std::string armed;          ///< What to restore when the next session begins; empty: nothing.
  bool sessionBegun = false;  ///< A turn has run since the object was loaded or its session ended.
  std::uint64_t accountedBytes = 0;
  Lsn trimmedThrough;  ///< Commits up to here have been dropped from memory.
  bool pinned =
      false;  ///< Holds a reference of its own, because the store does not hold all of its commits.

  /// The store holds everything up to here; set by rounds, looked at whenever `turn` is let go.
  std::atomic<std::uint64_t> storedThrough{0};
  bool markedByRound = false;  ///< The round's own.

  [[nodiscard]] bool clean() const { return data.clean() && (!alarms || alarms->entries.empty()); }

 private:
  friend class ObjectTable;
  std::atomic<std::uint32_t> references_{0};
};

/// Finds objects by class and name. An object stays as long as somebody refers to it.
class ObjectTable {
 public:
  ~ObjectTable();

  /// The object with a reference added; `load` fills one that was not in memory, under the table's
  /// lock.
  ObjectState* acquire(ClassEntry& classEntry, std::string_view name,
                       const std::function<void(ObjectState&)>& load);
  static void retain(ObjectState& object) {
    object.references_.fetch_add(1, std::memory_order_relaxed);
  }
  static void release(ObjectState& object);

  [[nodiscard]] std::uint64_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Key {
    const ClassEntry* classEntry;
    std::string_view name;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const {
      return std::hash<std::string_view>()(key.name) ^
             (reinterpret_cast<std::uintptr_t>(key.classEntry) >> 4);
    }
    std::size_t operator()(const ObjectState* object) const {
      return (*this)(Key{&object->classEntry, object->name});
    }
  };
  struct Equal {
    using is_transparent = void;
    static Key key(const Key& key) { return key; }
    static Key key(const ObjectState* object) { return {&object->classEntry, object->name}; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return key(a).classEntry == key(b).classEntry && key(a).name == key(b).name;
    }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_set<ObjectState*, Hash, Equal> objects;
  };
  Shard& shardOf(std::size_t hash) { return shards_[(hash >> 7) % shards_.size()]; }

  std::array<Shard, 64> shards_;
  std::atomic<std::uint64_t> size_{0};
};

}  // namespace cairn
