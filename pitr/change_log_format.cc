#include "pitr/change_log_format.h"

#include <cairn/error.h>
#include <cstring>

#include "engine/base/check.h"

namespace cairn::pitr {

namespace {

constexpr std::string_view kSegmentMagic = "CAIRNCHG";
constexpr std::uint32_t kFrameMagic = 0x52464343;  // "CCFR"
constexpr std::size_t kFrameChecksumAt = kFrameHeaderBytes - 8;

// The checksum runs over the header up to itself, then over the payload.
std::uint64_t frameChecksum(const char* frame, std::size_t storedBytes, std::uint64_t seed) {
  std::uint64_t header = checksum64({frame, kFrameChecksumAt}, seed);
  return checksum64({frame + kFrameHeaderBytes, storedBytes}, header);
}

/// A time that is written as its distance from an earlier one.
UnixMillis readLater(Decoder& in, UnixMillis earlier, const char* what) {
  UnixMillis later;
  auto distance = static_cast<std::int64_t>(in.varint(what, INT64_MAX));
  if (__builtin_add_overflow(earlier.value, distance, &later.value)) in.fail(what);
  return later;
}

}  // namespace

std::string SegmentHeader::encode(std::string_view rootId, std::uint64_t seed) const {
  std::string out(kSegmentMagic);
  putFixed<std::uint32_t>(out, kChangeLogVersion);
  putFixed<std::uint32_t>(out, kSegmentHeaderBytes);
  out.append(rootId);
  putFixed<std::uint64_t>(out, number);
  putFixed<std::uint64_t>(out, firstLsn.value());
  putFixed<std::uint64_t>(out, static_cast<std::uint64_t>(created.value));
  putFixed<std::uint64_t>(out, checksum64(out, seed));
  CAIRN_CHECK(out.size() == kSegmentHeaderBytes);
  return out;
}

SegmentHeader::Problem SegmentHeader::decode(std::string_view bytes, std::string_view rootId,
                                             std::uint64_t seed, SegmentHeader& out) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic))
    return Problem::kNotAHeader;
  Decoder in(bytes.substr(kSegmentMagic.size()));
  std::uint32_t version = in.fixed<std::uint32_t>("version");
  std::uint32_t headerBytes = in.fixed<std::uint32_t>("header size");
  std::string_view writer = in.bytes("root id", rootId.size());
  out.number = in.fixed<std::uint64_t>("number");
  out.firstLsn = Lsn(in.fixed<std::uint64_t>("first LSN"));
  out.created = UnixMillis{static_cast<std::int64_t>(in.fixed<std::uint64_t>("time"))};
  std::uint64_t checksum = in.fixed<std::uint64_t>("checksum");
  if (version > kChangeLogVersion) return Problem::kNewerVersion;
  if (headerBytes != kSegmentHeaderBytes) return Problem::kNotAHeader;
  // Another root's header checks under its own seed, which starts from its own id.
  if (writer != rootId) return Problem::kForeignRoot;
  return checksum == checksum64(bytes.substr(0, kSegmentHeaderBytes - 8), seed)
             ? Problem::kNone
             : Problem::kNotAHeader;
}

void FrameHeader::seal(std::uint64_t seed, char* frame) {
  std::memset(frame, 0, kFrameHeaderBytes);
  storeFixed<std::uint32_t>(frame, kFrameMagic);
  storeFixed<std::uint32_t>(frame + 4, storedBytes);
  storeFixed<std::uint64_t>(frame + 8, rawBytes);
  storeFixed<std::uint32_t>(frame + 16, runs);
  storeFixed<std::uint64_t>(frame + 24, firstLsn.value());
  storeFixed<std::uint64_t>(frame + 32, lastLsn.value());
  storeFixed<std::uint64_t>(frame + 40, static_cast<std::uint64_t>(firstTime.value));
  storeFixed<std::uint64_t>(frame + 48, static_cast<std::uint64_t>(lastTime.value));
  checksum = frameChecksum(frame, storedBytes, seed);
  storeFixed<std::uint64_t>(frame + kFrameChecksumAt, checksum);
}

