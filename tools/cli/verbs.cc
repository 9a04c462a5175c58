#include "tools/cli/verb.h"

namespace cairn::cli {

const std::vector<VerbEntry>& verbTable() {
  static const std::vector<VerbEntry> kTable = [] {
    std::vector<VerbEntry> table;
    for (auto group :
         {kvVerbs, sqlVerbs, alarmVerbs, objectVerbs, infoVerbs, deleteVerbs, verifyVerbs,
          repairVerbs, importVerbs, exportVerbs, pitrPointVerbs, pitrLookVerbs, pitrLogVerbs,
          pitrDiffVerbs, pitrBisectVerbs, pitrRestoreVerbs, pitrPruneVerbs, tourVerbs, helpVerbs}) {
      for (VerbEntry& verb : group()) table.push_back(std::move(verb));
    }
    return table;
  }();
  return kTable;
}

}  // namespace cairn::cli
