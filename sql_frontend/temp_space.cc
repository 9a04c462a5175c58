#include "sql_frontend/temp_space.h"

#include <algorithm>
#include <cairn/error.h>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "engine/base/check.h"

namespace cairn::sql {

namespace {

// Files come in pieces of this size: SQLite spills after some hundred kilobytes, so the last piece
// wastes little, and a growing file is never copied.
constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

thread_local TempSpace* currentSpace = nullptr;

}  // namespace

TempSpace::~TempSpace() { CAIRN_CHECK(bytes_ == 0); }

TempSpace::Scope::Scope(TempSpace& space) : outer_(std::exchange(currentSpace, &space)) {}
TempSpace::Scope::~Scope() { currentSpace = outer_; }
TempSpace* TempSpace::current() { return currentSpace; }

void TempSpace::charge(std::uint64_t bytes) {
  if (bytes > bytesMax_ - bytes_) {
    throw Error(ErrorCode::kLimitExceeded,
                fmt::format("sorting and temporary tables took {} bytes and need {} more, {} are "
                            "allowed",
                            bytes_, bytes, bytesMax_));
  }
  bytes_ += bytes;
}

TempFile::~TempFile() { space_.bytes_ -= chunks_.size() * kChunkBytes; }

std::size_t TempFile::read(std::uint64_t offset, char* out, std::size_t count) const {
  if (offset >= size_) return 0;
  count = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - offset));
  for (std::size_t done = 0; done < count;) {
    std::size_t within = (offset + done) % kChunkBytes;
    std::size_t piece = std::min(count - done, kChunkBytes - within);
    std::memcpy(out + done, chunks_[(offset + done) / kChunkBytes].get() + within, piece);
    done += piece;
  }
  return count;
}

void TempFile::write(std::uint64_t offset, const char* bytes, std::size_t count) {
  std::uint64_t end = offset + count;
  while (chunks_.size() * kChunkBytes < end) {
    space_.charge(kChunkBytes);
    try {
      chunks_.push_back(std::make_unique<char[]>(kChunkBytes));
    } catch (...) {
      space_.bytes_ -= kChunkBytes;
      throw;
    }
  }
  for (std::size_t done = 0; done < count;) {
    std::size_t within = (offset + done) % kChunkBytes;
    std::size_t piece = std::min(count - done, kChunkBytes - within);
    std::memcpy(chunks_[(offset + done) / kChunkBytes].get() + within, bytes + done, piece);
    done += piece;
  }
  size_ = std::max(size_, end);
}

void TempFile::truncate(std::uint64_t size) {
  if (size >= size_) return;
  std::size_t keep = static_cast<std::size_t>((size + kChunkBytes - 1) / kChunkBytes);
  space_.bytes_ -= (chunks_.size() - keep) * kChunkBytes;
  chunks_.resize(keep);
  // What a later write leaves out must read as zero.
  if (size % kChunkBytes != 0)
    std::memset(chunks_.back().get() + size % kChunkBytes, 0, kChunkBytes - size % kChunkBytes);
  size_ = size;
}

}  // namespace cairn::sql
