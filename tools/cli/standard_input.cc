#include "tools/cli/standard_input.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"

namespace cairn::cli {

std::string readStandardInput() {
  constexpr std::size_t kBytesMax = std::size_t{64} << 20;
  std::string text;
  char chunk[65536];
  for (;;) {
    ssize_t got = ::read(0, chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Failure(ExitCode::kIo, fmt::format("reading stdin: {}", std::strerror(errno)));
    if (got == 0) return text;
    text.append(chunk, static_cast<std::size_t>(got));
    if (text.size() > kBytesMax)
      throw Failure(ExitCode::kUsage, fmt::format("stdin has more than {} bytes", kBytesMax));
  }
}

}  // namespace cairn::cli
