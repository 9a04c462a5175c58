// A commit record: one atomic change of one object, encoded once. The same bytes go to the journal,
// serve reads until the checkpoint round has applied them, are applied by the round, and are
// replayed after a crash.
//
//   record := varint space, varint milliseconds since the block's time, op*
//   op     := u8 kind, fields (below)
//
// The LSN is not stored: records of a block are numbered from the block's first LSN on.
#pragma once

#include <atomic>
#include <cairn/types.h>
#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/base/buffer.h"
#include "engine/base/coding.h"

namespace cairn {

enum class OpKind : std::uint8_t {
  kPut = 1,           ///< string key, string value
  kErase = 2,         ///< string key
  kSetAlarm = 3,      ///< varint object, string name, zigzag time, varint attempts, varint backoff
  kClearAlarm = 4,    ///< varint object, string name
  kPageDelta = 5,     ///< varint page, fixed64 checksum of the page afterwards, string delta
  kPageCount = 6,     ///< varint before, varint after
  kCreateObject = 7,  ///< varint object, varint class, string name
  kPointObject =
      8,  ///< varint object, varint space before, varint space after (zero: the object is deleted)
  kDefineClass = 9,  ///< varint class, u8 backend, string name (empty: the class is dropped)
  kSkipped = 10,     ///< string, ignored: an op that a later one of the same commit made pointless
  kArmRestore = 11,  ///< varint object, string what to restore at the next session (empty: nothing)
  kRestored = 12,    ///< varint object, varint target LSN, varint LSN that armed it, string what
  kLabel = 13,       ///< varint object, string label, varint LSN it names (zero: removed)
  kRetryAlarm = 14,  ///< kSetAlarm's fields, then zigzag ms that retries put it off by
  kLocateObject = 15,  ///< varint object, string location hint
};

/// The bytes of one commit while it is in memory. Built by one thread, then immutable and shared:
/// overlays point into it until the store holds the change.
class Record {
 public:
  explicit Record(SpaceId recordSpace) : space(recordSpace) {}
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  SpaceId space;
  void* owner = nullptr;  ///< The object in memory that made the commit; null after a recovery.
  Lsn lsn;                ///< Zero until the journal has numbered it.
  UnixMillis time;        ///< Set with the LSN; never decreases from one LSN to the next.
  Buffer ops;

