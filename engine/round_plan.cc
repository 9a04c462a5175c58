#include "engine/round_plan.h"

#include <algorithm>
#include <cairn/error.h>
#include <numeric>

#include <fmt/format.h>

#include "engine/restore_spec.h"
#include "kv/keys.h"
#include "pitr/digest.h"

namespace cairn {

namespace {

using kv::Table;

class Planner {
 public:
  Planner(const kv::ReadAccess& store, const StoreState& before, bool history)
      : store_(store), before_(before), history_(history) {
    plan_.next = before;
  }

  void record(const RecordRef& record) {
    record_ = record.get();
    space_ = record->space.isZero() ? nullptr : &spaceOf(record->space);
    if (space_ != nullptr) {
      CommitPlan commit;
      commit.lsn = record->lsn;
      commit.time = record->time;
      commit.kvBegin = space_->kv.size();
      commit.pagesBegin = space_->pages.size();
      commit.alarmDigestBefore = space_->row.alarmDigest;
      space_->commits.push_back(std::move(commit));
      space_->row.lastLsn = record->lsn;
    }
    visitOps(record->ops.view(), [this](const auto& op) { take(op); });
    if (space_ != nullptr) {
      CommitPlan& commit = space_->commits.back();
      commit.kvEnd = space_->kv.size();
      commit.pagesEnd = space_->pages.size();
      commit.alarmDigest = space_->row.alarmDigest;
    }
  }

  RoundPlan finish() {
    for (auto& [space, plan] : plan_.spaces) resolveKeys(space, plan);
    return std::move(plan_);
  }

 private:
  CommitPlan& commit() {
    if (space_ == nullptr) throw DecodeError("an op that needs a space in a record without one", 0);
    return space_->commits.back();
  }

  void take(const PutOp& op) {
    commit();
    space_->kv.push_back({op.key, op.value});
  }
  void take(const EraseOp& op) {
    commit();
    space_->kv.push_back({.key = op.key, .erased = true});
  }
  void take(const PageDeltaOp& op) {
    commit();
    space_->pages.push_back({op.page, op.checksum, op.delta});
  }
  void take(const PageCountOp& op) {
    CommitPlan& now = commit();
    now.resized = true;
    now.pagesBefore = op.before;
    now.pagesAfter = op.after;
    space_->row.sqlPages = op.after;
  }
  void take(const CreateObjectOp& op) {
    auto [place, added] = plan_.objects.try_emplace(op.object);
    place->second.created = true;
    plan_.next.nextObject = std::max(plan_.next.nextObject, op.object.next());
    if (!added) return;
    // One that was deleted comes back under its number. Its row may have been swept since.
    if (std::optional<std::string_view> row =
            store_.get(Table::kObjects, kv::numberKey(op.object))) {
      place->second.row = ObjectRow::decode(*row);
      return;
    }
    place->second.row = {
        .classNumber = op.classNumber, .created = record_->lsn, .name = std::string(op.name)};
  }
  void take(const LocateObjectOp& op) { objectOf(op.object).row.locationHint = op.hint; }
  void take(const PointObjectOp& op) {
    ObjectPlan& object = objectOf(op.object);
    object.row.space = op.after;
    plan_.pointings.push_back({op.object, record_->lsn, record_->time, op.before, op.after});
    plan_.next.nextSpace = std::max({plan_.next.nextSpace, op.before.next(), op.after.next()});
    Hash128 alarmDigest;
    if (!op.before.isZero()) {
      SpaceRow& left = spaceOf(op.before).row;
      alarmDigest = left.alarmDigest;
      left.dropped = record_->lsn;
      left.droppedTime = record_->time;
    }
    if (!op.after.isZero()) {
      SpacePlan& entered = spaceOf(op.after);
      entered.row.object = op.object;
      entered.row.dropped = Lsn();
      entered.row.alarmDigest = alarmDigest;
      if (entered.row.created.isZero()) beginSpace(entered, object.row.classNumber);
    }
    // The deletion of an object is a commit of the space it leaves.
    if (space_ != nullptr) space_->commits.back().pointedBefore = op.before;
  }
  void take(const DefineClassOp& op) {
    plan_.classes[op.classNumber] = {static_cast<Backend>(op.backend), std::string(op.name)};
    plan_.next.nextClass = std::max(plan_.next.nextClass, op.classNumber.next());
  }
  void take(const SetAlarmOp& op) {
    changeAlarm(op.object, op.name, alarms::Alarm{op.time, op.attempts, op.backoff, op.delayMs});
  }
  void take(const ClearAlarmOp& op) { changeAlarm(op.object, op.name, std::nullopt); }
  void take(const ArmRestoreOp& op) { objectOf(op.object).row.armed = std::string(op.what); }
  void take(const RestoredOp& op) {
    if (!op.what.starts_with(kFailedRestore)) commit().restored = op.target;
    ObjectPlan& object = objectOf(op.object);
    if (!op.armed.isZero()) object.row.armed.clear();
    ReceiptRow receipt{record_->time, Lsn(record_->lsn.value() - 1), op.target, op.armed,
                       std::string(op.what)};
    plan_.receipts.emplace_back(kv::numberKey(op.object, record_->lsn), std::move(receipt));
  }
  void take(const LabelOp& op) {
    std::optional<LabelRow> row;
    if (!op.lsn.isZero()) row = LabelRow{op.lsn, record_->time};
    plan_.labels.emplace_back(labelKey(op.object, op.label), row);
  }

