#include "tests/support/memory_file_system.h"

#include <algorithm>
#include <cairn/error.h>
#include <cstring>

namespace cairn::test {

class MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem& fileSystem, std::shared_ptr<MemoryFileSystem::Node> node)
      : fileSystem_(fileSystem), node_(std::move(node)) {}

  std::size_t read(std::uint64_t offset, std::span<char> out) override {
    std::lock_guard lock(fileSystem_.mutex_);
    const std::string& bytes = node_->bytes;
    if (offset >= bytes.size()) return 0;
    std::size_t count = std::min<std::size_t>(out.size(), bytes.size() - offset);
    std::memcpy(out.data(), bytes.data() + offset, count);
    return count;
  }
  void write(std::uint64_t offset, std::string_view bytes) override {
    std::lock_guard lock(fileSystem_.mutex_);
    resize(std::max<std::uint64_t>(node_->bytes.size(), offset + bytes.size()));
    std::memcpy(node_->bytes.data() + offset, bytes.data(), bytes.size());
  }
  void syncData() override {}
  std::uint64_t size() override {
    std::lock_guard lock(fileSystem_.mutex_);
    return node_->bytes.size();
  }
  void truncate(std::uint64_t size) override {
    std::lock_guard lock(fileSystem_.mutex_);
    resize(size);
  }
  void preallocate(std::uint64_t size) override {
    std::lock_guard lock(fileSystem_.mutex_);
    if (size > node_->bytes.size()) resize(size);
  }

 private:
  void resize(std::uint64_t size) {
    if (size > node_->bytes.size()) fileSystem_.charge(size - node_->bytes.size());
    node_->bytes.resize(size);
  }

  MemoryFileSystem& fileSystem_;
  std::shared_ptr<MemoryFileSystem::Node> node_;
};

MemoryFileSystem::MemoryFileSystem(const DiskImage& image) : directories_(image.directories) {
  for (const auto& [path, bytes] : image.files) files_[path] = std::make_shared<Node>(Node{bytes});
}

void MemoryFileSystem::charge(std::uint64_t growth) {
  if (growth > freeBytes_) throw Error(ErrorCode::kNoSpace, "the memory disk is full");
  if (freeBytes_ != UINT64_MAX) freeBytes_ -= growth;
}

std::unique_ptr<File> MemoryFileSystem::open(const std::string& path, const OpenOptions& options) {
  std::lock_guard lock(mutex_);
  auto found = files_.find(path);
  if (found == files_.end()) {
    if (!options.create) throw Error(ErrorCode::kNotFound, "open " + path + ": missing");
    found = files_.emplace(path, std::make_shared<Node>()).first;
  } else if (options.exclusive) {
    throw Error(ErrorCode::kIo, "open " + path + ": exists");
  }
  return std::make_unique<MemoryFile>(*this, found->second);
}

void MemoryFileSystem::createDirectory(const std::string& path) {
  std::lock_guard lock(mutex_);
  directories_.insert(path);
}

void MemoryFileSystem::syncDirectory(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (!path.empty() && !directories_.contains(path))
    throw Error(ErrorCode::kNotFound, "sync " + path + ": missing");
}

void MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  auto node = files_.extract(from);
  if (!node) throw Error(ErrorCode::kNotFound, "rename " + from + ": missing");
  files_[to] = node.mapped();
}

void MemoryFileSystem::unlink(const std::string& path) {
  std::lock_guard lock(mutex_);
  files_.erase(path);
}

std::vector<std::string> MemoryFileSystem::list(const std::string& path) {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  auto add = [&](const std::string& entry) {
    if (entry.starts_with(path + "/") && entry.find('/', path.size() + 1) == std::string::npos) {
      names.push_back(entry.substr(path.size() + 1));
    }
  };
  for (const auto& [entry, node] : files_) add(entry);
  for (const std::string& entry : directories_) add(entry);
  std::sort(names.begin(), names.end());
  return names;
}

bool MemoryFileSystem::exists(const std::string& path) {
  std::lock_guard lock(mutex_);
  return files_.contains(path) || directories_.contains(path);
}

std::unique_ptr<FileLock> MemoryFileSystem::lock(const std::string&) {
  return std::make_unique<FileLock>();
}

std::string& MemoryFileSystem::content(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto found = files_.find(path);
  if (found == files_.end()) throw Error(ErrorCode::kNotFound, path + ": missing");
  return found->second->bytes;
}

}  // namespace cairn::test
