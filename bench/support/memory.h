// What the process takes of the machine's memory.
#pragma once

#include <cstdint>

namespace bench {

/// Anonymous memory that is resident, after what is free has been given back; pages of mapped files
/// are the page cache's.
[[nodiscard]] std::uint64_t residentBytes();

}  // namespace bench
