// A point in an object's history, as the command line names it.
#pragma once

#include <cairn/history.h>
#include <string>
#include <string_view>

#include "tools/cli/json_writer.h"
#include "tools/cli/object_name.h"

namespace cairn::cli {

struct Target {
  Resolved point;
  /// What was asked for, when that was a time: the commit found is at or before it.
  std::optional<UnixMillis> asked;
};

/// Throws: Failure(kUsage) for text of no such form; Failure(kOutsideWindow), naming the bounds,
/// for a point that is not known or not kept.
[[nodiscard]] Target resolveTarget(History& history, const ObjectName& object,
                                   std::string_view text);

/// "lsn","time","ms"; LSN zero is before the first commit, and has no time.
void writeTimeMembers(JsonWriter& out, Lsn lsn, UnixMillis time);
/// The members by which a JSON result names a point: these and "bookmark".
void writePointMembers(JsonWriter& out, const Resolved& point);
/// "LSN 7 at 2026-11-22T13:00:00.000Z", or that there was nothing before the object's first commit.
[[nodiscard]] std::string pointForPeople(const Resolved& point);
/// How far the history reaches.
[[nodiscard]] std::string boundsForPeople(const HistoryBounds& bounds);

/// For `--help`.
inline constexpr std::string_view kTargetHelp =
    "TARGET, A, B and T name a point in the object's history:\n"
    "  now                                                   its last commit\n"
    "  0000007b-0000b26e-00000000-0c3e87bb37b3db5cc52eedb93cd3b96b   a bookmark\n"
    "  @LABEL                                                a label (cairn pitr label)\n"
    "  2026-11-22T13:00:00Z, 1700000000s, 1700000000000ms    the last commit at or before it\n"
    "  -15m, -2h                                             so long ago; ms s m h d w\n"
    "  lsn:N                                                 the last commit up to number N\n"
    "  before:KEY                                            just before KEY last changed\n";

}  // namespace cairn::cli
