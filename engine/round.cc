#include "engine/round.h"

#include <algorithm>
#include <cairn/error.h>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "kv/keys.h"
#include "sql_frontend/page_delta.h"

namespace cairn {

using kv::Table;

Round::Round(Stores stores, const std::vector<RecordRef>& records, Lsn cut)
    : stores_(stores), records_(records), cut_(cut) {}

Round::Result Round::run(const StoreState& before, std::uint64_t journalSegment, bool pagesDone) {
  CAIRN_CHECK(cut_ >= before.lsn);
  state_ = before;
  state_.lsn = cut_;
  state_.journalSegment = journalSegment;
  if (!records_.empty()) {
    CAIRN_CHECK(records_.front()->lsn > before.lsn && records_.back()->lsn <= cut_);
    state_.time = records_.back()->time;
  }
  {
    kv::Snapshot snapshot = stores_.lmdb.snapshot();
    plan(snapshot);
  }
  if (!pagesDone) writePages();
  stores_.lmdb.write([this](kv::WriteTransaction& transaction) { writeLmdb(transaction, state_); });
  result_.state = state_;
  return result_;
}

void Round::plan(const kv::ReadAccess& store) {
  for (const RecordRef& record : records_) {
    try {
      planRecord(record, store);
    } catch (const DecodeError& error) {
      throw Error(ErrorCode::kDamaged,
                  fmt::format("commit {}: {}", record->lsn.value(), error.what()));
    }
  }
  for (auto& [space, plan] : spaces_) {
    std::stable_sort(plan.kv.begin(), plan.kv.end(),
                     [](const KvChange& a, const KvChange& b) { return a.key < b.key; });
    std::sort(plan.pages.begin(), plan.pages.end(), [](const PageChange& a, const PageChange& b) {
      return std::pair(a.page, a.sequence) < std::pair(b.page, b.sequence);
    });
    accountKeys(store, space, plan);
  }
}

void Round::planRecord(const RecordRef& record, const kv::ReadAccess& store) {
  SpacePlan* plan = record->space.isZero() ? nullptr : &planOf(record->space, store);
  if (plan != nullptr) plan->row.lastLsn = record->lsn;
  auto sequence = [&] {
    return static_cast<std::uint32_t>(plan->pages.size() + plan->cuts.size());
  };
  visitOps(record->ops.view(), [&](const auto& op) {
    using Op = std::decay_t<decltype(op)>;
    if constexpr (std::is_same_v<Op, PutOp>) {
      plan->kv.push_back({op.key, op.value, false});
    } else if constexpr (std::is_same_v<Op, EraseOp>) {
      plan->kv.push_back({op.key, {}, true});
    } else if constexpr (std::is_same_v<Op, PageDeltaOp>) {
      plan->pages.push_back({op.page, sequence(), op.checksum, op.delta, record->lsn});
    } else if constexpr (std::is_same_v<Op, PageCountOp>) {
      if (op.after < op.before) plan->cuts.push_back({sequence(), op.after});
      plan->pageCount = op.after;
      plan->pagesResized = true;
    } else if constexpr (std::is_same_v<Op, CreateObjectOp>) {
      objects_[op.object] = {{SpaceId(), op.classNumber, record->lsn, std::string(op.name)}, true};
      state_.nextObject = std::max(state_.nextObject, op.object.next());
    } else if constexpr (std::is_same_v<Op, PointObjectOp>) {
      objectOf(op.object, store).row.space = op.after;
      pointings_.push_back({op.object, record->lsn, record->time, op.before, op.after});
      state_.nextSpace = std::max({state_.nextSpace, op.before.next(), op.after.next()});
    } else if constexpr (std::is_same_v<Op, DefineClassOp>) {
      classes_[op.classNumber] = {static_cast<Backend>(op.backend), std::string(op.name)};
      state_.nextClass = std::max(state_.nextClass, op.classNumber.next());
    } else if constexpr (std::is_same_v<Op, SetAlarmOp>) {
      alarms_[{op.object, op.name}] = alarms::Alarm{op.time, op.attempts, op.backoff};
    } else if constexpr (std::is_same_v<Op, ClearAlarmOp>) {
      alarms_[{op.object, op.name}] = std::nullopt;
    }
  });
}

Round::SpacePlan& Round::planOf(SpaceId space, const kv::ReadAccess& store) {
  auto [place, added] = spaces_.try_emplace(space);
  SpacePlan& plan = place->second;
  if (!added) return plan;
  if (std::optional<std::string_view> row = store.get(Table::kSpaces, kv::numberKey(space))) {
    plan.row = SpaceRow::decode(*row);
    plan.pageCount = plan.row.sqlPages;
  } else {
    plan.isNew = true;
  }
  return plan;
}

Round::ObjectPlan& Round::objectOf(ObjectNumber object, const kv::ReadAccess& store) {
  auto [place, added] = objects_.try_emplace(object);
  if (!added) return place->second;
  std::optional<std::string_view> row = store.get(Table::kObjects, kv::numberKey(object));
  if (!row)
    throw Error(ErrorCode::kDamaged, fmt::format("store: object {} is missing", object.value()));
  place->second.row = ObjectRow::decode(*row);
  return place->second;
}

// Keeps the space's counts of keys and bytes, from what each key held before and holds after the
// round.
void Round::accountKeys(const kv::ReadAccess& store, SpaceId space, SpacePlan& plan) {
  for (std::size_t i = 0; i < plan.kv.size(); ++i) {
    const KvChange& change = plan.kv[i];
    bool last = i + 1 == plan.kv.size() || plan.kv[i + 1].key != change.key;
    if (!last) continue;
    std::optional<std::string_view> before;
    if (!plan.isNew) {
      before = store.get(Table::kKv, kv::StoreKey(space, change.key).view());
      if (before && kv::isLongKey(change.key)) before = kv::findInBucket(*before, change.key);
    }
    if (before) {
      plan.row.kvKeys -= 1;
      plan.row.kvBytes -= change.key.size() + before->size();
    }
    if (!change.erased) {
      plan.row.kvKeys += 1;
      plan.row.kvBytes += change.key.size() + change.value.size();
    }
  }
}

void Round::writePages() {
  bool any = std::any_of(spaces_.begin(), spaces_.end(), [](const auto& entry) {
    return !entry.second.pages.empty() || entry.second.pagesResized;
  });
  if (!any) return;
  sql::Scratch::Writer out(stores_.scratch, cut_);
  for (auto& [space, plan] : spaces_) {
    if (!plan.pages.empty() || plan.pagesResized) writePagesOf(space, plan, out);
  }
  out.finish();
  result_.scratchBytes = out.bytes();
  stores_.scratch.apply(stores_.pages);
}

// Works each changed page out from the file and the commits' differences, in order.
void Round::writePagesOf(SpaceId space, SpacePlan& plan, sql::Scratch::Writer& out) {
  std::unique_ptr<File> file = stores_.pages.openForReading(space);
  std::uint32_t filePages = plan.row.sqlPages;
  std::uint32_t lowest = filePages;
  for (const Cut& cut : plan.cuts) lowest = std::min(lowest, cut.pages);
  out.beginSpace(space, plan.pageCount);

  char page[sql::kPageBytes];
  // What was cut off and came back is zero unless a later difference says otherwise.
  std::uint32_t zeroFrom = lowest + 1;
  std::uint32_t zeroTo = std::min(filePages, plan.pageCount);
  auto writeZerosBelow = [&](std::uint32_t number) {
    std::memset(page, 0, sizeof(page));
    for (; zeroFrom < number && zeroFrom <= zeroTo; ++zeroFrom) out.page(zeroFrom, page);
    if (zeroFrom == number) ++zeroFrom;
  };

  for (std::size_t i = 0; i < plan.pages.size();) {
    std::uint32_t number = plan.pages[i].page;
    writeZerosBelow(number);
    std::size_t got = 0;
    if (file && number <= filePages) {
      got = file->read(std::uint64_t{number - 1} * sql::kPageBytes, {page, sizeof(page)});
    }
    std::memset(page + got, 0, sizeof(page) - got);
    std::uint32_t done = 0;
    auto cutSince = [&](std::uint32_t until) {
      return std::any_of(plan.cuts.begin(), plan.cuts.end(), [&](const Cut& cut) {
        return cut.sequence >= done && cut.sequence < until && cut.pages < number;
      });
    };
    for (; i < plan.pages.size() && plan.pages[i].page == number; ++i) {
      const PageChange& change = plan.pages[i];
      if (cutSince(change.sequence)) std::memset(page, 0, sizeof(page));
      done = change.sequence;
      sql::applyDelta(change.delta, page);
      if (sql::pageChecksum(number, page) != change.checksum) {
        throw Error(ErrorCode::kDamaged,
                    fmt::format("{} page {}: its bytes do not lead to what commit {} wrote",
                                stores_.pages.path(space), number, change.lsn.value()));
      }
    }
    if (number > plan.pageCount) continue;
    if (cutSince(UINT32_MAX)) std::memset(page, 0, sizeof(page));
    out.page(number, page);
    ++result_.pagesWritten;
  }
  writeZerosBelow(zeroTo + 1);
}

void Round::writeLmdb(kv::WriteTransaction& transaction, const StoreState& state) {
  result_.keysWritten = 0;
  for (const auto& [space, plan] : spaces_) writeKeys(transaction, space, plan);
  writeObjects(transaction);
  writeAlarms(transaction);
  for (const auto& [number, row] : classes_)
    transaction.put(Table::kClasses, kv::numberKey(number), row.encode());
  state.save(transaction);
}

void Round::writeKeys(kv::WriteTransaction& transaction, SpaceId space, const SpacePlan& plan) {
  if (plan.kv.empty()) return;
  kv::Cursor cursor = transaction.cursor(Table::kKv);
  for (std::size_t i = 0; i < plan.kv.size(); ++i) {
    const KvChange& change = plan.kv[i];
    if (i + 1 < plan.kv.size() && plan.kv[i + 1].key == change.key) continue;
    kv::StoreKey key(space, change.key);
    std::optional<std::string_view> value;
    if (!change.erased) value = change.value;
    std::string bucket;
    if (kv::isLongKey(change.key)) {
      std::string_view old = cursor.seekExact(key.view()) ? cursor.value() : std::string_view();
      bucket = kv::replaceInBucket(old, change.key, value);
      value = bucket.empty() ? std::nullopt : std::optional<std::string_view>(bucket);
    }
    if (value) {
      cursor.put(key.view(), *value);
    } else if (cursor.seekExact(key.view())) {
      cursor.eraseCurrent();
    }
    ++result_.keysWritten;
  }
}

void Round::writeObjects(kv::WriteTransaction& transaction) {
  // The rows of spaces as this round leaves them; those only pointed away from are read and changed
  // here.
  std::map<SpaceId, SpaceRow> rows;
  for (const auto& [space, plan] : spaces_) {
    rows[space] = plan.row;
    rows[space].sqlPages = plan.pageCount;
  }
  auto rowOf = [&](SpaceId space) -> SpaceRow& {
    auto [place, added] = rows.try_emplace(space);
    if (added) {
      if (std::optional<std::string_view> row =
              transaction.get(Table::kSpaces, kv::numberKey(space))) {
        place->second = SpaceRow::decode(*row);
      }
    }
    return place->second;
  };
  for (const Pointing& pointing : pointings_) {
    if (!pointing.before.isZero()) {
      SpaceRow& row = rowOf(pointing.before);
      row.dropped = pointing.lsn;
      row.droppedTime = pointing.time;
      transaction.put(Table::kDropped, timeKey(row.droppedTime, pointing.before.value()), {});
    }
    if (!pointing.after.isZero()) {
      SpaceRow& row = rowOf(pointing.after);
      row.object = pointing.object;
      if (!row.dropped.isZero())
        transaction.erase(Table::kDropped, timeKey(row.droppedTime, pointing.after.value()));
      row.dropped = Lsn();
      if (row.created.isZero()) row.created = pointing.lsn;
    }
    transaction.put(Table::kTimeline, kv::numberKey(pointing.object, pointing.lsn),
                    kv::numberKey(pointing.after));
  }
  for (const auto& [space, row] : rows)
    transaction.put(Table::kSpaces, kv::numberKey(space), row.encode());
  for (const auto& [number, plan] : objects_) {
    transaction.put(Table::kObjects, kv::numberKey(number), plan.row.encode());
    if (plan.created)
      transaction.put(Table::kNames, nameKey(plan.row.classNumber, plan.row.name),
                      kv::numberKey(number));
  }
}

void Round::writeAlarms(kv::WriteTransaction& transaction) {
  for (const auto& [which, alarm] : alarms_) {
    const auto& [object, name] = which;
    std::string key = alarms::tableKey(object, name);
    if (std::optional<std::string_view> before = transaction.get(Table::kAlarms, key)) {
      transaction.erase(Table::kAlarmQueue,
                        alarms::queueKey(alarms::Alarm::decode(*before).time, object, name));
    }
    if (alarm) {
      transaction.put(Table::kAlarms, key, alarm->encode());
      transaction.put(Table::kAlarmQueue, alarms::queueKey(alarm->time, object, name), {});
    } else {
      transaction.erase(Table::kAlarms, key);
    }
  }
}

}  // namespace cairn
