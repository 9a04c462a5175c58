#include "engine/round_history.h"

#include <algorithm>
#include <cairn/error.h>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "engine/base/mutant.h"
#include "pitr/digest.h"
#include "pitr/page_undo.h"

namespace cairn {

using sql::kPageBytes;

namespace {

const char kZeroPage[kPageBytes] = {};

}  // namespace

SpaceHistory::SpaceHistory(SpaceId space, SpacePlan& plan, sql::PageFiles& files,
                           pitr::ChangeLogWriter& log, pitr::PagePacker& packer)
    : space_(space),
      plan_(plan),
      files_(files),
      log_(log),
      packer_(packer),
      history_(plan.row.keepsHistory),
      digest_(plan.row.dataDigest),
      readable_(plan.filePages),
      pages_(plan.filePages) {
  if (!plan.pages.empty() && plan.filePages > 0) file_ = files_.openForReading(space_);
}

void SpaceHistory::run() {
  Hash128 before = digest_;
  if (!plan_.commits.empty()) before += plan_.commits.front().alarmDigestBefore;
  run_.begin(space_, plan_.row.object, before);
  for (const CommitPlan& now : plan_.commits) {
    commit(now);
    if (history_ && run_.bytes() >= pitr::kFrameRawBytes) {
      log_.add(run_);
      run_.begin(space_, plan_.row.object, run_.header().digestAfter);
    }
  }
  if (history_) log_.add(run_);
  plan_.row.dataDigest = digest_;
}

void SpaceHistory::commit(const CommitPlan& now) {
  if (!history_) {
    if (now.resized) cutPages(now);
    return applyPages(now);
  }
  run_.beginCommit(now.lsn, now.time);
  if (now.pointedBefore) run_.pointed(*now.pointedBefore);
  if (now.restored) run_.restored(*now.restored);
  for (const AlarmChange& change : now.alarms) {
    if (mutantActive(Mutant::kAlarmNotUndone)) continue;
    if (change.before) {
      run_.alarmSet(change.name, change.before->time);
    } else {
      run_.alarmAbsent(change.name);
    }
  }
  undoKeys(now);
  if (now.resized) cutPages(now);
  applyPages(now);
  Hash128 after = digest_;
  run_.endCommit(after += now.alarmDigest);
}

void SpaceHistory::undoKeys(const CommitPlan& now) {
  // Old values lie in older records, or in the store, and in no cache.
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = now.kvBegin; i < now.kvEnd; ++i) {
    const KvChange& change = plan_.kv[i];
    if (i + kAhead < plan_.kv.size()) __builtin_prefetch(plan_.kv[i + kAhead].before.data());
    if (change.existed) {
      run_.keyValue(change.key, change.before);
      digest_ -= pitr::kvDigest(change.key, change.before);
    } else {
      if (!mutantActive(Mutant::kCreatedKeyNotUndone)) run_.keyAbsent(change.key);
    }
    if (!change.erased) digest_ += pitr::kvDigest(change.key, change.value);
  }
}

// Pages that the commit cuts off become zero: their content is part of what it takes to undo it.
void SpaceHistory::cutPages(const CommitPlan& now) {
  if (history_) {
    run_.pageCount(now.pagesBefore);
    digest_ -= pitr::pageCountDigest(now.pagesBefore);
    digest_ += pitr::pageCountDigest(now.pagesAfter);
    if (now.pagesAfter < now.pagesBefore && plan_.filePages > 0 && !file_)
      file_ = files_.openForReading(space_);
    for (std::uint32_t number = now.pagesAfter + 1; number <= now.pagesBefore; ++number) {
      Image& cut = image(number);
      digest_ -= cut.digest;
      if (!mutantActive(Mutant::kCutPagesNotUndone)) {
        changed_.clear();
        sql::findChanges(cut.bytes.get(), kZeroPage, changed_);
        addPageUndo(number, cut.bytes.get(), kZeroPage, changed_, nullptr);
        changed_.clear();
      }
      images_.erase(number);
    }
  } else if (now.pagesAfter < now.pagesBefore) {
    std::erase_if(images_, [&](const auto& entry) { return entry.first > now.pagesAfter; });
  }
  readable_ = std::min(readable_, now.pagesAfter);
  pages_ = now.pagesAfter;
}

