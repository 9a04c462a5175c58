#include "engine/journal_segments.h"

#include <algorithm>

#include "engine/base/buffer.h"
#include "engine/base/mutant.h"
#include "engine/journal_format.h"

namespace cairn::journal {

namespace {

constexpr std::size_t kZeroChunk = std::size_t{1} << 20;

}  // namespace

Segments::Segments(FileSystem& fileSystem, Options options, std::uint64_t lastUsed)
    : fileSystem_(fileSystem),
      options_(std::move(options)),
      nextToTake_(lastUsed + 1),
      nextToPrepare_(lastUsed + 1) {
  for (const std::string& name : fileSystem_.list(options_.directory)) {
    std::optional<std::uint64_t> number = segmentNumber(name);
    if (!number || *number <= lastUsed) continue;
    bool whole = fileSystem_.open(path(*number), {})->size() == options_.segmentBytes;
    if (*number == nextToPrepare_ && whole) {
      ++nextToPrepare_;
    } else {
      fileSystem_.unlink(path(*number));  // A preparation that a crash cut short.
    }
  }
  // What is there may have been made by a process that died before it synced the directory.
  if (nextToPrepare_ != nextToTake_) fileSystem_.syncDirectory(options_.directory);
}

std::string Segments::path(std::uint64_t number) const {
  return options_.directory + "/" + segmentName(number);
}

Segments::Segment Segments::take() {
  std::lock_guard lock(mutex_);
  if (nextToTake_ == nextToPrepare_) prepareNext();
  std::uint64_t number = nextToTake_;
  Segment segment{
      number, fileSystem_.open(
                  path(number),
                  {.write = true,
                   .durableWrites = options_.synced && !mutantActive(Mutant::kJournalUnsynced)})};
  ++nextToTake_;
  return segment;
}

void Segments::ensurePrepared(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  while ((nextToPrepare_ - nextToTake_) * options_.segmentBytes < bytes) prepareNext();
}

void Segments::refill() { ensurePrepared(options_.sparesReady * options_.segmentBytes); }

std::uint64_t Segments::preparedBytes() const {
  std::lock_guard lock(mutex_);
  return (nextToPrepare_ - nextToTake_) * options_.segmentBytes;
}

void Segments::prepareNext() {
  std::string target = path(nextToPrepare_);
  try {
    std::unique_ptr<File> file =
        fileSystem_.open(target, {.write = true, .create = true, .exclusive = true});
    file->preallocate(options_.segmentBytes);
    std::string zeros(std::min<std::uint64_t>(kZeroChunk, options_.segmentBytes), '\0');
    for (std::uint64_t at = 0; at < options_.segmentBytes; at += zeros.size()) {
      file->write(at, std::string_view(zeros).substr(0, options_.segmentBytes - at));
    }
    file->syncData();
  } catch (...) {
    fileSystem_.unlink(target);
    throw;
  }
  if (!mutantActive(Mutant::kJournalDirectoryUnsynced))
    fileSystem_.syncDirectory(options_.directory);
  ++nextToPrepare_;
}

void Segments::recycle(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  if (nextToPrepare_ - nextToTake_ >= options_.sparesKept) {
    fileSystem_.unlink(path(number));
    return;
  }
  fileSystem_.rename(path(number), path(nextToPrepare_));
  // A recycled segment must be found under its new name before a commit relies on it.
  if (!mutantActive(Mutant::kJournalDirectoryUnsynced))
    fileSystem_.syncDirectory(options_.directory);
  ++nextToPrepare_;
}

}  // namespace cairn::journal
