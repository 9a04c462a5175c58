// The state of a space at an earlier LSN: what its commits since then changed, undone. Everything
// they did not touch is as the store has it now.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "pitr/history.h"

namespace cairn::pitr {

class PastState {
 public:
  /// Fills page `number` of the space as the store's SQLite file has it; zeros beyond its end.
  using ReadPage = std::function<void(std::uint32_t number, char* page)>;
  /// What `at` held under a key; nullopt: nothing.
  using Keys = std::map<std::string, std::optional<std::string>, std::less<>>;
  using Image = std::unique_ptr<char[]>;

  PastState(SpaceId space, Lsn at) : space_(space), at_(at) {}

  /// Undoes the commits in (`at`, `through`]; once. The store stands at `through`, with
  /// `storePages` pages in the space's SQLite file. False when what changed takes more than
  /// `bytesMax` of memory; then this holds nothing. Throws: kDamaged when a part of that history is
  /// lost.
  bool undoThrough(const History& history, Lsn through, std::uint32_t storePages,
                   const ReadPage& readPage, std::uint64_t bytesMax = UINT64_MAX);

  /// The store has moved on: `later` is the state at `through()`, relative to where the store is
  /// now.
  void extend(PastState&& later);

  [[nodiscard]] SpaceId space() const { return space_; }
  [[nodiscard]] Lsn at() const { return at_; }
  /// The LSN of the store that this is relative to.
  [[nodiscard]] Lsn through() const { return through_; }

  /// Keys that changed since, with what they held then.
  [[nodiscard]] const Keys& keys() const { return keys_; }
  [[nodiscard]] std::uint32_t pageCount() const { return pageCount_; }
  /// Pages that changed since, as they were then.
  [[nodiscard]] const std::unordered_map<std::uint32_t, Image>& pages() const { return pages_; }
  [[nodiscard]] const char* page(std::uint32_t number) const {
    auto found = pages_.find(number);
    return found == pages_.end() ? nullptr : found->second.get();
  }
  /// Alarms that commits of this space changed since, with when they were due then.
  [[nodiscard]] const std::map<std::string, std::optional<UnixMillis>, std::less<>>& alarms()
      const {
    return alarms_;
  }

 private:
  void undoKeys(const History& history);
  void undoPages(const History& history, std::uint32_t storePages, const ReadPage& readPage);
  void charge(std::size_t bytes);

  struct TooLarge {};
  SpaceId space_;
  Lsn at_;
  Lsn through_;
  Keys keys_;
  std::map<std::string, std::optional<UnixMillis>, std::less<>> alarms_;
  std::uint32_t pageCount_ = 0;
  std::unordered_map<std::uint32_t, Image> pages_;
  std::uint64_t bytesLeft_ = UINT64_MAX;
};

/// Undoes one commit on page images, newest commit first. `image` gives the page's image after the
/// commit, to be changed in place before the next one is asked for. Returns the page count before
/// the commit, given the one after it.
std::uint32_t undoCommitPages(const CommitUndo& commit, std::uint32_t pageCount,
                              const std::function<char*(std::uint32_t number)>& image);

}  // namespace cairn::pitr
