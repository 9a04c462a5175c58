// A verb of the command, and the one table of them from which dispatch, `--help` and the README's
// table come.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tools/cli/arguments.h"
#include "tools/cli/exit_code.h"

namespace cairn::cli {

class Context;

/// Made for one run: declares what it takes, then runs with it.
class Verb {
 public:
  virtual ~Verb() = default;
  virtual void declare(Arguments& arguments) = 0;
  /// Throws: Failure and what the library throws.
  virtual ExitCode run(Context& context) = 0;
};

struct VerbEntry {
  std::string_view name;     ///< One word or two, e.g. "kv put".
  std::string_view summary;  ///< One line, no full stop.
  std::string details;       ///< What it prints, in both forms; lines up to 100 columns.
  std::vector<std::string_view> examples;
  std::unique_ptr<Verb> (*make)();
};

template <typename T>
std::unique_ptr<Verb> makeVerb() {
  return std::make_unique<T>();
}

/// All verbs in the order of `--help`.
[[nodiscard]] const std::vector<VerbEntry>& verbTable();

// Each group, in a file of its own under tools/verbs/.
[[nodiscard]] std::vector<VerbEntry> kvVerbs();
[[nodiscard]] std::vector<VerbEntry> sqlVerbs();
[[nodiscard]] std::vector<VerbEntry> alarmVerbs();
[[nodiscard]] std::vector<VerbEntry> objectVerbs();
[[nodiscard]] std::vector<VerbEntry> infoVerbs();
[[nodiscard]] std::vector<VerbEntry> deleteVerbs();
[[nodiscard]] std::vector<VerbEntry> verifyVerbs();
[[nodiscard]] std::vector<VerbEntry> repairVerbs();
[[nodiscard]] std::vector<VerbEntry> importVerbs();
[[nodiscard]] std::vector<VerbEntry> exportVerbs();
// Of an object's past, under tools/pitr/.
[[nodiscard]] std::vector<VerbEntry> pitrPointVerbs();
[[nodiscard]] std::vector<VerbEntry> pitrLookVerbs();
[[nodiscard]] std::vector<VerbEntry> pitrLogVerbs();
[[nodiscard]] std::vector<VerbEntry> pitrDiffVerbs();
[[nodiscard]] std::vector<VerbEntry> pitrBisectVerbs();
[[nodiscard]] std::vector<VerbEntry> pitrPruneVerbs();
[[nodiscard]] std::vector<VerbEntry> pitrRestoreVerbs();
[[nodiscard]] std::vector<VerbEntry> tourVerbs();
[[nodiscard]] std::vector<VerbEntry> helpVerbs();

}  // namespace cairn::cli
