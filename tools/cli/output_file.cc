#include "tools/cli/output_file.h"

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

Failure taken(const std::string& path, const char* what) {
  return {ExitCode::kRefused, fmt::format("{} {}", printable(path), what)};
}

}  // namespace

OutputFile::OutputFile(std::string path, Existing existing)
    : path_(std::move(path)), temporary_(path_ + ".XXXXXX"), existing_(existing) {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) throw taken(path_, "is a directory");
    if (existing_ == Existing::kRefuse) {
      throw taken(path_, S_ISLNK(status.st_mode) ? "is a symbolic link; --force replaces it"
                                                 : "exists; --force replaces it");
    }
  }
  descriptor_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail("create");
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void OutputFile::fail(const char* call) const {
  throw Failure(ExitCode::kIo,
                fmt::format("{} {}: {}", call, printable(path_), std::strerror(errno)));
}

void OutputFile::commit() {
  if (::fsync(descriptor_) != 0) fail("fsync");
  moveIntoPlace();
  ::close(descriptor_);
  descriptor_ = -1;
  std::string parent = std::filesystem::path(path_).parent_path().string();
  int directory = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) fail("open the directory of");
  int result = ::fsync(directory);
  ::close(directory);
  if (result != 0) fail("fsync the directory of");
}

void OutputFile::moveIntoPlace() {
  if (existing_ == Existing::kReplace) {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename to");
    return;
  }
  // Somebody may have taken the name since it was looked at.
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0)
    return;
  if (errno == EEXIST) throw taken(path_, "exists by now; --force replaces it");
  if (errno != EINVAL && errno != ENOSYS) fail("rename to");
  // A file system without that call: a second name fails if it is taken, too.
  if (::link(temporary_.c_str(), path_.c_str()) != 0) {
    if (errno == EEXIST) throw taken(path_, "exists by now; --force replaces it");
    fail("link to");
  }
  ::unlink(temporary_.c_str());
}

}  // namespace cairn::cli
