// An object as it was, in a root of its own, where every verb can look at it and work on it.
#pragma once

#include <cairn/history.h>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/cli/object_name.h"
#include "tools/transfer/sql_copy.h"

namespace cairn::cli {

struct SideCopy {
  std::uint64_t keys = 0;
  std::uint64_t alarms = 0;
  SqlCopy::Counts sql;
  /// What is different in the copy, for people.
  std::vector<std::string> notes;
};

/// Fills the empty directory `root`, durably. `onStep` is called with the keys or rows done so far;
/// what it throws ends the copy. Throws: Failure(kRefused) when the database has what SQL cannot
/// copy, naming it.
[[nodiscard]] SideCopy copyToRoot(PastView& view, const ObjectName& object, const std::string& root,
                                  const std::function<void(std::uint64_t)>& onStep);

}  // namespace cairn::cli