 private:
  friend class RecordRef;
  ~Record() = default;
  std::atomic<std::uint32_t> references_{0};
};

/// A counted reference to a Record.
class RecordRef {
 public:
  RecordRef() = default;
  explicit RecordRef(Record* record) : record_(record) { retain(); }
  RecordRef(const RecordRef& other) : record_(other.record_) { retain(); }
  RecordRef(RecordRef&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
  RecordRef& operator=(RecordRef other) noexcept {
    std::swap(record_, other.record_);
    return *this;
  }
  ~RecordRef() { release(); }

  [[nodiscard]] static RecordRef make(SpaceId space) { return RecordRef(new Record(space)); }

  Record* operator->() const { return record_; }
  Record& operator*() const { return *record_; }
  [[nodiscard]] Record* get() const { return record_; }
  explicit operator bool() const { return record_ != nullptr; }
  friend bool operator==(const RecordRef&, const RecordRef&) = default;

 private:
  void retain() {
    if (record_ != nullptr) record_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() {
    if (record_ != nullptr && record_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete record_;
  }

  Record* record_ = nullptr;
};

/// Where a value stands inside its record's ops.
struct RecordSlice {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

struct PutOp {
  std::string_view key;
  std::string_view value;
};
struct EraseOp {
  std::string_view key;
};
struct SetAlarmOp {
  ObjectNumber object;
  std::string_view name;
  UnixMillis time;
  std::uint32_t attempts;
  std::uint32_t backoff;
  std::int64_t delayMs = 0;  ///< Not zero: kRetryAlarm.
};
struct ClearAlarmOp {
  ObjectNumber object;
  std::string_view name;
};
struct PageDeltaOp {
  std::uint32_t page;
  std::uint64_t checksum;
  std::string_view delta;
};
struct PageCountOp {
  std::uint32_t before;
  std::uint32_t after;
};
struct CreateObjectOp {
  ObjectNumber object;
  ClassNumber classNumber;
  std::string_view name;
};
struct LocateObjectOp {
  ObjectNumber object;
  std::string_view hint;
};
struct PointObjectOp {
  ObjectNumber object;
  SpaceId before;
  SpaceId after;
};
struct DefineClassOp {
  ClassNumber classNumber;
  std::uint8_t backend;
  std::string_view name;
};

struct ArmRestoreOp {
  ObjectNumber object;
  std::string_view what;
};
struct RestoredOp {
  ObjectNumber object;
  Lsn target;
  Lsn armed;
  std::string_view what;
};
struct LabelOp {
  ObjectNumber object;
  std::string_view label;
  Lsn lsn;
};

void appendErase(Buffer& ops, std::string_view key);
void appendOp(Buffer& ops, const SetAlarmOp& op);
void appendOp(Buffer& ops, const ClearAlarmOp& op);
void appendOp(Buffer& ops, const PageDeltaOp& op);
void appendOp(Buffer& ops, const PageCountOp& op);
void appendOp(Buffer& ops, const CreateObjectOp& op);
void appendOp(Buffer& ops, const LocateObjectOp& op);
void appendOp(Buffer& ops, const PointObjectOp& op);
void appendOp(Buffer& ops, const DefineClassOp& op);
void appendOp(Buffer& ops, const ArmRestoreOp& op);
void appendOp(Buffer& ops, const RestoredOp& op);
void appendOp(Buffer& ops, const LabelOp& op);
/// Returns where the value stands.
RecordSlice appendPut(Buffer& ops, std::string_view key, std::string_view value);

/// Gives each op, in order, to the visitor's overload for it. Ops of no interest go to a catch-all
/// overload. Throws: DecodeError.
template <typename Visitor>
void visitOps(std::string_view ops, Visitor&& visitor) {
  Decoder in(ops);
  constexpr std::uint64_t kMax32 = UINT32_MAX;
  while (!in.done()) {
    auto kind = static_cast<OpKind>(in.byte("op"));
    switch (kind) {
      case OpKind::kPut: {
        std::string_view key = in.string("put key");
        visitor(PutOp{key, in.string("put value")});
        break;
      }
      case OpKind::kErase:
        visitor(EraseOp{in.string("erase key")});
        break;
      case OpKind::kSetAlarm:
      case OpKind::kRetryAlarm: {
        SetAlarmOp op{};
        op.object = ObjectNumber(in.varint("object number"));
        op.name = in.string("alarm name");
        op.time = UnixMillis{unzigzag(in.varint("alarm time"))};
        op.attempts = static_cast<std::uint32_t>(in.varint("alarm attempts", kMax32));
        op.backoff = static_cast<std::uint32_t>(in.varint("alarm backoff", kMax32));
        if (kind == OpKind::kRetryAlarm) op.delayMs = unzigzag(in.varint("alarm delay"));
        visitor(op);
        break;
      }
      case OpKind::kClearAlarm: {
        ObjectNumber object(in.varint("object number"));
        visitor(ClearAlarmOp{object, in.string("alarm name")});
        break;
      }
      case OpKind::kPageDelta: {
        PageDeltaOp op{};
        op.page = static_cast<std::uint32_t>(in.varint("page number", kMax32));
        op.checksum = in.fixed<std::uint64_t>("page checksum");
        op.delta = in.string("page delta");
        visitor(op);
        break;
      }
      case OpKind::kPageCount: {
        PageCountOp op{};
        op.before = static_cast<std::uint32_t>(in.varint("page count", kMax32));
        op.after = static_cast<std::uint32_t>(in.varint("page count", kMax32));
        visitor(op);
        break;
      }
      case OpKind::kCreateObject: {
        CreateObjectOp op{};
        op.object = ObjectNumber(in.varint("object number"));
        op.classNumber = ClassNumber(in.varint("class number", kMax32));
        op.name = in.string("object name");
        visitor(op);
        break;
      }
      case OpKind::kLocateObject: {
        ObjectNumber object(in.varint("object number"));
        visitor(LocateObjectOp{object, in.string("location hint")});
        break;
      }
      case OpKind::kPointObject: {
        PointObjectOp op{};
        op.object = ObjectNumber(in.varint("object number"));
        op.before = SpaceId(in.varint("space"));
        op.after = SpaceId(in.varint("space"));
        visitor(op);
        break;
      }
      case OpKind::kDefineClass: {
        DefineClassOp op{};
        op.classNumber = ClassNumber(in.varint("class number", kMax32));
        op.backend = in.byte("backend");
        op.name = in.string("class name");
        visitor(op);
        break;
      }
      case OpKind::kArmRestore: {
        ObjectNumber object(in.varint("object number"));
        visitor(ArmRestoreOp{object, in.string("restore")});
        break;
      }
      case OpKind::kRestored: {
        RestoredOp op{};
        op.object = ObjectNumber(in.varint("object number"));
        op.target = Lsn(in.varint("target LSN"));
        op.armed = Lsn(in.varint("arming LSN"));
        op.what = in.string("restore");
        visitor(op);
        break;
      }
      case OpKind::kLabel: {
        LabelOp op{};
        op.object = ObjectNumber(in.varint("object number"));
        op.label = in.string("label");
        op.lsn = Lsn(in.varint("LSN"));
        visitor(op);
        break;
      }
      case OpKind::kSkipped:
        in.string("skipped op");
        break;
      default:
        in.fail("op kind");
    }
  }
}

}  // namespace cairn
