// `ctx.storage`: the storage of a durable object, synchronous and asynchronous.
//
// Asynchronous calls act when called, not when awaited: `storage.put(k, v);` alone works, and the
// output gate holds replies until it is durable. Awaiting one never lets another event in and never
// splits the commit. Memory pressure is applied where turns begin: past the engine's hard limit the
// object's next event waits.
#pragma once

#include <cairn/kv.h>
#include <cairn/sql.h>
#include <cairn/storage.h>
#include <cairn/task.h>
#include <cairn/unique_function.h>
#include <concepts>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cairn {

class Transaction;

namespace host {

class Instance;
class StorageAccess;
class SectionResult;

using SectionBody = UniqueFunction<Task<>(Transaction*)>;

/// Where a coroutine or a plain function leaves its result.
template <typename T>
struct ResultSlot {
  std::optional<T> value;
  T take() { return std::move(*value); }
};
template <>
struct ResultSlot<void> {
  void take() {}
};

template <typename T, typename Work>
Task<> fill(std::shared_ptr<ResultSlot<T>> slot, Work work) {
  if constexpr (kIsTask<decltype(work())>) {
    if constexpr (std::is_void_v<T>) {
      co_await work();
    } else {
      slot->value.emplace(co_await work());
    }
  } else if constexpr (std::is_void_v<T>) {
    work();
  } else {
    slot->value.emplace(work());
  }
  co_return;
}

/// Suspends until the section is over. Throws what its body threw, where that does not reset the
/// object.
Task<> whenOver(std::shared_ptr<SectionResult> section);

template <typename T>
Task<T> awaitSection(std::shared_ptr<SectionResult> section, std::shared_ptr<ResultSlot<T>> slot) {
  co_await whenOver(std::move(section));
  co_return slot->take();
}

/// Tells the log of an error nobody saw.
void reportUnobserved(const std::exception_ptr& error) noexcept;

/// The result of an operation that has acted, in case somebody awaits it.
template <typename T>
class Outcome {
 public:
  Outcome() = default;
  Outcome(Outcome&& other) noexcept
      : value(std::move(other.value)), error(std::exchange(other.error, nullptr)) {}
  ~Outcome() {
    if (error) reportUnobserved(error);
  }
  T take() {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
    return std::move(*value);
  }
  std::optional<T> value;
  std::exception_ptr error;
};
template <>
class Outcome<void> {
 public:
  Outcome() = default;
  Outcome(Outcome&& other) noexcept : error(std::exchange(other.error, nullptr)) {}
  ~Outcome() {
    if (error) reportUnobserved(error);
  }
  void take() {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
  }
  std::exception_ptr error;
};

template <typename T>
Task<T> settled(Outcome<T> outcome) {
  co_return outcome.take();
}

/// Does `work` now and keeps what it gives or throws for whoever awaits it.
template <typename Work>
auto actNow(Work&& work) -> Operation<std::invoke_result_t<Work>> {
  using T = std::invoke_result_t<Work>;
  Outcome<T> outcome;
  try {
    if constexpr (std::is_void_v<T>) {
      work();
    } else {
      outcome.value.emplace(work());
    }
  } catch (const std::exception&) {
    outcome.error = std::current_exception();
  }
  return Operation<T>(settled<T>(std::move(outcome)));
}

template <typename Range>
concept KeyRange =
    std::ranges::input_range<Range> && !std::convertible_to<Range, std::string_view> &&
    std::convertible_to<std::ranges::range_reference_t<Range>, std::string_view>;
template <typename Range>
concept EntryRange = std::ranges::input_range<Range> && requires(Range& range) {
  { std::ranges::begin(range)->first } -> std::convertible_to<std::string_view>;
  std::ranges::begin(range)->second;
};

}  // namespace host

/// The platform's options. `allowConcurrency` and `noCache` change nothing here, as with the
/// platform's SQLite-backed classes: no operation waits, and nothing is cached beside the store.
struct ReadOptions {
  bool allowConcurrency = false;
  bool noCache = false;
};
struct WriteOptions {
  bool allowConcurrency = false;
  bool allowUnconfirmed = false;  ///< Replies need not wait for this write to be durable. If it
                                  ///< fails, the object is reset all the same.
  bool noCache = false;
};

