#include "tools/cli/output.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kPlenty = std::size_t{8} << 20;

// Characters, taken for columns of the terminal.
std::size_t widthOf(std::string_view utf8) {
  std::size_t width = 0;
  for (char c : utf8) width += (c & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

}  // namespace

Output& Output::write(std::string_view text) {
  text_ += text;
  if (text_.size() >= kPlenty) flush();
  return *this;
}

void Output::flush() {
  std::string_view rest = text_;
  while (!rest.empty()) {
    ssize_t put = ::write(descriptor_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EPIPE) throw Failure(ExitCode::kIo, "closed", "");
    if (put < 0)
      throw Failure(ExitCode::kIo, fmt::format("writing the result: {}", std::strerror(errno)));
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  written_ += text_.size();
  text_.clear();
}

void TextTable::row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

void TextTable::print(Output& out) {
  widths_.resize(columns_.size());
  auto widen = [&](std::size_t column, std::string_view cell) {
    widths_[column] = std::max(widths_[column], widthOf(cell));
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widen(i, columns_[i].title);
    for (const std::vector<std::string>& cells : rows_) widen(i, cells[i]);
  }
  if (!titled_) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    printLine(out, titles);
    titled_ = true;
  }
  for (const std::vector<std::string>& cells : rows_) printLine(out, cells);
  rows_.clear();
}

void TextTable::printLine(Output& out, const std::vector<std::string>& cells) const {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += "  ";
    std::string fill(widths_[i] - std::min(widths_[i], widthOf(cells[i])), ' ');
    line += columns_[i].align == Align::kRight ? fill + cells[i] : cells[i] + fill;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out.line(line);
}

}  // namespace cairn::cli
