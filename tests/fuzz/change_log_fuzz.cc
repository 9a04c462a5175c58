// Goal: runs, frames and places of the change log either decode or throw, and a run that was built
// reads back as it was built.
//
// The first byte chooses: 0 bytes of a run, 1 a frame's header, 2 a place and a segment's header,
// 3 instructions to build a run from.
#include <cairn/error.h>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pitr/change_log_format.h"
#include "tests/fuzz/fuzz_check.h"

namespace {

using namespace cairn;

void readRun(std::string_view bytes) {
  std::size_t length = pitr::runBytesAt(bytes, 0);
  fuzz::require(length <= bytes.size(), "a run lies within its bytes");
  pitr::RunReader run(bytes.substr(0, length));
  for (const pitr::CommitUndo& commit : run.commits())
    pitr::visitUndos(commit.undos, [](const pitr::Undo&) {});
}

void readFrame(std::string_view bytes) {
  std::optional<pitr::FrameHeader> frame = pitr::FrameHeader::peek(bytes);
  if (!frame) return;
  if (frame->totalBytes() <= bytes.size())
    static_cast<void>(frame->checks(bytes.substr(0, frame->totalBytes()), 7));
}

void readPlaces(std::string_view bytes) {
  pitr::SegmentHeader segment;
  static_cast<void>(pitr::SegmentHeader::decode(bytes, "0123456789abcdef", 7, segment));
  pitr::RunPlace place = pitr::RunPlace::decode(bytes);
  pitr::RunPlace again = pitr::RunPlace::decode(place.encode());
  fuzz::require(again.encode() == place.encode(), "a place comes back");
}

/// Builds what the bytes say and checks that reading finds just that.
void buildRun(std::string_view plan) {
  pitr::RunBuilder builder;
  builder.begin(SpaceId(5), ObjectNumber(6), {});
  Decoder in(plan);
  std::vector<std::string> undos;
  std::uint64_t lsn = 1;
  while (!in.done() && lsn < 100) {
    builder.beginCommit(Lsn(lsn), UnixMillis{1'700'000'000'000 + static_cast<std::int64_t>(lsn)});
    ++lsn;
    unsigned count = in.byte("how many") % 8;
    for (unsigned i = 0; i < count && !in.done(); ++i) {
      std::uint8_t kind = in.byte("kind");
      std::string_view text = in.bytes("text", kind / 16 > in.remaining() ? 0 : kind / 16U);
      switch (kind % 6) {
        case 0:
          builder.keyAbsent(text);
          break;
        case 1:
          builder.keyValue("key", text);
          break;
        case 2:
          builder.pageCount(kind);
          break;
        case 3:
          builder.alarmSet(text, UnixMillis{kind - 40});
          break;
        case 4:
          builder.alarmAbsent(text);
          break;
        default:
          builder.pointed(SpaceId(kind));
      }
      undos.emplace_back(text);
    }
    builder.endCommit({lsn, lsn * 3});
  }
  if (builder.empty()) return;
  Buffer bytes;
  builder.finish(bytes);
  fuzz::require(pitr::runBytesAt(bytes.view(), 0) == bytes.size(), "a run knows its length");
  pitr::RunReader run(bytes.view());
  std::vector<pitr::CommitUndo> commits = run.commits();
  fuzz::require(commits.size() == lsn - 1, "every commit is read");
  std::size_t seen = 0;
  for (std::size_t i = 0; i < commits.size(); ++i) {
    fuzz::require(commits[i].lsn == Lsn(i + 1), "commits come in order");
    pitr::visitUndos(commits[i].undos, [&](const pitr::Undo&) { ++seen; });
  }
  fuzz::require(seen == undos.size(), "every undo is read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<char> exact(data + 1, data + size);
  std::string_view bytes(exact.data(), exact.size());
  try {
    switch (data[0] % 4) {
      case 0:
        readRun(bytes);
        break;
      case 1:
        readFrame(bytes);
        break;
      case 2:
        readPlaces(bytes);
        break;
      default:
        buildRun(bytes);
    }
  } catch (const DecodeError&) {
  } catch (const Error&) {
  }
  return 0;
}
