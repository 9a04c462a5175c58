// A file system in memory: for unit tests of whatever goes through the seam, and as the base of
// crash images.
#pragma once

#include <cairn/file_system.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace cairn::test {

/// Files and directories by path.
struct DiskImage {
  std::map<std::string, std::string> files;
  std::set<std::string> directories;
};

class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem() = default;
  explicit MemoryFileSystem(const DiskImage& image);

  std::unique_ptr<File> open(const std::string& path, const OpenOptions& options) override;
  void createDirectory(const std::string& path) override;
  void syncDirectory(const std::string& path) override;
  void syncFileSystem(const std::string&) override {}
  void rename(const std::string& from, const std::string& to) override;
  void unlink(const std::string& path) override;
  std::vector<std::string> list(const std::string& path) override;
  bool exists(const std::string& path) override;
  std::uint64_t freeBytes(const std::string&) override { return freeBytes_; }
  std::unique_ptr<FileLock> lock(const std::string& path) override;

  /// The bytes of a file, to look at or to damage.
  std::string& content(const std::string& path);
  void setFreeBytes(std::uint64_t bytes) { freeBytes_ = bytes; }

 private:
  friend class MemoryFile;
  struct Node {
    std::string bytes;
  };
  /// Throws kNoSpace when `growth` is more than is free; else takes it.
  void charge(std::uint64_t growth);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Node>> files_;
  std::set<std::string> directories_;
  std::uint64_t freeBytes_ = UINT64_MAX;
};

}  // namespace cairn::test
