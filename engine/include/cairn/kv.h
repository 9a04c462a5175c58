// Key-value storage of one object.
#pragma once

#include <cairn/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn {

/// Which keys to list. Keys are ordered by their bytes; for UTF-8 text that is the order of code points.
struct ListOptions {
  std::optional<std::string_view> start;       ///< First key, inclusive. Not together with `startAfter`.
  std::optional<std::string_view> startAfter;  ///< First key, exclusive.
  std::optional<std::string_view> end;         ///< Last key, exclusive.
  std::optional<std::string_view> prefix;
  bool reverse = false;  ///< Descending. `start` stays the low bound and `end` the high one; `limit` takes from the high end.
  std::optional<std::int64_t> limit;  ///< At most so many pairs; must be positive.
};

}  // namespace cairn
