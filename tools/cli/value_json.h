// Stored values as JSON and back, without loss. Plain JSON stays plain; what JSON cannot say is an
// object with "$type", in the form of the recorded scenarios (kValueHelp lists them), and bytes are
// {"$base64": …}.
#pragma once

#include <cairn/value.h>
#include <string>
#include <string_view>

#include "tools/cli/json_writer.h"

namespace cairn::cli {

/// Appends a stored value. One that is no structured clone, or that nests too deep for JSON to be
/// of use, comes out as {"$type":"stored","hex":…}: its bytes as they are.
void appendValueJson(JsonWriter& out, std::string_view stored);

/// The bytes to store for a value written as JSON. Throws: Failure(kUsage).
[[nodiscard]] std::string storedFromJson(std::string_view json);

/// JSON as a value, with nothing read into "$type" and its like. Numbers that a double does not
/// hold exactly are refused, not rounded. Throws: Failure(kUsage) naming the byte.
[[nodiscard]] Value parseJson(std::string_view json);
/// The bytes to store for what `parseJson` gave, or a part of it, which is changed on the way.
[[nodiscard]] std::string storedFromParsed(const Value& parsed);

/// For `--help`.
extern const std::string_view kValueHelp;

}  // namespace cairn::cli
