#include "sql_frontend/authorizer.h"

#include <sqlite3.h>

namespace cairn::sql {

bool isReservedName(std::string_view name) {
  constexpr std::string_view kReserved = "_cf_";
  return name.size() >= kReserved.size() && sqlite3_strnicmp(name.data(), kReserved.data(), 4) == 0;
}

std::optional<Refusal> judgeAction(int action, const char*, const char*, const char*) {
  if (action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT) {
    return Refusal{
        "use transaction() or transactionSync() instead of BEGIN, COMMIT, ROLLBACK, SAVEPOINT or "
        "RELEASE"};
  }
  if (action == SQLITE_ATTACH || action == SQLITE_DETACH) return Refusal{"not authorized"};
  return std::nullopt;
}

std::optional<Refusal> judgeText(std::string_view) { return std::nullopt; }

}  // namespace cairn::sql
