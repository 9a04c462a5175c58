// stdin as one text, for arguments given as `-`.
#pragma once

#include <string>

namespace cairn::cli {

/// Throws: Failure(kUsage) beyond 64 MiB, which no value or SQL text reaches; Failure(kIo).
[[nodiscard]] std::string readStandardInput();

}  // namespace cairn::cli
