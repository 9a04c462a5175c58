// Goal: whatever bytes stand where a journal segment's header or a block should be, they are judged
// without reading past them; what was sealed reads back, and no changed byte of it passes.
//
// The first byte chooses: even, the rest are bytes found on disk; odd, the rest is the payload of a
// block to write, of which the second byte says which byte is damaged.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/coding.h"
#include "engine/base/compression.h"
#include "engine/journal_format.h"
#include "tests/fuzz/fuzz_check.h"

namespace {

using namespace cairn;
using journal::BlockHeader;
using journal::SegmentHeader;

const RootId kRoot = RootId::fromHex("000102030405060708090a0b0c0d0e0f");

void decompress(const BlockHeader& header, std::string_view payload) {
  std::vector<char> raw(header.rawBytes);
  try {
    Decompressor().decompress(payload, raw);
  } catch (const DecodeError&) {
  }
}

void readFound(std::string_view bytes) {
  SegmentHeader::Decoded segment;
  if (bytes.size() >= journal::kPage)
    static_cast<void>(SegmentHeader::decode(bytes.substr(0, journal::kPage), kRoot, segment));
  static_cast<void>(journal::segmentNumber(bytes));
  static_cast<void>(BlockHeader::peek(bytes));
  std::optional<BlockHeader> block = BlockHeader::read(bytes, kRoot.seed());
  fuzz::require(!block || block->storedBytes <= bytes.size(), "a block lies within its bytes");
  // As if its checksum were right.
  std::optional<BlockHeader> claimed = BlockHeader::peek(bytes);
  bool isPlausible = claimed && claimed->rawBytes <= journal::kBlockPayloadMax &&
                     claimed->storedBytes <= bytes.size() - journal::kBlockHeaderBytes;
  if (isPlausible)
    decompress(*claimed, bytes.substr(journal::kBlockHeaderBytes, claimed->storedBytes));
}

void writeAndDamage(std::string_view payload, std::size_t damageAt) {
  BlockHeader header;
  header.storedBytes = static_cast<std::uint32_t>(payload.size());
  header.rawBytes = header.storedBytes;
  header.firstLsn = Lsn(payload.size() * 3);
  header.count = 1;
  header.time = UnixMillis{1'700'000'000'000};
  header.chain = 0x1234;
  std::vector<char> block(journal::kBlockHeaderBytes + payload.size());
  if (!payload.empty())
    std::memcpy(block.data() + journal::kBlockHeaderBytes, payload.data(), payload.size());
  header.seal(kRoot.seed(), block.data());
  std::string_view bytes(block.data(), block.size());
  std::optional<BlockHeader> read = BlockHeader::read(bytes, kRoot.seed());
  fuzz::require(read && read->firstLsn == header.firstLsn && read->checksum == header.checksum,
                "a sealed block reads back");
  fuzz::require(!BlockHeader::read(bytes, kRoot.seed() + 1), "another root's block does not pass");
  block[damageAt % block.size()] ^= 1;
  fuzz::require(!BlockHeader::read(bytes, kRoot.seed()), "a changed byte does not pass");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::vector<char> exact(data + 2, data + size);
  std::string_view bytes(exact.data(), exact.size());
  if (data[0] % 2 == 0) {
    readFound(bytes);
  } else {
    writeAndDamage(bytes, data[1] * std::size_t{37});
  }
  return 0;
}
