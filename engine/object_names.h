// What objects and classes may be called.
#pragma once

#include <string_view>

namespace cairn {

/// Throws: kInvalidArgument saying what is wrong and where.
void checkObjectName(std::string_view name);
void checkClassName(std::string_view name);

}  // namespace cairn
