// What a restore is to do, as it stands in commit records and rows.
#pragma once

#include <cairn/history.h>
#include <cairn/types.h>
#include <string>
#include <string_view>

namespace cairn {

/// A receipt whose text begins with this says why an armed restore was not made.
inline constexpr std::string_view kFailedRestore = "failed: ";

/// Armed for the next session.
struct RestoreSpec {
  Lsn target;
  AlarmOnRestore alarm = AlarmOnRestore::kRestore;

  [[nodiscard]] std::string encode() const;
  /// Throws: kDamaged.
  static RestoreSpec decode(std::string_view bytes);
};

}  // namespace cairn
