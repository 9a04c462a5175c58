// Says what can be done about a root that is damaged, and does it when asked.
//
//   cairn::RepairReport plan = cairn::repair("data");              // changes nothing
//   cairn::RepairReport done = cairn::repair("data", {.apply = true});
//
// Each step says what is wrong, what it does about it, and what is lost with that. Nothing is ever
// thrown away: what a step replaces or removes is first copied, durably, into a new directory
// beside the root. What a later open mends by itself, such as a torn tail, is left to it.
//
// Holds the root's lock meanwhile. Thread-safe.
#pragma once

#include <cairn/file_system.h>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

enum class RepairKind {
  kNotNeeded,   ///< The next open sees to it, or it does no harm.
  kPossible,    ///< The step can be taken.
  kImpossible,  ///< Nothing in the root can bring it back.
};
[[nodiscard]] std::string_view repairKindName(RepairKind kind);

struct RepairStep {
  RepairKind kind = RepairKind::kNotNeeded;
  std::string where;   ///< File and place, or the rows.
  std::string what;    ///< What is wrong.
  std::string action;  ///< What the step does, or what else there is to do.
  std::string loss;    ///< What is lost by it; empty: nothing.
};

struct RepairOptions {
  bool apply = false;  ///< Take every step that is possible.
  /// Where what is replaced is kept; created. Empty: the root's path with ".repair-" and a number.
  std::string keepIn;
  FileSystem* fileSystem = &posixFileSystem();
};

struct RepairReport {
  std::vector<RepairStep> steps;
  bool applied = false;  ///< Something was changed.
  std::string keptIn;    ///< Where what was replaced is; empty: nothing was.

  [[nodiscard]] bool has(RepairKind kind) const;
  /// A step that is possible loses something.
  [[nodiscard]] bool loses() const;
};

/// Throws: kNotFound when there is no root; kBusy naming the process that holds it; kForeign for a
/// root of a newer format; kIo and kNoSpace, with what was done so far undone by nothing: what was
/// replaced is in `keptIn`, and the same call goes on from there.
[[nodiscard]] RepairReport repair(const std::string& root, const RepairOptions& options = {});

}  // namespace cairn
