#include "tools/cli/object_name.h"

#include "tools/cli/text.h"

namespace cairn::cli {

ObjectName ObjectName::parse(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {std::string(kDefaultClass), std::string(text)};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

std::string ObjectName::forPeople() const { return printable(className + "/" + name); }

}  // namespace cairn::cli
