// Which alarm is due next. The store's queue holds them all, in order; in memory are those that
// come next, and those of commits that the store does not hold yet. Nothing is scanned at open, and
// memory is bounded however many alarms are pending.
//
// It only says that an alarm may be due: whether it is, the object's own state decides when it is
// delivered. So an entry too many does no harm, and there is never one too few: an alarm is in
// memory, or in the store behind everything that was read, or a round put it there in between.
#pragma once

#include <cairn/types.h>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kv/environment.h"

namespace cairn::alarms {

struct ObjectAddress {
  std::string className;
  std::string objectName;
};

/// An alarm that may be due.
struct Due {
  ObjectNumber object;
  std::string name;
  UnixMillis time;
  ObjectAddress address;
};

/// Thread-safe.
class Scheduler {
 public:
  struct Options {
    std::size_t inMemoryMax = 16'384;
    std::size_t atOnce = 64;  ///< Delivered and not done.
  };
  /// What it needs to know of the engine.
  struct Source {
    kv::Environment& store;
    std::function<Lsn()> storedLsn;
    /// Nothing when the object or its class is gone.
    std::function<std::optional<ObjectAddress>(const kv::ReadAccess&, ObjectNumber)> resolve;
  };

  Scheduler(Source source, Options options) : source_(std::move(source)), options_(options) {}

  /// A commit set the alarm, or cleared it. Returns whether something is due sooner than before.
  bool committed(ObjectNumber object, const ObjectAddress& address, std::string_view name,
                 std::optional<UnixMillis> time, Lsn lsn);
  /// The alarm shall be looked at again at that time, whatever the store says.
  bool again(const Due& due);

  /// Takes the next one that is due; it counts as delivered until `done`. Nothing when none is due,
  /// or so many are delivered that `done` must come first.
  std::optional<Due> take(UnixMillis now);
  /// Returns whether `take` had to wait for it.
  bool done();
  /// When to `take` again; nothing: when told.
  std::optional<UnixMillis> next();
  /// Reads the store from the beginning again: alarms that could not be delivered now can.
  void restart();

  [[nodiscard]] std::size_t inMemory() const;
  /// Rows of the store's queue that were looked at.
  [[nodiscard]] std::uint64_t rowsRead() const;

 private:
  using AlarmKey = std::pair<ObjectNumber, std::string>;
  struct Entry {
    AlarmKey alarm;
    UnixMillis time;
    ObjectAddress address;
    Lsn lsn;  ///< The commit that set it; zero when the store told.
  };

  void insert(Entry entry);
  void remove(const AlarmKey& alarm);
  void load();
  void trim();
  void trimIfWorthwhile();
  [[nodiscard]] bool complete() const;

  const Source source_;
  const Options options_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> byTime_;  ///< By the key that the store's queue has.
  std::map<AlarmKey, std::map<std::string, Entry>::iterator> byAlarm_;
  /// The store's queue was read up to here, exclusive; nothing: to its end.
  std::optional<std::string> readTo_ = std::string();
  Lsn trimmedThrough_;  ///< What the store held at the last `trim`.
  std::uint64_t rowsRead_ = 0;
  std::size_t delivered_ = 0;
  bool held_ = false;  ///< `take` had something due and gave nothing.
};

}  // namespace cairn::alarms
