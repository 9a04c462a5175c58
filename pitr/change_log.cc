#include "pitr/change_log.h"

#include <algorithm>
#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/mutant.h"

namespace cairn::pitr {

namespace {

// Payloads kept decompressed: neighbouring runs of an object are read one after another.
constexpr std::size_t kCacheBytes = std::size_t{16} << 20;

[[noreturn]] void damaged(std::uint64_t segment, std::uint64_t offset, const std::string& what) {
  throw Error(ErrorCode::kDamaged,
              fmt::format("change log {:08x} offset {}: {}", segment, offset, what));
}

}  // namespace

std::string ChangeLogFiles::path(std::uint64_t segment) const {
  return fmt::format("{}/{:08x}", directory, segment);
}

std::optional<std::uint64_t> changeSegmentNumber(std::string_view name) {
  if (name.size() != 8) return std::nullopt;
  std::uint64_t number = 0;
  for (char c : name) {
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    number = number * 16 + static_cast<std::uint64_t>(digit);
  }
  return number;
}

ChangeLogWriter::ChangeLogWriter(const ChangeLogFiles& files, Compressor& compressor,
                                 const ChangeLogEnd& end, UnixMillis now,
                                 const SegmentLimits& limits)
    : files_(files), compressor_(compressor), end_(end), now_(now), limits_(limits) {}

void ChangeLogWriter::add(const RunBuilder& run) {
  if (run.empty()) return;
  const RunHeader& header = run.header();
  if (payload_.empty()) {
    header_ = FrameHeader{};
    header_.firstLsn = header.firstLsn;
    header_.firstTime = header.firstTime;
    firstOfFrame_ = placed_.size();
  }
  PlacedRun placed{header.space, header.lastLsn, {}};
  placed.place.runOffset = payload_.size();
  run.finish(payload_);
  placed.place.runBytes = payload_.size() - placed.place.runOffset;
  placed.place.firstLsn = header.firstLsn;
  placed.place.firstTime = header.firstTime;
  placed.place.lastTime = header.lastTime;
  placed.place.commits = header.commits;
  placed.place.touches = header.touches;
  placed_.push_back(placed);

  header_.firstLsn = std::min(header_.firstLsn, header.firstLsn);
  header_.lastLsn = std::max(header_.lastLsn, header.lastLsn);
  header_.firstTime = std::min(header_.firstTime, header.firstTime);
  header_.lastTime = std::max(header_.lastTime, header.lastTime);
  ++header_.runs;
  if (payload_.size() >= kFrameRawBytes) writeFrame();
}

// Bytes beyond the end are of a round that came to nothing. They are gone before anybody can take
// them for a part of the segment.
bool ChangeLogWriter::openLast() {
  if (end_.segment == 0) return false;
  std::unique_ptr<File> file = files_.fileSystem.open(files_.path(end_.segment), {.write = true});
  bool hasTail = file->size() > end_.offset;
  if (hasTail) file->truncate(end_.offset);
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.resize(file->read(0, bytes));
  SegmentHeader header;
  if (end_.offset >= limits_.bytesMax ||
      SegmentHeader::decode(bytes, files_.rootId, files_.seed, header) !=
          SegmentHeader::Problem::kNone ||
      now_.value - header.created.value > limits_.ageMaxMs) {
    if (hasTail) file->syncData();
    return false;
  }
  file_ = std::move(file);
  return true;
}

void ChangeLogWriter::openSegment(Lsn firstLsn) {
  if (openLast()) return;
  ++end_.segment;
  beganSegment_ = true;
  file_ = files_.fileSystem.open(files_.path(end_.segment), {.write = true, .create = true});
  file_->truncate(0);
  std::string header =
      SegmentHeader{end_.segment, firstLsn, now_}.encode(files_.rootId, files_.seed);
  file_->write(0, header);
  end_.offset = header.size();
}

void ChangeLogWriter::writeFrame() {
  if (payload_.empty()) return;
  if (!file_) openSegment(header_.firstLsn);
  frame_.clear();
  frame_.extend(kFrameHeaderBytes);
  header_.rawBytes = payload_.size();
  header_.storedBytes = static_cast<std::uint32_t>(compressor_.compress(payload_.view(), frame_));
  header_.seal(files_.seed, frame_.data());
  file_->write(end_.offset, frame_.view());
  for (std::size_t i = firstOfFrame_; i < placed_.size(); ++i) {
    placed_[i].place.segment = end_.segment;
    placed_[i].place.frameOffset = end_.offset;
    placed_[i].place.frameBytes = frame_.size();
  }
  end_.offset += frame_.size();
  bytesWritten_ += frame_.size();
  payload_.clear();
}

void ChangeLogWriter::finish() {
  writeFrame();
  if (!file_) return;
  if (!mutantActive(Mutant::kChangeLogUnsynced)) file_->syncData();
  if (beganSegment_ && !mutantActive(Mutant::kChangeLogDirectoryUnsynced))
    files_.fileSystem.syncDirectory(files_.directory);
}

std::unique_ptr<File> ChangeLogReader::openSegment(std::uint64_t segment) {
  std::unique_ptr<File> file;
  try {
    file = files_.fileSystem.open(files_.path(segment), {});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    if (isDropped_ && isDropped_(segment)) {
      throw Error(ErrorCode::kOutOfRange,
                  fmt::format("change log {:08x} was dropped while it was being looked at: what it "
                              "held is older than what is kept",
                              segment));
    }
    damaged(segment, 0, "the segment is missing");
  }
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.resize(file->read(0, bytes));
  SegmentHeader header;
  switch (SegmentHeader::decode(bytes, files_.rootId, files_.seed, header)) {
    case SegmentHeader::Problem::kNone:
      break;
    case SegmentHeader::Problem::kNotAHeader:
      damaged(segment, 0, "the segment's header is damaged");
    case SegmentHeader::Problem::kForeignRoot:
      throw Error(ErrorCode::kForeign,
                  fmt::format("change log {:08x} belongs to another root", segment));
    case SegmentHeader::Problem::kNewerVersion:
      throw Error(ErrorCode::kForeign,
                  fmt::format("change log {:08x} has a newer format version", segment));
  }
  if (header.number != segment)
    damaged(segment, 0, fmt::format("the file is segment {:08x}", header.number));
  return file;
}

FramePayload ChangeLogReader::frame(const RunPlace& place, SpaceId space, Lsn lastLsn) {
  std::lock_guard lock(mutex_);
  auto cached = std::find_if(cache_.begin(), cache_.end(), [&](const Cached& entry) {
    return entry.segment == place.segment && entry.offset == place.frameOffset;
  });
  if (cached != cache_.end()) {
    cache_.splice(cache_.begin(), cache_, cached);
    return cached->payload;
  }
  auto lost = [&](const char* what) {
    damaged(place.segment, place.frameOffset,
            fmt::format("{}; the history of space {} from LSN {} to {} is lost", what,
                        space.value(), place.firstLsn.value(), lastLsn.value()));
  };
  std::unique_ptr<File> file = openSegment(place.segment);
  if (place.frameBytes < kFrameHeaderBytes || place.frameOffset + place.frameBytes > file->size())
    lost("the segment is cut short");
  std::string bytes(place.frameBytes, '\0');
  bytes.resize(file->read(place.frameOffset, bytes));
  std::optional<FrameHeader> header = FrameHeader::peek(bytes);
  if (!header || header->totalBytes() != bytes.size() || !header->checks(bytes, files_.seed))
    lost("the frame is damaged");
  auto payload = std::make_shared<std::string>(header->rawBytes, '\0');
  try {
    decompressor_.decompress(std::string_view(bytes).substr(kFrameHeaderBytes), *payload);
  } catch (const DecodeError& error) {
    lost(error.what());
  }
  cache_.push_front({place.segment, place.frameOffset, payload});
  cachedBytes_ += payload->size();
  while (cachedBytes_ > kCacheBytes && cache_.size() > 1) {
    cachedBytes_ -= cache_.back().payload->size();
    cache_.pop_back();
  }
  return payload;
}

ChangeLogReader::Run ChangeLogReader::read(SpaceId space, Lsn lastLsn, const RunPlace& place) {
  FramePayload payload = frame(place, space, lastLsn);
  if (place.runOffset > payload->size() || place.runBytes > payload->size() - place.runOffset) {
    damaged(place.segment, place.frameOffset, "an index row points beyond the frame");
  }
  Run run{payload, std::string_view(*payload).substr(place.runOffset, place.runBytes)};
  RunHeader header = RunReader(run.bytes).header();
  if (header.space != space || header.lastLsn != lastLsn) {
    damaged(
        place.segment, place.frameOffset,
        fmt::format("an index row for space {} LSN {} points at a run of space {} LSN {}",
                    space.value(), lastLsn.value(), header.space.value(), header.lastLsn.value()));
  }
  return run;
}

std::uint64_t ChangeLogReader::scan(
    std::uint64_t segment, std::uint64_t offset, std::uint64_t end, bool withPayload,
    const std::function<void(std::uint64_t, const FrameHeader&, std::string_view)>& visit) {
  std::unique_ptr<File> file = openSegment(segment);
  std::uint64_t at = std::max<std::uint64_t>(offset, kSegmentHeaderBytes);
  std::uint64_t limit = std::min(end, file->size());
  Decompressor decompressor;
  std::string bytes;
  std::string payload;
  while (at + kFrameHeaderBytes <= limit) {
    bytes.resize(kFrameHeaderBytes);
    file->read(at, bytes);
    std::optional<FrameHeader> header = FrameHeader::peek(bytes);
    if (!header || header->totalBytes() > limit - at) return at;
    bytes.resize(header->totalBytes());
    if (file->read(at, bytes) < bytes.size() || !header->checks(bytes, files_.seed)) return at;
    payload.clear();
    if (withPayload) {
      payload.resize(header->rawBytes);
      decompressor.decompress(std::string_view(bytes).substr(kFrameHeaderBytes), payload);
    }
    visit(at, *header, payload);
    at += header->totalBytes();
  }
  return at;
}

std::uint64_t ChangeLogReader::scanRuns(
    std::uint64_t segment, std::uint64_t offset,
    const std::function<void(const PlacedRun&, const RunHeader&)>& visit) {
  return scan(segment, offset, UINT64_MAX, true,
              [&](std::uint64_t at, const FrameHeader& frame, std::string_view payload) {
                std::size_t runAt = 0;
                for (std::uint32_t i = 0; i < frame.runs; ++i) {
                  std::size_t bytes = runBytesAt(payload, runAt);
                  RunHeader header = RunReader(payload.substr(runAt, bytes)).header();
                  RunPlace place{.segment = segment,
                                 .frameOffset = at,
                                 .frameBytes = frame.totalBytes(),
                                 .runOffset = runAt,
                                 .runBytes = bytes,
                                 .firstLsn = header.firstLsn,
                                 .firstTime = header.firstTime,
                                 .lastTime = header.lastTime,
                                 .commits = header.commits,
                                 .touches = header.touches};
                  visit({header.space, header.lastLsn, place}, header);
                  runAt += bytes;
                }
              });
}

void ChangeLogReader::forget() {
  std::lock_guard lock(mutex_);
  cache_.clear();
  cachedBytes_ = 0;
}

}  // namespace cairn::pitr
