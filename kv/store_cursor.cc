#include "kv/store_cursor.h"

#include <algorithm>

namespace cairn::kv {

namespace {

// A group of long keys is held this many at a time, so that memory stays bounded however many share
// a prefix.
constexpr std::size_t kWindowKeys = 1024;

}  // namespace

StoreCursor::StoreCursor(const ReadAccess& store, SpaceId space)
    : cursor_(store.cursor(Table::kKv)), space_(space), prefix_(numberKey(space)) {}

bool StoreCursor::seek(std::string_view key) {
  inGroup_ = false;
  std::string target = prefix_ + std::string(key.substr(0, kInlineKeyBytes));
  cursor_.seek(target);
  if (isLongKey(key)) {
    // The prefix itself, if it is a key, comes before every longer one.
    if (inSpace() && cursor_.key() == target) cursor_.next();
    if (inSpace() && isBucket(cursor_.key()) && cursor_.key().starts_with(target)) {
      return enterGroupForward(key, true);
    }
  }
  return settleForward();
}

bool StoreCursor::seekBefore(std::string_view key) {
  inGroup_ = false;
  std::string target = prefix_ + std::string(key.substr(0, kInlineKeyBytes));
  if (isLongKey(key)) {
    // Past the whole group, then back into it.
    cursor_.seekBefore(target + std::string(kKeyHashBytes + 1, '\xff'));
    if (inSpace() && isBucket(cursor_.key()) && cursor_.key().starts_with(target)) {
      return enterGroupBackward(key, true);
    }
    return settleBackward();
  }
  cursor_.seekBefore(target);
  return settleBackward();
}

bool StoreCursor::seekLast() {
  inGroup_ = false;
  std::string end = numberKey(SpaceId(loadBigEndian64(prefix_.data()) + 1));
  cursor_.seekBefore(end);
  return settleBackward();
}

bool StoreCursor::nextInGroup() {
  if (group_.at + 1 < group_.window.size()) {
    ++group_.at;
    return take(group_.window[group_.at].key, group_.window[group_.at].value);
  }
  if (group_.complete) return leaveGroupForward();
  std::string last(key_);
  return enterGroupForward(last, false);
}

bool StoreCursor::previousInGroup() {
  if (group_.at > 0) {
    --group_.at;
    return take(group_.window[group_.at].key, group_.window[group_.at].value);
  }
  if (group_.complete) return leaveGroupBackward();
  std::string last(key_);
  return enterGroupBackward(last, true);
}

bool StoreCursor::enterGroupForward(std::string_view from, bool inclusive) {
  if (!inGroup_)
    group_.prefix = std::string(cursor_.key().substr(0, kSpaceBytes + kInlineKeyBytes));
  inGroup_ = true;
  fillWindow(from, true, inclusive, true);
  if (group_.window.empty()) return leaveGroupForward();
  group_.at = 0;
  return take(group_.window[0].key, group_.window[0].value);
}

bool StoreCursor::enterGroupBackward(std::string_view before, bool bounded) {
  if (!inGroup_)
    group_.prefix = std::string(cursor_.key().substr(0, kSpaceBytes + kInlineKeyBytes));
  inGroup_ = true;
  fillWindow(before, bounded, false, false);
  if (group_.window.empty()) return leaveGroupBackward();
  group_.at = group_.window.size() - 1;
  return take(group_.window[group_.at].key, group_.window[group_.at].value);
}

// Collects the keys of the group next to the bound: the smallest above it, or the greatest below.
void StoreCursor::fillWindow(std::string_view bound, bool bounded, bool inclusive, bool forward) {
  std::vector<BucketEntry>& window = group_.window;
  window.clear();
  group_.complete = true;
  auto nearer = [&](const BucketEntry& a, const BucketEntry& b) {
    return forward ? a.key < b.key : a.key > b.key;
  };
  auto keepNearest = [&] {
    std::nth_element(window.begin(), window.begin() + kWindowKeys, window.end(), nearer);
    window.resize(kWindowKeys);
    group_.complete = false;
  };
  auto consider = [&](const BucketEntry& entry) {
    if (bounded) {
      if (forward ? entry.key < bound : entry.key >= bound) return;
      if (!inclusive && entry.key == bound) return;
    }
    window.push_back(entry);
    if (window.size() == 2 * kWindowKeys) keepNearest();
  };
  for (bool more = cursor_.seek(group_.prefix); more && cursor_.key().starts_with(group_.prefix);
       more = cursor_.next()) {
    if (isBucket(cursor_.key())) visitBucket(cursor_.value(), consider);
  }
  // What came after some were dropped may lie beyond them.
  if (!group_.complete && window.size() > kWindowKeys) keepNearest();
  std::sort(window.begin(), window.end(),
            [](const BucketEntry& a, const BucketEntry& b) { return a.key < b.key; });
}

bool StoreCursor::leaveGroupForward() {
  inGroup_ = false;
  std::string behind = group_.prefix + std::string(kKeyHashBytes, '\xff');
  cursor_.seek(behind);
  if (cursor_.valid() && cursor_.key() == behind) cursor_.next();
  return settleForward();
}

bool StoreCursor::leaveGroupBackward() {
  inGroup_ = false;
  // The prefix itself may be a key: it is the one right before its group.
  if (cursor_.seekExact(group_.prefix)) return take(userKey(), cursor_.value());
  cursor_.seekBefore(group_.prefix);
  return settleBackward();
}

}  // namespace cairn::kv
