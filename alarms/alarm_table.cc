#include "alarms/alarm_table.h"

#include <cairn/error.h>

#include "engine/base/coding.h"
#include "kv/keys.h"

namespace cairn::alarms {

std::string Alarm::encode() const {
  std::string out;
  putVarint(out, zigzag(time.value));
  putVarint(out, attempts);
  putVarint(out, backoff);
  if (delayMs != 0) putVarint(out, zigzag(delayMs));
  return out;
}

Alarm Alarm::decode(std::string_view bytes) {
  try {
    Decoder in(bytes);
    Alarm alarm;
    alarm.time = UnixMillis{unzigzag(in.varint("time"))};
    alarm.attempts = static_cast<std::uint32_t>(in.varint("attempts", UINT32_MAX));
    alarm.backoff = static_cast<std::uint32_t>(in.varint("backoff", UINT32_MAX));
    if (!in.done()) alarm.delayMs = unzigzag(in.varint("delay"));
    return alarm;
  } catch (const DecodeError& error) {
    throw Error(ErrorCode::kDamaged, std::string("store: alarm row: ") + error.what());
  }
}

std::string tableKey(ObjectNumber object, std::string_view name) {
  return kv::numberKey(object).append(name);
}

std::string queueKey(UnixMillis time, ObjectNumber object, std::string_view name) {
  return kv::numberKey(kv::sortableTime(time), object).append(name);
}

}  // namespace cairn::alarms