std::optional<FrameHeader> FrameHeader::peek(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes || loadFixed<std::uint32_t>(bytes.data()) != kFrameMagic)
    return std::nullopt;
  const char* frame = bytes.data();
  FrameHeader header;
  header.storedBytes = loadFixed<std::uint32_t>(frame + 4);
  header.rawBytes = loadFixed<std::uint64_t>(frame + 8);
  header.runs = loadFixed<std::uint32_t>(frame + 16);
  header.firstLsn = Lsn(loadFixed<std::uint64_t>(frame + 24));
  header.lastLsn = Lsn(loadFixed<std::uint64_t>(frame + 32));
  header.firstTime = UnixMillis{static_cast<std::int64_t>(loadFixed<std::uint64_t>(frame + 40))};
  header.lastTime = UnixMillis{static_cast<std::int64_t>(loadFixed<std::uint64_t>(frame + 48))};
  header.checksum = loadFixed<std::uint64_t>(frame + kFrameChecksumAt);
  if (header.rawBytes > kFrameRawBytesMax) return std::nullopt;
  return header;
}

bool FrameHeader::checks(std::string_view frame, std::uint64_t seed) const {
  return frame.size() >= totalBytes() && checksum == frameChecksum(frame.data(), storedBytes, seed);
}

void RunHeader::encode(Buffer& out) const {
  putVarint(out, space.value());
  putVarint(out, object.value());
  putVarint(out, firstLsn.value());
  putVarint(out, lastLsn.value() - firstLsn.value());
  putVarint(out, zigzag(firstTime.value));
  putVarint(out, static_cast<std::uint64_t>(lastTime.value - firstTime.value));
  putVarint(out, commits);
  out.push_back(static_cast<char>(touches));
  putFixed<std::uint64_t>(out, digestBefore);
  putFixed<std::uint64_t>(out, digestAfter.low);
  putFixed<std::uint64_t>(out, digestAfter.high);
}

RunHeader RunHeader::decode(Decoder& in) {
  RunHeader header;
  header.space = SpaceId(in.varint("space"));
  header.object = ObjectNumber(in.varint("object"));
  header.firstLsn = Lsn(in.varint("first LSN"));
  header.lastLsn = Lsn(header.firstLsn.value() + in.varint("last LSN"));
  header.firstTime = UnixMillis{unzigzag(in.varint("first time"))};
  header.lastTime = readLater(in, header.firstTime, "last time");
  header.commits = static_cast<std::uint32_t>(in.varint("commits", UINT32_MAX));
  header.touches = in.byte("touches");
  header.digestBefore = in.fixed<std::uint64_t>("digest before");
  header.digestAfter.low = in.fixed<std::uint64_t>("digest after");
  header.digestAfter.high = in.fixed<std::uint64_t>("digest after");
  return header;
}

void RunBuilder::begin(SpaceId space, ObjectNumber object, const Hash128& digestBefore) {
  header_ = RunHeader{};
  header_.space = space;
  header_.object = object;
  header_.digestBefore = digestBefore.low;
  header_.digestAfter = digestBefore;
  commits_.clear();
}

void RunBuilder::beginCommit(Lsn lsn, UnixMillis time) {
  // The digest after the commit before this one; the last one's is in the header.
  if (header_.commits > 0) putFixed<std::uint64_t>(commits_, header_.digestAfter.low);
  Lsn previous = header_.commits == 0 ? lsn : header_.lastLsn;
  UnixMillis previousTime = header_.commits == 0 ? time : header_.lastTime;
  putVarint(commits_, lsn.value() - previous.value());
  putVarint(commits_, static_cast<std::uint64_t>(time.value - previousTime.value));
  if (header_.commits == 0) {
    header_.firstLsn = lsn;
    header_.firstTime = time;
  }
  header_.lastLsn = lsn;
  header_.lastTime = time;
  undos_.clear();
}

void RunBuilder::kind(UndoKind kind, std::uint8_t touches) {
  undos_.push_back(static_cast<char>(kind));
  header_.touches |= touches;
}

void RunBuilder::keyAbsent(std::string_view key) {
  kind(UndoKind::kKeyAbsent, kTouchesKv);
  putString(undos_, key);
}