class DurableObjectStorage {
 public:
  explicit DurableObjectStorage(host::Instance& instance);
  ~DurableObjectStorage();
  DurableObjectStorage(const DurableObjectStorage&) = delete;
  DurableObjectStorage& operator=(const DurableObjectStorage&) = delete;

  /// Throws: kUnsupported for a legacy class.
  SyncKv& kv();
  /// Its calls throw kUnsupported for a legacy class.
  SqlStorage& sql() { return sql_; }

  // Asynchronous key-value storage.
  template <typename T = Value>
  Operation<std::optional<T>> get(std::string_view key, const ReadOptions& options = {});
  /// Those of the keys that exist. At most `Limits::batchKeysMax` keys.
  template <typename T = Value, host::KeyRange Keys = std::initializer_list<std::string_view>>
  Operation<std::map<std::string, T>> get(const Keys& keys, const ReadOptions& options = {});
  /// Throws in the await: kInvalidArgument for `undefined`; kLimitExceeded.
  template <typename T>
  requires(!std::same_as<T, WriteOptions>) Operation<> put(std::string_view key, const T& value,
                                                           const WriteOptions& options = {});
  /// All or nothing. Entries that are `undefined` are skipped.
  template <host::EntryRange Entries = std::initializer_list<std::pair<std::string_view, Value>>>
  Operation<> put(const Entries& entries, const WriteOptions& options = {});
  /// Whether the key was there.
  Operation<bool> erase(std::string_view key, const WriteOptions& options = {});
  /// How many of the keys were there.
  template <host::KeyRange Keys = std::initializer_list<std::string_view>>
  Operation<std::uint64_t> erase(const Keys& keys, const WriteOptions& options = {});
  /// The pairs in order.
  template <typename T = Value>
  Operation<std::vector<std::pair<std::string, T>>> list(const ListOptions& options = {},
                                                         const ReadOptions& = {});
  /// The keys alone, in order; values are neither copied nor decoded.
  Operation<std::vector<std::string>> keys(const ListOptions& options = {});
  /// How many keys begin with `prefix`; all keys for the empty one.
  Operation<std::uint64_t> count(std::string_view prefix = {});

  /// As Storage::transactionSync.
  template <std::invocable Work>
  std::invoke_result_t<Work> transactionSync(Work&& work);

  /// Runs `work`, a coroutine or a plain function that may take a Transaction&, so that what it
  /// writes is one commit, made when it ends, or nothing when it throws or calls `rollback`. No
  /// other event comes in before that. What was written before is committed first, by itself.
  /// Begun when called; awaiting gives the result of `work` or throws its error. Nests.
  template <typename Work>
  requires std::invocable<Work> || std::invocable<Work, Transaction&>
  auto transaction(Work work);

  /// Empties the object at once and whatever its size; see Storage::deleteAll.
  Operation<> deleteAll(const DeleteAllOptions& options = {});

  /// In the handler of an alarm: nothing, until `setAlarm` is called.
  Operation<std::optional<UnixMillis>> getAlarm(std::string_view name = {},
                                                const ReadOptions& options = {});
  /// Throws in the await, beside what Storage::setAlarm throws: kUnsupported when the class has no
  /// alarm handler.
  Operation<> setAlarm(UnixMillis time, const WriteOptions& options = {});
  Operation<> setAlarm(std::string_view name, UnixMillis time, const WriteOptions& options = {});
  Operation<> deleteAlarm(std::string_view name = {}, const WriteOptions& options = {});
  [[nodiscard]] std::vector<std::string> alarmNames();

  /// Completes when everything written before the call is durable, unconfirmed writes too. Other
  /// events come in meanwhile. Throws what prevented it.
  Operation<> sync();

  [[nodiscard]] StorageSize size();

