// Finding an object's past: which space it was pointed at, what its alarms were, which commits
// there are.
#pragma once

#include <cairn/bookmark.h>
#include <cairn/types.h>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/rows.h"
#include "kv/environment.h"
#include "pitr/history.h"

namespace cairn {

class ObjectPast {
 public:
  /// `store` outlives it.
  ObjectPast(const kv::ReadAccess& store, pitr::ChangeLogReader& reader, ObjectNumber object)
      : store_(store), history_(store, reader), object_(object) {}

  [[nodiscard]] const pitr::History& history() const { return history_; }

  /// A stretch of time in which the object was pointed at one space.
  struct Stretch {
    Lsn from;       ///< The commit that pointed it there.
    Lsn until;      ///< The commit that pointed it elsewhere; the greatest LSN while it is there.
    SpaceId space;  ///< Zero: the object did not exist.
  };
  /// The stretch that holds `lsn`.
  [[nodiscard]] Stretch stretchAt(Lsn lsn) const;
  [[nodiscard]] SpaceId spaceAt(Lsn lsn) const { return stretchAt(lsn).space; }
  /// All stretches that reach beyond `after`, oldest first.
  [[nodiscard]] std::vector<Stretch> stretches(Lsn after) const;

  struct Point {
    Lsn lsn;
    UnixMillis time;
  };
  /// The object's last commit at or before `lsn`, as far as the retained history knows.
  [[nodiscard]] Point lastCommit(Lsn lsn, const StoreState& state) const;
  /// The last commit at or before `time`.
  [[nodiscard]] Point lastCommit(UnixMillis time, const StoreState& state) const;

  /// When each alarm was due after commit `lsn`.
  using Alarms = std::map<std::string, UnixMillis, std::less<>>;
  [[nodiscard]] Alarms alarmsAt(Lsn lsn, Lsn through) const;

  [[nodiscard]] std::optional<SpaceRow> spaceRow(SpaceId space) const;

 private:
  [[nodiscard]] UnixMillis deletionTime(const Stretch& deleted) const;

  const kv::ReadAccess& store_;
  pitr::History history_;
  ObjectNumber object_;
};

/// The state that a bookmark of a session's end names: just before the first restore after it was
/// made. Throws: kOutOfRange when that session has not ended.
[[nodiscard]] Lsn endOfSession(const kv::ReadAccess& store, ObjectNumber object,
                               const Bookmark& bookmark);

/// Throws: kOutOfRange naming the bounds when `lsn` lies outside what can be brought back.
void checkReachable(Lsn lsn, const StoreState& state);

}  // namespace cairn
