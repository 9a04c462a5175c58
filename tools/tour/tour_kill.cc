#include "tools/tour/tour_kill.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/interrupt.h"

namespace cairn::cli {

namespace {

using SteadyClock = std::chrono::steady_clock;

double secondsBetween(SteadyClock::time_point from, SteadyClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// This program again, as the one that writes.
class Child {
 public:
  Child(const std::string& root, const TourPlan& plan) {
    int ends[2];
    if (::pipe(ends) != 0)
      throw Failure(ExitCode::kIo, fmt::format("pipe: {}", std::strerror(errno)));
    std::vector<std::string> arguments = {"cairn",        "tour",
                                          "--child-root", root,
                                          "--child-pipe", std::to_string(ends[1]),
                                          "--objects",    std::to_string(plan.objects),
                                          "--threads",    std::to_string(plan.threads)};
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw Failure(ExitCode::kIo, fmt::format("fork: {}", std::strerror(errno)));
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(ends[0]);
      ::execv("/proc/self/exe", pointers.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~Child() {
    kill();
    ::close(pipe_);
    if (!waited_) wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] int pipe() const { return pipe_; }
  void kill() {
    if (!waited_) ::kill(pid_, SIGKILL);
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    waited_ = true;
    return status;
  }

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  bool waited_ = false;
};

class Listener {
 public:
  Listener(Child& child, const TourPlan& plan) : child_(child), plan_(plan) {
    witness_.begun.resize(plan.objects);
    witness_.acknowledged.resize(plan.objects);
  }

  TourWitness listen() {
    std::vector<char> bytes;
    char chunk[64 * sizeof(TourNote)];
    while (std::size_t got = readSome(chunk, sizeof(chunk))) {
      bytes.insert(bytes.end(), chunk, chunk + got);
      std::size_t used = 0;
      for (; bytes.size() - used >= sizeof(TourNote); used += sizeof(TourNote)) {
        TourNote note;
        std::memcpy(&note, bytes.data() + used, sizeof(note));
        hear(note);
      }
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
      if (due()) child_.kill();
    }
    witness_.seconds = secondsBetween(first_, last_);
    return std::move(witness_);
  }

 private:
  // What was on its way when the child died comes too; 0 at the end.
  std::size_t readSome(char* out, std::size_t size) {
    for (;;) {
      checkInterrupt();
      if (due()) child_.kill();
      pollfd waiting{child_.pipe(), POLLIN, 0};
      constexpr int kLookMs = 200;
      if (::poll(&waiting, 1, kLookMs) <= 0) continue;
      ssize_t got = ::read(child_.pipe(), out, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR)
        throw Failure(ExitCode::kIo, fmt::format("read: {}", std::strerror(errno)));
    }
  }

  [[nodiscard]] bool due() const {
    return witness_.acknowledgedCount >= plan_.commits ||
           secondsBetween(begin_, SteadyClock::now()) >= static_cast<double>(plan_.seconds);
  }

  void hear(const TourNote& note) {
    if (note.kind == TourNote::Kind::kStats) {
      witness_.statsCommits = std::max(witness_.statsCommits, note.number);
      witness_.statsBlocks = std::max(witness_.statsBlocks, note.blocks);
      return;
    }
    if (note.object >= plan_.objects) return;
    bool acknowledged = note.kind == TourNote::Kind::kAcknowledged;
    (acknowledged ? witness_.acknowledged : witness_.begun)[note.object] = note.number;
    ++(acknowledged ? witness_.acknowledgedCount : witness_.begunCount);
    if (!acknowledged) return;
    last_ = SteadyClock::now();
    if (witness_.acknowledgedCount == 1) first_ = last_;
  }

  Child& child_;
  const TourPlan& plan_;
  TourWitness witness_;
  SteadyClock::time_point begin_ = SteadyClock::now();
  SteadyClock::time_point first_ = begin_;
  SteadyClock::time_point last_ = begin_;
};

}  // namespace

TourWitness writeAndKill(const std::string& root, const TourPlan& plan) {
  Child child(root, plan);
  TourWitness witness = Listener(child, plan).listen();
  int status = child.wait();
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
    throw Failure(ExitCode::kIo,
                  fmt::format("the writing process ended by itself, with status {:#x}",
                              static_cast<unsigned>(status)));
  }
  if (witness.acknowledgedCount == 0)
    throw Failure(ExitCode::kIo, "the writing process did not come to its first commit in time");
  return witness;
}

double bareSyncsPerSecond(const std::string& directory) {
  constexpr std::size_t kBytes = 4096;
  constexpr double kSeconds = 0.2;
  std::string path = directory + "/bare-sync";
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) throw Failure(ExitCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
  std::string page(kBytes, 'x');
  auto writeOnce = [&] {
    return ::pwrite(file, page.data(), page.size(), 0) == static_cast<ssize_t>(page.size()) &&
           ::fdatasync(file) == 0;
  };
  bool works = writeOnce();  // The first one allocates; an overwrite is what is asked about.
  std::uint64_t count = 0;
  auto begin = SteadyClock::now();
  double seconds = 0;
  while (works && seconds < kSeconds) {
    works = writeOnce();
    ++count;
    seconds = secondsBetween(begin, SteadyClock::now());
  }
  ::close(file);
  ::unlink(path.c_str());
  if (!works) throw Failure(ExitCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
  return static_cast<double>(count) / seconds;
}

}  // namespace cairn::cli