  // Point-in-time recovery; see Storage.
  Operation<Bookmark> getCurrentBookmark();
  Operation<Bookmark> getBookmarkForTime(UnixMillis time);
  Operation<Bookmark> onNextSessionRestoreBookmark(const Bookmark& bookmark,
                                                   AlarmOnRestore alarm = AlarmOnRestore::kRestore);

 private:
  friend class Transaction;
  void enterScope();
  void releaseScope();
  void rollbackScope() noexcept;
  void checkBatch(std::size_t keys) const;
  /// Throws for what `put` does not take.
  static void refuseUndefined(std::string_view key);
  std::shared_ptr<host::SectionResult> openTransaction(host::SectionBody body);
  std::optional<UnixMillis> readAlarm(std::string_view name);
  void writeAlarm(std::string_view name, UnixMillis time, const WriteOptions& options);

  template <typename T>
  static bool isUndefined(const T& value);
  /// Marks the writes inside as not to be waited for, if they may be.
  class Unconfirmed {
   public:
    Unconfirmed(DurableObjectStorage& storage, const WriteOptions& options);
    ~Unconfirmed();
    Unconfirmed(const Unconfirmed&) = delete;
    Unconfirmed& operator=(const Unconfirmed&) = delete;

   private:
    host::StorageAccess* access_;
  };

  host::Instance& instance_;
  std::unique_ptr<host::StorageAccess> access_;
  SyncKv kv_;
  SqlStorage sql_;
};

/// A `transaction` in progress. Its calls are those of the storage, which may be used directly just
/// as well, and fail with kConflict after `rollback` and after the transaction has ended.
class Transaction {
 public:
  Transaction(DurableObjectStorage& storage, host::Instance& instance, unsigned depth)
      : storage_(storage), instance_(instance), depth_(depth) {}

  template <typename... Arguments>
  auto get(const Arguments&... arguments) {
    return guarded("get", [&] { return storage_.get(arguments...); });
  }
  template <typename T, typename... Arguments>
  auto get(const Arguments&... arguments) {
    return guarded("get", [&] { return storage_.template get<T>(arguments...); });
  }
  template <typename... Arguments>
  auto put(const Arguments&... arguments) {
    return guarded("put", [&] { return storage_.put(arguments...); });
  }
  template <typename... Arguments>
  auto erase(const Arguments&... arguments) {
    return guarded("erase", [&] { return storage_.erase(arguments...); });
  }
  template <typename T = Value>
  auto list(const ListOptions& options = {}) {
    return guarded("list", [&] { return storage_.list<T>(options); });
  }
  Operation<std::optional<UnixMillis>> getAlarm(std::string_view name = {}) {
    return guarded("getAlarm", [&] { return storage_.getAlarm(name); });
  }
  Operation<> setAlarm(UnixMillis time) {
    return guarded("setAlarm", [&] { return storage_.setAlarm(time); });
  }
  Operation<> deleteAlarm(std::string_view name = {}) {
    return guarded("deleteAlarm", [&] { return storage_.deleteAlarm(name); });
  }
  /// Undoes what the transaction wrote; the callback goes on and its result is returned. May be
  /// repeated. Throws: kConflict while a transaction inside this one runs, and after the end.
  void rollback();

 private:
  friend class host::Instance;
  template <typename Work>
  auto guarded(const char* what, Work&& work) -> std::invoke_result_t<Work>;
  /// Throws: kConflict.
  void check(const char* what) const;

  DurableObjectStorage& storage_;
  host::Instance& instance_;
  const unsigned depth_;
  enum class State { kOpen, kRolledBack, kEnded } state_ = State::kOpen;
};

// ---- implementation of the templates

template <typename T>
bool DurableObjectStorage::isUndefined(const T& value) {
  if constexpr (requires { value.isUndefined(); }) {
    return value.isUndefined();
  } else if constexpr (requires { value.has_value(); }) {
    return !value.has_value();
  } else {
    return false;
  }
}

template <typename T>
Operation<std::optional<T>> DurableObjectStorage::get(std::string_view key, const ReadOptions&) {
  return host::actNow([&] { return kv_.get<T>(key); });
}

