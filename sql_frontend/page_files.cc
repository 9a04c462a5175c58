#include "sql_frontend/page_files.h"

#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/mutant.h"

namespace cairn::sql {

namespace {

// With more files than this one syncfs is cheaper than a sync of each.
constexpr std::size_t kSyncEachUpTo = 32;

}  // namespace

std::string PageFiles::directoryOf(SpaceId space) const {
  return fmt::format("{}/{:02x}", directory_, space.value() & 0xff);
}

std::string PageFiles::path(SpaceId space) const {
  return fmt::format("{}/{:016x}.sqlite", directoryOf(space), space.value());
}

std::unique_ptr<File> PageFiles::openForReading(SpaceId space) {
  try {
    return fileSystem_.open(path(space), {});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return nullptr;
    throw;
  }
}

File& PageFiles::Writer::file(SpaceId space) {
  if (file_ && current_ == space) return *file_;
  std::string path = files_.path(space);
  std::string directory = files_.directoryOf(space);
  bool missing = !files_.fileSystem_.exists(path);
  if (missing && !files_.fileSystem_.exists(directory)) {
    files_.fileSystem_.createDirectory(directory);
    files_.unsynced_.insert(files_.directory_);
  }
  if (files_.firstBatch_) files_.unsynced_.insert(files_.directory_);
  if (missing || files_.firstBatch_) files_.unsynced_.insert(directory);
  file_ = files_.fileSystem_.open(path, {.write = true, .create = true});
  current_ = space;
  touched_.insert(space);
  return *file_;
}

void PageFiles::Writer::sync() {
  file_.reset();
  current_ = SpaceId();
  if (mutantActive(Mutant::kPagesUnsynced)) {
    // Left to the kernel.
  } else if (touched_.size() > kSyncEachUpTo) {
    files_.fileSystem_.syncFileSystem(files_.directory_);
  } else {
    for (SpaceId space : touched_)
      files_.fileSystem_.open(files_.path(space), {.write = true})->syncData();
    for (const std::string& directory : files_.unsynced_) {
      if (!mutantActive(Mutant::kPageDirectoryUnsynced))
        files_.fileSystem_.syncDirectory(directory);
    }
  }
  files_.unsynced_.clear();
  files_.firstBatch_ = false;
  touched_.clear();
}

void PageFiles::remove(SpaceId space) { fileSystem_.unlink(path(space)); }

}  // namespace cairn::sql
