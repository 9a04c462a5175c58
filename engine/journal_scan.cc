#include "engine/journal_scan.h"

#include <algorithm>
#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/compression.h"
#include "engine/base/mutant.h"
#include "engine/journal_format.h"

namespace cairn::journal {

// LSNs handed out by a process that died may lie beyond the last durable one. Numbering goes on at
// the next multiple of 2^32 that is safely above anything memory could have held (I8).
Lsn firstLsnAfterCrash(Lsn last) {
  if (mutantActive(Mutant::kJournalNumbersReused)) return last.next();
  constexpr std::uint64_t kInMemoryAtMost = std::uint64_t{1} << 31;
  return Lsn((((last.value() + kInMemoryAtMost) >> 32) + 1) << 32);
}

namespace {

class Scanner {
 public:
  Scanner(FileSystem& fileSystem, const std::string& directory, const RootId& root,
          const ScanFrom& from, const std::function<void(const RecordRef&)>& sink)
      : fileSystem_(fileSystem),
        directory_(directory),
        root_(root),
        seed_(root.seed()),
        from_(from),
        sink_(sink) {}

  Scan run() {
    loadHeaders();
    result_.start.nextLsn = from_.after.next();
    result_.start.lastTime = from_.time;
    expected_ = from_.after.next();
    if (headers_.empty()) return std::move(result_);

    expected_ = headers_.front().header.firstLsn;
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      scanSegment(headers_[i], i + 1 < headers_.size() ? &headers_[i + 1] : nullptr);
    }
    finish();
    return std::move(result_);
  }

 private:
  // A place between two blocks, and what is known there.
  struct Position {
    std::size_t segmentsUsed = 0;
    std::uint64_t offset = 0;
    std::uint64_t chain = 0;
    Lsn lastLsn;
  };

  [[noreturn]] void damaged(std::uint64_t segment, std::uint64_t offset,
                            const std::string& what) const {
    Lsn good(expected_.value() - 1);
    throw ScanDamage(fmt::format("journal {} offset {}: {}; last good LSN {}", segmentName(segment),
                                 offset, what, good.value()),
                     segment, offset, good);
  }

  std::string readSegment(std::uint64_t number) {
    std::unique_ptr<File> file = fileSystem_.open(directory_ + "/" + segmentName(number), {});
    std::string bytes(file->size(), '\0');
    bytes.resize(file->read(0, bytes));
    return bytes;
  }

  // The run of segments that were begun, from the first one needed on. A file without a valid
  // header was prepared and never used.
  void loadHeaders() {
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : fileSystem_.list(directory_)) {
      std::optional<std::uint64_t> number = segmentNumber(name);
      if (number && *number >= from_.segment) numbers.push_back(*number);
    }
    std::uint64_t next = from_.segment;
    for (std::uint64_t number : numbers) {
      std::optional<SegmentHeader::Decoded> header = loadHeader(number);
      if (!header) continue;
      if (number != next) damaged(next, 0, "the segment is missing, later ones exist");
      headers_.push_back(*header);
      ++next;
    }
    if (headers_.empty() && !from_.newRoot) damaged(from_.segment, 0, "the segment is missing");
  }

  std::optional<SegmentHeader::Decoded> loadHeader(std::uint64_t number) {
    std::unique_ptr<File> file = fileSystem_.open(directory_ + "/" + segmentName(number), {});
    std::string page(kPage, '\0');
    page.resize(file->read(0, page));
    SegmentHeader::Decoded decoded;
    switch (SegmentHeader::decode(page, root_, decoded)) {
      case SegmentHeader::Problem::kNone:
        break;
      case SegmentHeader::Problem::kNotAHeader:
        // A prepared segment is zeros, and a write that was cut off leaves a header whole or away:
        // it fits into one sector.
        if (page.find_first_not_of('\0') != std::string::npos)
          damaged(number, 0, "the segment's header is damaged");
        return std::nullopt;
      case SegmentHeader::Problem::kForeignRoot:
        throw Error(ErrorCode::kForeign, fmt::format("journal {} belongs to another root than {}",
                                                     segmentName(number), root_.hex()));
      case SegmentHeader::Problem::kNewerVersion:
        throw Error(ErrorCode::kForeign,
                    fmt::format("journal {} has format version {}, this build reads up to {}",
                                segmentName(number), decoded.version, kFormatVersion));
    }
    if (decoded.header.number == number) return decoded;
    // A recycled segment keeps its old header, with its old number, until it is begun again. It was
    // recycled because nobody needed that number any more.
    if (decoded.header.number >= from_.segment) {
      damaged(number, 0,
              fmt::format("the file holds segment {}", segmentName(decoded.header.number)));
    }
    return std::nullopt;
  }

