#include "tools/pitr/target.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kBookmarkBytes = 59;

// 8-8-8-32, whatever stands in it: the library says what is wrong with it.
bool looksLikeBookmark(std::string_view text) {
  return text.size() == kBookmarkBytes && text[8] == '-' && text[17] == '-' && text[26] == '-';
}

Lsn parseLsn(std::string_view digits) {
  std::uint64_t number = 0;
  auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || problem != std::errc() || stop != digits.data() + digits.size()) {
    throw Failure(ExitCode::kUsage,
                  fmt::format("lsn:{} should be lsn: and a number", printable(digits)));
  }
  return Lsn(number);
}

// One of another object, or of another root, names no point of this history.
Target resolveBookmark(History& history, const Bookmark& bookmark) {
  try {
    return {history.resolve(bookmark), {}};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Failure(ExitCode::kOutsideWindow, error.what());
  }
}

Target find(History& history, std::string_view text, UnixMillis now) {
  if (text == "now") return {history.resolve(history.bounds().newest), {}};
  if (text.starts_with("@")) return {history.resolveLabel(text.substr(1)), {}};
  if (text.starts_with("lsn:")) return {history.resolve(parseLsn(text.substr(4))), {}};
  if (text.starts_with("before:")) return {history.resolveBeforeKey(text.substr(7)), {}};
  if (looksLikeBookmark(text)) return resolveBookmark(history, Bookmark::parse(text));
  UnixMillis time = parseTime(text, now);
  return {history.resolve(time), time};
}

}  // namespace

Target resolveTarget(History& history, const ObjectName& object, std::string_view text) {
  try {
    return find(history, text, systemClock().now());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kOutOfRange) {
      HistoryBounds bounds = history.bounds();
      throw Failure(ExitCode::kOutsideWindow,
                    fmt::format("{} is outside the history kept of {}: {}", printable(text),
                                object.forPeople(), boundsForPeople(bounds)));
    }
    if (error.code() == ErrorCode::kNotFound) throw Failure(ExitCode::kOutsideWindow, error.what());
    throw;
  }
}

void writeTimeMembers(JsonWriter& out, Lsn lsn, UnixMillis time) {
  out.member("lsn", lsn.value()).key("time");
  lsn.isZero() ? out.null() : out.text(formatTime(time));
  out.key("ms");
  lsn.isZero() ? out.null() : out.integer(time.value);
}

void writePointMembers(JsonWriter& out, const Resolved& point) {
  writeTimeMembers(out, point.lsn, point.time);
  out.member("bookmark", point.bookmark.toString());
}

std::string boundsForPeople(const HistoryBounds& bounds) {
  return fmt::format("{} to {}", pointForPeople({bounds.oldest, bounds.oldestTime, {}}),
                     pointForPeople({bounds.newest, bounds.newestTime, {}}));
}

std::string pointForPeople(const Resolved& point) {
  if (point.lsn.isZero()) return "before the first commit";
  return fmt::format("LSN {} at {}", point.lsn.value(), formatTime(point.time));
}

}  // namespace cairn::cli
