#include "tests/crash/lmdb_recorder.h"

#include <cerrno>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <optional>
#include <sys/uio.h>
#include <unistd.h>

#include <climits>

extern "C" {
ssize_t __real_pwrite(int fd, const void* bytes, size_t size, off_t offset);
ssize_t __real_writev(int fd, const iovec* pieces, int count);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_msync(void* address, size_t length, int flags);
int __real_ftruncate(int fd, off_t size);
}

namespace cairn::test {

namespace {

using Kind = DiskEvent::Kind;

std::mutex mutex;
std::map<std::string, DiskLog*> watched;
std::function<int(LmdbCall)> beforeCall;

struct Target {
  DiskLog& log;
  std::uint32_t inode;
};

// The log that wants to know about this descriptor, if it is a watched LMDB file.
std::optional<Target> targetOf(int fd) {
  char link[PATH_MAX];
  std::string self = "/proc/self/fd/" + std::to_string(fd);
  ssize_t length = ::readlink(self.c_str(), link, sizeof(link));
  if (length <= 0) return std::nullopt;
  std::string path(link, static_cast<std::size_t>(length));
  if (!path.ends_with("/data.mdb") && !path.ends_with("/data.mdb.new")) return std::nullopt;
  std::lock_guard lock(mutex);
  for (const auto& [root, log] : watched) {
    if (path.starts_with(root + "/"))
      return Target{*log, log->inodeOf(path.substr(root.size() + 1))};
  }
  return std::nullopt;
}

void recordWrite(int fd, const Target& target, std::uint64_t offset, std::string bytes) {
  target.log.append({Kind::kWrite, target.inode, offset, std::move(bytes), {}, {}});
  // The descriptor that LMDB writes its meta pages through is opened O_DSYNC.
  bool synced = (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  if (synced) target.log.append({Kind::kSync, target.inode, 0, {}, {}, {}});
}

// Whether the call is to fail; errno says how.
bool fails(int fd, LmdbCall call) {
  if (!beforeCall) return false;
  std::optional<Target> target = targetOf(fd);
  if (!target) return false;
  int error = beforeCall(call);
  if (error == 0) return false;
  if (call == LmdbCall::kSync)
    target->log.append({Kind::kSyncFailed, target->inode, 0, {}, {}, {}});
  errno = error;
  return true;
}

void recordSync(int fd) {
  if (std::optional<Target> target = targetOf(fd)) {
    target->log.append({Kind::kSync, target->inode, 0, {}, {}, {}});
  }
}

}  // namespace

WatchLmdb::WatchLmdb(std::string root, DiskLog& log) : root_(std::move(root)) {
  std::lock_guard lock(mutex);
  watched[root_] = &log;
}

void setLmdbHook(std::function<int(LmdbCall)> hook) { beforeCall = std::move(hook); }

WatchLmdb::~WatchLmdb() {
  std::lock_guard lock(mutex);
  watched.erase(root_);
}

}  // namespace cairn::test

extern "C" {

ssize_t __wrap_pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  if (cairn::test::fails(fd, cairn::test::LmdbCall::kWrite)) return -1;
  ssize_t result = __real_pwrite(fd, bytes, size, offset);
  if (result > 0) {
    if (auto target = cairn::test::targetOf(fd)) {
      cairn::test::recordWrite(
          fd, *target, static_cast<std::uint64_t>(offset),
          std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(result)));
    }
  }
  return result;
}

ssize_t __wrap_writev(int fd, const iovec* pieces, int count) {
  if (cairn::test::fails(fd, cairn::test::LmdbCall::kWrite)) return -1;
  off_t offset = ::lseek(fd, 0, SEEK_CUR);
  ssize_t result = __real_writev(fd, pieces, count);
  if (result > 0) {
    if (auto target = cairn::test::targetOf(fd)) {
      std::string bytes;
      for (int i = 0; i < count; ++i)
        bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      bytes.resize(static_cast<std::size_t>(result));
      cairn::test::recordWrite(fd, *target, static_cast<std::uint64_t>(offset), std::move(bytes));
    }
  }
  return result;
}

int __wrap_fdatasync(int fd) {
  if (cairn::test::fails(fd, cairn::test::LmdbCall::kSync)) return -1;
  int result = __real_fdatasync(fd);
  if (result == 0) cairn::test::recordSync(fd);
  return result;
}

int __wrap_fsync(int fd) {
  if (cairn::test::fails(fd, cairn::test::LmdbCall::kSync)) return -1;
  int result = __real_fsync(fd);
  if (result == 0) cairn::test::recordSync(fd);
  return result;
}

int __wrap_msync(void* address, size_t length, int flags) {
  return __real_msync(address, length, flags);
}

int __wrap_ftruncate(int fd, off_t size) {
  if (cairn::test::fails(fd, cairn::test::LmdbCall::kTruncate)) return -1;
  int result = __real_ftruncate(fd, size);
  if (result == 0) {
    if (auto target = cairn::test::targetOf(fd)) {
      target->log.append({cairn::test::Kind::kTruncate,
                          target->inode,
                          static_cast<std::uint64_t>(size),
                          {},
                          {},
                          {}});
    }
  }
  return result;
}

}  // extern "C"
