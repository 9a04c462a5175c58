// SQLite's errors as Cairn's.
#pragma once

#include <cairn/error.h>
#include <cstddef>
#include <string>

struct sqlite3;

namespace cairn::sql {

/// The error that `db` reports for the result `code`: `<message>[ at offset N]: <PRIMARY>[
/// (extended: <EXTENDED>)]`. The statement it was compiling began at `textOffset` of the text.
[[nodiscard]] SqlError sqliteError(sqlite3* db, int code, std::size_t textOffset = 0);
[[nodiscard]] SqlError sqliteError(const std::string& message, int code);

/// "SQLITE_CONSTRAINT" for 19; "SQLITE_UNKNOWN" for a code that has no name.
[[nodiscard]] const char* primaryName(int code);

}  // namespace cairn::sql
