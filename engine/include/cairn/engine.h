// An engine owns one root directory and the storage of all objects in it.
//
//   auto engine = cairn::Engine::open({.root = "data"});
//   cairn::ObjectRef room = engine->object("Room", "room-42");
//   cairn::Ticket ticket = engine->turn(room, [](cairn::Storage& storage) {
//     storage.kv().put("visits", storage.kv().get<std::int64_t>("visits").value_or(0) + 1);
//   });
//   ticket.wait();  // durable
//
// Thread-safe, except what a turn is given. Turns of one object run one after another, turns of
// different objects in parallel. For hosts with events, gates and alarms that fire see
// <cairn/host.h>.
#pragma once

#include <cairn/error.h>
#include <cairn/histogram.h>
#include <cairn/options.h>
#include <cairn/storage.h>
#include <cairn/types.h>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cairn {

class EngineCore;
class History;
class ObjectState;

/// A reference to an object of an open engine. Cheap to copy. The object need not exist: its first
/// commit creates it. Must not outlive the engine.
class ObjectRef {
 public:
  ObjectRef() = default;
  explicit ObjectRef(ObjectState* state);
  ObjectRef(const ObjectRef& other);
  ObjectRef(ObjectRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  ObjectRef& operator=(ObjectRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~ObjectRef();

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] ObjectState* state() const { return state_; }
  explicit operator bool() const { return state_ != nullptr; }

 private:
  ObjectState* state_ = nullptr;
};

/// Where a turn stands in the order of commits: its own commit, or, when it wrote nothing, the last
/// one it may have seen.
class Ticket {
 public:
  Ticket() = default;
  Ticket(EngineCore& engine, Lsn lsn) : engine_(&engine), lsn_(lsn) {}

  [[nodiscard]] Lsn lsn() const { return lsn_; }
  [[nodiscard]] bool durable() const;
  /// Returns once everything the turn wrote or saw is durable. Throws: kBroken.
  void wait() const;

 private:
  friend class Engine;
  EngineCore* engine_ = nullptr;
  Lsn lsn_;
};

/// What a turn that returns a value gives.
template <typename T>
struct TurnResult {
  T value;
  Ticket ticket;
};

struct ObjectInfo {
  std::string className;
  std::string name;
  ObjectNumber number;
  SpaceId space;
  Lsn created;
  Lsn lastCommit;
  StorageSize size;
  std::string locationHint;         ///< That its first call gave; empty: none.
  std::optional<UnixMillis> alarm;  ///< When the one without a name is due, retries included.
};

struct ClassInfo {
  std::string name;
  Backend backend = Backend::kSqlite;
  std::uint64_t objects = 0;
};

struct EngineStats {
  std::uint64_t commits = 0;
  std::uint64_t journalBlocks = 0;  ///< Each one sync.
  std::uint64_t journalRawBytes = 0;
  std::uint64_t journalWrittenBytes = 0;
  std::uint64_t journalLiveBytes = 0;
  Histogram groupCommits;    ///< Commits of one block.
  Histogram journalWriteNs;  ///< Write and sync of one block.
  std::uint64_t rounds = 0;
  std::uint64_t roundKeys = 0;
  std::uint64_t roundPages = 0;
  std::uint64_t roundNanoseconds = 0;
  std::uint64_t dirtyBytes = 0;
  std::uint64_t openObjects = 0;
  std::uint64_t openConnections = 0;
  std::uint64_t storeBytes = 0;
  std::uint64_t historyBytes = 0;  ///< Written to the change log since the engine was opened.
  std::uint64_t historyStoredBytes = 0;
  std::uint64_t historyExpiredBytes = 0;  ///< Dropped for their age since the engine was opened.
  std::uint64_t historyCutBytes = 0;      ///< Dropped early, for EngineOptions::historyBytesMax.
  Lsn historyFrom;                        ///< States from here on can be brought back.
  UnixMillis historyFromTime;             ///< Of that commit.
  Lsn lastLsn;                            ///< Numbered.
  Lsn durableLsn;                         ///< Acknowledged.
  Lsn storedLsn;                          ///< In the stores.
};

/// What opening found and did.
struct RecoveryReport {
  bool created = false;  ///< The root is new.
  bool cleanlyClosed = true;
  std::uint64_t commitsReplayed = 0;
  bool scratchApplied = false;
  std::optional<std::string>
      tornTail;  ///< Where a write was cut off; nothing acknowledged was in it.
  /// Opened for reading only: LSNs that were durable but not in the stores when the wait for them
  /// ended.
  std::uint64_t commitsNotSeen = 0;
};

/// A root that is open. It belongs to the process that opened it: in a fork of that one its calls
/// throw kBroken, and its destructor leaves everything as it is.
class Engine {
 public:
  /// Opens the root, creating it if it is missing, and recovers what an earlier end left
  /// unfinished. Throws: kBusy naming the process that holds it; kDamaged, kForeign, kIo, kNoSpace.
  static std::unique_ptr<Engine> open(const EngineOptions& options);
  /// Opens a root to look at it while another process has it. Nothing is written and nobody is held
  /// up; objects, sizes and history are as the owner's last checkpoint round left them, kept
  /// consistent while more rounds run. Waits up to 15 s for the stores to reach what was durable
  /// when it was called; `recovery().commitsNotSeen` says what was missing then. Turns throw
  /// kUnsupported. Throws: kNotFound, kDamaged, kForeign, kIo. Its calls throw kBusy when a round
  /// of the owner does not end, e.g. because the owner was killed in it: opening the root then
  /// recovers it.
  static std::unique_ptr<Engine> openReadOnly(const EngineOptions& options);
  /// Closes, if `close` was not called.
  ~Engine();

