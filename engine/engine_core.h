// The parts of an engine and what ties them together. `Engine` is its public face.
#pragma once

#include <atomic>
#include <cairn/engine.h>
#include <cairn/options.h>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/journal.h"
#include "engine/memory_budget.h"
#include "engine/object_state.h"
#include "engine/root.h"
#include "engine/round.h"
#include "engine/rows.h"
#include "engine/session.h"
#include "engine/sql_connections.h"
#include "kv/environment.h"
#include "sql_frontend/page_files.h"
#include "sql_frontend/scratch.h"
#include "sql_frontend/vfs.h"

namespace cairn {

class EngineCore {
 public:
  explicit EngineCore(const EngineOptions& options);
  ~EngineCore();

  void close();

  [[nodiscard]] const EngineOptions& options() const { return options_; }
  [[nodiscard]] const Limits& limits() const { return options_.limits; }
  [[nodiscard]] const Clock& clock() const { return *options_.clock; }
  [[nodiscard]] const RecoveryReport& recovery() const { return recovery_; }

  kv::Environment& lmdb() { return *lmdb_; }
  sql::PageFiles& pageFiles() { return *pageFiles_; }
  sql::Vfs& vfs() { return *vfs_; }
  Journal& journal() { return *journal_; }
  SqlConnections& connections() { return *connections_; }
  MemoryBudget& budget() { return budget_; }

  // Classes and objects.
  ClassEntry& classEntry(std::string_view name, std::optional<Backend> backend = std::nullopt);
  ObjectState* acquire(std::string_view className, std::string_view name);
  ObjectState* acquire(ObjectNumber number);
  ObjectNumber newObjectNumber() { return ObjectNumber(nextObject_.fetch_add(1)); }
  SpaceId newSpace() { return SpaceId(nextSpace_.fetch_add(1)); }

  // Turns.
  Ticket runTurn(ObjectState& object, const std::function<void(Session&)>& work);
  Lsn submit(ObjectState& object, const RecordRef& record, Journal::Purpose purpose);
  /// Throws the cause if the engine is broken or closed.
  void checkUsable() const;

  // The store.
  [[nodiscard]] Lsn storedLsn() const { return Lsn(storedLsn_.load(std::memory_order_acquire)); }
  /// Returns once everything committed before the call is in the store. Throws what prevented the
  /// round.
  void checkpoint();

  [[nodiscard]] ObjectInfo describe(const kv::ReadAccess& store, ObjectNumber number,
                                    const ObjectRow& row);
  std::vector<ObjectInfo> objects(std::string_view className, std::string_view startAfter,
                                  std::size_t limit);
  std::vector<ClassInfo> classes();
  EngineStats stats();

 private:
  void recover();
  void loadClasses();
  void finishRound(const Round::Result& result);
  void loadObject(ObjectState& object);
  std::unique_ptr<Session> takeSession();
  void giveSession(std::unique_ptr<Session> session);
  void account(ObjectState& object);
  void letGo(ObjectState& object);
  void trim(ObjectState& object, Lsn stored);

  void checkpointLoop();
  bool roundDue();
  void runRound();
  void trimOwners();
  [[nodiscard]] bool unstoredCommits() const;
  void wakeCheckpointer();
  void breakWith(std::exception_ptr cause);

  EngineOptions options_;
  Root root_;
  RecoveryReport recovery_;
  MemoryBudget budget_;
  std::unique_ptr<kv::Environment> lmdb_;
  std::unique_ptr<sql::PageFiles> pageFiles_;
  std::unique_ptr<sql::Scratch> scratch_;
  std::unique_ptr<sql::Vfs> vfs_;
  ObjectTable table_;
  std::unique_ptr<SqlConnections> connections_;
  std::unique_ptr<Journal> journal_;

  std::mutex classesMutex_;
  std::map<std::string, std::unique_ptr<ClassEntry>, std::less<>> classes_;
  std::uint64_t nextClass_ = 1;
  std::atomic<std::uint64_t> nextObject_{1};
  std::atomic<std::uint64_t> nextSpace_{1};

  std::mutex sessionsMutex_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::atomic<unsigned> turnsRunning_{0};
  std::atomic<bool> closing_{false};

  // The checkpointer.
  StoreState storeState_;
  std::atomic<std::uint64_t> storedLsn_{0};
  std::vector<RecordRef>
      unstored_;  ///< Taken from the journal, not yet in the store: a failed round's.
  std::mutex checkpointMutex_;
  std::condition_variable checkpointWake_;
  std::condition_variable checkpointDone_;
  bool roundWanted_ = false;
  std::uint64_t roundsAsked_ = 0;
  std::uint64_t roundsDone_ = 0;
  std::exception_ptr roundFailure_;
  std::atomic<bool> softSignaled_{false};
  std::atomic<bool> checkpointerAsleep_{false};
  bool stopCheckpointer_ = false;
  std::atomic<std::int64_t> lastCommitNs_{0};
  std::atomic<std::uint64_t> rounds_{0};
  std::atomic<std::uint64_t> roundKeys_{0};
  std::atomic<std::uint64_t> roundPages_{0};
  std::atomic<std::uint64_t> roundNanoseconds_{0};

  mutable std::mutex brokenMutex_;
  std::exception_ptr broken_;
  std::atomic<bool> isBroken_{false};
  bool closed_ = false;

  std::jthread checkpointer_;
};

}  // namespace cairn
