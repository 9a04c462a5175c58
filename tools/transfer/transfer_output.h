// What an export to a file says on stdout.
#pragma once

#include <cstdint>
#include <string>

#include "tools/cli/context.h"
#include "tools/transfer/ndjson_export.h"
#include "tools/transfer/sql_copy.h"

namespace cairn::cli {

void printNdjsonExport(Context& context, const std::string& file,
                       const NdjsonExport::Counts& counts, std::uint64_t bytes);
void printSqliteExport(Context& context, const ObjectName& object, const std::string& file,
                       const SqlCopy::Counts& counts);

}  // namespace cairn::cli
