#include "kv/list.h"

#include <algorithm>
#include <cairn/error.h>

namespace cairn::kv {

std::optional<std::string> prefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Range toRange(const ListOptions& options) {
  if (options.start && options.startAfter) {
    throw Error(ErrorCode::kInvalidArgument,
                "list() takes either start or startAfter, both were given");
  }
  if (options.limit && *options.limit <= 0) {
    throw Error(ErrorCode::kInvalidArgument,
                "list() limit must be positive, got " + std::to_string(*options.limit));
  }
  Range range;
  if (options.start) range.low = *options.start;
  // The smallest key after another is that key with a NUL behind it.
  if (options.startAfter) range.low = std::string(*options.startAfter) + '\0';
  if (options.end) range.high = std::string(*options.end);
  if (options.prefix && !options.prefix->empty()) {
    range.low = std::max(range.low, std::string(*options.prefix));
    if (std::optional<std::string> end = prefixEnd(*options.prefix)) {
      range.high = range.high ? std::min(*range.high, *end) : *end;
    }
  }
  range.empty = range.high && *range.high <= range.low;
  return range;
}

bool List::inRange(std::string_view key) const {
  return reverse_ ? key >= range_.low : !range_.high || key < *range_.high;
}

bool List::overlayInRange() const {
  const Overlay::Map& entries = turn_->overlay().entries();
  if (overlay_ == (reverse_ ? entries.begin() : entries.end())) return false;
  return inRange(overlayKey());
}

std::string_view List::overlayKey() const {
  return reverse_ ? std::prev(overlay_)->first : overlay_->first;
}

// Positions both sides on the first key that was not given out yet.
void List::reseek() {
  const Overlay::Map& entries = turn_->overlay().entries();
  store_.reset();
  if (!turn_->space().isZero()) store_.emplace(turn_->context().store(), turn_->space());
  if (!reverse_) {
    // Behind a key that was given out stands the same key with a NUL.
    std::string from = started_ ? last_ + '\0' : range_.low;
    if (store_) store_->seek(from);
    overlay_ = entries.lower_bound(from);
  } else if (started_ || range_.high) {
    const std::string& before = started_ ? last_ : *range_.high;
    if (store_) store_->seekBefore(before);
    overlay_ = entries.lower_bound(before);
  } else {
    if (store_) store_->seekLast();
    overlay_ = entries.end();
  }
  overlayReady_ = overlayInRange();
  revision_ = turn_->overlay().revision();
  generation_ = turn_->context().storeGeneration();
  overlaySeen_ = &turn_->overlay();
  positioned_ = true;
}

void List::advanceStore() { reverse_ ? store_->previous() : store_->next(); }
void List::advanceOverlay() {
  if (reverse_) {
    --overlay_;
  } else {
    ++overlay_;
  }
  overlayReady_ = overlayInRange();
}

bool List::next() {
  if (range_.empty || left_ == 0) return false;
  bool stale = overlaySeen_ != &turn_->overlay() || revision_ != turn_->overlay().revision() ||
               generation_ != turn_->context().storeGeneration();
  if (!positioned_ || stale) reseek();
  if (!pick()) {
    left_ = 0;  // A finished listing stays finished.
    return false;
  }
  --left_;
  return true;
}

// Takes the nearer of the two candidates; the overlay's hides the store's of the same key.
bool List::pick() {
  for (;;) {
    bool fromStore = storeReady();
    bool fromOverlay = overlayReady_;
    if (!fromStore && !fromOverlay) return false;
    if (fromStore && fromOverlay) {
      int order = store_->key().compare(overlayKey());
      if (reverse_) order = -order;
      fromStore = order < 0;
      fromOverlay = order >= 0;
      if (order == 0) advanceStore();
    }
    if (fromStore) {
      last_.assign(store_->key());
      value_ = store_->value();
      advanceStore();
    } else {
      const auto& candidate = reverse_ ? *std::prev(overlay_) : *overlay_;
      advanceOverlay();
      if (candidate.second.erased) continue;
      last_.assign(candidate.first);
      value_ = candidate.second.bytes();
    }
    key_ = last_;
    started_ = true;
    return true;
  }
}

}  // namespace cairn::kv
