#include "tools/cli/time_text.h"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

constexpr std::int64_t kDayMs = 86'400'000;

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Failure(ExitCode::kUsage, fmt::format("time \"{}\": {}", printable(text), why));
}

std::optional<std::int64_t> unitMs(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1'000;
  if (unit == "m") return 60'000;
  if (unit == "h") return 3'600'000;
  if (unit == "d") return kDayMs;
  if (unit == "w") return 7 * kDayMs;
  return std::nullopt;
}

// Takes apart text of fixed-width fields.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text), rest_(text) {}

  int number(std::size_t digits, int lowest, int highest, const char* what) {
    int value = 0;
    const char* end = rest_.data() + std::min(digits, rest_.size());
    auto [stop, problem] = std::from_chars(rest_.data(), end, value);
    if (problem != std::errc() || stop != rest_.data() + digits || value < lowest ||
        value > highest) {
      refuse(text_,
             fmt::format("{} should be {} digits from {} to {}", what, digits, lowest, highest));
    }
    rest_.remove_prefix(digits);
    return value;
  }
  bool take(std::string_view any) {
    if (rest_.empty() || any.find(rest_[0]) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void need(std::string_view any, const char* where) {
    if (!take(any)) refuse(text_, fmt::format("\"{}\" is missing {}", any.substr(0, 1), where));
  }
  // Digits behind the point, to the millisecond; further ones are cut.
  int fraction() {
    int milliseconds = 0;
    std::size_t digits = 0;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1)) {
      if (digits++ < 3) milliseconds = milliseconds * 10 + (rest_[0] - '0');
    }
    if (digits == 0) refuse(text_, "no digits behind the point");
    for (; digits < 3; ++digits) milliseconds *= 10;
    return milliseconds;
  }
  [[nodiscard]] bool done() const { return rest_.empty(); }

 private:
  std::string_view text_;
  std::string_view rest_;
};

UnixMillis parseRfc3339(std::string_view text) {
  Fields in(text);
  int year = in.number(4, 0, 9999, "the year");
  in.need("-", "behind the year");
  int month = in.number(2, 1, 12, "the month");
  in.need("-", "behind the month");
  int day = in.number(2, 1, 31, "the day");
  std::chrono::year_month_day date{std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) refuse(text, "there is no such day");
  in.need("Tt ", "between date and time");
  int hour = in.number(2, 0, 23, "the hour");
  in.need(":", "behind the hour");
  int minute = in.number(2, 0, 59, "the minute");
  in.need(":", "behind the minute");
  int second = in.number(2, 0, 59, "the second");
  int milliseconds = in.take(".,") ? in.fraction() : 0;
  std::int64_t zoneMinutes = 0;
  if (!in.take("Zz")) {
    bool west = in.take("-");
    if (!west && !in.take("+")) refuse(text, "it has no zone; write Z or +hh:mm behind it");
    zoneMinutes = in.number(2, 0, 23, "the zone's hours") * 60;
    in.take(":");
    zoneMinutes += in.number(2, 0, 59, "the zone's minutes");
    if (west) zoneMinutes = -zoneMinutes;
  }
  if (!in.done()) refuse(text, "there is something behind it");
  std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return UnixMillis{days * kDayMs + ((hour * 60 + minute - zoneMinutes) * 60 + second) * 1'000 +
                    milliseconds};
}

}  // namespace

UnixMillis parseTime(std::string_view text, UnixMillis now) {
  std::size_t sign = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  std::size_t digitsEnd = text.find_first_not_of("0123456789", sign);
  std::string_view unit = digitsEnd == std::string_view::npos ? "" : text.substr(digitsEnd);
  std::optional<std::int64_t> factor = unitMs(unit);
  bool bare = digitsEnd == std::string_view::npos && text.size() > sign;
  if (bare) refuse(text, "bare digits are ambiguous; write 1700000000s or 1700000000000ms");
  if (!factor || digitsEnd == sign) {
    if (sign == 1) refuse(text, "a distance from now reads like +15m; units are ms s m h d w");
    return parseRfc3339(text);
  }
  if (sign == 0 && unit != "s" && unit != "ms")
    refuse(text, "a distance from now needs + or - in front");
  std::int64_t count = 0;
  std::string_view digits = text.substr(sign, digitsEnd - sign);
  auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  std::int64_t distance = 0;
  if (problem != std::errc() || __builtin_mul_overflow(count, *factor, &distance))
    refuse(text, "the number is too large");
  if (sign == 0) return UnixMillis{distance};
  if (text[0] == '-') distance = -distance;
  if (__builtin_add_overflow(now.value, distance, &distance))
    refuse(text, "the number is too large");
  return UnixMillis{distance};
}

std::string formatTime(UnixMillis time) {
  std::int64_t days = time.value / kDayMs - (time.value % kDayMs < 0 ? 1 : 0);
  std::int64_t ms = time.value - days * kDayMs;
  constexpr std::int64_t kYear0Days = -719'528;
  constexpr std::int64_t kYear10000Days = 2'932'897;
  if (days < kYear0Days || days >= kYear10000Days) return fmt::format("{}ms", time.value);
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     ms / 3'600'000, ms / 60'000 % 60, ms / 1'000 % 60, ms % 1'000);
}

}  // namespace cairn::cli
