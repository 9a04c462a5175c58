// OBJECT on the command line: `Class/name`, the name with further slashes if it has any, or `name`
// for an object of class `default`.
#pragma once

#include <string>
#include <string_view>

namespace cairn::cli {

inline constexpr std::string_view kDefaultClass = "default";

struct ObjectName {
  std::string className;
  std::string name;

  /// Whether the names are allowed is the engine's to say.
  [[nodiscard]] static ObjectName parse(std::string_view text);
  /// `Class/name`, safe to print.
  [[nodiscard]] std::string forPeople() const;
};

}  // namespace cairn::cli
