// The public face of Session.
#include <cairn/error.h>
#include <cairn/storage.h>

#include <fmt/format.h>

#include "engine/session.h"

namespace cairn {

namespace {

// 64-bit nanoseconds since 1970 end here, as do the platform's alarm times.
constexpr std::int64_t kAlarmTimeMax = INT64_MAX / 1'000'000;

void checkAlarmName(std::string_view name) {
  if (name.size() <= alarms::kNameBytesMax) return;
  throw Error(ErrorCode::kInvalidArgument, fmt::format("an alarm name of {} bytes, {} are allowed",
                                                       name.size(), alarms::kNameBytesMax));
}

}  // namespace

Storage::Storage(Session& session) : session_(session), kv_(session), sql_(session) {}

SyncKv& Storage::kv() {
  session_.requireSqlite("synchronous key-value storage");
  return kv_;
}

SqlStorage& Storage::sql() { return sql_; }

void Storage::enterScope() {
  session_.requireSqlite("transactionSync");
  session_.enterScope();
}
void Storage::releaseScope() { session_.releaseScope(); }
void Storage::rollbackScope() noexcept { session_.rollbackScope(); }

void Storage::deleteAll(const DeleteAllOptions& options) { session_.deleteAll(options); }

std::optional<UnixMillis> Storage::getAlarm(std::string_view name) {
  std::optional<alarms::Alarm> alarm = session_.alarms().get(name);
  if (!alarm) return std::nullopt;
  return alarm->scheduled();
}

void Storage::setAlarm(UnixMillis time, std::string_view name) {
  checkAlarmName(name);
  if (time.value <= 0 || time.value > kAlarmTimeMax) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("an alarm at {} ms since 1970, allowed are 1 to {}", time.value,
                            kAlarmTimeMax));
  }
  session_.alarms().set(name, {std::max(time, session_.clock().now()), 0, 0});
}

void Storage::deleteAlarm(std::string_view name) {
  checkAlarmName(name);
  session_.alarms().clear(name);
}

std::vector<std::string> Storage::alarmNames() { return session_.alarms().names(); }

void Storage::sync() { session_.sync(); }

StorageSize Storage::size() { return session_.size(); }

Bookmark Storage::getCurrentBookmark() { return session_.currentBookmark(); }
Bookmark Storage::getBookmarkForTime(UnixMillis time) { return session_.bookmarkForTime(time); }
Bookmark Storage::onNextSessionRestoreBookmark(const Bookmark& bookmark, AlarmOnRestore alarm) {
  return session_.armRestore(bookmark, alarm);
}

}  // namespace cairn
