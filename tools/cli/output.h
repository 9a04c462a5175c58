// stdout: the result and nothing else. Also tables for people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/json_writer.h"

namespace cairn::cli {

/// Collects text and writes it when it is plenty, so that a failure before that leaves stdout
/// empty.
class Output {
 public:
  explicit Output(int descriptor = 1) : descriptor_(descriptor) {}

  Output& write(std::string_view text);
  Output& line(std::string_view text) { return write(text).write("\n"); }
  /// A JSON document on a line of its own, written by `fill(JsonWriter&)`.
  template <typename Fill>
  Output& json(Fill&& fill) {
    JsonWriter writer(text_);
    fill(writer);
    return write("\n");
  }
  /// Throws: Failure(kIo). Quietly so when the reader is gone.
  void flush();
  [[nodiscard]] std::uint64_t bytesWritten() const { return written_ + text_.size(); }

 private:
  int descriptor_;
  std::string text_;
  std::uint64_t written_ = 0;
};

/// Columns as wide as their widest cell; numbers to the right.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Cells are printed as they are: make them `printable` first.
  void row(std::vector<std::string> cells);
  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  /// Prints and forgets the rows; the widths stay for what follows. The title comes once.
  void print(Output& out);

 private:
  void printLine(Output& out, const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> widths_;
  bool titled_ = false;
};

}  // namespace cairn::cli
