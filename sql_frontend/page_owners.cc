#include "sql_frontend/page_owners.h"

#include <memory>

#include <sqlite3.h>

#include "sql_frontend/sql_error.h"
#include "sql_frontend/sqlite_handle.h"
#include "sql_frontend/temp_space.h"

namespace cairn::sql {

namespace {

constexpr std::uint64_t kTempBytesMax = std::uint64_t{64} << 20;

}  // namespace

std::vector<std::string> pageOwners(Vfs& vfs, PageSpace& pages) {
  std::vector<std::string> owners(std::size_t{pages.pageCount()} + 1);
  if (pages.pageCount() == 0 || sqlite3_compileoption_used("ENABLE_DBSTAT_VTAB") == 0)
    return owners;
  Vfs::Mount mount(vfs, pages);
  TempSpace temp(kTempBytesMax);
  TempSpace::Scope scope(temp);
  sqlite3* opened = nullptr;
  int result = sqlite3_open_v2(mount.fileName().c_str(), &opened,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs.name().c_str());
  std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)> db(opened, sqlite3_close_v2);
  sqlite3_stmt* compiled = nullptr;
  if (result == SQLITE_OK) {
    result = sqlite3_prepare_v2(opened,
                                "SELECT s.pageno, coalesce(m.tbl_name, s.name) FROM dbstat s "
                                "LEFT JOIN sqlite_schema m ON m.name = s.name",
                                -1, &compiled, nullptr);
  }
  StatementHandle statement(compiled);
  while (result == SQLITE_OK || result == SQLITE_ROW) {
    result = sqlite3_step(compiled);
    if (result != SQLITE_ROW) break;
    auto page = static_cast<std::size_t>(sqlite3_column_int64(compiled, 0));
    if (page < owners.size())
      owners[page] = reinterpret_cast<const char*>(sqlite3_column_text(compiled, 1));
  }
  if (result != SQLITE_DONE) {
    if (std::exception_ptr beneath = takeVfsError()) std::rethrow_exception(beneath);
    throw sqliteError(opened, result, 0);
  }
  return owners;
}

}  // namespace cairn::sql
