// The change log on disk (pitr/FORMAT.md has the byte tables and a worked example).
//
// A segment is a header and then frames, one after another. A frame is a checksummed, compressed
// stretch of runs; a run is what one checkpoint round undoes in one space, commit by commit, oldest
// first; a commit is how to go back from the state after it to the state before it.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/buffer.h"
#include "engine/base/checksum.h"
#include "engine/base/coding.h"

namespace cairn::pitr {

inline constexpr std::uint32_t kChangeLogVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kFrameHeaderBytes = 80;
/// Runs are gathered into frames of about this size before compression, so that small objects
/// compress well; a run that grows past it is ended and another begun.
inline constexpr std::size_t kFrameRawBytes = std::size_t{512} << 10;
/// No frame is larger than this before compression, except one that holds a single commit. Bounds
/// what a reader allocates.
inline constexpr std::size_t kFrameRawBytesMax = std::size_t{3} << 30;

struct SegmentHeader {
  std::uint64_t number = 0;
  Lsn firstLsn;  ///< Of the first round in it.
  UnixMillis created;

  [[nodiscard]] std::string encode(std::string_view rootId, std::uint64_t seed) const;
  enum class Problem { kNone, kNotAHeader, kForeignRoot, kNewerVersion };
  static Problem decode(std::string_view bytes, std::string_view rootId, std::uint64_t seed,
                        SegmentHeader& out);
};

struct FrameHeader {
  std::uint32_t storedBytes = 0;  ///< Payload as stored: one zstd frame.
  std::uint64_t rawBytes = 0;     ///< Payload before compression.
  std::uint32_t runs = 0;
  Lsn firstLsn;
  Lsn lastLsn;
  UnixMillis firstTime;
  UnixMillis lastTime;
  std::uint64_t checksum = 0;  ///< Over header and payload.

  /// Writes the header in front of the payload at `frame + kFrameHeaderBytes`.
  void seal(std::uint64_t seed, char* frame);
  /// Reads header fields that make sense; `checkPayload` tells whether the whole frame is sound.
  static std::optional<FrameHeader> peek(std::string_view bytes);
  [[nodiscard]] bool checks(std::string_view frame, std::uint64_t seed) const;
  [[nodiscard]] std::uint64_t totalBytes() const { return kFrameHeaderBytes + storedBytes; }
};

/// What a run begins with.
struct RunHeader {
  SpaceId space;
  ObjectNumber object;
  Lsn firstLsn;
  Lsn lastLsn;
  UnixMillis firstTime;
  UnixMillis lastTime;
  std::uint32_t commits = 0;
  std::uint8_t touches = 0;        ///< RunTouches.
  std::uint64_t digestBefore = 0;  ///< Low half of the digest before the first commit.
  Hash128 digestAfter;             ///< After the last.

  void encode(Buffer& out) const;
  static RunHeader decode(Decoder& in);
};

enum RunTouches : std::uint8_t {
  kTouchesKv = 1,
  kTouchesSql = 2,
  kTouchesAlarm = 4,
  kTouchesSpace = 8
};

enum class UndoKind : std::uint8_t {
  kKeyAbsent = 1,  ///< string key
  kKeyValue = 2,   ///< string key, string value
  kPage = 3,       ///< varint page, string undo (page_undo.h)
  kPagePacked =
      4,  ///< varint page, string: zstd, with the commit's pages after it, in order, as prefix
  kPageCount = 5,    ///< varint pages before
  kAlarmAbsent = 6,  ///< string name
  kAlarmSet = 7,     ///< string name, zigzag time
  kPointed = 8,      ///< varint space the object was pointed at before
  kRestored = 9,     ///< varint LSN whose state this commit brought back
};

/// One undo of a commit. Views live as long as the run's bytes.
struct Undo {
  UndoKind kind;
  std::string_view name;     ///< Key or alarm name.
  std::string_view bytes;    ///< Old value, or page undo.
  std::uint64_t number = 0;  ///< Page, page count, space or LSN.
  UnixMillis time;           ///< Of an alarm.
};

/// A commit of a run.
struct CommitUndo {
  Lsn lsn;
  UnixMillis time;
  std::uint64_t digestAfter = 0;  ///< Low half of the state's digest after the commit.
  std::string_view undos;         ///< Encoded; see `visitUndos`.
};

/// Builds one run. Commits come in LSN order; the undos of a commit in any order, except that pages
/// come in the order of their numbers.
class RunBuilder {
 public:
  void begin(SpaceId space, ObjectNumber object, const Hash128& digestBefore);
  void beginCommit(Lsn lsn, UnixMillis time);
  void keyAbsent(std::string_view key);
  void keyValue(std::string_view key, std::string_view before);
  void page(std::uint32_t number, std::string_view undo, bool packed);
  void pageCount(std::uint32_t before);
  void alarmAbsent(std::string_view name);
  void alarmSet(std::string_view name, UnixMillis before);
  void pointed(SpaceId before);
  void restored(Lsn target);
  void endCommit(const Hash128& digestAfter);

