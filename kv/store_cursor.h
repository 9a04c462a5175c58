// Walks the keys of one space in the store in exact byte order, long keys included.
#pragma once

#include <cairn/types.h>
#include <string>
#include <string_view>
#include <vector>

#include "kv/environment.h"
#include "kv/keys.h"

namespace cairn::kv {

/// Views live as long as the snapshot or, in a write transaction, until the next write.
class StoreCursor {
 public:
  StoreCursor(const ReadAccess& store, SpaceId space);

  /// To the first key at or after `key`.
  bool seek(std::string_view key);
  /// To the last key before `key`.
  bool seekBefore(std::string_view key);
  bool seekLast();
  bool next() {
    if (inGroup_) return nextInGroup();
    cursor_.next();
    return settleForward();
  }
  bool previous() {
    if (inGroup_) return previousInGroup();
    cursor_.previous();
    return settleBackward();
  }

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  /// Long keys with one prefix, as many as a window holds, in order.
  struct Group {
    std::string prefix;  ///< Store key up to the hash.
    std::vector<BucketEntry> window;
    std::size_t at = 0;
    bool complete = false;  ///< The window reaches the group's end in the direction of travel.
  };

  bool inSpace() const {
    return cursor_.valid() && loadBigEndian64(cursor_.key().data()) == space_.value();
  }
  bool settleForward() {
    if (!inSpace()) return none();
    if (isBucket(cursor_.key())) return enterGroupForward({}, true);
    return take(userKey(), cursor_.value());
  }
  bool settleBackward() {
    if (!inSpace()) return none();
    if (isBucket(cursor_.key())) return enterGroupBackward({}, false);
    return take(userKey(), cursor_.value());
  }
  bool take(std::string_view key, std::string_view value) {
    key_ = key;
    value_ = value;
    return valid_ = true;
  }
  bool none() { return valid_ = false; }
  bool nextInGroup();
  bool previousInGroup();
  std::string_view userKey() const { return cursor_.key().substr(kSpaceBytes); }

  bool enterGroupForward(std::string_view from, bool inclusive);
  bool enterGroupBackward(std::string_view before, bool bounded);
  void fillWindow(std::string_view bound, bool bounded, bool inclusive, bool forward);
  bool leaveGroupForward();
  bool leaveGroupBackward();

  Cursor cursor_;
  SpaceId space_;
  std::string prefix_;
  Group group_;
  bool inGroup_ = false;
  bool valid_ = false;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace cairn::kv
