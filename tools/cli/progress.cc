#include "tools/cli/progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/json_writer.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

constexpr unsigned kCallsBetweenLooks = 64;
constexpr std::chrono::milliseconds kBetweenShows{100};
constexpr std::size_t kBarCells = 24;

std::string amount(std::uint64_t number, const std::string& unit) {
  return unit == "bytes" ? byteCount(number) : grouped(number) + " " + unit;
}

}  // namespace

Progress::Form Progress::formNamed(const std::string& name, bool json) {
  if (name == "bar") return Form::kBar;
  if (name == "json") return Form::kJson;
  if (name == "none" || ::isatty(2) == 0) return Form::kNone;
  return json ? Form::kJson : Form::kBar;
}

Progress::Progress(Form form, std::string phase, std::string unit, std::uint64_t total)
    : form_(form), phase_(std::move(phase)), unit_(std::move(unit)), total_(total) {}

// The result follows on a clean line.
Progress::~Progress() {
  if (form_ == Form::kBar && drawn_) std::fputs("\r\x1b[K", stderr);
}

void Progress::at(std::uint64_t done) {
  if (form_ == Form::kNone || ++calls_ % kCallsBetweenLooks != 0) return;
  auto now = std::chrono::steady_clock::now();
  if (now - shown_ < kBetweenShows) return;
  shown_ = now;
  show(done, std::chrono::duration<double>(now - begin_).count());
}

void Progress::show(std::uint64_t done, double seconds) {
  double rate = static_cast<double>(done) / std::max(seconds, 1e-9);
  form_ == Form::kBar ? showBar(done, rate) : showJson(done, rate);
  drawn_ = true;
}

void Progress::showBar(std::uint64_t done, double rate) {
  std::string line = fmt::format("\r{} ", phase_);
  if (total_ > 0) {
    double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
    auto full = static_cast<std::size_t>(share * kBarCells);
    line += fmt::format("[{}{}] {:3.0f}%  ", std::string(full, '='),
                        std::string(kBarCells - full, ' '), share * 100);
  }
  line +=
      fmt::format("{}  {}/s", amount(done, unit_), amount(static_cast<std::uint64_t>(rate), unit_));
  if (total_ > done && rate > 0)
    line += fmt::format("  {} left", duration(static_cast<double>(total_ - done) / rate));
  fmt::print(stderr, "{}\x1b[K", line);
  std::fflush(stderr);
}

void Progress::showJson(std::uint64_t done, double rate) {
  std::string line;
  JsonWriter out(line);
  out.beginObject().member("phase", phase_).member("unit", unit_).member("done", done).key("total");
  total_ > 0 ? out.unsignedInteger(total_) : out.null();
  out.member("rate", rate).key("eta");
  total_ > done&& rate > 0 ? out.number(static_cast<double>(total_ - done) / rate) : out.null();
  out.endObject();
  fmt::print(stderr, "{}\n", line);
}

}  // namespace cairn::cli
