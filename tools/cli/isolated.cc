#include "tools/cli/isolated.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/interrupt.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kPhaseBytes = 64;

// Sanitizers need more memory than any bound that would protect a machine.
void boundMemory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  constexpr rlim_t kDataBytesMax = rlim_t{4} << 30;
  rlimit limit{kDataBytesMax, kDataBytesMax};
  ::setrlimit(RLIMIT_DATA, &limit);
#endif
  rlimit noCore{0, 0};
  ::setrlimit(RLIMIT_CORE, &noCore);
}

// Memory both processes see.
class SharedPhase {
 public:
  SharedPhase()
      : text_(static_cast<char*>(::mmap(nullptr, kPhaseBytes, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    if (text_ == MAP_FAILED) throw Failure(ExitCode::kIo, "no shared memory for a child process");
  }
  ~SharedPhase() { ::munmap(text_, kPhaseBytes); }
  SharedPhase(const SharedPhase&) = delete;
  SharedPhase& operator=(const SharedPhase&) = delete;

  void set(std::string_view phase) {
    std::size_t length = std::min(phase.size(), kPhaseBytes - 1);
    std::memcpy(text_, phase.data(), length);
    text_[length] = '\0';
  }
  [[nodiscard]] std::string get() const { return {text_, ::strnlen(text_, kPhaseBytes)}; }

 private:
  char* text_;
};

// What the child sends: its exit code, then each text behind its length.
struct Message {
  std::int32_t exit = 0;
  std::string failureCode;  ///< Empty: it did not fail.
  std::string failure;
  std::string output;

  [[nodiscard]] std::string encode() const {
    std::string bytes(reinterpret_cast<const char*>(&exit), sizeof(exit));
    for (const std::string* text : {&failureCode, &failure, &output}) {
      std::uint64_t length = text->size();
      bytes.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(*text);
    }
    return bytes;
  }
  static std::optional<Message> decode(std::string_view bytes) {
    Message message;
    if (bytes.size() < sizeof(message.exit)) return std::nullopt;
    std::memcpy(&message.exit, bytes.data(), sizeof(message.exit));
    bytes.remove_prefix(sizeof(message.exit));
    for (std::string* text : {&message.failureCode, &message.failure, &message.output}) {
      std::uint64_t length = 0;
      if (bytes.size() < sizeof(length)) return std::nullopt;
      std::memcpy(&length, bytes.data(), sizeof(length));
      bytes.remove_prefix(sizeof(length));
      if (bytes.size() < length) return std::nullopt;
      *text = bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
    return message;
  }
};

[[noreturn]] void childMain(int pipe, SharedPhase& phase,
                            const std::function<ExitCode(std::string&, const ReportPhase&)>& work) {
  boundMemory();
  Message message;
  try {
    message.exit = static_cast<std::int32_t>(
        work(message.output, [&](std::string_view text) { phase.set(text); }));
  } catch (const std::exception& error) {
    Failure failure = failureOf(error);
    message = {static_cast<std::int32_t>(failure.exit()), failure.code(), failure.what(), {}};
  }
  std::string bytes = message.encode();
  for (std::string_view rest = bytes; !rest.empty();) {
    ssize_t put = ::write(pipe, rest.data(), rest.size());
    if (put < 0 && errno != EINTR) ::_exit(1);
    if (put > 0) rest.remove_prefix(static_cast<std::size_t>(put));
  }
  ::_exit(0);
}

std::string readAll(int pipe, pid_t child) {
  std::string bytes;
  char chunk[65536];
  for (;;) {
    ssize_t got = ::read(pipe, chunk, sizeof(chunk));
    if (got > 0) {
      bytes.append(chunk, static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EINTR) {
      if (interrupted()) ::kill(child, SIGKILL);
    } else {
      return bytes;
    }
  }
}

}  // namespace

IsolatedResult runIsolated(
    const std::function<ExitCode(std::string& out, const ReportPhase& phase)>& work) {
  SharedPhase phase;
  int ends[2];
  if (::pipe(ends) != 0)
    throw Failure(ExitCode::kIo, fmt::format("pipe: {}", std::strerror(errno)));
  pid_t child = ::fork();
  if (child < 0) throw Failure(ExitCode::kIo, fmt::format("fork: {}", std::strerror(errno)));
  if (child == 0) {
    ::close(ends[0]);
    childMain(ends[1], phase, work);
  }
  ::close(ends[1]);
  std::string bytes = readAll(ends[0], child);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  checkInterrupt();
  IsolatedResult result;
  result.phase = phase.get();
  std::optional<Message> message = Message::decode(bytes);
  if (WIFSIGNALED(status) || !message) {
    result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : SIGABRT;
    return result;
  }
  auto exit = static_cast<ExitCode>(message->exit);
  if (!message->failureCode.empty()) throw Failure(exit, message->failureCode, message->failure);
  result.exit = exit;
  result.output = std::move(message->output);
  return result;
}

}  // namespace cairn::cli
