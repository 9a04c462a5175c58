// What SQL may do: the platform's rules, applied while SQLite compiles a statement.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cairn::sql {

/// Why a statement was refused, in words; the authorizer itself can only say no.
struct Refusal {
  std::string reason;
};

/// Judges one action as SQLite's authorizer reports it. nullopt: allowed.
[[nodiscard]] std::optional<Refusal> judgeAction(int action, const char* first, const char* second,
                                                 const char* database);

/// Judges what SQLite does not report: the new name in ALTER TABLE … RENAME TO.
[[nodiscard]] std::optional<Refusal> judgeText(std::string_view statement);

/// Names that begin with `_cf_`, in any case, belong to the platform.
[[nodiscard]] bool isReservedName(std::string_view name);

}  // namespace cairn::sql