  void changeAlarm(ObjectNumber object, std::string_view name,
                   const std::optional<alarms::Alarm>& alarm) {
    auto [place, added] = plan_.alarms.try_emplace({object, name});
    if (added) {
      if (std::optional<std::string_view> row =
              store_.get(Table::kAlarms, alarms::tableKey(object, name))) {
        place->second = alarms::Alarm::decode(*row);
      }
    }
    commit().alarms.push_back({name, place->second});
    if (place->second) space_->row.alarmDigest -= pitr::alarmDigest(name, place->second->time);
    if (alarm) space_->row.alarmDigest += pitr::alarmDigest(name, alarm->time);
    place->second = alarm;
  }

  SpacePlan& spaceOf(SpaceId space) {
    auto [place, added] = plan_.spaces.try_emplace(space);
    SpacePlan& plan = place->second;
    if (!added) return plan;
    std::optional<std::string_view> row = store_.get(Table::kSpaces, kv::numberKey(space));
    plan.isNew = !row;
    if (!row) return plan;
    plan.row = SpaceRow::decode(*row);
    plan.filePages = plan.row.sqlPages;
    bool keep = history_ && backendOf(plan.row.object) == Backend::kSqlite;
    if (keep && !plan.row.keepsHistory) {
      plan.row.historyFrom = before_.lsn;
      plan.row.dataDigest = {};
      plan.row.alarmDigest = storedAlarms(plan.row.object);
    }
    plan.row.keepsHistory = keep;
    return plan;
  }

  [[nodiscard]] Hash128 storedAlarms(ObjectNumber object) const {
    Hash128 digest;
    std::string prefix = kv::numberKey(object);
    kv::Cursor cursor = store_.cursor(Table::kAlarms);
    for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix);
         more = cursor.next()) {
      digest += pitr::alarmDigest(cursor.key().substr(prefix.size()),
                                  alarms::Alarm::decode(cursor.value()).time);
    }
    return digest;
  }

  void beginSpace(SpacePlan& plan, ClassNumber classNumber) {
    plan.row.created = record_->lsn;
    plan.row.keepsHistory = history_ && backendOf(classNumber) == Backend::kSqlite;
  }

  ObjectPlan& objectOf(ObjectNumber object) {
    auto [place, added] = plan_.objects.try_emplace(object);
    if (!added) return place->second;
    std::optional<std::string_view> row = store_.get(Table::kObjects, kv::numberKey(object));
    if (!row)
      throw Error(ErrorCode::kDamaged, fmt::format("store: object {} is missing", object.value()));
    place->second.row = ObjectRow::decode(*row);
    return place->second;
  }

  Backend backendOf(ObjectNumber object) { return backendOf(objectOf(object).row.classNumber); }
  Backend backendOf(ClassNumber classNumber) {
    if (auto found = plan_.classes.find(classNumber); found != plan_.classes.end())
      return found->second.backend;
    std::optional<std::string_view> row = store_.get(Table::kClasses, kv::numberKey(classNumber));
    return row ? ClassRow::decode(*row).backend : Backend::kSqlite;
  }

  // Finds what each changed key held before, and keeps the space's counts and, with history,
  // nothing else: digests go commit by commit.
  void resolveKeys(SpaceId space, SpacePlan& plan) {
    plan.kvByKey.resize(plan.kv.size());
    std::iota(plan.kvByKey.begin(), plan.kvByKey.end(), 0U);
    std::stable_sort(
        plan.kvByKey.begin(), plan.kvByKey.end(),
        [&](std::uint32_t a, std::uint32_t b) { return plan.kv[a].key < plan.kv[b].key; });
    KvChange* previous = nullptr;
    for (std::uint32_t index : plan.kvByKey) {
      KvChange& change = plan.kv[index];
      if (previous != nullptr && previous->key == change.key) {
        change.existed = !previous->erased;
        change.before = previous->value;
        previous->last = false;
      } else if (!plan.isNew) {
        std::optional<std::string_view> stored =
            store_.get(Table::kKv, kv::StoreKey(space, change.key).view());
        if (stored && kv::isLongKey(change.key)) stored = kv::findInBucket(*stored, change.key);
        change.existed = stored.has_value();
        change.before = stored.value_or(std::string_view());
      }
      change.last = true;
      previous = &change;
      count(plan.row, change);
    }
  }

  static void count(SpaceRow& row, const KvChange& change) {
    if (change.existed) {
      row.kvKeys -= 1;
      row.kvBytes -= change.key.size() + change.before.size();
    }
    if (!change.erased) {
      row.kvKeys += 1;
      row.kvBytes += change.key.size() + change.value.size();
    }
  }

  const kv::ReadAccess& store_;
  const StoreState& before_;
  const bool history_;
  RoundPlan plan_;
  const Record* record_ = nullptr;
  SpacePlan* space_ = nullptr;
};

}  // namespace

RoundPlan planRound(const kv::ReadAccess& store, const std::vector<RecordRef>& records,
                    const StoreState& before, bool history) {
  Planner planner(store, before, history);
  // Records lie where they were made, most of them in no cache any more.
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordRef& record = records[i];
    if (i + 2 * kAhead < records.size()) __builtin_prefetch(records[i + 2 * kAhead].get());
    if (i + kAhead < records.size()) __builtin_prefetch(records[i + kAhead]->ops.data());
    try {
      planner.record(record);
    } catch (const DecodeError& error) {
      throw Error(ErrorCode::kDamaged,
                  fmt::format("commit {}: {}", record->lsn.value(), error.what()));
    }
  }
  return planner.finish();
}

}  // namespace cairn
