// Bytes that a root takes on disk, by part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::cli {

struct RootSize {
  struct Part {
    std::string name;  ///< journal, store, sql, changes, scratch
    std::uint64_t bytes = 0;
  };
  std::vector<Part> parts;

  /// Files that come and go meanwhile are fine; symbolic links are not followed.
  [[nodiscard]] static RootSize of(const std::string& root);
  [[nodiscard]] std::uint64_t total() const;
};

}  // namespace cairn::cli
