#include "tools/transfer/ndjson_export.h"

#include "tools/cli/json_writer.h"
#include "tools/cli/time_text.h"
#include "tools/cli/value_json.h"

namespace cairn::cli {

namespace {

JsonWriter beginLine(std::string& line, const ObjectName& object) {
  JsonWriter out(line);
  out.beginObject().member("class", object.className).member("object", object.name);
  return out;
}

}  // namespace

void NdjsonExport::add(Engine& engine, const ObjectInfo& object) {
  ObjectName name{object.className, object.name};
  engine.turn(engine.object(object.className, object.name), [&](Storage& storage) {
    for (const std::string& alarm : storage.alarmNames())
      writeAlarm(name, alarm, *storage.getAlarm(alarm));
    try {
      KvCursor cursor = storage.kv().cursor();
      while (cursor.next()) writeKey(name, cursor.key(), cursor.bytes());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      ++counts_.legacy;
    }
  });
  ++counts_.objects;
  counts_.withSql += object.size.sqlBytes > 0 ? 1 : 0;
}

void NdjsonExport::add(PastView& view, const ObjectName& object) {
  for (const std::string& alarm : view.alarmNames())
    writeAlarm(object, alarm, *view.getAlarm(alarm));
  view.kv().list({}, [&](std::string_view key, std::string_view bytes) {
    writeKey(object, key, bytes);
    return true;
  });
  ++counts_.objects;
  counts_.withSql += view.sql().databaseSize() > 0 ? 1 : 0;
}

void NdjsonExport::writeKey(const ObjectName& object, std::string_view key,
                            std::string_view bytes) {
  std::string line;
  JsonWriter out = beginLine(line, object);
  out.key("key").bytesOrText(key).key("value");
  appendValueJson(out, bytes);
  out.endObject();
  sink_(line += '\n');
  ++counts_.pairs;
}

void NdjsonExport::writeAlarm(const ObjectName& object, const std::string& name, UnixMillis time) {
  std::string line;
  JsonWriter out = beginLine(line, object);
  out.member("alarm", formatTime(time));
  if (!name.empty()) out.key("alarmName").bytesOrText(name);
  out.endObject();
  sink_(line += '\n');
  ++counts_.alarms;
}

}  // namespace cairn::cli
