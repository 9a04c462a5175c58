#include "sql_frontend/page_space.h"

#include <algorithm>
#include <cairn/error.h>
#include <cstring>

#include <fmt/format.h>

#include "engine/base/commit_record.h"

namespace cairn::sql {

void PageSpace::read(std::uint32_t number, char* out) {
  if (auto found = pending_.find(number); found != pending_.end()) {
    std::memcpy(out, found->second.get(), kPageBytes);
  } else if (number > lowest_) {
    std::memset(out, 0, kPageBytes);
  } else {
    const char* page = committed(number, out);
    if (page != out) std::memcpy(out, page, kPageBytes);
  }
}

const char* PageSpace::committed(std::uint32_t number, char* room) {
  if (auto found = overlay_.find(number); found != overlay_.end()) return found->second.image.get();
  readBase(number, room);
  return room;
}

void PageSpace::readBase(std::uint32_t number, char* out) {
  if (base_) return base_(number, out);
  std::size_t got = 0;
  if (number <= fileReadable()) {
    if (!file_) file_ = files_.openForReading(space_);
    if (file_) got = file_->read(std::uint64_t{number - 1} * kPageBytes, {out, kPageBytes});
  }
  std::memset(out + got, 0, kPageBytes - got);
}

void PageSpace::adopt(std::uint32_t number, const char* bytes) {
  Committed& page = overlay_[number];
  if (page.image) return;
  page.image = std::make_unique_for_overwrite<char[]>(kPageBytes);
  std::memcpy(page.image.get(), bytes, kPageBytes);
}

void PageSpace::write(std::uint32_t number, const char* bytes) {
  auto found = pending_.find(number);
  if (found == pending_.end()) {
    if ((pending_.size() + 1) * kPageBytes > pendingBytesMax_) {
      throw Error(
          ErrorCode::kLimitExceeded,
          fmt::format("a transaction that changes more than {} bytes of pages", pendingBytesMax_));
    }
    found = pending_.emplace(number, std::make_unique_for_overwrite<char[]>(kPageBytes)).first;
  }
  std::memcpy(found->second.get(), bytes, kPageBytes);
  pages_ = std::max(pages_, number);
}

void PageSpace::resize(std::uint32_t pages) {
  if (pages < pages_) {
    pending_.erase(pending_.upper_bound(pages), pending_.end());
    lowest_ = std::min(lowest_, pages);
  }
  pages_ = pages;
}

void PageSpace::collect(Buffer& ops) {
  // What was cut off and came back without being written is zero now.
  if (lowest_ != kNotResized) {
    for (std::uint32_t number = lowest_ + 1; number <= std::min(pages_, committedPages_);
         ++number) {
      Image& image = pending_[number];
      if (!image) image = std::make_unique<char[]>(kPageBytes);
    }
  }
  if (pages_ != committedPages_) appendOp(ops, PageCountOp{committedPages_, pages_});
  char room[kPageBytes];
  Buffer delta;
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    auto& [number, image] = *entry;
    delta.clear();
    encodeDelta(committed(number, room), image.get(), delta);
    if (delta.empty()) {
      entry = pending_.erase(entry);  // Written and put back, as a rollback does.
      continue;
    }
    appendOp(ops, PageDeltaOp{number, pageChecksum(number, image.get()), delta.view()});
    ++entry;
  }
}

void PageSpace::commit(Lsn lsn) {
  if (pages_ < committedPages_) {
    std::erase_if(overlay_, [&](const auto& entry) { return entry.first > pages_; });
    // A later cut that takes as much makes an earlier one pointless.
    while (!cuts_.empty() && cuts_.back().pages >= pages_) cuts_.pop_back();
    cuts_.push_back({lsn, pages_});
  }
  for (auto& [number, image] : pending_) overlay_[number] = {lsn, std::move(image)};
  pending_.clear();
  lowest_ = kNotResized;
  committedPages_ = pages_;
}

void PageSpace::discard() {
  pending_.clear();
  lowest_ = kNotResized;
  pages_ = committedPages_;
}

void PageSpace::dropThrough(Lsn lsn, std::uint32_t filePages) {
  std::erase_if(overlay_, [&](const auto& entry) { return entry.second.lsn <= lsn; });
  std::erase_if(cuts_, [&](const Cut& cut) { return cut.lsn <= lsn; });
  filePages_ = filePages;
}

// Pages of the file beyond this were cut off by a commit that the file does not hold yet.
std::uint32_t PageSpace::fileReadable() const {
  return cuts_.empty() ? filePages_ : std::min(filePages_, cuts_.front().pages);
}

}  // namespace cairn::sql
