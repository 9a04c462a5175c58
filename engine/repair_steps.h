// A repair in progress: what its parts share, and the parts. Each looks at one kind of damage, adds
// a step for each case it finds, and, when the repair is to be applied, takes it.
#pragma once

#include <cairn/repair.h>
#include <memory>
#include <optional>
#include <string>

#include "engine/root_identity.h"
#include "engine/rows.h"
#include "kv/environment.h"

namespace cairn {

class Repair {
 public:
  Repair(std::string root, const RepairOptions& options, RepairReport& report)
      : root_(std::move(root)), options_(options), report_(report) {}

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] FileSystem& fileSystem() const { return *options_.fileSystem; }
  [[nodiscard]] bool applies() const { return options_.apply; }

  void add(RepairStep step) { report_.steps.push_back(std::move(step)); }
  /// Copies `name` (relative to the root) into the directory that keeps it, durably, before it is
  /// changed.
  void keep(const std::string& name);
  /// Moves `name` there.
  void moveAway(const std::string& name);

  RootId rootId;
  std::optional<StoreState> state;  ///< Of a store whose every page is sound.

 private:
  std::string keptPath(const std::string& name);

  std::string root_;
  const RepairOptions& options_;
  RepairReport& report_;
};

void repairStrays(Repair& repair);
void repairJournal(Repair& repair);
void repairHistoryIndex(Repair& repair);
void repairAlarmQueue(Repair& repair);

}  // namespace cairn
