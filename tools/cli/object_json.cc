#include "tools/cli/object_json.h"

#include "tools/cli/time_text.h"

namespace cairn::cli {

void appendObjectMembers(JsonWriter& out, const ObjectInfo& info) {
  out.member("class", info.className).member("object", info.name);
  out.member("number", info.number.value()).member("space", info.space.value());
  out.member("created", info.created.value()).member("lastCommit", info.lastCommit.value());
  out.member("kvKeys", info.size.kvKeys).member("kvBytes", info.size.kvBytes);
  out.member("sqlBytes", info.size.sqlBytes).key("alarm");
  info.alarm ? out.text(formatTime(*info.alarm)) : out.null();
}

}  // namespace cairn::cli
