#include "engine/rows.h"

#include <cairn/error.h>

#include <fmt/format.h>

#include "engine/base/checksum.h"
#include "engine/base/coding.h"
#include "kv/keys.h"

namespace cairn {

namespace {

constexpr std::string_view kStateKey = "state";

template <typename Row, typename Read>
Row decodeRow(const char* what, std::string_view bytes, Read&& read) {
  try {
    Decoder in(bytes);
    Row row;
    read(in, row);
    if (!in.done()) in.fail("end of row");
    return row;
  } catch (const DecodeError& error) {
    throw Error(ErrorCode::kDamaged, fmt::format("store: {} row: {}", what, error.what()));
  }
}

}  // namespace

std::string StoreState::encode() const {
  std::string out;
  putFixed<std::uint32_t>(out, kStoreFormatVersion);
  putFixed<std::uint64_t>(out, lsn.value());
  putFixed<std::uint64_t>(out, static_cast<std::uint64_t>(time.value));
  putFixed<std::uint64_t>(out, journalSegment);
  putFixed<std::uint64_t>(out, nextObject.value());
  putFixed<std::uint64_t>(out, nextSpace.value());
  putFixed<std::uint64_t>(out, nextClass.value());
  putFixed<std::uint64_t>(out, changes.segment);
  putFixed<std::uint64_t>(out, changes.offset);
  putFixed<std::uint64_t>(out, historyLsn.value());
  putFixed<std::uint64_t>(out, static_cast<std::uint64_t>(historyTime.value));
  return out;
}

StoreState StoreState::decode(std::string_view bytes) {
  return decodeRow<StoreState>("state", bytes, [](Decoder& in, StoreState& row) {
    std::uint32_t version = in.fixed<std::uint32_t>("version");
    if (version > kStoreFormatVersion) {
      throw Error(ErrorCode::kForeign,
                  fmt::format("the store has format version {}, this build reads up to {}", version,
                              kStoreFormatVersion));
    }
    row.lsn = Lsn(in.fixed<std::uint64_t>("LSN"));
    row.time = UnixMillis{static_cast<std::int64_t>(in.fixed<std::uint64_t>("time"))};
    row.journalSegment = in.fixed<std::uint64_t>("journal segment");
    row.nextObject = ObjectNumber(in.fixed<std::uint64_t>("next object"));
    row.nextSpace = SpaceId(in.fixed<std::uint64_t>("next space"));
    row.nextClass = ClassNumber(in.fixed<std::uint64_t>("next class"));
    row.changes.segment = in.fixed<std::uint64_t>("change log end");
    row.changes.offset = in.fixed<std::uint64_t>("change log end");
    row.historyLsn = Lsn(in.fixed<std::uint64_t>("history LSN"));
    row.historyTime =
        UnixMillis{static_cast<std::int64_t>(in.fixed<std::uint64_t>("history time"))};
  });
}

std::optional<StoreState> StoreState::load(const kv::ReadAccess& store) {
  std::optional<std::string_view> bytes = store.get(kv::Table::kMeta, kStateKey);
  if (!bytes) return std::nullopt;
  return decode(*bytes);
}

void StoreState::save(kv::WriteTransaction& transaction) const {
  transaction.put(kv::Table::kMeta, kStateKey, encode());
}

// No digest covers a class, and no other row repeats its name.
std::string ClassRow::encode() const {
  std::string out(1, static_cast<char>(backend));
  putString(out, name);
  putFixed<std::uint64_t>(out, checksum64(out));
  return out;
}

ClassRow ClassRow::decode(std::string_view bytes) {
  return decodeRow<ClassRow>("class", bytes, [bytes](Decoder& in, ClassRow& row) {
    row.backend = static_cast<Backend>(in.byte("backend"));
    row.name = in.string("name");
    std::size_t covered = in.position();
    if (in.fixed<std::uint64_t>("checksum") != checksum64(bytes.substr(0, covered)))
      in.fail("checksum");
  });
}

std::string ObjectRow::encode() const {
  std::string out;
  putVarint(out, space.value());
  putVarint(out, classNumber.value());
  putVarint(out, created.value());
  putString(out, name);
  putString(out, armed);
  if (!locationHint.empty()) putString(out, locationHint);
  return out;
}

ObjectRow ObjectRow::decode(std::string_view bytes) {
  return decodeRow<ObjectRow>("object", bytes, [](Decoder& in, ObjectRow& row) {
    row.space = SpaceId(in.varint("space"));
    row.classNumber = ClassNumber(in.varint("class"));
    row.created = Lsn(in.varint("created"));
    row.name = in.string("name");
    row.armed = in.string("armed restore");
    if (!in.done()) row.locationHint = in.string("location hint");
  });
}

std::string SpaceRow::encode() const {
  std::string out;
  putVarint(out, object.value());
  putVarint(out, created.value());
  putVarint(out, dropped.value());
  putVarint(out, zigzag(droppedTime.value));
  putVarint(out, lastLsn.value());
  putVarint(out, kvKeys);
  putVarint(out, kvBytes);
  putVarint(out, sqlPages);
  out.push_back(keepsHistory ? 1 : 0);
  if (keepsHistory) {
    putVarint(out, historyFrom.value());
    for (const Hash128& digest : {dataDigest, alarmDigest}) {
      putFixed<std::uint64_t>(out, digest.low);
      putFixed<std::uint64_t>(out, digest.high);
    }
  }
  return out;
}

SpaceRow SpaceRow::decode(std::string_view bytes) {
  return decodeRow<SpaceRow>("space", bytes, [](Decoder& in, SpaceRow& row) {
    row.object = ObjectNumber(in.varint("object"));
    row.created = Lsn(in.varint("created"));
    row.dropped = Lsn(in.varint("dropped"));
    row.droppedTime = UnixMillis{unzigzag(in.varint("dropped time"))};
    row.lastLsn = Lsn(in.varint("last LSN"));
    row.kvKeys = in.varint("keys");
    row.kvBytes = in.varint("bytes");
    row.sqlPages = static_cast<std::uint32_t>(in.varint("pages", UINT32_MAX));
    row.keepsHistory = in.byte("history") != 0;
    if (!row.keepsHistory) return;
    row.historyFrom = Lsn(in.varint("history from"));
    for (Hash128* digest : {&row.dataDigest, &row.alarmDigest}) {
      digest->low = in.fixed<std::uint64_t>("digest");
      digest->high = in.fixed<std::uint64_t>("digest");
    }
  });
}

std::string SegmentRow::encode() const {
  std::string out;
  putVarint(out, lastLsn.value());
  putVarint(out, zigzag(lastTime.value));
  putVarint(out, bytes);
  return out;
}

SegmentRow SegmentRow::decode(std::string_view bytes) {
  return decodeRow<SegmentRow>("segment", bytes, [](Decoder& in, SegmentRow& row) {
    row.lastLsn = Lsn(in.varint("last LSN"));
    row.lastTime = UnixMillis{unzigzag(in.varint("last time"))};
    row.bytes = in.varint("bytes");
  });
}

std::string LabelRow::encode() const {
  std::string out;
  putVarint(out, lsn.value());
  putVarint(out, zigzag(made.value));
  return out;
}

LabelRow LabelRow::decode(std::string_view bytes) {
  return decodeRow<LabelRow>("label", bytes, [](Decoder& in, LabelRow& row) {
    row.lsn = Lsn(in.varint("LSN"));
    row.made = UnixMillis{unzigzag(in.varint("time"))};
  });
}

std::string ReceiptRow::encode() const {
  std::string out;
  putVarint(out, zigzag(time.value));
  putVarint(out, before.value());
  putVarint(out, target.value());
  putVarint(out, armed.value());
  putString(out, what);
  return out;
}

ReceiptRow ReceiptRow::decode(std::string_view bytes) {
  return decodeRow<ReceiptRow>("receipt", bytes, [](Decoder& in, ReceiptRow& row) {
    row.time = UnixMillis{unzigzag(in.varint("time"))};
    row.before = Lsn(in.varint("LSN before"));
    row.target = Lsn(in.varint("target LSN"));
    row.armed = Lsn(in.varint("arming LSN"));
    row.what = in.string("what");
  });
}

std::string nameKey(ClassNumber classNumber, std::string_view name) {
  return kv::numberKey(classNumber).append(name);
}

std::string labelKey(ObjectNumber object, std::string_view label) {
  return kv::numberKey(object).append(label);
}

std::string timeKey(UnixMillis time, std::uint64_t number) {
  return kv::numberKey(kv::sortableTime(time), Number<struct AnyMeaning>(number));
}

}  // namespace cairn
