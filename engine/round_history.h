// The middle of a round: commit by commit through one space, the undo goes to the change log and
// the pages' new images to the scratch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/round_plan.h"
#include "pitr/change_log.h"
#include "pitr/packed_page.h"
#include "sql_frontend/page_delta.h"
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

  struct Applied {
    std::uint32_t number;
    const char* after;
    std::size_t changedEnd;  ///< In `changed_`.
  };

  void commit(const CommitPlan& commit);
  void undoKeys(const CommitPlan& commit);
  void cutPages(const CommitPlan& commit);
  void applyPages(const CommitPlan& commit);
  std::string_view pagesAfter(const CommitPlan& commit);
  void addPageUndos(const CommitPlan* packedWith);
  void addPageUndo(std::uint32_t number, const char* before, const char* after,
                   std::span<const sql::PageRange> changed, const CommitPlan* packedWith);
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
  // Pages that the commit at hand has been applied to and whose undo is due.
  std::vector<Applied> applied_;
  Buffer before_;                        ///< As they were, one after another.
  std::vector<sql::PageRange> changed_;  ///< Where, one page after another.
  Buffer commitPages_;                   ///< As they are; empty until somebody asks.
};

}  // namespace cairn
