#include "tools/transfer/transfer_output.h"

#include <fmt/format.h>

#include "tools/cli/text.h"

namespace cairn::cli {

void printNdjsonExport(Context& context, const std::string& file,
                       const NdjsonExport::Counts& counts, std::uint64_t bytes) {
  if (!context.json()) {
    context.out().line(fmt::format("{} keys and {} alarms of {} objects, {}", grouped(counts.pairs),
                                   grouped(counts.alarms), grouped(counts.objects),
                                   byteCount(bytes)));
    return;
  }
  context.out().json([&](JsonWriter& json) {
    json.beginObject().key("file").bytesOrText(file);
    json.member("objects", counts.objects).member("keys", counts.pairs);
    json.member("alarms", counts.alarms).member("withSql", counts.withSql);
    json.member("legacy", counts.legacy).member("bytes", bytes).endObject();
  });
}

void printSqliteExport(Context& context, const ObjectName& object, const std::string& file,
                       const SqlCopy::Counts& counts) {
  if (!context.json()) {
    context.out().line(fmt::format("{} tables with {} rows, {} indexes, {} views, {} triggers",
                                   counts.tables, grouped(counts.rows), counts.indexes,
                                   counts.views, counts.triggers));
    return;
  }
  context.out().json([&](JsonWriter& out) {
    out.beginObject();
    writeObjectMembers(out, object);
    out.key("file").bytesOrText(file).member("tables", counts.tables);
    out.member("rows", counts.rows).member("indexes", counts.indexes);
    out.member("views", counts.views).member("triggers", counts.triggers).endObject();
  });
}

}  // namespace cairn::cli
