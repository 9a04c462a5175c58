// An object's database as a SQLite file.
#pragma once

#include <cairn/sql.h>
#include <cstdint>
#include <functional>
#include <string>

#include "tools/transfer/sql_copy.h"

namespace cairn::cli {

/// Writes the database into the empty file at `path` and checks what it wrote; syncing it is the
/// caller's. Throws: Failure(kDigest) when the copy is not sound.
SqlCopy::Counts exportSqliteFile(SqlStorage& sql, const std::string& path,
                                 const std::function<void(std::uint64_t)>& onRows);

}  // namespace cairn::cli