SpaceHistory::Image& SpaceHistory::image(std::uint32_t number) {
  Image& image = images_[number];
  if (image.bytes) return image;
  image.bytes = std::make_unique_for_overwrite<char[]>(kPageBytes);
  std::size_t got = 0;
  if (file_ && number <= readable_) {
    got = file_->read(std::uint64_t{number - 1} * kPageBytes, {image.bytes.get(), kPageBytes});
  }
  std::memset(image.bytes.get() + got, 0, kPageBytes - got);
  if (history_) image.digest = pitr::pageDigest(number, image.bytes.get());
  return image;
}

void SpaceHistory::applyDelta(const PageChange& change, Image& target, Lsn lsn) {
  if (history_) {
    sql::applyDelta(change.delta, target.bytes.get(), changed_);
  } else {
    sql::applyDelta(change.delta, target.bytes.get());
  }
  Hash128 hash = history_ ? sql::pageHash(change.page, target.bytes.get())
                          : Hash128{sql::pageChecksum(change.page, target.bytes.get()), 0};
  if (hash.low != change.checksum && !mutantActive(Mutant::kDeltaChecksumUnchecked)) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{} page {}: its bytes do not lead to what commit {} wrote",
                            files_.path(space_), change.page, lsn.value()));
  }
  if (!history_) return;
  digest_ -= target.digest;
  target.digest = pitr::pageDigest(hash, target.bytes.get());
  digest_ += target.digest;
}

void SpaceHistory::applyPages(const CommitPlan& now) {
  bool pack = now.pagesEnd - now.pagesBegin <= pitr::kPackPagesMax;
  // Pages that the same commit cut off stand in the run too: rare enough not to be packed with.
  bool whole = !now.resized || now.pagesAfter >= now.pagesBefore;
  for (std::size_t i = now.pagesBegin; i < now.pagesEnd; ++i) {
    const PageChange& change = plan_.pages[i];
    Image& target = image(change.page);
    if (history_) before_.append({target.bytes.get(), kPageBytes});
    applyDelta(change, target, now.lsn);
    if (!history_) continue;
    applied_.push_back({change.page, target.bytes.get(), changed_.size()});
    if (!pack) addPageUndos(nullptr);
  }
  // A packed undo refers to all pages of the commit, so all were brought up to date first.
  if (!applied_.empty()) addPageUndos(whole ? &now : nullptr);
}

void SpaceHistory::addPageUndos(const CommitPlan* packedWith) {
  commitPages_.clear();
  const char* before = before_.data();
  std::size_t changedBegin = 0;
  for (const Applied& page : applied_) {
    std::span changed(changed_.data() + changedBegin, page.changedEnd - changedBegin);
    addPageUndo(page.number, before, page.after, changed, packedWith);
    before += kPageBytes;
    changedBegin = page.changedEnd;
  }
  applied_.clear();
  before_.clear();
  changed_.clear();
}

// All pages of a commit, one after another, as it left them. Put together when the first undo is
// large enough to be packed with them.
std::string_view SpaceHistory::pagesAfter(const CommitPlan& commit) {
  if (commitPages_.empty()) {
    for (std::size_t i = commit.pagesBegin; i < commit.pagesEnd; ++i)
      commitPages_.append({image(plan_.pages[i].page).bytes.get(), kPageBytes});
  }
  return commitPages_.view();
}

// `packedWith`: null where the undo must stand by itself.
void SpaceHistory::addPageUndo(std::uint32_t number, const char* before, const char* after,
                               std::span<const sql::PageRange> changed,
                               const CommitPlan* packedWith) {
  undo_.clear();
  pitr::encodePageUndo(before, after, changed, undo_);
  if (undo_.empty()) return;
  std::size_t plain = undo_.size();
  if (packedWith != nullptr && plain >= pitr::kPackFrom &&
      packer_.pack(before, pagesAfter(*packedWith), plain, undo_)) {
    run_.page(number, undo_.view(plain, undo_.size() - plain), true);
  } else {
    run_.page(number, undo_.view(), false);
  }
}

std::uint64_t SpaceHistory::writePages(sql::Scratch::Writer& scratch) {
  if (plan_.pages.empty() && pages_ == plan_.filePages && readable_ == plan_.filePages) return 0;
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, image] : images_) {
    if (number <= pages_) numbers.push_back(number);
  }
  // What was cut off and came back without being written is zero.
  for (std::uint32_t number = readable_ + 1; number <= std::min(plan_.filePages, pages_);
       ++number) {
    if (!images_.contains(number)) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  scratch.beginSpace(space_, pages_);
  for (std::uint32_t number : numbers) {
    auto found = images_.find(number);
    scratch.page(number, found == images_.end() ? kZeroPage : found->second.bytes.get());
  }
  return numbers.size();
}

}  // namespace cairn
