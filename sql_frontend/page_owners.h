// Which table each page of a database belongs to.
#pragma once

#include <string>
#include <vector>

#include "sql_frontend/page_space.h"
#include "sql_frontend/vfs.h"

namespace cairn::sql {

/// By page number, from 1: the table, for pages of its indexes too; empty for pages of no table.
/// Everything is empty when the linked SQLite has no dbstat. Throws: SqlError.
[[nodiscard]] std::vector<std::string> pageOwners(Vfs& vfs, PageSpace& pages);

}  // namespace cairn::sql