  void scanSegment(const SegmentHeader::Decoded& segment, const SegmentHeader::Decoded* next) {
    std::uint64_t number = segment.header.number;
    std::string bytes = readSegment(number);
    if (segment.header.firstLsn < expected_) damaged(number, 0, "LSNs go back");
    if (partial_ && segment.header.firstLsn != partial_->lsn)
      damaged(number, 0, "the rest of a commit is missing");
    expected_ = std::max(expected_, segment.header.firstLsn);

    result_.cleanlyClosed = false;  // Whoever began this segment may have died without a block.
    Position here{result_.start.used.size() + 1, kPage, segment.checksum,
                  Lsn(expected_.value() - 1)};
    // The very first commit may be one that was never finished.
    if (result_.start.used.empty()) good_ = here;
    result_.start.used.push_back({number, here.lastLsn});
    if (!partial_) good_ = here;
    std::uint64_t end = next != nullptr ? next->header.previousEnd : bytes.size();
    if (end > bytes.size()) damaged(number, bytes.size(), "the file is cut short");
    while (here.offset < end) {
      std::optional<BlockHeader> block =
          BlockHeader::read(std::string_view(bytes).substr(here.offset), seed_);
      if (!block || !follows(*block, here.chain)) break;
      takeBlock(*block, std::string_view(bytes).substr(here.offset), here);
    }
    if (next == nullptr) {
      checkTail(number, bytes, here);
    } else if (here.offset != end || (here.chain != next->header.previousChain &&
                                      !mutantActive(Mutant::kJournalChainUnchecked))) {
      damaged(number, here.offset, "block is damaged, later segments exist");
    }
  }

  bool follows(const BlockHeader& block, std::uint64_t chain) const {
    if (mutantActive(Mutant::kJournalChainUnchecked)) return true;
    return block.chain == chain && block.firstLsn == expected_;
  }

  void takeBlock(const BlockHeader& block, std::string_view bytes, Position& here) {
    std::uint64_t number = result_.start.used.back().number;
    if ((block.flags & ~kKnownBlockFlags) != 0) {
      throw Error(ErrorCode::kForeign,
                  fmt::format("journal {} offset {}: block flags {:#x} are not known to this build",
                              segmentName(number), here.offset, block.flags));
    }
    try {
      std::string_view payload = bytes.substr(kBlockHeaderBytes, block.storedBytes);
      std::string raw;
      if ((block.flags & kCompressed) != 0) {
        raw.resize(block.rawBytes);
        decompressor_.decompress(payload, raw);
        payload = raw;
      }
      if ((block.flags & kFragment) != 0) {
        takeFragment(block, payload, number, here.offset);
      } else {
        if (partial_) damaged(number, here.offset, "the rest of a commit is missing");
        takeRecords(block, payload);
      }
    } catch (const DecodeError& error) {
      damaged(number, here.offset,
              fmt::format("block with LSN {} does not decode: {}", block.firstLsn.value(),
                          error.what()));
    }
    ++result_.blocks;
    expected_ = Lsn(block.firstLsn.value() + block.count);
    result_.cleanlyClosed = (block.flags & kCleanClose) != 0;
    here.offset += block.paddedBytes();
    here.chain = block.checksum;
    here.lastLsn = Lsn(expected_.value() - 1);
    result_.start.used.back().lastLsn = partial_ ? block.firstLsn : here.lastLsn;
    if (!partial_) good_ = here;
  }

  void takeRecords(const BlockHeader& block, std::string_view payload) {
    Decoder in(payload);
    for (std::uint32_t i = 0; i < block.count; ++i) {
      takeRecord(in.string("record"), Lsn(block.firstLsn.value() + i), block.time);
    }
    if (!in.done()) in.fail("block payload");
  }

