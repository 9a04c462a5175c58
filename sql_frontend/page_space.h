// The pages of one space's database as its connection sees them: the transaction in progress, over
// commits the file does not hold yet, over the file as of the last checkpoint round.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/base/buffer.h"
#include "sql_frontend/page_delta.h"
#include "sql_frontend/page_files.h"

namespace cairn::sql {

class PageSpace {
 public:
  /// `filePages`: pages of the file as of the last round.
  PageSpace(PageFiles& files, SpaceId space, std::uint32_t filePages)
      : files_(files),
        space_(space),
        filePages_(filePages),
        committedPages_(filePages),
        pages_(filePages) {}

  [[nodiscard]] SpaceId space() const { return space_; }
  [[nodiscard]] std::uint32_t pageCount() const { return pages_; }
  [[nodiscard]] std::uint32_t committedPageCount() const { return committedPages_; }

  /// The object got its space only with this commit.
  void assign(SpaceId space) { space_ = space; }

  /// For views of the past: pages that were not adopted come from here instead of the file, which
  /// may be newer.
  using ReadBase = std::function<void(std::uint32_t number, char* out)>;
  void readBaseFrom(ReadBase base) { base_ = std::move(base); }
  /// A committed page as it was then.
  void adopt(std::uint32_t number, const char* bytes);

  /// Fills `out` with page `number` (from 1), zeros where nothing was ever written.
  void read(std::uint32_t number, char* out);

  // The transaction in progress.
  /// Page images it may hold. No limit until one is set.
  void limitPending(std::uint64_t bytes) { pendingBytesMax_ = bytes; }
  /// Throws: kLimitExceeded.
  void write(std::uint32_t number, const char* bytes);
  void resize(std::uint32_t pages);
  [[nodiscard]] bool changed() const {
    return !pending_.empty() || pages_ != committedPages_ || lowest_ != kNotResized;
  }
  /// Appends the transaction's page ops to a commit record.
  void collect(Buffer& ops);
  /// The collected transaction is commit `lsn`.
  void commit(Lsn lsn);
  void discard();

  /// A round has brought the file to `lsn`, with `filePages` pages (I7: nobody reads an older
  /// file).
  void dropThrough(Lsn lsn, std::uint32_t filePages);

  /// Gives up the file's descriptor; the next read takes it again.
  void closeFile() { file_.reset(); }
  [[nodiscard]] std::uint64_t memoryBytes() const {
    return (overlay_.size() + pending_.size()) * (kPageBytes + 64);
  }
  [[nodiscard]] bool hasOverlay() const { return !overlay_.empty() || !cuts_.empty(); }

 private:
  using Image = std::unique_ptr<char[]>;
  struct Committed {
    Lsn lsn;
    Image image;
  };
  struct Cut {
    Lsn lsn;
    std::uint32_t pages;
  };
  static constexpr std::uint32_t kNotResized = UINT32_MAX;

  /// A committed page: in the overlay, or read into `room`.
  const char* committed(std::uint32_t number, char* room);
  void readBase(std::uint32_t number, char* out);
  [[nodiscard]] std::uint32_t fileReadable() const;

  PageFiles& files_;
  SpaceId space_;
  ReadBase base_;
  std::unique_ptr<File> file_;
  std::uint32_t filePages_;
  std::vector<Cut> cuts_;  ///< Commits that shrank it and that the file does not hold yet: later
                           ///< ones left more pages.
  std::uint32_t committedPages_;
  std::unordered_map<std::uint32_t, Committed> overlay_;

  std::uint32_t pages_;                 ///< Of the transaction in progress.
  std::uint32_t lowest_ = kNotResized;  ///< Fewest pages it ever had: what lies beyond and was not
                                        ///< written since is zero.
  std::map<std::uint32_t, Image> pending_;
  std::uint64_t pendingBytesMax_ = UINT64_MAX;
};

}  // namespace cairn::sql
