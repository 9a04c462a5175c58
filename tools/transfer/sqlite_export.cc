#include "tools/transfer/sqlite_export.h"

#include <fmt/format.h>

#include "tools/cli/exit_code.h"

namespace cairn::cli {

namespace {

void checkCopy(const std::string& path, const Schema& expected) {
  FileEnd copy = FileEnd::reading(path);
  SqlValue found = copy.one("PRAGMA quick_check(1)");
  if (found != SqlValue("ok")) {
    throw Failure(ExitCode::kDigest,
                  fmt::format("the copy is not sound: {}", std::get<std::string>(found)));
  }
  // Opened anew, virtual tables have to find what they keep their content in.
  for (const SchemaItem& item : expected.items) {
    if (item.isVirtual())
      copy.query(fmt::format("SELECT 1 FROM {} LIMIT 1", quotedName(item.name)),
                 [](const std::vector<SqlValue>&) {});
  }
}

}  // namespace

SqlCopy::Counts exportSqliteFile(SqlStorage& sql, const std::string& path,
                                 const std::function<void(std::uint64_t)>& onRows) {
  SqlCopy::Counts counts;
  ObjectEnd from(sql);
  Schema schema = Schema::read(from);
  {
    FileEnd to = FileEnd::writing(path);
    SqlCopy copy(from, to, SqlCopy::Into::kFile, onRows);
    copy.run();
    to.commit();
    counts = copy.counts();
  }
  checkCopy(path, schema);
  return counts;
}

}  // namespace cairn::cli
