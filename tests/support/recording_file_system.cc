#include "tests/support/recording_file_system.h"

namespace cairn::test {

using Kind = DiskEvent::Kind;

// Events are logged after the call: what returned has happened, and what is in flight at a power
// loss is covered by the states in which the event is lost or torn.
class RecordingFile final : public File {
 public:
  RecordingFile(RecordingFileSystem& owner, std::unique_ptr<File> inner, std::uint32_t inode,
                bool durable)
      : owner_(owner), inner_(std::move(inner)), inode_(inode), durable_(durable) {}

  std::size_t read(std::uint64_t offset, std::span<char> out) override {
    return inner_->read(offset, out);
  }
  void write(std::uint64_t offset, std::string_view bytes) override {
    // In flight: any part of it may be on the disk before it returns.
    owner_.log_.append({Kind::kWrite, inode_, offset, std::string(bytes), {}, {}});
    inner_->write(offset, bytes);
    if (durable_ && !owner_.forgetDurableWrites_)
      owner_.log_.append({Kind::kSync, inode_, 0, {}, {}, {}});
  }
  void syncData() override {
    inner_->syncData();
    owner_.log_.append({Kind::kSync, inode_, 0, {}, {}, {}});
  }
  std::uint64_t size() override { return inner_->size(); }
  void truncate(std::uint64_t size) override {
    owner_.log_.append({Kind::kTruncate, inode_, size, {}, {}, {}});
    inner_->truncate(size);
  }
  void preallocate(std::uint64_t size) override {
    if (size > inner_->size()) owner_.log_.append({Kind::kTruncate, inode_, size, {}, {}, {}});
    inner_->preallocate(size);
  }

 private:
  RecordingFileSystem& owner_;
  std::unique_ptr<File> inner_;
  std::uint32_t inode_;
  bool durable_;
};

std::string RecordingFileSystem::relative(const std::string& path) const {
  return path.starts_with(root_ + "/") ? path.substr(root_.size() + 1) : path == root_ ? "" : path;
}

std::unique_ptr<File> RecordingFileSystem::open(const std::string& path,
                                                const OpenOptions& options) {
  std::unique_ptr<File> inner = inner_.open(path, options);
  if (!options.write) return inner;
  return std::make_unique<RecordingFile>(*this, std::move(inner), log_.inodeOf(relative(path)),
                                         options.durableWrites);
}

void RecordingFileSystem::createDirectory(const std::string& path) {
  if (!inner_.exists(path)) log_.append({Kind::kMakeDirectory, 0, 0, {}, relative(path), {}});
  inner_.createDirectory(path);
}

void RecordingFileSystem::syncDirectory(const std::string& path) {
  inner_.syncDirectory(path);
  log_.append({Kind::kSyncDirectory, 0, 0, {}, relative(path), {}});
}

void RecordingFileSystem::syncFileSystem(const std::string& path) {
  inner_.syncFileSystem(path);
  log_.append({Kind::kSyncAll, 0, 0, {}, {}, {}});
}

void RecordingFileSystem::rename(const std::string& from, const std::string& to) {
  log_.append({Kind::kRename, 0, 0, {}, relative(from), relative(to)});
  inner_.rename(from, to);
}

void RecordingFileSystem::unlink(const std::string& path) {
  log_.append({Kind::kUnlink, 0, 0, {}, relative(path), {}});
  inner_.unlink(path);
}

}  // namespace cairn::test
