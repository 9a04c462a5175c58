// What SQL may do: the platform's rules, applied while SQLite compiles a statement. An allow-list
// throughout: an action, pragma, function or module that is not named here is refused, so what a
// newer SQLite adds stays out until somebody has looked at it.
//
// SQLite's authorizer callback is asked about almost everything. What it is not told, the target of
// ALTER TABLE … RENAME TO, VACUUM, and the functions of DEFAULT clauses, is read from the
// statement's own text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cairn::sql {

/// A refusal. SQLite says "not authorized" by itself; `reason` replaces that where something more
/// helpful can be said, and is empty elsewhere.
struct Refusal {
  std::string reason;
};

/// Judges one action as SQLite's authorizer reports it. nullopt: allowed.
[[nodiscard]] std::optional<Refusal> judgeAction(int action, const char* first, const char* second,
                                                 const char* database);

/// Whether an allowed pragma changes something that compiled statements depend on.
[[nodiscard]] bool changesSettings(std::string_view pragma, const char* argument);

/// Judges one statement's text for what SQLite does not report.
[[nodiscard]] std::optional<Refusal> judgeText(std::string_view statement);

/// Names that begin with `_cf_`, in any case, belong to the platform.
[[nodiscard]] bool isReservedName(std::string_view name);

/// Virtual tables that may be used, by module, ending with null: what sqlite3_drop_modules keeps.
/// Table-valued pragmas are no modules to SQLite and are judged as pragmas.
[[nodiscard]] const char** allowedModules();

}  // namespace cairn::sql
