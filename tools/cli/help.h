// Everything `--help` and `cairn help` print, made from the verb table and the exit codes.
#pragma once

#include <string>
#include <string_view>

#include "tools/cli/verb.h"

namespace cairn::cli {

/// All verbs, a line each, and where to read on.
[[nodiscard]] std::string overview();
[[nodiscard]] std::string verbHelp(const VerbEntry& verb);
[[nodiscard]] std::string exitCodeHelp();
/// The table of verbs and the one of exit codes as Markdown, for tools/README.md.
[[nodiscard]] std::string markdown();
/// The manual page, cairn(1), in man's own format.
[[nodiscard]] std::string manPage();

/// The verb of that name; nullptr when there is none.
[[nodiscard]] const VerbEntry* findVerb(std::string_view name);
/// "OBJECT KEY [--option]".
[[nodiscard]] std::string synopsisOf(const VerbEntry& verb);

}  // namespace cairn::cli
