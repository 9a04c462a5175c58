// The storage of one object: what `ctx.storage` is on the platform, without its asynchronous calls
// (those are in <cairn/durable_object.h>).
//
// Everything a turn writes, through kv(), sql() and the alarm calls, is one transaction: the first
// write opens it, the end of the turn commits it, whole or not at all. An exception that leaves the
// turn rolls nothing back; `transactionSync` does.
//
// Lives as long as the turn that handed it out. One thread at a time.
#pragma once

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

/// Bytes an object takes, as its transaction in progress sees them.
struct StorageSize {
  std::uint64_t kvKeys = 0;
  std::uint64_t kvBytes = 0;   ///< Keys and values.
  std::uint64_t sqlBytes = 0;  ///< Pages in use of the database.
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

  /// Throws: kUnsupported for a legacy class.
  SyncKv& kv();
  /// Its calls throw kUnsupported for a legacy class.
  SqlStorage& sql();

  /// Runs `work` so that an exception undoes everything it wrote, in KV, SQL and alarms, and then
  /// travels on unchanged. Nests to any depth; an inner failure undoes the inner part. Returns what
  /// `work` returns. Not a commit: durable with the turn. `work` must be synchronous: one that
  /// returns a future or an awaitable does not compile.
  template <std::invocable Work>
  std::invoke_result_t<Work> transactionSync(Work&& work);

  /// Empties the object, KV and SQL, at once and whatever its size: it moves to a fresh space. What
  /// this turn wrote before is discarded; what it writes later belongs to the same commit. Undone
  /// by going back to an earlier bookmark. Throws: kConflict inside a transaction.
  void deleteAll(const DeleteAllOptions& options = {});

  /// When the alarm is due; nothing when there is none.
  [[nodiscard]] std::optional<UnixMillis> getAlarm(std::string_view name = {});
  /// Replaces the alarm; a time in the past becomes now; the time that is already set writes
  /// nothing. Durable with the turn. An object has one alarm, as on the platform, and any number of
  /// named ones. Throws: kInvalidArgument for a time at or before 1970 or beyond 2189, and for a
  /// name over 128 bytes.
  void setAlarm(UnixMillis time, std::string_view name = {});
  void deleteAlarm(std::string_view name = {});
  /// Names of the alarms that are set; the platform's one has the empty name.
  [[nodiscard]] std::vector<std::string> alarmNames();

  /// Commits what the turn wrote so far and returns once it, and everything the object committed
  /// before, is durable. Throws: kConflict inside `transactionSync`; kBroken.
  void sync();

  [[nodiscard]] StorageSize size();

 private:
  void enterScope();
  void releaseScope();
  void rollbackScope() noexcept;

  Session& session_;
  SyncKv kv_;
  SqlStorage sql_;
};

// ---- implementation of the templates

template <std::invocable Work>
std::invoke_result_t<Work> Storage::transactionSync(Work&& work) {
  using Result = std::invoke_result_t<Work>;
  static_assert(
      !requires(Result & result) { result.operator co_await(); } &&
          !requires(Result & result) { result.wait(); } &&
          !requires(Result & result) { result.await_ready(); },
      "transactionSync takes a synchronous callback");
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
