#include "tools/cli/output_directory.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* call, const std::string& path) {
  throw Failure(ExitCode::kIo,
                fmt::format("{} {}: {}", call, printable(path), std::strerror(errno)));
}

[[noreturn]] void refuse(const std::string& path, const char* what) {
  throw Failure(ExitCode::kRefused, fmt::format("{} {}", printable(path), what));
}

std::string withoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string madeBeside(const std::string& path) {
  std::string name = path + ".XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) fail("create", name);
  return name;
}

void syncParent(const std::string& path) {
  std::string parent = fs::path(path).parent_path().string();
  int directory = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) fail("open the directory of", path);
  int result = ::fsync(directory);
  ::close(directory);
  if (result != 0) fail("fsync the directory of", path);
}

}  // namespace

OutputDirectory::OutputDirectory(std::string path, Existing existing)
    : path_(withoutSlashes(std::move(path))), existing_(existing) {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0) {
    if (S_ISLNK(status.st_mode)) refuse(path_, "is a symbolic link");
    if (existing_ == Existing::kRefuse) refuse(path_, "exists; --force replaces a root");
    if (!S_ISDIR(status.st_mode) || ::access((path_ + "/FORMAT").c_str(), F_OK) != 0)
      refuse(path_, "is no root; --force replaces nothing else");
  }
  temporary_ = madeBeside(path_);
}

OutputDirectory::~OutputDirectory() {
  if (done_) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void OutputDirectory::commit() {
  int taken = ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  if (taken != 0) {
    if (errno != EEXIST && errno != ENOTEMPTY) fail("rename to", path_);
    if (existing_ == Existing::kRefuse) refuse(path_, "exists by now; --force replaces a root");
    replace();
  }
  done_ = true;
  syncParent(path_);
}

void OutputDirectory::replace() {
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) != 0)
    fail("exchange with", path_);
  std::error_code problem;
  fs::remove_all(temporary_, problem);
  if (problem)
    throw Failure(ExitCode::kIo, fmt::format("remove {}: {}", temporary_, problem.message()));
}

}  // namespace cairn::cli
