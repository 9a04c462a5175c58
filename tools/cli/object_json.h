// An object's row as JSON: what `objects` and `info` have in common.
#pragma once

#include <cairn/engine.h>

#include "tools/cli/json_writer.h"

namespace cairn::cli {

/// The members, without brackets.
void appendObjectMembers(JsonWriter& out, const ObjectInfo& info);

inline void appendObjectJson(JsonWriter& out, const ObjectInfo& info) {
  out.beginObject();
  appendObjectMembers(out, info);
  out.endObject();
}

}  // namespace cairn::cli
