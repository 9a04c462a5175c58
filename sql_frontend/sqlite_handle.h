// SQLite's handles with an owner.
#pragma once

#include <memory>

#include <sqlite3.h>

namespace cairn::sql {

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

}  // namespace cairn::sql
