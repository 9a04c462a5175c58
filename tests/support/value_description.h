// Values written down as JSON, in the form of the recorded scenarios: plain JSON where that is
// exact, else
// {"$type": …}; "$id" on an object and {"$ref": n} for what is shared.
#pragma once

#include <cairn/value.h>
#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cairn {

/// Reads a description whose "$type" is none of those that values are written as.
using OtherDescription = std::function<Value(const nlohmann::ordered_json& description)>;

/// Edges that close a cycle are weak. Throws std::invalid_argument for a type that neither it nor
/// `other` knows.
[[nodiscard]] Value valueFromDescription(const nlohmann::ordered_json& description,
                                         OtherDescription other = {});

[[nodiscard]] std::string hexToBytes(std::string_view hex);
[[nodiscard]] std::string bytesToHex(std::string_view bytes);

}  // namespace cairn
