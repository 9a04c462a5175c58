#include "tests/support/disk_log.h"

#include <algorithm>
#include <cstring>

namespace cairn::test {

namespace {

using Kind = DiskEvent::Kind;

std::string parentOf(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

void applyData(std::string& content, const DiskEvent& event) {
  if (event.kind == Kind::kTruncate) {
    content.resize(event.offset);
    return;
  }
  if (content.size() < event.offset + event.bytes.size())
    content.resize(event.offset + event.bytes.size());
  std::memcpy(content.data() + event.offset, event.bytes.data(), event.bytes.size());
}

// Applies some sectors of a write, each with even odds.
void applyTorn(std::string& content, const DiskEvent& event, std::size_t sector,
               std::mt19937_64& random) {
  std::size_t at = 0;
  while (at < event.bytes.size()) {
    std::size_t untilBoundary = sector - (event.offset + at) % sector;
    std::size_t length = std::min(untilBoundary, event.bytes.size() - at);
    if ((random() & 1) != 0) {
      DiskEvent piece{Kind::kWrite, event.inode, event.offset + at, event.bytes.substr(at, length),
                      {},           {}};
      applyData(content, piece);
    }
    at += length;
  }
}

void applyEntry(std::map<std::string, std::uint32_t>& entries, std::set<std::string>& directories,
                const DiskEvent& event) {
  switch (event.kind) {
    case Kind::kCreate:
      entries[event.path] = event.inode;
      break;
    case Kind::kUnlink:
      entries.erase(event.path);
      break;
    case Kind::kMakeDirectory:
      directories.insert(event.path);
      break;
    case Kind::kRename:
      entries.erase(event.path);
      entries[event.target] = event.inode;
      break;
    default:
      break;
  }
}

}  // namespace

const char* lossName(Loss loss) {
  switch (loss) {
    case Loss::kAllLost:
      return "all-lost";
    case Loss::kAllKept:
      return "all-kept";
    case Loss::kPrefix:
      return "prefix";
    case Loss::kSubset:
      return "subset";
    case Loss::kTorn512:
      return "torn-512";
    case Loss::kTorn4096:
      return "torn-4096";
    case Loss::kEntriesLost:
      return "entries-lost";
  }
  return "?";
}

DiskLog::DiskLog(DiskImage image) : base_(std::move(image)) {
  for (const auto& [path, bytes] : base_.files) inodes_[path] = nextInode_++;
  baseInodes_ = inodes_;
}

DiskLog::DiskLog(const DiskLog& other, std::size_t events)
    : events_(other.events_.begin(), other.events_.begin() + static_cast<std::ptrdiff_t>(events)),
      inodes_(other.baseInodes_),
      nextInode_(other.nextInode_),
      base_(other.base_),
      baseInodes_(other.baseInodes_) {
  std::set<std::string> directories;
  for (const DiskEvent& event : events_) applyEntry(inodes_, directories, event);
}

std::uint32_t DiskLog::inodeOf(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto [found, added] = inodes_.try_emplace(path, nextInode_);
  if (added) {
    ++nextInode_;
    events_.push_back({Kind::kCreate, found->second, 0, {}, path, {}});
  }
  return found->second;
}

void DiskLog::append(DiskEvent event) {
  std::lock_guard lock(mutex_);
  if (event.kind == Kind::kRename) {
    auto node = inodes_.extract(event.path);
    if (!node) return;
    event.inode = node.mapped();
    inodes_[event.target] = event.inode;
  } else if (event.kind == Kind::kUnlink) {
    if (inodes_.erase(event.path) == 0) return;
  }
  events_.push_back(std::move(event));
}

std::string DiskLog::contentAfter(AfterFailedSync how, const std::string& path) const {
  std::lock_guard lock(mutex_);
  std::string durable;
  if (auto base = base_.files.find(path); base != base_.files.end()) durable = base->second;
  std::vector<const DiskEvent*> pending;
  auto inode = inodes_.find(path);
  for (const DiskEvent& event : events_) {
    bool everything = event.kind == Kind::kSyncAll;
    if (inode == inodes_.end() || (event.inode != inode->second && !everything)) continue;
    if (event.kind == Kind::kWrite || event.kind == Kind::kTruncate) pending.push_back(&event);
    if (event.kind != Kind::kSync && !everything) continue;
    for (const DiskEvent* done : pending) applyData(durable, *done);
    pending.clear();
  }
  if (how == AfterFailedSync::kOldData) return durable;
  for (const DiskEvent* event : pending) {
    DiskEvent seen = *event;
    if (how == AfterFailedSync::kZeros) seen.bytes.assign(seen.bytes.size(), '\0');
    applyData(durable, seen);
  }
  return durable;
}

void DiskLog::mark(std::uint64_t value) { append({Kind::kMark, 0, value, {}, {}, {}}); }

std::size_t DiskLog::size() const {
  std::lock_guard lock(mutex_);
  return events_.size();
}

CrashDisk::CrashDisk(const DiskLog& log) : events_(log.events()) {
  directories_ = log.base().directories;
  for (const auto& [path, bytes] : log.base().files) {
    std::uint32_t inode = log.baseInode(path);
    entries_[path] = inode;
    files_[inode].durable = bytes;
  }
}

void CrashDisk::advance(std::size_t count) {
  for (; position_ < count; ++position_) apply(position_);
}

void CrashDisk::syncFile(FileState& file) {
  for (std::size_t number : file.pending) applyData(file.durable, events_[number]);
  file.pending.clear();
}

void CrashDisk::apply(std::size_t number) {
  const DiskEvent& event = events_[number];
  switch (event.kind) {
    case Kind::kWrite:
    case Kind::kTruncate:
      files_[event.inode].pending.push_back(number);
      break;
    case Kind::kDurableWrite: {
      // Earlier unsynced bytes below the write may still be lost; those inside it are overwritten.
      FileState& file = files_[event.inode];
      if (file.pending.empty()) {
        applyData(file.durable, event);
      } else {
        file.pending.push_back(number);
        syncFile(file);
      }
      break;
    }
    case Kind::kSync:
      syncFile(files_[event.inode]);
      break;
    case Kind::kSyncFailed: {
      // The kernel counts the pages as clean from now on (RELIABILITY.md): no later sync writes
      // them.
      FileState& file = files_[event.inode];
      std::mt19937_64 random(number);
      for (std::size_t pending : file.pending) {
        if (events_[pending].kind == Kind::kWrite) {
          applyTorn(file.durable, events_[pending], 4096, random);
        } else if ((random() & 1) != 0) {
          applyData(file.durable, events_[pending]);
        }
      }
      file.pending.clear();
      break;
    }
    case Kind::kSyncAll:
      for (auto& [inode, file] : files_) syncFile(file);
      for (std::size_t pending : pendingEntries_)
        applyEntry(entries_, directories_, events_[pending]);
      pendingEntries_.clear();
      break;
    case Kind::kSyncDirectory: {
      auto covered = [&](std::size_t pending) {
        const std::string& path = events_[pending].path;
        if (parentOf(path) != event.path) return false;
        applyEntry(entries_, directories_, events_[pending]);
        return true;
      };
      pendingEntries_.erase(std::remove_if(pendingEntries_.begin(), pendingEntries_.end(), covered),
                            pendingEntries_.end());
      break;
    }
    case Kind::kMark:
      mark_ = event.offset;
      break;
    default:
      pendingEntries_.push_back(number);
  }
}

std::size_t CrashDisk::unsynced() const {
  std::size_t count = pendingEntries_.size();
  for (const auto& [inode, file] : files_) count += file.pending.size();
  return count;
}

DiskImage CrashDisk::image(Loss loss, std::mt19937_64& random) const {
  std::size_t cut = position_;
  if (loss == Loss::kPrefix) {
    std::vector<std::size_t> pending = pendingEntries_;
    for (const auto& [inode, file] : files_)
      pending.insert(pending.end(), file.pending.begin(), file.pending.end());
    std::sort(pending.begin(), pending.end());
    cut = pending.empty() ? 0 : pending[random() % pending.size()];
  }
  auto kept = [&](std::size_t number) {
    switch (loss) {
      case Loss::kAllLost:
        return false;
      case Loss::kPrefix:
        return number <= cut;
      case Loss::kSubset:
        return (random() & 1) != 0;
      default:
        return true;
    }
  };

  std::map<std::string, std::uint32_t> entries = entries_;
  DiskImage image;
  image.directories = directories_;
  for (std::size_t number : pendingEntries_) {
    // A directory's entries are kept in order or lost from some point on: journaling file systems
    // write them in order.
    if (loss == Loss::kEntriesLost || !kept(number)) break;
    applyEntry(entries, image.directories, events_[number]);
  }
  for (const auto& [path, inode] : entries) {
    std::string parent = parentOf(path);
    if (!parent.empty() && !image.directories.contains(parent)) continue;
    std::string& content = image.files[path];
    auto file = files_.find(inode);
    if (file == files_.end()) continue;
    content = file->second.durable;
    for (std::size_t number : file->second.pending) {
      const DiskEvent& event = events_[number];
      if (event.kind == Kind::kWrite && (loss == Loss::kTorn512 || loss == Loss::kTorn4096)) {
        applyTorn(content, event, loss == Loss::kTorn512 ? 512 : 4096, random);
      } else if (kept(number)) {
        applyData(content, event);
      }
    }
  }
  return image;
}

}  // namespace cairn::test
