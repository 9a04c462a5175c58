#include <algorithm>
#include <cairn/error.h>
#include <cairn/file_system.h>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace cairn {

namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

[[noreturn]] void fail(const char* call, const std::string& path, int error) {
  ErrorCode code = ErrorCode::kIo;
  if (error == ENOSPC || error == EDQUOT) code = ErrorCode::kNoSpace;
  if (error == ENOENT) code = ErrorCode::kNotFound;
  if (error == ELOOP) code = ErrorCode::kInvalidArgument;
  throw Error(code, fmt::format("{} {}: {}", call, path, std::strerror(error)));
}

// Whatever the reason, bytes that were taken over before may be gone: not even a full disk is
// something that one could wait out.
[[noreturn]] void failSync(const char* call, const std::string& path, int error) {
  throw Error(ErrorCode::kIo, fmt::format("{} {}: {}", call, path, std::strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

int openRetrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kFileMode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path, bool syncEachWrite)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), syncEachWrite_(syncEachWrite) {}

  std::size_t read(std::uint64_t offset, std::span<char> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      ssize_t got = ::pread(descriptor_.get(), out.data() + done, out.size() - done,
                            static_cast<off_t>(offset + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        fail("read", path_, errno);
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  void write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      ssize_t put =
          ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put < 0) {
        if (errno == EINTR) continue;
        fail("write", path_, errno);
      }
      bytes.remove_prefix(static_cast<std::size_t>(put));
      offset += static_cast<std::uint64_t>(put);
    }
    if (syncEachWrite_) syncData();
  }

  void syncData() override {
    if (::fdatasync(descriptor_.get()) != 0) failSync("fdatasync", path_, errno);
  }

  std::uint64_t size() override {
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0) fail("fstat", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  void truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(size)) != 0)
      fail("ftruncate", path_, errno);
  }

  void preallocate(std::uint64_t size) override {
    int error = ::posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(size));
    if (error == ENOSPC || error == EDQUOT) {
      throw Error(ErrorCode::kNoSpace,
                  fmt::format("preallocate {}: {} bytes needed, {} free", path_, size,
                              posixFileSystem().freeBytes(path_)));
    }
    if (error != 0) fail("fallocate", path_, error);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
  bool syncEachWrite_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, const OpenOptions& options) override {
    int flags = options.write ? O_RDWR : O_RDONLY;
    if (options.create) flags |= O_CREAT;
    if (options.exclusive) flags |= O_EXCL;

    // O_DIRECT|O_DSYNC was the fastest of the ways to make a block durable (engine/DESIGN.md,
    // "Making a block durable"); a file system without direct I/O gets write + fdatasync instead.
    bool syncEachWrite = false;
    int fd = -1;
    if (options.durableWrites) fd = openRetrying(path, flags | O_DIRECT | O_DSYNC);
    if (fd < 0 && (!options.durableWrites || errno == EINVAL)) {
      fd = openRetrying(path, flags);
      syncEachWrite = options.durableWrites;
    }
    if (fd < 0) fail("open", path, errno);
    Descriptor descriptor(fd);
    struct stat status {};
    if (::fstat(fd, &status) != 0) fail("fstat", path, errno);
    if (!S_ISREG(status.st_mode)) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("open {}: not a regular file", path));
    }
    return std::make_unique<PosixFile>(std::move(descriptor), path, syncEachWrite);
  }

  void createDirectory(const std::string& path) override {
    if (::mkdir(path.c_str(), kDirectoryMode) == 0) return;
    int error = errno;
    struct stat status {};
    if (error == EEXIST && ::lstat(path.c_str(), &status) == 0) {
      if (S_ISDIR(status.st_mode)) return;
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("{} exists and is not a directory", path));
    }
    fail("mkdir", path, error);
  }

  void syncDirectory(const std::string& path) override {
    Descriptor directory = openDirectory(path);
    if (::fsync(directory.get()) != 0) failSync("fsync", path, errno);
  }

  void syncFileSystem(const std::string& path) override {
    Descriptor directory = openDirectory(path);
    if (::syncfs(directory.get()) != 0) failSync("syncfs", path, errno);
  }

  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename", from + " to " + to, errno);
  }

  void unlink(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("unlink", path, errno);
  }

  std::vector<std::string> list(const std::string& path) override {
    std::vector<std::string> names;
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) {
      if (errno == ENOENT) return names;
      fail("opendir", path, errno);
    }
    while (const dirent* entry = ::readdir(directory)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  bool exists(const std::string& path) override {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
  }

  std::uint64_t freeBytes(const std::string& path) override {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0) fail("statvfs", path, errno);
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }

  std::unique_ptr<FileLock> lock(const std::string& path) override {
    int fd = openRetrying(path, O_RDWR | O_CREAT);
    if (fd < 0) fail("open", path, errno);
    Descriptor descriptor(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) fail("flock", path, errno);
      throw Error(ErrorCode::kBusy, fmt::format("{} is held by process {}", path, readHolder(fd)));
    }
    std::string holder = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, holder.data(), holder.size(), 0) < 0) {
      fail("write", path, errno);
    }
    return std::make_unique<PosixLock>(std::move(descriptor));
  }

 private:
  static Descriptor openDirectory(const std::string& path) {
    int fd = openRetrying(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) fail("open", path, errno);
    return Descriptor(fd);
  }

  static std::string readHolder(int fd) {
    char text[32];
    ssize_t length = ::pread(fd, text, sizeof(text), 0);
    std::string holder(text, length > 0 ? static_cast<std::size_t>(length) : 0);
    holder.erase(holder.find_last_not_of('\n') + 1);
    return holder.empty() ? "unknown" : holder;
  }
};

}  // namespace

FileSystem& posixFileSystem() {
  static PosixFileSystem fileSystem;
  return fileSystem;
}

}  // namespace cairn
