// Passes every call on and writes it down in a DiskLog. Can also be told to withhold the durability
// of durable writes from the log, so that a campaign sees the disk of an engine that forgot it.
#pragma once

#include <atomic>
#include <cairn/file_system.h>

#include "tests/support/disk_log.h"

namespace cairn::test {

class RecordingFileSystem final : public FileSystem {
 public:
  /// Paths in the log are relative to `root`.
  RecordingFileSystem(FileSystem& inner, DiskLog& log, std::string root)
      : inner_(inner), log_(log), root_(std::move(root)) {}

  /// From now on durable writes are recorded as if they were ordinary ones.
  void forgetDurableWrites() { forgetDurableWrites_ = true; }

  std::unique_ptr<File> open(const std::string& path, const OpenOptions& options) override;
  void createDirectory(const std::string& path) override;
  void syncDirectory(const std::string& path) override;
  void syncFileSystem(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void unlink(const std::string& path) override;
  std::vector<std::string> list(const std::string& path) override { return inner_.list(path); }
  bool exists(const std::string& path) override { return inner_.exists(path); }
  std::uint64_t freeBytes(const std::string& path) override { return inner_.freeBytes(path); }
  std::unique_ptr<FileLock> lock(const std::string& path) override { return inner_.lock(path); }

 private:
  friend class RecordingFile;
  [[nodiscard]] std::string relative(const std::string& path) const;

  FileSystem& inner_;
  DiskLog& log_;
  std::string root_;
  std::atomic<bool> forgetDurableWrites_{false};
};

}  // namespace cairn::test
