// SQLite's errors as Cairn's.
#pragma once

#include <cairn/error.h>
#include <string>

struct sqlite3;

namespace cairn::sql {

/// The error that `db` reports for the result `code`: `<message>[ at offset N]: <PRIMARY>[
/// (extended: <EXTENDED>)]`.
[[nodiscard]] SqlError sqliteError(sqlite3* db, int code);
[[nodiscard]] SqlError sqliteError(const std::string& message, int code);

/// "SQLITE_CONSTRAINT" for 19; "SQLITE_UNKNOWN" for a code that has no name.
[[nodiscard]] const char* primaryName(int code);

}  // namespace cairn::sql
