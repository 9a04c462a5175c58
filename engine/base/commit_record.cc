#include "engine/base/commit_record.h"

namespace cairn {

namespace {

void putKind(Buffer& ops, OpKind kind) { ops.push_back(static_cast<char>(kind)); }

}  // namespace

RecordSlice appendPut(Buffer& ops, std::string_view key, std::string_view value) {
  char* out = ops.extend(1 + varintLength(key.size()) + key.size() + varintLength(value.size()) +
                         value.size());
  *out++ = static_cast<char>(OpKind::kPut);
  out = encodeVarint(out, key.size());
  if (!key.empty()) std::memcpy(out, key.data(), key.size());
  out = encodeVarint(out + key.size(), value.size());
  if (!value.empty()) std::memcpy(out, value.data(), value.size());
  return {static_cast<std::uint32_t>(out - ops.data()), static_cast<std::uint32_t>(value.size())};
}

void appendErase(Buffer& ops, std::string_view key) {
  putKind(ops, OpKind::kErase);
  putString(ops, key);
}

void appendOp(Buffer& ops, const SetAlarmOp& op) {
  putKind(ops, op.delayMs == 0 ? OpKind::kSetAlarm : OpKind::kRetryAlarm);
  putVarint(ops, op.object.value());
  putString(ops, op.name);
  putVarint(ops, zigzag(op.time.value));
  putVarint(ops, op.attempts);
  putVarint(ops, op.backoff);
  if (op.delayMs != 0) putVarint(ops, zigzag(op.delayMs));
}

void appendOp(Buffer& ops, const ClearAlarmOp& op) {
  putKind(ops, OpKind::kClearAlarm);
  putVarint(ops, op.object.value());
  putString(ops, op.name);
}

void appendOp(Buffer& ops, const PageDeltaOp& op) {
  putKind(ops, OpKind::kPageDelta);
  putVarint(ops, op.page);
  putFixed(ops, op.checksum);
  putString(ops, op.delta);
}

void appendOp(Buffer& ops, const PageCountOp& op) {
  putKind(ops, OpKind::kPageCount);
  putVarint(ops, op.before);
  putVarint(ops, op.after);
}

void appendOp(Buffer& ops, const CreateObjectOp& op) {
  putKind(ops, OpKind::kCreateObject);
  putVarint(ops, op.object.value());
  putVarint(ops, op.classNumber.value());
  putString(ops, op.name);
}

void appendOp(Buffer& ops, const LocateObjectOp& op) {
  putKind(ops, OpKind::kLocateObject);
  putVarint(ops, op.object.value());
  putString(ops, op.hint);
}

void appendOp(Buffer& ops, const PointObjectOp& op) {
  putKind(ops, OpKind::kPointObject);
  putVarint(ops, op.object.value());
  putVarint(ops, op.before.value());
  putVarint(ops, op.after.value());
}

void appendOp(Buffer& ops, const DefineClassOp& op) {
  putKind(ops, OpKind::kDefineClass);
  putVarint(ops, op.classNumber.value());
  ops.push_back(static_cast<char>(op.backend));
  putString(ops, op.name);
}

void appendOp(Buffer& ops, const ArmRestoreOp& op) {
  putKind(ops, OpKind::kArmRestore);
  putVarint(ops, op.object.value());
  putString(ops, op.what);
}

void appendOp(Buffer& ops, const RestoredOp& op) {
  putKind(ops, OpKind::kRestored);
  putVarint(ops, op.object.value());
  putVarint(ops, op.target.value());
  putVarint(ops, op.armed.value());
  putString(ops, op.what);
}

void appendOp(Buffer& ops, const LabelOp& op) {
  putKind(ops, OpKind::kLabel);
  putVarint(ops, op.object.value());
  putString(ops, op.label);
  putVarint(ops, op.lsn.value());
}

}  // namespace cairn
