// Checks an LMDB file page by page without trusting any of it: through reads, not the map, so that
// nothing in the file can crash the reader. Used when the file is shorter than its header says, by
// `cairn verify`, and before a root from elsewhere is opened.
#pragma once

#include <cairn/file_system.h>
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::kv {

struct StoreCheck {
  std::uint64_t pagesReachable = 0;
  std::uint64_t fileBytes = 0;
  std::uint64_t bytesClaimed =
      0;  ///< What the header says is in use; unused pages at the end may be missing.
  std::uint64_t transaction = 0;
  std::vector<std::string>
      problems;  ///< Each says which page; empty: every page that can be reached is sound.
};

/// Throws: kIo, kNotFound. Stops collecting after 100 problems.
[[nodiscard]] StoreCheck checkStore(FileSystem& fileSystem, const std::string& path);

}  // namespace cairn::kv