void RunBuilder::keyValue(std::string_view key, std::string_view before) {
  kind(UndoKind::kKeyValue, kTouchesKv);
  putString(undos_, key);
  putString(undos_, before);
}

void RunBuilder::page(std::uint32_t number, std::string_view undo, bool packed) {
  kind(packed ? UndoKind::kPagePacked : UndoKind::kPage, kTouchesSql);
  putVarint(undos_, number);
  putString(undos_, undo);
}

void RunBuilder::pageCount(std::uint32_t before) {
  kind(UndoKind::kPageCount, kTouchesSql);
  putVarint(undos_, before);
}

void RunBuilder::alarmAbsent(std::string_view name) {
  kind(UndoKind::kAlarmAbsent, kTouchesAlarm);
  putString(undos_, name);
}

void RunBuilder::alarmSet(std::string_view name, UnixMillis before) {
  kind(UndoKind::kAlarmSet, kTouchesAlarm);
  putString(undos_, name);
  putVarint(undos_, zigzag(before.value));
}

void RunBuilder::pointed(SpaceId before) {
  kind(UndoKind::kPointed, kTouchesSpace);
  putVarint(undos_, before.value());
}

void RunBuilder::restored(Lsn target) {
  kind(UndoKind::kRestored, 0);
  putVarint(undos_, target.value());
}

void RunBuilder::endCommit(const Hash128& digestAfter) {
  putString(commits_, undos_.view());
  header_.digestAfter = digestAfter;
  ++header_.commits;
}

void RunBuilder::finish(Buffer& out) const {
  header_.encode(out);
  out.append(commits_.view());
}

std::size_t runBytesAt(std::string_view payload, std::size_t offset) {
  if (offset > payload.size()) throw DecodeError("run beyond its frame", offset);
  Decoder in(payload.substr(offset));
  RunHeader header = RunHeader::decode(in);
  for (std::uint32_t i = 0; i < header.commits; ++i) {
    if (i > 0) in.fixed<std::uint64_t>("digest");
    in.varint("LSN");
    in.varint("time");
    in.string("undos");
  }
  return in.position();
}

RunReader::RunReader(std::string_view bytes) {
  Decoder in(bytes);
  header_ = RunHeader::decode(in);
  body_ = bytes.substr(in.position());
}

std::vector<CommitUndo> RunReader::commits() const {
  Decoder in(body_);
  std::vector<CommitUndo> commits;
  Lsn lsn = header_.firstLsn;
  UnixMillis time = header_.firstTime;
  for (std::uint32_t i = 0; i < header_.commits; ++i) {
    if (i > 0) commits.back().digestAfter = in.fixed<std::uint64_t>("digest");
    lsn = Lsn(lsn.value() + in.varint("LSN"));
    time = readLater(in, time, "time");
    commits.push_back({lsn, time, header_.digestAfter.low, in.string("undos")});
  }
  if (!in.done()) in.fail("end of run");
  return commits;
}

std::string RunPlace::encode() const {
  std::string out;
  for (std::uint64_t number :
       {segment, frameOffset, frameBytes, runOffset, runBytes, firstLsn.value(),
        zigzag(firstTime.value), static_cast<std::uint64_t>(lastTime.value - firstTime.value),
        std::uint64_t{commits}, std::uint64_t{touches}}) {
    putVarint(out, number);
  }
  return out;
}

RunPlace RunPlace::decode(std::string_view bytes) {
  try {
    Decoder in(bytes);
    RunPlace place;
    place.segment = in.varint("segment");
    place.frameOffset = in.varint("frame offset");
    place.frameBytes = in.varint("frame size");
    place.runOffset = in.varint("run offset");
    place.runBytes = in.varint("run size");
    place.firstLsn = Lsn(in.varint("first LSN"));
    place.firstTime = UnixMillis{unzigzag(in.varint("first time"))};
    place.lastTime = readLater(in, place.firstTime, "last time");
    place.commits = static_cast<std::uint32_t>(in.varint("commits", UINT32_MAX));
    place.touches = static_cast<std::uint8_t>(in.varint("touches", 255));
    return place;
  } catch (const DecodeError& error) {
    throw Error(ErrorCode::kDamaged, std::string("store: change-log index row: ") + error.what());
  }
}

}  // namespace cairn::pitr
