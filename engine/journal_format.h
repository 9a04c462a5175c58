// The journal on disk. engine/DESIGN.md, "Journal", has the byte tables and the argument for them.
//
// A segment is a header page and then blocks, each at a multiple of 4,096 bytes, so that a torn
// write of one block never touches another. Every block carries the checksum of the one before it:
// what an earlier use of a recycled segment left behind does not continue the chain.
#pragma once

#include <array>
#include <cairn/types.h>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/root_identity.h"

namespace cairn::journal {

inline constexpr std::size_t kPage = 4096;
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kBlockHeaderBytes = 64;
/// A block's payload before compression. Also the piece size of a commit that is larger than one
/// block.
inline constexpr std::size_t kBlockPayloadMax = std::size_t{4} << 20;

struct SegmentHeader {
  static constexpr std::size_t kBytes = 88;

  std::uint64_t number =
      0;                    ///< Segments are numbered from 1; the file's name is the number in hex.
  std::uint64_t bytes = 0;  ///< Size of the segment.
  Lsn firstLsn;             ///< LSN of the first commit that starts here.
  std::uint64_t previousEnd = 0;    ///< Where the segment before this one ends; 0 in the first.
  std::uint64_t previousChain = 0;  ///< Checksum of its last block.
  UnixMillis created;

  /// Fills one page. Returns the header's checksum, which the first block's chain starts from.
  std::uint64_t encode(const RootId& root, char* page) const;

  struct Decoded;
  enum class Problem { kNone, kNotAHeader, kForeignRoot, kNewerVersion };
  /// `kNotAHeader` is also what a torn header looks like.
  static Problem decode(std::string_view page, const RootId& root, Decoded& out);
};

struct SegmentHeader::Decoded {
  SegmentHeader header;
  std::uint64_t checksum = 0;
  std::uint32_t version = 0;
};

enum BlockFlag : std::uint16_t {
  kCompressed = 1,     ///< The payload is one zstd frame.
  kFragment = 2,       ///< The payload is a piece of one record that is larger than a block.
  kFirstFragment = 4,  ///< The record's first piece.
  kLastFragment = 8,   ///< Its last piece.
  kCleanClose = 16,    ///< Written by an orderly close; holds no records.
  kUnsynced = 32,  ///< Written without a sync (Durability::kProcess): a hole in front of it is no
                   ///< proof of damage.
};
inline constexpr std::uint16_t kKnownBlockFlags = 63;

struct BlockHeader {
  std::uint16_t flags = 0;
  std::uint32_t storedBytes = 0;  ///< Payload as stored.
  std::uint32_t rawBytes = 0;     ///< Payload before compression.
  Lsn firstLsn;
  std::uint32_t count = 0;  ///< Records that end in this block.
  UnixMillis time;          ///< Times of records count from here.
  std::uint64_t chain = 0;  ///< Checksum of the block before, or of the segment header.
  std::uint64_t checksum = 0;

  [[nodiscard]] std::size_t paddedBytes() const {
    return (kBlockHeaderBytes + storedBytes + kPage - 1) / kPage * kPage;
  }

  /// Writes the header in front of the payload that already stands at `block + kBlockHeaderBytes`,
  /// and sets `checksum`.
  void seal(std::uint64_t seed, char* block);
  /// Reads what looks like a header at the start of `bytes`; nullopt if nothing does.
  static std::optional<BlockHeader> peek(std::string_view bytes);
  /// Reads the header at the start of `bytes`, which reach to the end of the segment; nullopt
  /// unless header and payload are whole.
  static std::optional<BlockHeader> read(std::string_view bytes, std::uint64_t seed);
};

/// "0000002a" for 42.
[[nodiscard]] std::string segmentName(std::uint64_t number);
/// nullopt for anything that is not a segment's name.
[[nodiscard]] std::optional<std::uint64_t> segmentNumber(std::string_view name);

}  // namespace cairn::journal
