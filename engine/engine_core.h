// The parts of an engine and what ties them together. `Engine` is its public face.
#pragma once

#include <atomic>
#include <cairn/engine.h>
#include <cairn/options.h>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/fork_guard.h"
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
  enum class Access {
    kOwner,     ///< Holds the root's lock, recovers, writes.
    kReadOnly,  ///< Beside another process that may own the root: looks at the stores as that one's
                ///< rounds leave them.
  };
  explicit EngineCore(const EngineOptions& options, Access access = Access::kOwner);
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
  /// Starts a checkpoint round soon.
  void wantRound() { wakeCheckpointer(); }

  // Classes and objects.
  ClassEntry& classEntry(std::string_view name, std::optional<Backend> backend = std::nullopt);
  struct ClassChange {
    std::string name;
    std::optional<Backend> create;  ///< Make it; fine when it exists with this backend.
    std::string to;                 ///< Else: its new name; empty: delete it.
  };
  /// Makes the changes as one commit, unless one with this tag was made before: false. No object of
  /// the classes may be in use. Throws: kConflict when they do not fit the classes there are.
  bool changeClasses(std::string_view tag, const std::vector<ClassChange>& changes);
  /// Whether they were made.
  bool classesChanged(std::string_view tag);
  /// Deletes what deleted classes left; how many objects. May take as long as they are many.
  std::uint64_t deleteObjectsOfDeadClasses();
  /// Classes of the engine's own.
  [[nodiscard]] static bool isHidden(std::string_view className);
  ObjectState* acquire(std::string_view className, std::string_view name);
  ObjectState* acquire(ObjectNumber number);
  ObjectNumber newObjectNumber() { return ObjectNumber(nextObject_.fetch_add(1)); }
  SpaceId newSpace() { return SpaceId(nextSpace_.fetch_add(1)); }

  // Turns.
  Ticket runTurn(ObjectState& object, const std::function<void(Session&)>& work);
  /// Begins a turn; `endTurn` must follow, whatever happens. Throws as `runTurn`.
  std::unique_ptr<Session> beginTurn(ObjectState& object);
  void endTurn(ObjectState& object, std::unique_ptr<Session> session);
  /// The turn goes on without this thread, until `resumeTurn` in any thread.
  void pauseTurn(ObjectState& object, Session& session);
  void resumeTurn(ObjectState& object, Session& session);

  struct AlarmNotice {
    ObjectState& object;
    std::string_view name;
    std::optional<alarms::Alarm> alarm;  ///< Nothing: it was cleared.
    Lsn lsn;
  };
  /// Called in the turn of the object, for each alarm that a commit changed. Set once, before the
  /// first turn; empty: nobody is interested.
  void onAlarmCommitted(std::function<void(const AlarmNotice&)> listener) {
    alarmListener_ = std::move(listener);
  }
  void alarmCommitted(const AlarmNotice& notice) {
    if (alarmListener_) alarmListener_(notice);
  }
  Lsn submit(ObjectState& object, const RecordRef& record, Journal::Purpose purpose);
  /// Frees what an object left behind; a large overlay on the checkpointer's thread.
  void discard(kv::Overlay overlay) noexcept;
  /// Nothing is committed any more until the root is opened again.
  void breakWith(std::exception_ptr cause);
  [[nodiscard]] bool broken() const {
    return isBroken_.load(std::memory_order_acquire) || (journal_ && journal_->broken());
  }
  /// Throws the cause if the engine is broken or closed.
  void checkUsable() const;
  [[nodiscard]] const ForkGuard& forkGuard() const { return forkGuard_; }

  [[nodiscard]] const RootId& rootId() const { return root_.id(); }

  /// No turn of the object runs while it lives. Whoever holds an object must let it go this way: a
  /// round that could not have it leaves it word of what to drop.
  class Hold {
   public:
    Hold(EngineCore& engine, ObjectState& object);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    EngineCore& engine_;
    ObjectState& object_;
  };

  // History.
  pitr::ChangeLogReader& changeReader() { return *changeReader_; }
  /// Keeps history from `lsn` on from being dropped while it lives.
  class Lease {
   public:
    Lease(EngineCore& engine, Lsn lsn);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    EngineCore& engine_;
    std::multiset<Lsn>::iterator place_;
  };
  struct Claimed {
    ObjectNumber object;
    SpaceId space;
    Lsn until;  ///< The commit that enters the space; the greatest LSN while there is none.
  };
  /// Keeps a space from being swept that an object is about to be pointed at, and the object's rows
  /// with it.
  class Claim {
   public:
    Claim(EngineCore& engine, ObjectNumber object, SpaceId space);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    /// Commit `lsn` points the object at it: the claim holds until the store has that, whatever
    /// becomes of this. Without one it ends with this.
    void enteredBy(Lsn lsn);

   private:
    EngineCore& engine_;
    std::list<Claimed>::iterator place_;  ///< While it is not entered.
    bool entered_ = false;
  };
  /// Held while the stores are read beside rounds of this process. Throws: kNoSpace while a round
  /// is stuck half way on a full disk, and SQLite files are ahead of LMDB.
  [[nodiscard]] std::shared_lock<std::shared_mutex> stableStore();
  /// For reading SQLite files together with LMDB: `read` returns the LSN of the LMDB it read, and
  /// is repeated when a round of another process may have changed the files underneath.
  void readStores(const std::function<Lsn()>& read);
  /// Whether no round beyond `lsn` had begun to write SQLite files before this call. Always true
  /// for the owner, who keeps rounds out with `stableStore`.
  [[nodiscard]] bool storesStandAt(Lsn lsn);
  /// Waits for the end of the owner's round. Throws: kBusy when it does not come.
  void awaitRound();
  [[nodiscard]] bool readOnly() const { return access_ == Access::kReadOnly; }
  /// Returns once the stores hold everything up to `lsn`.
  void storeThrough(Lsn lsn);
  void endSession(ObjectState& object);

  // The store.
  /// The owner's.
  [[nodiscard]] Lsn storedLsn() const { return Lsn(storedLsn_.load(std::memory_order_acquire)); }
  /// Returns once everything committed before the call is in the store. Throws what prevented the
  /// round.
  void checkpoint();

  /// Runs `work` on the thread that writes the stores, between rounds, and returns when it is done.
  /// The calling thread holds no snapshot. Throws: what `work` throws, which breaks the engine
  /// unless it is kNoSpace; kBroken.
  void changeStores(const std::function<void(const Stores&)>& work);
  /// Writes the row of a space that no commit has entered yet, and lists it to be swept.
  void listSpace(SpaceId space, const SpaceRow& row);

  [[nodiscard]] ObjectInfo describe(const kv::ReadAccess& store, ObjectNumber number,
                                    const ObjectRow& row);
  std::vector<ObjectInfo> objects(std::string_view className, std::string_view startAfter,
                                  std::size_t limit);
  std::vector<ClassInfo> classes();
  EngineStats stats();

 private:
  void recover();
  void awaitJournal();
  void loadClasses();
  [[nodiscard]] Stores stores() {
    return {*lmdb_, *pageFiles_, *scratch_, changeFiles_, *changeReader_};
  }
  [[nodiscard]] RoundOptions roundOptions();
  void finishRound(const Round::Result& result);
  void loadObject(ObjectState& object);
  struct StagedClass {
    ClassNumber number;
    Backend backend = Backend::kSqlite;
    std::string from;  ///< Empty: it is new.
    std::string to;    ///< Empty: it goes.
  };
  std::vector<StagedClass> stageClasses(std::string_view tag,
                                        const std::vector<ClassChange>& changes);
  void adoptClasses(const std::vector<StagedClass>& changed);
  std::vector<std::string> objectNames(const ClassEntry& entry, std::size_t limit);
  std::unique_ptr<Session> takeSession();
  void giveSession(std::unique_ptr<Session> session) noexcept;
  void account(ObjectState& object);
  void letGo(ObjectState& object) noexcept;
  bool trim(ObjectState& object, Lsn stored) noexcept;

  static std::int64_t memoryOf(const Record& record);
  void checkpointLoop();
  bool roundDue();
  void runRound();
  void beginRound();
  void endRound();
  void trimOwners();
  struct StoreWork;
  StoreWork* nextStoreWork();
  void finishStoreWork(StoreWork& work, std::exception_ptr failure);
  void runStoreWork();
  void refuseStoreWork(const std::exception_ptr& cause);
  void dropOldHistory();
  void sweep();
  [[nodiscard]] bool unstoredCommits() const;
  [[nodiscard]] Lsn sweepableThrough() const;
  void wakeCheckpointer();
  void freeDiscarded();

  /// What taking a segment's rows out of the index, or a sweep, may dirty in the store.
  static constexpr std::uint64_t kRetentionBytes = std::uint64_t{256} << 20;

  const Access access_;
  EngineOptions options_;
  Root root_;
  RecoveryReport recovery_;
  MemoryBudget budget_;
  std::unique_ptr<kv::Environment> lmdb_;
  std::unique_ptr<sql::PageFiles> pageFiles_;
  std::unique_ptr<sql::Scratch> scratch_;
  pitr::ChangeLogFiles changeFiles_;
  std::unique_ptr<pitr::ChangeLogReader> changeReader_;
  std::shared_mutex storeChanging_;  ///< Held by a round while SQLite files and LMDB disagree.
  bool storeHalfChanged_ = false;    ///< They still do: the round failed. Guarded by it.
  std::unique_ptr<sql::Vfs> vfs_;
  ObjectTable table_;
  std::unique_ptr<SqlConnections> connections_;
  std::unique_ptr<Journal> journal_;

  std::mutex classesMutex_;
  std::map<std::string, std::unique_ptr<ClassEntry>, std::less<>> classes_;
  std::vector<std::unique_ptr<ClassEntry>> deadClasses_;
  std::mutex classChangesMutex_;
  std::uint64_t nextClass_ = 1;
  std::atomic<std::uint64_t> nextObject_{1};
  std::atomic<std::uint64_t> nextSpace_{1};

  std::function<void(const AlarmNotice&)> alarmListener_;

  std::mutex sessionsMutex_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::size_t sessionsMade_ = 0;
  std::atomic<unsigned> turnsRunning_{0};
  std::atomic<bool> closing_{false};

  std::mutex discardedMutex_;
  std::vector<kv::Overlay> discarded_;

  // The checkpointer.
  StoreState storeState_;
  std::atomic<std::uint64_t> storedLsn_{0};
  std::vector<RecordRef> unstored_;  ///< Taken from the journal, not yet in a round.
  /// The round in progress, or the one that failed while it changed the stores: those can only be
  /// brought on by the very same round.
  std::unique_ptr<Round> round_;
  std::vector<RecordRef> roundRecords_;
  std::mutex checkpointMutex_;
  std::condition_variable checkpointWake_;
  std::condition_variable checkpointDone_;
  bool roundWanted_ = false;
  std::deque<StoreWork*> storeWork_;  ///< Waiting for its turn.
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
  std::atomic<std::uint64_t> historyBytes_{0};
  std::atomic<std::uint64_t> historyExpiredBytes_{0};
  std::atomic<std::uint64_t> historyCutBytes_{0};
  std::int64_t unstoredSinceNs_ = 0;  ///< When the checkpointer first saw what no round stored yet.

  std::mutex leasesMutex_;
  std::multiset<Lsn> leases_;
  std::list<Claimed> claims_;  ///< Guarded as leases are.

  ForkGuard forkGuard_;
  mutable std::mutex brokenMutex_;
  std::exception_ptr broken_;
  std::atomic<bool> isBroken_{false};
  bool closed_ = false;

  std::jthread checkpointer_;
};

}  // namespace cairn
