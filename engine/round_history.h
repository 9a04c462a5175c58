// The middle of a round: commit by commit through one space, the undo goes to the change log and
// the pages' new images to the scratch.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "engine/base/buffer.h"
#include "engine/round_plan.h"
#include "pitr/change_log.h"
#include "pitr/packed_page.h"
#include "sql_frontend/page_files.h"
#include "sql_frontend/scratch.h"

namespace cairn {

class SpaceHistory {
 public:
  SpaceHistory(SpaceId space, SpacePlan& plan, sql::PageFiles& files, pitr::ChangeLogWriter& log,
               pitr::PagePacker& packer);

  /// Walks the space's commits. Throws: kDamaged when a page difference does not lead to what the
  /// commit wrote.
  void run();
  /// The pages as the round leaves them; returns how many.
  std::uint64_t writePages(sql::Scratch::Writer& scratch);

 private:
  struct Image {
    std::unique_ptr<char[]> bytes;
    Hash128 digest;
  };

  void commit(const CommitPlan& commit);
  void undoKeys(const CommitPlan& commit);
  void cutPages(const CommitPlan& commit);
  void applyPages(const CommitPlan& commit);
  std::string_view pagesAfter(const CommitPlan& commit);
  void addPageUndo(std::uint32_t number, const char* before, const char* after,
                   const CommitPlan* packedWith);
  Image& image(std::uint32_t number);
  void applyDelta(const PageChange& change, Image& image, Lsn lsn);

  SpaceId space_;
  SpacePlan& plan_;
  sql::PageFiles& files_;
  pitr::ChangeLogWriter& log_;
  pitr::PagePacker& packer_;
  const bool history_;
  pitr::RunBuilder run_;
  Hash128 digest_;  ///< Of keys and pages, up to date with the commit.
  std::unique_ptr<File> file_;
  std::uint32_t readable_;  ///< Pages of the file beyond this were cut off by a commit.
  std::uint32_t pages_;
  std::unordered_map<std::uint32_t, Image> images_;
  Buffer undo_;
  Buffer before_;       ///< The pages of the commit at hand, before it.
  Buffer commitPages_;  ///< And after it; empty until somebody asks.
};

}  // namespace cairn