  void takeFragment(const BlockHeader& block, std::string_view payload, std::uint64_t segment,
                    std::uint64_t offset) {
    if (block.firstLsn <= from_.after)
      return;  // Already in the store; its first pieces may be recycled.
    if (partial_ && partial_->lsn != block.firstLsn)
      damaged(segment, offset, "the rest of a commit is missing");
    if (!partial_ && (block.flags & kFirstFragment) == 0)
      damaged(segment, offset, "the start of a commit is missing");
    if (!partial_) partial_.emplace(Partial{block.firstLsn, block.time, {}});
    partial_->bytes.append(payload);
    if ((block.flags & kLastFragment) == 0) return;
    takeRecord(partial_->bytes, block.firstLsn, partial_->time);
    partial_.reset();
  }

  void takeRecord(std::string_view bytes, Lsn lsn, UnixMillis base) {
    Decoder in(bytes);
    SpaceId space(in.varint("space"));
    auto milliseconds = static_cast<std::int64_t>(in.varint("time", INT64_MAX));
    UnixMillis time{base.value + milliseconds};
    result_.start.lastTime = std::max(result_.start.lastTime, time);
    if (lsn <= from_.after) return;
    RecordRef record = RecordRef::make(space);
    record->lsn = lsn;
    record->time = time;
    record->ops.append(bytes.substr(in.position()));
    record->ops.shrinkToFit();
    visitOps(record->ops.view(), [](const auto&) {});
    sink_(record);
    ++result_.records;
  }

  // Behind the last good block: nothing, or a write that was cut off. A whole block behind a bad
  // one means that the bad one had been durable (R5), unless nothing there was ever synced.
  void checkTail(std::uint64_t number, std::string_view bytes, const Position& here) {
    for (std::uint64_t at = here.offset + kPage; at < bytes.size(); at += kPage) {
      std::optional<BlockHeader> later = BlockHeader::read(bytes.substr(at), seed_);
      if (!later || later->firstLsn < expected_ || (later->flags & kUnsynced) != 0) continue;
      // A journal that is closed again without a commit says so under the same number. One of these
      // may stand in a recycled segment, and takes nothing with it.
      if ((later->flags & kCleanClose) != 0 && later->firstLsn == expected_) continue;
      damaged(number, here.offset,
              fmt::format("block is damaged, and LSN {} stands behind it at offset {}",
                          later->firstLsn.value(), at));
    }
    if (here.offset >= bytes.size()) return;
    std::optional<BlockHeader> cutOff = BlockHeader::peek(bytes.substr(here.offset));
    if (cutOff && cutOff->chain == here.chain && cutOff->firstLsn == expected_) {
      result_.tornTail = TornTail{number, here.offset, cutOff->paddedBytes()};
    }
  }

  void finish() {
    if (partial_) {
      // The commit was never finished; the journal goes on where it began.
      while (result_.start.used.size() > good_.segmentsUsed) {
        result_.abandoned.push_back(result_.start.used.back().number);
        result_.start.used.pop_back();
      }
      result_.cleanlyClosed = false;
    }
    result_.start.used.back().lastLsn = good_.lastLsn;
    result_.start.end = good_.offset;
    result_.start.chain = good_.chain;
    Lsn last = std::max(good_.lastLsn, from_.after);
    if (good_.lastLsn < from_.after) {
      damaged(result_.start.used.back().number, good_.offset,
              fmt::format("the journal ends before LSN {}, which the store holds",
                          from_.after.value()));
    }
    result_.start.nextLsn = result_.cleanlyClosed ? last.next() : firstLsnAfterCrash(last);
  }

  struct Partial {
    Lsn lsn;
    UnixMillis time;
    std::string bytes;
  };

  FileSystem& fileSystem_;
  const std::string& directory_;
  const RootId& root_;
  const std::uint64_t seed_;
  const ScanFrom& from_;
  const std::function<void(const RecordRef&)>& sink_;
  std::vector<SegmentHeader::Decoded> headers_;
  Lsn expected_;
  Position good_;
  std::optional<Partial> partial_;
  Decompressor decompressor_;
  Scan result_;
};

}  // namespace

Scan scan(FileSystem& fileSystem, const std::string& directory, const RootId& root,
          const ScanFrom& from, const std::function<void(const RecordRef&)>& sink) {
  return Scanner(fileSystem, directory, root, from, sink).run();
}

}  // namespace cairn::journal