  /// Ends: waits for turns in progress, writes everything to the stores, marks the journal. SQLite
  /// files are then ordinary databases. Throws what prevented it; nothing acknowledged is lost then
  /// either.
  void close();

  /// Defines a class. Fine when it exists with this backend. Throws: kConflict when with another.
  void defineClass(std::string_view className, Backend backend);
  /// The object of that class and name. A class that is not defined yet becomes a SQLite-backed one
  /// with the first commit. Throws: kInvalidArgument for a name that is empty, over 500 bytes, not
  /// UTF-8, has a NUL byte or a `.` or `..` part.
  [[nodiscard]] ObjectRef object(std::string_view className, std::string_view name);
  /// Throws: kNotFound.
  [[nodiscard]] ObjectRef object(ObjectNumber number);

  /// Runs `work(Storage&)` as one turn of the object and commits what it wrote as one commit. An
  /// exception of `work` travels on after the commit of what was written before it. Throws:
  /// kRolledBack when the commit could not be made and all of the turn's writes were undone;
  /// kNoSpace; kBroken; kConflict for a turn inside a turn of the same object.
  template <std::invocable<Storage&> Work>
  auto turn(const ObjectRef& object, Work&& work) {
    using Result = std::invoke_result_t<Work, Storage&>;
    if constexpr (std::is_void_v<Result>) {
      auto call = [&](Storage& storage) { std::invoke(std::forward<Work>(work), storage); };
      return runTurn(
          object,
          [](void* context, Storage& storage) {
            (*static_cast<decltype(call)*>(context))(storage);
          },
          &call);
    } else {
      std::optional<Result> result;
      auto call = [&](Storage& storage) { result.emplace(std::forward<Work>(work)(storage)); };
      Ticket ticket = runTurn(
          object,
          [](void* context, Storage& storage) {
            (*static_cast<decltype(call)*>(context))(storage);
          },
          &call);
      return TurnResult<Result>{std::move(*result), ticket};
    }
  }

  /// Calls `then` once what the ticket stands for is durable, with null, or with what broke the
  /// engine. On the journal's thread, in the order of commits; must be quick and must not throw.
  void onDurable(const Ticket& ticket, std::function<void(const std::exception_ptr&)> then);

  /// Deletes an object with everything in it, alarms included. Its history stays for the retention
  /// window.
  Ticket deleteObject(const ObjectRef& object);

  /// The object's past. Include <cairn/history.h>.
  [[nodiscard]] History history(const ObjectRef& object);
  /// The next turn of the object begins a new session, with what is armed to be restored then.
  void endSession(const ObjectRef& object);

  /// Brings the stores up to date with every commit made before the call.
  void checkpoint();

  // These bring the stores up to date first, and then read only them.
  /// At most `limit` objects of a class, by name, from `startAfter` (exclusive) on.
  [[nodiscard]] std::vector<ObjectInfo> objects(std::string_view className,
                                                std::string_view startAfter = {},
                                                std::size_t limit = SIZE_MAX);
  [[nodiscard]] std::vector<ClassInfo> classes();
  /// Nothing when the object does not exist.
  [[nodiscard]] std::optional<ObjectInfo> info(const ObjectRef& object);

  [[nodiscard]] EngineStats stats();
  [[nodiscard]] const RecoveryReport& recovery() const;
  [[nodiscard]] const EngineOptions& options() const;

  /// The engine's parts, for the layers of Cairn that are built on it.
  [[nodiscard]] EngineCore& core() { return *core_; }

 private:
  explicit Engine(std::unique_ptr<EngineCore> core);
  Ticket runTurn(const ObjectRef& object, void (*call)(void*, Storage&), void* context);

  std::unique_ptr<EngineCore> core_;
};

}  // namespace cairn
