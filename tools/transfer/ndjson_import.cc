#include "tools/transfer/ndjson_import.h"

#include <algorithm>
#include <cairn/value_objects.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/object_name.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/cli/value_json.h"

namespace cairn::cli {

namespace {

// Held in memory at a time: enough for thousands of objects to share a sync.
constexpr std::size_t kBatchBytes = std::size_t{16} << 20;
constexpr std::size_t kEntryOverhead = 96;

[[noreturn]] void refuseLine(const std::string& why) { throw Failure(ExitCode::kUsage, why); }

// A member that holds text, or bytes as {"$base64": …}.
std::string bytesMember(const Value::Object& line, std::string_view name) {
  const Value& value = line.get(name);
  if (value.is(Value::Type::kString)) return std::string(value.asString());
  if (value.is(Value::Type::kObject) && value.asObject().size() == 1) {
    const Value* base64 = value.asObject().find("$base64");
    if (base64 != nullptr && base64->is(Value::Type::kString))
      return fromBase64(base64->asString());
  }
  refuseLine(fmt::format("\"{}\" should be text", name));
}

void checkMembers(const Value::Object& line) {
  constexpr std::string_view kKnown[] = {"class", "object", "key", "value", "alarm", "alarmName"};
  for (auto [name, value] : line) {
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown))
      refuseLine(fmt::format("\"{}\" is no member of a line", printable(name)));
  }
  if (!line.has("object")) refuseLine("\"object\" is missing");
  if (line.has("key") == line.has("alarm"))
    refuseLine("a line has either \"key\" and \"value\", or \"alarm\"");
  if (line.has("key") != line.has("value")) refuseLine("\"key\" and \"value\" go together");
  if (line.has("alarmName") && !line.has("alarm")) refuseLine("\"alarmName\" without \"alarm\"");
}

// Errors that are the line's own, not the engine's.
bool isLinesFault(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kLimitExceeded:
    case ErrorCode::kUnsupported:
      return true;
    default:
      return false;
  }
}

}  // namespace

void NdjsonImport::refuse(std::uint64_t line, const std::string& why) {
  ++counts_.skipped;
  onBadLine_(line, why);
}

void NdjsonImport::add(std::uint64_t line, std::string_view text) {
  if (text.find_first_not_of(" \t") == std::string_view::npos) return;
  try {
    parse(line, text);
  } catch (const Failure& failure) {
    refuse(line, failure.what());
  } catch (const Error& error) {
    if (!isLinesFault(error)) throw;
    refuse(line, error.what());
  }
  if (batchBytes_ >= kBatchBytes) flush();
}

void NdjsonImport::parse(std::uint64_t line, std::string_view text) {
  Value parsed = parseJson(text);
  if (!parsed.is(Value::Type::kObject)) refuseLine("not a JSON object");
  const Value::Object& members = parsed.asObject();
  checkMembers(members);
  ObjectName object{"", bytesMember(members, "object")};
  if (members.has("class")) {
    object.className = bytesMember(members, "class");
  } else {
    object = ObjectName::parse(object.name);
  }
  Entry entry{line, members.has("alarm"), {}, {}, {}};
  if (entry.isAlarm) {
    std::string time = bytesMember(members, "alarm");
    if (time.starts_with("+") || time.starts_with("-"))
      refuseLine("a distance from now would be another time at each import");
    entry.alarm = parseTime(time, UnixMillis{0});
    if (members.has("alarmName")) entry.key = bytesMember(members, "alarmName");
  } else {
    entry.key = bytesMember(members, "key");
    entry.stored = storedFromParsed(members.get("value"));
    std::size_t bytesMax = engine_.options().limits.kvPairBytesMax;
    if (entry.key.size() + entry.stored.size() > bytesMax) {
      refuseLine(fmt::format("key and value of {} + {} bytes, {} are allowed together",
                             entry.key.size(), entry.stored.size(), bytesMax));
    }
  }
  Batch& batch = batchOf(object.className, object.name);
  batchBytes_ += kEntryOverhead + entry.key.size() + entry.stored.size();
  batch.entries.push_back(std::move(entry));
}

NdjsonImport::Batch& NdjsonImport::batchOf(const std::string& className, const std::string& name) {
  auto [place, added] = batchOf_.try_emplace(className + "/" + name, batches_.size());
  if (added) {
    try {
      batches_.push_back({engine_.object(className, name), {}});
    } catch (...) {
      batchOf_.erase(place);
      throw;
    }
    batchBytes_ += kEntryOverhead;
  }
  return batches_[place->second];
}

// One commit an object. The batch before becomes durable while this one is being read.
void NdjsonImport::flush() {
  Ticket before = last_;
  for (const Batch& batch : batches_) {
    if (batch.entries.empty()) continue;
    last_ = engine_.turn(batch.object, [&](Storage& storage) { write(storage, batch); });
    ++counts_.commits;
  }
  batches_.clear();
  batchOf_.clear();
  batchBytes_ = 0;
  before.wait();
}

void NdjsonImport::write(Storage& storage, const Batch& batch) {
  for (const Entry& entry : batch.entries) {
    try {
      if (entry.isAlarm) {
        storage.setAlarm(entry.alarm, entry.key);
        ++counts_.alarms;
      } else {
        storage.kv().putBytes(entry.key, asBytes(entry.stored));
        ++counts_.pairs;
      }
    } catch (const Error& error) {
      if (!isLinesFault(error)) throw;
      refuse(entry.line, error.what());
    }
  }
}

void NdjsonImport::finish() {
  flush();
  last_.wait();
}

}  // namespace cairn::cli
