// A point in an object's history, as text:
// `0000007b-0000b26e-00000000-0c3e87bb37b3db5cc52eedb93cd3b96b`.
#pragma once

#include <cairn/types.h>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn {

/// Names the state of one object after a commit. The text order of an object's bookmarks is the
/// order of time. The last part is a check over root, object and position: a bookmark of another
/// object, or of another root, is refused where it is used.
class Bookmark {
 public:
  Bookmark() = default;
  Bookmark(Lsn lsn, std::uint32_t sequence, std::uint64_t checkHigh, std::uint64_t checkLow)
      : lsn_(lsn), sequence_(sequence), checkHigh_(checkHigh), checkLow_(checkLow) {}

  /// Throws: kInvalidArgument unless the text is 8-8-8-32 lowercase hex digits.
  [[nodiscard]] static Bookmark parse(std::string_view text);
  [[nodiscard]] std::string toString() const;

  [[nodiscard]] Lsn lsn() const { return lsn_; }
  /// Names the end of the session in which it was made, which may lie in the future: what undoing a
  /// restore goes back to.
  [[nodiscard]] bool isEndOfSession() const { return sequence_ == kEndOfSession; }

  friend auto operator<=>(const Bookmark&, const Bookmark&) = default;

  static constexpr std::uint32_t kEndOfSession = 1;

 private:
  Lsn lsn_;
  std::uint32_t sequence_ = 0;
  std::uint64_t checkHigh_ = 0;
  std::uint64_t checkLow_ = 0;
};

}  // namespace cairn
