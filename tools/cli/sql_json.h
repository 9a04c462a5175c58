// SQL values as JSON and back. INTEGER is a JSON integer with every digit, REAL has a point or an
// exponent, BLOB is {"$base64":…}; TEXT that is no UTF-8 is {"$type":"text","hex":…}.
#pragma once

#include <cairn/sql.h>
#include <string>
#include <string_view>

#include "tools/cli/json_writer.h"

namespace cairn::cli {

void appendSqlJson(JsonWriter& out, const SqlValue& value);
/// For a table on a terminal: text as it is, NULL, and bytes as x'…'.
[[nodiscard]] std::string sqlForPeople(const SqlValue& value);

/// A parameter written as JSON. Throws: Failure(kUsage).
[[nodiscard]] SqlValue sqlFromJson(std::string_view json);

}  // namespace cairn::cli
