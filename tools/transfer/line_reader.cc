#include "tools/transfer/line_reader.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

}  // namespace

LineReader::LineReader(const std::string& path) : path_(path) {
  if (path == "-") {
    descriptor_ = 0;
  } else {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      throw Failure(errno == ENOENT ? ExitCode::kNotFound : ExitCode::kIo,
                    fmt::format("open {}: {}", printable(path), std::strerror(errno)));
    }
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode))
    bytesTotal_ = static_cast<std::uint64_t>(status.st_size);
}

LineReader::~LineReader() {
  if (descriptor_ > 0) ::close(descriptor_);
}

bool LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  std::size_t have = buffer_.size();
  buffer_.resize(have + kChunkBytes);
  ssize_t got = 0;
  do {
    got = ::read(descriptor_, buffer_.data() + have, kChunkBytes);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    throw Failure(ExitCode::kIo,
                  fmt::format("read {}: {}", printable(path_), std::strerror(errno)));
  }
  buffer_.resize(have + static_cast<std::size_t>(got));
  bytesRead_ += static_cast<std::uint64_t>(got);
  return got > 0;
}

std::optional<LineReader::Line> LineReader::next() {
  Line line{++number_, {}, false};
  std::size_t searched = 0;
  for (;;) {
    std::size_t end = buffer_.find('\n', at_ + searched);
    bool isEnd = end != std::string::npos;
    if (!isEnd) {
      searched = buffer_.size() - at_;
      if (searched > kLineBytesMax) {
        line.isTooLong = true;
        at_ = buffer_.size();
        searched = 0;
      }
      if (fill()) continue;
      if (at_ == buffer_.size() && !line.isTooLong) return std::nullopt;
      end = buffer_.size();
    }
    if (!line.isTooLong) line.text = std::string_view(buffer_).substr(at_, end - at_);
    if (line.text.ends_with('\r')) line.text.remove_suffix(1);
    at_ = isEnd ? end + 1 : end;
    return line;
  }
}

}  // namespace cairn::cli
