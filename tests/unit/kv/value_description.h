// Values written down as JSON, in the form of the recorded scenarios: plain JSON where that is
// exact, else
// {"$type": …}; "$id" on an object and {"$ref": n} for what is shared.
#pragma once

#include <cairn/value.h>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cairn {

/// Edges that close a cycle are weak.
[[nodiscard]] Value valueFromDescription(const nlohmann::ordered_json& description);

[[nodiscard]] std::string hexToBytes(std::string_view hex);
[[nodiscard]] std::string bytesToHex(std::string_view bytes);

}  // namespace cairn
