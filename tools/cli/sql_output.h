// A statement's rows on stdout.
#pragma once

#include <cairn/sql.h>

#include "tools/cli/output.h"

namespace cairn::cli {

/// A table, its columns as wide as the first rows need; nothing for a statement without columns.
void printSqlTable(Output& out, SqlCursor& cursor);
/// {"columns":[…],"rows":[…],"rowsRead","rowsWritten"}; rows as objects, of several columns with
/// one name the last, as on the platform, or as `arrays` with all of them.
void printSqlJson(Output& out, SqlCursor& cursor, bool arrays);

}  // namespace cairn::cli
