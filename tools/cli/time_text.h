// Points in time on the command line: RFC 3339 with a zone, `1700000000s` or `…ms` since 1970, or a
// distance from now such as `+15m` or `-2h`. Bare digits are refused: nobody can tell seconds from
// milliseconds.
#pragma once

#include <cairn/types.h>
#include <string>
#include <string_view>

namespace cairn::cli {

/// Throws: Failure(kUsage) saying what is wrong.
[[nodiscard]] UnixMillis parseTime(std::string_view text, UnixMillis now);

/// RFC 3339 in UTC with milliseconds; `…ms` for years that it cannot write.
[[nodiscard]] std::string formatTime(UnixMillis time);

/// For `--help`.
inline constexpr std::string_view kTimeHelp =
    "TIME is one of\n"
    "  2026-11-22T13:00:00Z, 2026-11-22 14:00:00.250+01:00   RFC 3339; the zone is needed\n"
    "  1700000000s, 1700000000000ms                          since 1970-01-01T00:00:00Z\n"
    "  +15m, -2h                                             from now; ms s m h d w\n";

}  // namespace cairn::cli