template <typename T, host::KeyRange Keys>
Operation<std::map<std::string, T>> DurableObjectStorage::get(const Keys& keys,
                                                              const ReadOptions&) {
  return host::actNow([&] {
    checkBatch(static_cast<std::size_t>(std::ranges::distance(keys)));
    std::map<std::string, T> found;
    for (std::string_view key : keys) {
      if (std::optional<T> value = kv_.get<T>(key))
        found.insert_or_assign(std::string(key), std::move(*value));
    }
    return found;
  });
}

template <typename T>
requires(!std::same_as<T, WriteOptions>) Operation<> DurableObjectStorage::put(
    std::string_view key, const T& value, const WriteOptions& options) {
  return host::actNow([&] {
    if (isUndefined(value)) refuseUndefined(key);
    Unconfirmed unconfirmed(*this, options);
    kv_.put(key, value);
  });
}

template <host::EntryRange Entries>
Operation<> DurableObjectStorage::put(const Entries& entries, const WriteOptions& options) {
  return host::actNow([&] {
    checkBatch(static_cast<std::size_t>(std::ranges::distance(entries)));
    Unconfirmed unconfirmed(*this, options);
    enterScope();
    try {
      for (const auto& [key, value] : entries) {
        if (!isUndefined(value)) kv_.put(key, value);
      }
      releaseScope();
    } catch (...) {
      rollbackScope();
      throw;
    }
  });
}

template <host::KeyRange Keys>
Operation<std::uint64_t> DurableObjectStorage::erase(const Keys& keys,
                                                     const WriteOptions& options) {
  return host::actNow([&] {
    checkBatch(static_cast<std::size_t>(std::ranges::distance(keys)));
    Unconfirmed unconfirmed(*this, options);
    std::uint64_t erased = 0;
    for (std::string_view key : keys) erased += kv_.erase(key) ? 1 : 0;
    return erased;
  });
}

template <typename T>
Operation<std::vector<std::pair<std::string, T>>> DurableObjectStorage::list(
    const ListOptions& options, const ReadOptions&) {
  return host::actNow([&] {
    std::vector<std::pair<std::string, T>> pairs;
    for (KvCursor cursor = kv_.cursor(options); cursor.next();)
      pairs.emplace_back(std::string(cursor.key()), cursor.template value<T>());
    return pairs;
  });
}

template <std::invocable Work>
std::invoke_result_t<Work> DurableObjectStorage::transactionSync(Work&& work) {
  using Result = std::invoke_result_t<Work>;
  static_assert(!host::kIsTask<Result> && !Unfinished<Result>,
                "transactionSync takes a synchronous callback");
  kv();  // SQLite-backed classes only.
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

template <typename Work>
requires std::invocable<Work> || std::invocable<Work, Transaction&>
auto DurableObjectStorage::transaction(Work work) {
  auto call = [](Work& callee, [[maybe_unused]] Transaction& transaction) {
    if constexpr (std::invocable<Work, Transaction&>) {
      return callee(transaction);
    } else {
      return callee();
    }
  };
  using Result = host::ResultOf<std::invoke_result_t<decltype(call), Work&, Transaction&>>;
  auto result = std::make_shared<host::ResultSlot<Result>>();
  auto body = [result, call, held = std::make_shared<Work>(std::move(work))](Transaction* self) {
    return host::fill(result, [held, call, self] { return call(*held, *self); });
  };
  return Operation<Result>(host::awaitSection(openTransaction(std::move(body)), std::move(result)));
}

template <typename Work>
auto Transaction::guarded(const char* what, Work&& work) -> std::invoke_result_t<Work> {
  using Result = std::invoke_result_t<Work>;
  using T = typename Result::value_type;
  host::Outcome<T> refused;
  try {
    check(what);
  } catch (const Error&) {
    refused.error = std::current_exception();
  }
  if (refused.error) return Result(host::settled<T>(std::move(refused)));
  return work();
}

}  // namespace cairn
