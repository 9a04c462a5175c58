// The few calls through which the engine touches a disk, so that tests can record, fail and tear
// them.
//
// LMDB maps its own file and does not pass through here; everything else does: journal, change log,
// scratch and the pages of SQLite databases.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

/// An open file. One thread at a time, except `read`, which any thread may call.
class File {
 public:
  virtual ~File() = default;

  /// Reads up to `out.size()` bytes at `offset`; fewer only at the end of the file. Returns the
  /// count.
  virtual std::size_t read(std::uint64_t offset, std::span<char> out) = 0;

  /// Writes all of `bytes` at `offset`. On a file opened with `durableWrites` the bytes are on the
  /// device, with whatever metadata is needed to read them back, when this returns; else only after
  /// `syncData`. Throws: kNoSpace, kIo. How much was written is then unknown.
  virtual void write(std::uint64_t offset, std::string_view bytes) = 0;

  /// Makes earlier writes, and the file's size, durable (fdatasync). Never to be repeated after it
  /// threw.
  virtual void syncData() = 0;

  [[nodiscard]] virtual std::uint64_t size() = 0;

  /// Cuts or extends; new bytes read as zero.
  virtual void truncate(std::uint64_t size) = 0;

  /// Reserves space for `size` bytes and extends the file to it; the new bytes read as zero.
  /// Throws: kNoSpace with the file unchanged in its content.
  virtual void preallocate(std::uint64_t size) = 0;
};

/// Held as long as the object lives.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct OpenOptions {
  bool write = false;
  bool create = false;     ///< Create it if it is missing.
  bool exclusive = false;  ///< With `create`: it must be missing.
  bool durableWrites =
      false;  ///< See File::write. Offsets, sizes and buffers must then be multiples of 4,096.
};

/// Thread-safe. Paths are plain paths; no call follows a symbolic link in the last component.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Throws: kNotFound, kIo, kNoSpace, kInvalidArgument (a symbolic link or not a regular file).
  virtual std::unique_ptr<File> open(const std::string& path, const OpenOptions& options) = 0;

  /// Creates the directory, readable by the owner only; fine if it exists.
  virtual void createDirectory(const std::string& path) = 0;
  /// Makes creations, renames and removals inside the directory durable.
  virtual void syncDirectory(const std::string& path) = 0;
  /// Makes everything written to the file system that holds `path` durable (syncfs).
  virtual void syncFileSystem(const std::string& path) = 0;
  virtual void rename(const std::string& from, const std::string& to) = 0;
  /// Fine if it is missing.
  virtual void unlink(const std::string& path) = 0;
  /// Names, sorted, without `.` and `..`. Empty when the directory is missing.
  virtual std::vector<std::string> list(const std::string& path) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  /// Bytes this process may still write.
  [[nodiscard]] virtual std::uint64_t freeBytes(const std::string& path) = 0;
  /// Takes the lock file at `path` for this process and writes the process id into it.
  /// Throws: kBusy, naming the process that holds it.
  virtual std::unique_ptr<FileLock> lock(const std::string& path) = 0;
};

/// The operating system's. Lives as long as the process.
[[nodiscard]] FileSystem& posixFileSystem();

}  // namespace cairn
