// Fails chosen calls of the file system below it.
#pragma once

#include <algorithm>
#include <cairn/error.h>
#include <cairn/file_system.h>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace cairn::test {

/// Which call, and on which path; for the decision to fail it.
enum class Call {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kPreallocate,
  kDirectory,
  kRename,
  kUnlink
};

/// Thrown by a hook on kWrite: so many bytes are written, then the call fails.
struct CutShort {
  std::size_t bytes;
  ErrorCode code;
};

class FaultFileSystem final : public FileSystem {
 public:
  /// Called before each call; throwing is the fault.
  using Hook = std::function<void(Call, const std::string& path)>;

  explicit FaultFileSystem(FileSystem& inner) : inner_(inner) {}
  void setHook(Hook hook) {
    std::lock_guard lock(mutex_);
    hook_ = std::make_shared<const Hook>(std::move(hook));
  }
  void check(Call call, const std::string& path) const {
    std::shared_ptr<const Hook> hook;
    {
      std::lock_guard lock(mutex_);
      hook = hook_;
    }
    if (hook && *hook) (*hook)(call, path);
  }

  std::unique_ptr<File> open(const std::string& path, const OpenOptions& options) override;
  void createDirectory(const std::string& path) override {
    check(Call::kDirectory, path);
    inner_.createDirectory(path);
  }
  void syncDirectory(const std::string& path) override {
    check(Call::kSync, path);
    inner_.syncDirectory(path);
  }
  void syncFileSystem(const std::string& path) override {
    check(Call::kSync, path);
    inner_.syncFileSystem(path);
  }
  void rename(const std::string& from, const std::string& to) override {
    check(Call::kRename, from);
    inner_.rename(from, to);
  }
  void unlink(const std::string& path) override {
    check(Call::kUnlink, path);
    inner_.unlink(path);
  }
  std::vector<std::string> list(const std::string& path) override { return inner_.list(path); }
  bool exists(const std::string& path) override { return inner_.exists(path); }
  std::uint64_t freeBytes(const std::string& path) override { return inner_.freeBytes(path); }
  std::unique_ptr<FileLock> lock(const std::string& path) override { return inner_.lock(path); }

 private:
  FileSystem& inner_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Hook> hook_;
};

class FaultFile final : public File {
 public:
  FaultFile(const FaultFileSystem& owner, std::unique_ptr<File> inner, std::string path)
      : owner_(owner), inner_(std::move(inner)), path_(std::move(path)) {}

  std::size_t read(std::uint64_t offset, std::span<char> out) override {
    owner_.check(Call::kRead, path_);
    return inner_->read(offset, out);
  }
  void write(std::uint64_t offset, std::string_view bytes) override {
    try {
      owner_.check(Call::kWrite, path_);
    } catch (const CutShort& cut) {
      std::size_t written = std::min(cut.bytes, bytes.size()) / 4096 * 4096;
      if (written > 0) inner_->write(offset, bytes.substr(0, written));
      throw Error(cut.code, "write " + path_ + ": injected, " + std::to_string(written) + " of " +
                                std::to_string(bytes.size()) + " bytes were written");
    }
    inner_->write(offset, bytes);
  }
  void syncData() override {
    owner_.check(Call::kSync, path_);
    inner_->syncData();
  }
  std::uint64_t size() override { return inner_->size(); }
  void truncate(std::uint64_t size) override {
    owner_.check(Call::kTruncate, path_);
    inner_->truncate(size);
  }
  void preallocate(std::uint64_t size) override {
    owner_.check(Call::kPreallocate, path_);
    inner_->preallocate(size);
  }

 private:
  const FaultFileSystem& owner_;
  std::unique_ptr<File> inner_;
  std::string path_;
};

inline std::unique_ptr<File> FaultFileSystem::open(const std::string& path,
                                                   const OpenOptions& options) {
  check(Call::kOpen, path);
  return std::make_unique<FaultFile>(*this, inner_.open(path, options), path);
}

}  // namespace cairn::test
