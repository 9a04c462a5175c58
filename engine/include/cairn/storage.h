// The storage of one object: what `ctx.storage` is on the platform, without its asynchronous calls
// (those are in <cairn/durable_object.h>).
//
// Everything a turn writes, through kv(), sql() and the alarm calls, is one transaction: the first
// write opens it, the end of the turn commits it, whole or not at all. An exception that leaves the
// turn rolls nothing back; `transactionSync` does.
//
// Durable: when the turn's Ticket is, or once sync() returns. Limits: `Limits::objectBytesMax` for
// all of an object ("10 GB"), `Limits::transactionBytesMax` for one turn's changes; KV's and SQL's
// own are in their headers.
//
// Lives as long as the turn that handed it out, and so does everything reached through it. One
// thread at a time. Every call throws kBroken when the engine is broken, and kRolledBack once the
// turn's transaction is lost.
#pragma once

#include <cairn/bookmark.h>
#include <cairn/kv.h>
#include <cairn/sql.h>
#include <cairn/types.h>
#include <concepts>
#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cairn {

class Session;

/// Bytes an object takes, as its transaction in progress sees them. What its history takes is not
/// in it.
struct StorageSize {
  std::uint64_t kvKeys = 0;
  std::uint64_t kvBytes = 0;   ///< Keys and values.
  std::uint64_t sqlBytes = 0;  ///< Pages in use of the database.
};

/// What becomes of the object's alarms in a restore.
enum class AlarmOnRestore : std::uint8_t {
  kRestore,  ///< As they were then; one whose time has passed fires at once.
  kKeep,
  kClear,
};

struct DeleteAllOptions {
  bool deleteAlarm =
      false;  ///< Clear the object's alarms in the same commit. The platform's default keeps them.
};

class Storage {
 public:
  explicit Storage(Session& session);
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  /// Synchronous key-value storage. Throws: kUnsupported for a legacy class, which has only the
  /// asynchronous calls of <cairn/durable_object.h>.
  SyncKv& kv();
  /// The object's SQLite database. Its calls throw kUnsupported for a legacy class.
  SqlStorage& sql();

  /// Runs `work` so that an exception undoes everything it wrote, in KV, SQL and alarms, and then
  /// travels on unchanged. Nests to any depth; an inner failure undoes the inner part. Returns what
  /// `work` returns. Not a commit: durable with the turn. `work` must be synchronous: one that
  /// returns a future or an awaitable does not compile. Throws: what `work` throws; kUnsupported
  /// for a legacy class; kRolledBack when the transaction was lost inside (by `OR ROLLBACK` or a
  /// full disk), even if `work` swallowed that.
  template <std::invocable Work>
  std::invoke_result_t<Work> transactionSync(Work&& work);

  /// Empties the object, KV and SQL, at once and whatever its size: it moves to a fresh space. What
  /// this turn wrote before is discarded; what it writes later belongs to the same commit. Durable:
  /// with the turn, whole or not at all. Open SQL cursors end with an error, KV listings find what
  /// is written later. Undone by going back to an earlier bookmark. Throws: kConflict inside a
  /// transaction; kNoSpace.
  void deleteAll(const DeleteAllOptions& options = {});

  /// What the alarm was set to, as the turn's own writes leave it, retries of it or not; nothing
  /// when there is none.
  [[nodiscard]] std::optional<UnixMillis> getAlarm(std::string_view name = {});
  /// Replaces the alarm; a time in the past becomes now; the time that is already set writes
  /// nothing. Durable with the turn. An object has one alarm, as on the platform, and any number of
  /// named ones. Throws: kInvalidArgument for a time at or before 1970 or beyond 2189, and for a
  /// name over 128 bytes.
  void setAlarm(UnixMillis time, std::string_view name = {});
  /// Clears the alarm; nothing happens when there is none. Durable with the turn. Throws:
  /// kInvalidArgument for a name over 128 bytes.
  void deleteAlarm(std::string_view name = {});
  /// Names of the alarms that are set; the platform's one has the empty name.
  [[nodiscard]] std::vector<std::string> alarmNames();

  /// Commits what the turn wrote so far and returns once it, and everything the object committed
  /// before, is durable. Throws: kConflict inside `transactionSync`; kBroken.
  void sync();

  /// Cost: follows the keys written since the last checkpoint, not the object's size.
  [[nodiscard]] StorageSize size();

  // Point-in-time recovery as the platform has it; <cairn/history.h> has more. Each throws
  // kUnsupported for a legacy class, and kConflict inside `transactionSync` where it commits.
  /// Commits what the turn wrote so far and names exactly the state after it. The bookmark is good
  /// once that commit is durable.
  [[nodiscard]] Bookmark getCurrentBookmark();
  /// The last commit at or before `time`, never a later one. Throws: kOutOfRange naming the bounds
  /// of the history kept.
  [[nodiscard]] Bookmark getBookmarkForTime(UnixMillis time);
  /// Arms a restore, which happens when the object's next session begins (after an abort, a
  /// restart, or Engine::endSession). Arming again replaces. Commits what the turn wrote so far.
  /// Returns a bookmark of the end of this session: restoring it later undoes the restore. Throws:
  /// kInvalidArgument for a bookmark of another object; kOutOfRange for one that is not kept any
  /// more.
  Bookmark onNextSessionRestoreBookmark(const Bookmark& bookmark,
                                        AlarmOnRestore alarm = AlarmOnRestore::kRestore);

 private:
  void enterScope();
  void releaseScope();
  void rollbackScope() noexcept;

  Session& session_;
  SyncKv kv_;
  SqlStorage sql_;
};

// ---- implementation of the templates

/// What a function returns that is not done when it returns: a future or something to await.
template <typename T>
concept Unfinished = requires(T& result) {
  result.operator co_await();
}
|| requires(T& result) { result.wait(); }
|| requires(T& result) { result.await_ready(); };

template <std::invocable Work>
std::invoke_result_t<Work> Storage::transactionSync(Work&& work) {
  using Result = std::invoke_result_t<Work>;
  static_assert(!Unfinished<Result>, "transactionSync takes a synchronous callback");
  enterScope();
  try {
    if constexpr (std::is_void_v<Result>) {
      std::forward<Work>(work)();
      releaseScope();
    } else {
      Result result = std::forward<Work>(work)();
      releaseScope();
      return result;
    }
  } catch (...) {
    rollbackScope();
    throw;
  }
}

}  // namespace cairn
