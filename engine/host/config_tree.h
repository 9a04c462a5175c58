// What a configuration file says, whatever its notation. Only what the readers need.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::host {

struct ConfigNode {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kTable } kind = Kind::kNull;
  std::string text;  ///< Of a string; of a number or anything else as it stands in the file.
  std::vector<ConfigNode> items;
  std::map<std::string, ConfigNode, std::less<>> entries;
  std::size_t line = 0;

  [[nodiscard]] const ConfigNode* find(std::string_view key) const {
    auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
  }
};

/// JSON with comments and trailing commas. Throws: kInvalidArgument naming the line.
[[nodiscard]] ConfigNode parseJsoncTree(std::string_view text);
/// TOML, as far as wrangler files go: tables, arrays of tables, inline tables, strings, numbers,
/// booleans, dates (kept as text). Throws: kInvalidArgument naming the line.
[[nodiscard]] ConfigNode parseTomlTree(std::string_view text);

}  // namespace cairn::host
