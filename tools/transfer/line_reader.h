// Lines of a file or of stdin, numbered, of bounded length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::cli {

class LineReader {
 public:
  /// `-` is stdin. Throws: Failure(kNotFound), Failure(kIo).
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  struct Line {
    std::uint64_t number = 0;
    std::string_view text;   ///< Without its end; valid until the next one.
    bool isTooLong = false;  ///< `text` is then empty: the line was skipped.
  };
  /// Nothing at the end. Throws: Failure(kIo).
  std::optional<Line> next();

  [[nodiscard]] std::uint64_t bytesRead() const { return bytesRead_; }
  /// 0 when it is not known: a pipe.
  [[nodiscard]] std::uint64_t bytesTotal() const { return bytesTotal_; }

  static constexpr std::size_t kLineBytesMax = std::size_t{256} << 20;

 private:
  bool fill();

  std::string path_;
  int descriptor_ = -1;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t bytesRead_ = 0;
  std::uint64_t bytesTotal_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace cairn::cli