  [[nodiscard]] const RunHeader& header() const { return header_; }
  [[nodiscard]] std::size_t bytes() const { return commits_.size(); }
  [[nodiscard]] bool empty() const { return header_.commits == 0; }
  /// Appends the finished run to a frame's payload.
  void finish(Buffer& out) const;

 private:
  void kind(UndoKind kind, std::uint8_t touches);

  RunHeader header_;
  Buffer commits_;
  Buffer undos_;
  Lsn lsn_;
  UnixMillis time_;
};

/// The size of the run that begins at `offset` of a frame's payload. Throws: DecodeError.
[[nodiscard]] std::size_t runBytesAt(std::string_view payload, std::size_t offset);

/// Reads one run from its bytes in a frame's payload. Throws: DecodeError.
class RunReader {
 public:
  explicit RunReader(std::string_view bytes);
  [[nodiscard]] const RunHeader& header() const { return header_; }
  /// All commits, oldest first.
  [[nodiscard]] std::vector<CommitUndo> commits() const;

 private:
  RunHeader header_;
  std::string_view body_;
};

/// Throws: DecodeError.
template <typename Visit>
void visitUndos(std::string_view undos, Visit&& visit) {
  Decoder in(undos);
  while (!in.done()) {
    Undo undo{};
    undo.kind = static_cast<UndoKind>(in.byte("undo kind"));
    switch (undo.kind) {
      case UndoKind::kKeyAbsent:
        undo.name = in.string("key");
        break;
      case UndoKind::kKeyValue:
        undo.name = in.string("key");
        undo.bytes = in.string("old value");
        break;
      case UndoKind::kPage:
      case UndoKind::kPagePacked:
        undo.number = in.varint("page", UINT32_MAX);
        undo.bytes = in.string("page undo");
        break;
      case UndoKind::kPageCount:
        undo.number = in.varint("page count", UINT32_MAX);
        break;
      case UndoKind::kAlarmAbsent:
        undo.name = in.string("alarm name");
        break;
      case UndoKind::kAlarmSet:
        undo.name = in.string("alarm name");
        undo.time = UnixMillis{unzigzag(in.varint("alarm time"))};
        break;
      case UndoKind::kPointed:
        undo.number = in.varint("space");
        break;
      case UndoKind::kRestored:
        undo.number = in.varint("LSN");
        break;
      default:
        in.fail("undo kind");
    }
    visit(undo);
  }
}

/// Where a run stands: the value of the store's `changes` table.
struct RunPlace {
  std::uint64_t segment = 0;
  std::uint64_t frameOffset = 0;
  std::uint64_t frameBytes = 0;  ///< Header included.
  std::uint64_t runOffset = 0;   ///< In the frame's payload.
  std::uint64_t runBytes = 0;
  Lsn firstLsn;
  UnixMillis firstTime;
  UnixMillis lastTime;
  std::uint32_t commits = 0;
  std::uint8_t touches = 0;

  [[nodiscard]] std::string encode() const;
  /// Throws: kDamaged.
  static RunPlace decode(std::string_view bytes);
};

}  // namespace cairn::pitr
