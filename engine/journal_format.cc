#include "engine/journal_format.h"

#include <cstring>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/checksum.h"
#include "engine/base/coding.h"
#include "engine/base/mutant.h"

namespace cairn::journal {

namespace {

constexpr std::string_view kSegmentMagic = "CAIRNJNL";
constexpr std::uint32_t kBlockMagic = 0x4b424a43;  // "CJBK"

constexpr std::size_t kSegmentChecksumAt = SegmentHeader::kBytes - 8;
constexpr std::size_t kBlockChecksumAt = kBlockHeaderBytes - 8;

// The checksum runs over the header up to itself, then over the payload.
std::uint64_t blockChecksum(const char* block, std::size_t storedBytes, std::uint64_t seed) {
  std::uint64_t header = checksum64({block, kBlockChecksumAt}, seed);
  return checksum64({block + kBlockHeaderBytes, storedBytes}, header);
}

}  // namespace

std::uint64_t SegmentHeader::encode(const RootId& root, char* page) const {
  std::string out;
  out.append(kSegmentMagic);
  putFixed<std::uint32_t>(out, kFormatVersion);
  putFixed<std::uint32_t>(out, kBytes);
  out.append(root.view());
  putFixed<std::uint64_t>(out, number);
  putFixed<std::uint64_t>(out, bytes);
  putFixed<std::uint64_t>(out, firstLsn.value());
  putFixed<std::uint64_t>(out, previousEnd);
  putFixed<std::uint64_t>(out, previousChain);
  putFixed<std::uint64_t>(out, static_cast<std::uint64_t>(created.value));
  std::uint64_t checksum = checksum64(out, root.seed());
  putFixed<std::uint64_t>(out, checksum);
  CAIRN_CHECK(out.size() == kBytes);
  std::memset(page, 0, kPage);
  std::memcpy(page, out.data(), out.size());
  return checksum;
}

SegmentHeader::Problem SegmentHeader::decode(std::string_view page, const RootId& root,
                                             Decoded& out) {
  if (page.size() < kBytes || !page.starts_with(kSegmentMagic)) return Problem::kNotAHeader;
  Decoder in(page.substr(kSegmentMagic.size()));
  out.version = in.fixed<std::uint32_t>("version");
  std::uint32_t headerBytes = in.fixed<std::uint32_t>("header size");
  std::string_view rootBytes = in.bytes("root id", root.bytes.size());
  out.header.number = in.fixed<std::uint64_t>("number");
  out.header.bytes = in.fixed<std::uint64_t>("size");
  out.header.firstLsn = Lsn(in.fixed<std::uint64_t>("first LSN"));
  out.header.previousEnd = in.fixed<std::uint64_t>("previous end");
  out.header.previousChain = in.fixed<std::uint64_t>("previous chain");
  out.header.created = UnixMillis{static_cast<std::int64_t>(in.fixed<std::uint64_t>("time"))};
  out.checksum = in.fixed<std::uint64_t>("checksum");

  RootId writer;
  std::memcpy(writer.bytes.data(), rootBytes.data(), rootBytes.size());
  bool intact = headerBytes == kBytes &&
                out.checksum == checksum64(page.substr(0, kSegmentChecksumAt), writer.seed());
  if (out.version > kFormatVersion) return Problem::kNewerVersion;
  if (!intact) return Problem::kNotAHeader;
  return writer == root ? Problem::kNone : Problem::kForeignRoot;
}

void BlockHeader::seal(std::uint64_t seed, char* block) {
  std::memset(block, 0, kBlockHeaderBytes);
  storeFixed<std::uint32_t>(block, kBlockMagic);
  storeFixed<std::uint16_t>(block + 4, flags);
  storeFixed<std::uint32_t>(block + 8, storedBytes);
  storeFixed<std::uint32_t>(block + 12, rawBytes);
  storeFixed<std::uint64_t>(block + 16, firstLsn.value());
  storeFixed<std::uint32_t>(block + 24, count);
  storeFixed<std::uint64_t>(block + 32, static_cast<std::uint64_t>(time.value));
  storeFixed<std::uint64_t>(block + 40, chain);
  checksum = blockChecksum(block, storedBytes, seed);
  storeFixed<std::uint64_t>(block + kBlockChecksumAt, checksum);
}

std::optional<BlockHeader> BlockHeader::peek(std::string_view bytes) {
  if (bytes.size() < kBlockHeaderBytes) return std::nullopt;
  const char* block = bytes.data();
  if (loadFixed<std::uint32_t>(block) != kBlockMagic) return std::nullopt;
  BlockHeader header;
  header.flags = loadFixed<std::uint16_t>(block + 4);
  header.storedBytes = loadFixed<std::uint32_t>(block + 8);
  header.rawBytes = loadFixed<std::uint32_t>(block + 12);
  header.firstLsn = Lsn(loadFixed<std::uint64_t>(block + 16));
  header.count = loadFixed<std::uint32_t>(block + 24);
  header.time = UnixMillis{static_cast<std::int64_t>(loadFixed<std::uint64_t>(block + 32))};
  header.chain = loadFixed<std::uint64_t>(block + 40);
  header.checksum = loadFixed<std::uint64_t>(block + kBlockChecksumAt);
  return header;
}

std::optional<BlockHeader> BlockHeader::read(std::string_view bytes, std::uint64_t seed) {
  std::optional<BlockHeader> header = peek(bytes);
  if (!header || header->rawBytes > kBlockPayloadMax) return std::nullopt;
  if (header->storedBytes > bytes.size() - kBlockHeaderBytes) return std::nullopt;
  if (header->checksum != blockChecksum(bytes.data(), header->storedBytes, seed) &&
      !mutantActive(Mutant::kJournalChecksumUnchecked)) {
    return std::nullopt;
  }
  return header;
}

std::string segmentName(std::uint64_t number) { return fmt::format("{:08x}", number); }

std::optional<std::uint64_t> segmentNumber(std::string_view name) {
  if (name.size() < 8 || name.size() > 16) return std::nullopt;
  std::uint64_t number = 0;
  for (char c : name) {
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    number = number * 16 + static_cast<std::uint64_t>(digit);
  }
  if (segmentName(number) != name) return std::nullopt;
  return number;
}

}  // namespace cairn::journal
