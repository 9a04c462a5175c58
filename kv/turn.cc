#include "kv/turn.h"

#include <cstring>
#include <utility>

#include "kv/keys.h"

namespace cairn::kv {

namespace {

// Below this, ops made pointless by later ones of the same commit are simply carried along.
constexpr std::size_t kCompactFrom = 1 << 20;
// What an op needs beside its key and value.
constexpr std::size_t kOpOverhead = 1 + 2 * kMaxVarintBytes;

// Turns the op at `begin` into one that readers skip, byte for byte as long as before.
void overwriteWithSkip(char* begin, std::size_t length) {
  std::size_t rest = length - 1;
  std::size_t lengthBytes = 1;
  while ((rest - lengthBytes) >> (7 * lengthBytes) != 0) ++lengthBytes;
  *begin++ = static_cast<char>(OpKind::kSkipped);
  std::size_t value = rest - lengthBytes;
  for (std::size_t i = 0; i + 1 < lengthBytes; ++i) {
    *begin++ = static_cast<char>(0x80 | (value & 0x7f));
    value >>= 7;
  }
  *begin = static_cast<char>(value);
}

}  // namespace

std::optional<std::string_view> Turn::get(std::string_view key) {
  if (const Overlay::Entry* entry = overlay_->find(key)) {
    if (entry->erased) return std::nullopt;
    return entry->bytes();
  }
  if (space_.isZero()) return std::nullopt;
  std::optional<std::string_view> stored =
      context_.store().get(Table::kKv, StoreKey(space_, key).view());
  if (stored && isLongKey(key)) return findInBucket(*stored, key);
  return stored;
}

// Everything that may run out of memory does so before anything has changed.
Overlay::Entry& Turn::touch(const RecordRef& record, std::string_view key, std::size_t valueBytes) {
  record->ops.ensureRoom(kOpOverhead + key.size() + valueBytes);
  if (undo_.size() == undo_.capacity()) undo_.reserve(2 * undo_.size() + 4);
  bool created = false;
  Overlay::Map::iterator place = overlay_->at(key, created);
  Overlay::Entry& entry = place->second;
  if (!created && entry.record == record && entry.opOffset >= scopeStart_) {
    discardOp(*record, entry, key);
  } else {
    undo_.push_back({place, created, entry});
  }
  return entry;
}

// The scope wrote this key before: that op can go, as undoing the scope undoes both.
void Turn::discardOp(Record& record, const Overlay::Entry& entry, std::string_view key) {
  std::size_t end = entry.erased ? entry.opOffset + 1 + varintLength(key.size()) + key.size()
                                 : entry.value.offset + entry.value.length;
  std::size_t length = end - entry.opOffset;
  if (end == record.ops.size()) {
    record.ops.truncate(entry.opOffset);
  } else {
    overwriteWithSkip(record.ops.data() + entry.opOffset, length);
    deadBytes_ += length;
  }
}

void Turn::put(std::string_view key, std::string_view value) {
  RecordRef record = context_.openRecord();
  if (const Overlay::Entry* existing = overlay_->find(key);
      existing != nullptr && existing->record == record && existing->opOffset >= scopeStart_ &&
      !existing->erased && existing->value.length == value.size()) {
    if (!value.empty())
      std::memmove(record->ops.data() + existing->value.offset, value.data(), value.size());
    overlay_->touched();
    return;
  }
  Overlay::Entry& entry = touch(record, key, value.size());
  auto opOffset = static_cast<std::uint32_t>(record->ops.size());
  RecordSlice slice = appendPut(record->ops, key, value);
  entry = {record, slice, opOffset, false};
  if (deadBytes_ > kCompactFrom && deadBytes_ > record->ops.size() / 2 && !nested_)
    compact(*record);
}

bool Turn::erase(std::string_view key) {
  if (!get(key)) return false;
  RecordRef record = context_.openRecord();
  Overlay::Entry& entry = touch(record, key, 0);
  auto opOffset = static_cast<std::uint32_t>(record->ops.size());
  appendErase(record->ops, key);
  entry = {record, {}, opOffset, true};
  return true;
}

// Rewrites the record without the ops that later ones made pointless.
void Turn::compact(Record& record) {
  Buffer room;
  room.reserve(record.ops.size() - deadBytes_);
  Buffer old = std::exchange(record.ops, std::move(room));
  auto moved = [&](std::string_view key) -> Overlay::Entry& {
    bool created = false;
    return overlay_->at(key, created)->second;
  };
  visitOps(old.view(), [&](const auto& op) {
    auto opOffset = static_cast<std::uint32_t>(record.ops.size());
    using Op = std::decay_t<decltype(op)>;
    if constexpr (std::is_same_v<Op, PutOp>) {
      Overlay::Entry& entry = moved(op.key);
      entry.value = appendPut(record.ops, op.key, op.value);
      entry.opOffset = opOffset;
    } else if constexpr (std::is_same_v<Op, EraseOp>) {
      moved(op.key).opOffset = opOffset;
      appendErase(record.ops, op.key);
    } else {
      appendOp(record.ops, op);
    }
  });
  deadBytes_ = 0;
}

Turn::Mark Turn::mark() {
  Mark mark{undo_.size(), scopeStart_};
  scopeStart_ = static_cast<std::uint32_t>(context_.openRecord()->ops.size());
  nested_ = true;
  return mark;
}

void Turn::rollback(const Mark& mark) {
  while (undo_.size() > mark.undo) {
    Undo& undo = undo_.back();
    if (undo.created) {
      overlay_->remove(undo.entry);
    } else {
      undo.entry->second = std::move(undo.before);
      overlay_->touched();
    }
    undo_.pop_back();
  }
  scopeStart_ = mark.scopeStart;
}

void Turn::finish() {
  undo_.clear();
  scopeStart_ = 0;
  nested_ = false;
  deadBytes_ = 0;
}

}  // namespace cairn::kv
