// The state of a space at an earlier commit, made in a space of its own: for restores that would
// hold more in memory than they may.
//
// The space is listed as dropped before anything is in it, so that whatever ends the build (an
// error, a crash) leaves only what the sweeper removes. It is filled in portions, each durable by
// itself, between which rounds go on:
//   1 every key and page of the space as the stores have it is copied
//   2 what later commits changed is undone in the copy, newest first
//   3 the copy is read back from end to end, and its digest compared with the one recorded
// One ordinary commit then points the object at it, as deleteAll does.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/buffer.h"
#include "engine/engine_core.h"
#include "engine/rows.h"
#include "pitr/history.h"

namespace cairn {

class SpaceBuild {
 public:
  struct Source {
    ObjectNumber object;
    SpaceId space;
    SpaceRow row;  ///< As the stores have it. Nothing changes the space while it is copied.
    Lsn at;        ///< The state to make.
    Lsn through;   ///< The store's LSN.
  };
  /// What the change log recorded of the state: the low half of its digest, and the part of that
  /// which is not in the space.
  struct Recorded {
    std::uint64_t digest = 0;
    Hash128 alarms;
  };

  /// `bytesMax`: what it may hold in memory beside the undo of one commit.
  SpaceBuild(EngineCore& engine, Source source, std::uint64_t bytesMax);
  SpaceBuild(const SpaceBuild&) = delete;
  SpaceBuild& operator=(const SpaceBuild&) = delete;

  /// Returns when all of it is durable. The calling thread holds no snapshot. Throws:
  /// kDigestMismatch, kDamaged, kNoSpace, kIo; the object is as it was.
  void run(const Recorded& recorded);

  [[nodiscard]] SpaceId space() const { return space_; }
  /// Keys and pages in which it differs from the source.
  [[nodiscard]] std::uint64_t keysChanged() const { return keysChanged_; }
  [[nodiscard]] std::uint64_t pagesChanged() const { return pagesChanged_; }
  /// Commit `lsn` points the object at it. Without one the space is swept.
  void enteredBy(Lsn lsn) { claim_.enteredBy(lsn); }

 private:
  using Keys = std::map<std::string, std::optional<std::string>, std::less<>>;

  void copyKeys();
  void copyPages();
  void undo();
  void undoCommit(const pitr::CommitUndo& commit);
  void undoKey(std::string_view key, std::optional<std::string_view> before);
  void writeKeys();
  char* pageImage(std::uint32_t number);
  void writeImage();
  File& file();
  void finishPages();
  void compareKeys();
  void comparePages();
  void checkDigest(const Recorded& recorded) const;
  void writeRow();

  EngineCore& engine_;
  const Source source_;
  const std::size_t portionBytes_;
  const SpaceId space_;
  EngineCore::Claim claim_;

  Keys keys_;  ///< Undone, not yet written.
  std::size_t keysBytes_ = 0;
  std::unique_ptr<File> file_;  ///< Of the new space; null while it needs none.
  std::uint32_t pageCount_;
  Buffer image_;  ///< The page that is being undone.
  std::uint32_t imageNumber_ = 0;

  SpaceRow row_;
  Hash128 sourceDigest_;
  std::uint64_t keysChanged_ = 0;
  std::uint64_t pagesChanged_ = 0;
};

}  // namespace cairn
