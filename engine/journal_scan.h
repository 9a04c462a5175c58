// Reading the journal back: after a crash, for verification, and beside a running engine.
#pragma once

#include <cairn/error.h>
#include <cairn/file_system.h>
#include <cairn/types.h>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/commit_record.h"
#include "engine/journal.h"
#include "engine/root_identity.h"

namespace cairn::journal {

/// A block was being written when the machine stopped. Nothing acknowledged is in it.
struct TornTail {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  ///< Of the block, as its header says.
};

struct Scan {
  Journal::Start start;
  bool cleanlyClosed = false;
  std::optional<TornTail> tornTail;
  /// Segments behind the end that hold only pieces of a commit that was never finished, highest
  /// first. To be removed, in this order, before the journal goes on.
  std::vector<std::uint64_t> abandoned;
  std::uint64_t records = 0;  ///< Given to the sink.
  std::uint64_t blocks = 0;
};

struct ScanFrom {
  std::uint64_t segment =
      1;            ///< The first segment the store needs; it must exist unless the root is new.
  Lsn after;        ///< Records up to here are in the store and are skipped.
  UnixMillis time;  ///< Commit time of `after`.
  bool newRoot = false;  ///< The store has never completed a round: an empty journal is fine.
};

/// What `scan` throws where the journal is damaged.
class ScanDamage : public Error {
 public:
  ScanDamage(const std::string& message, std::uint64_t segmentNumber, std::uint64_t where, Lsn good)
      : Error(ErrorCode::kDamaged, message),
        segment(segmentNumber),
        offset(where),
        lastGood(good) {}

  std::uint64_t segment;
  std::uint64_t offset;
  Lsn lastGood;  ///< Every commit up to here was read.
};

/// Where numbering goes on after a process died that may have handed out numbers beyond `last`
/// (I8).
[[nodiscard]] Lsn firstLsnAfterCrash(Lsn last);

/// Gives every whole record after `from.after`, in LSN order, to `sink`.
/// Throws: ScanDamage naming segment, offset and LSN; kForeign for another root's segment or a
/// newer format.
Scan scan(FileSystem& fileSystem, const std::string& directory, const RootId& root,
          const ScanFrom& from, const std::function<void(const RecordRef&)>& sink);

}  // namespace cairn::journal
