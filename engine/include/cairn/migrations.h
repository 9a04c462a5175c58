// Changes of the set of classes, in the platform's words, and the file they stand in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

struct RenamedClass {
  std::string from;
  std::string to;
};

/// One step. Applied as a whole or not at all, and once: a root remembers the tags it has seen.
struct Migration {
  std::string tag;
  std::vector<std::string> newSqliteClasses;
  std::vector<std::string> newClasses;  ///< Legacy key-value classes.
  std::vector<RenamedClass> renamedClasses;
  std::vector<std::string> deletedClasses;  ///< With all their objects.
};

/// What of a `wrangler.jsonc` or `wrangler.toml` concerns storage.
struct WranglerConfig {
  std::vector<Migration> migrations;
  std::optional<std::uint64_t> cpuMs;  ///< `limits.cpu_ms`

  /// Reads JSON with comments and trailing commas, or TOML, by the file's ending. Throws:
  /// kInvalidArgument saying where the text is wrong; kIo.
  static WranglerConfig read(const std::string& path);
  static WranglerConfig parseJsonc(std::string_view text);
  static WranglerConfig parseToml(std::string_view text);
};

}  // namespace cairn
