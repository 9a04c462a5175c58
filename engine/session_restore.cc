// The turn's point-in-time recovery: bookmarks, arming, and the restore itself, which is one
// ordinary commit of what differs.
#include <algorithm>
#include <cairn/error.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/mutant.h"
#include "engine/engine_core.h"
#include "engine/object_past.h"
#include "engine/restore_spec.h"
#include "engine/session.h"
#include "engine/space_build.h"
#include "kv/keys.h"
#include "pitr/bookmark_check.h"
#include "pitr/digest.h"
#include "pitr/past_state.h"
#include "sql_frontend/page_delta.h"

namespace cairn {

namespace {

constexpr const char* kSessionEnded = "the cursor was canceled because a restore ended the session";

}  // namespace

// The space that the object is about to be pointed at, if it is to leave the one it has.
struct Session::Entry {
  std::optional<EngineCore::Claim> claim;  ///< One that there is.
  std::optional<SpaceBuild> build;         ///< One that was made.

  void enteredBy(Lsn lsn) {
    if (claim) claim->enteredBy(lsn);
    if (build) build->enteredBy(lsn);
  }
};

struct Session::RestorePlan {
  ObjectPast past;
  SpaceId space;  ///< The one the object was pointed at then.
  SpaceRow row;   ///< Of that space, as it is now.
  pitr::PastState then;
  std::vector<const pitr::PastState::Keys::value_type*> keys;  ///< Of `then`: those that differ.
  ObjectPast::Alarms alarms;
  Lsn through;  ///< The store's LSN.
  bool isTooLarge =
      false;  ///< What changed since is more than memory should hold: `then` is empty.
  std::uint64_t digest = 0;  ///< As recorded.
};

const kv::ReadAccess& Session::storeUpToDate() {
  releaseStore();
  engine_.storeThrough(object_->lastLsn);
  return store();
}

Bookmark Session::currentBookmark() {
  requireSqlite("point-in-time recovery");
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "getCurrentBookmark() cannot be called within a transaction");
  Lsn lsn = commit();
  return pitr::makeBookmark(engine_.rootId().view(), object_->number, lsn);
}

Bookmark Session::bookmarkForTime(UnixMillis time) {
  requireSqlite("point-in-time recovery");
  const kv::ReadAccess& snapshot = storeUpToDate();
  StoreState state = StoreState::load(snapshot).value();
  // The wall clock may have gone back since the last commit.
  UnixMillis now = std::max(engine_.clock().now(), state.time);
  if (time > now || time < state.historyTime) {
    throw Error(ErrorCode::kOutOfRange,
                fmt::format("time {} ms is outside the history kept: {} to {} ms since 1970",
                            time.value, state.historyTime.value, now.value));
  }
  ObjectPast past(snapshot, engine_.changeReader(), object_->number);
  return pitr::makeBookmark(engine_.rootId().view(), object_->number,
                            past.lastCommit(time, state).lsn);
}

Bookmark Session::armRestore(const Bookmark& bookmark, AlarmOnRestore alarm) {
  requireSqlite("point-in-time recovery");
  if (!scopes_.empty()) {
    throw Error(ErrorCode::kConflict,
                "onNextSessionRestoreBookmark() cannot be called within a transaction");
  }
  commit();
  Lsn target = resolveBookmark(storeUpToDate(), bookmark);
  openRecord();
  onlyFrees_ = false;
  std::string spec = RestoreSpec{target, alarm}.encode();
  appendOp(record_->ops, ArmRestoreOp{objectNumber(), spec});
  Lsn armed = commit();
  object_->armed = std::move(spec);
  return pitr::makeBookmark(engine_.rootId().view(), object_->number, armed,
                            Bookmark::kEndOfSession);
}

Lsn Session::resolveBookmark(const kv::ReadAccess& snapshot, const Bookmark& bookmark) {
  if (!pitr::belongsTo(bookmark, engine_.rootId().view(), object_->number)) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("bookmark {} is not one of object {}",
                                                         bookmark.toString(), object_->name));
  }
  Lsn lsn = bookmark.lsn();
  if (bookmark.isEndOfSession()) lsn = endOfSession(snapshot, object_->number, bookmark);
  checkReachable(lsn, StoreState::load(snapshot).value());
  return lsn;
}

void Session::beginSession() {
  object_->sessionBegun = true;
  if (object_->armed.empty()) return;
  Lsn armed = object_->lastLsn;
  std::string text = std::exchange(object_->armed, {});
  RestoreSpec spec = RestoreSpec::decode(text);
  try {
    restore(spec.target, {.alarm = spec.alarm}, armed);
  } catch (const Error& error) {
    abandon();
    bool mayPass = error.code() == ErrorCode::kNoSpace || error.code() == ErrorCode::kIo ||
                   error.code() == ErrorCode::kBroken;
    if (mayPass) {
      // A later turn, or the next process, may succeed.
      object_->armed = std::move(text);
      object_->sessionBegun = false;
      throw;
    }
    // History that cannot be read must not keep the object from living on.
    openRecord();
    std::string what = fmt::format("{}{}", kFailedRestore, error.what());
    appendOp(record_->ops, RestoredOp{objectNumber(), spec.target, armed, what});
    commit();
  }
}

RestoreReceipt Session::restore(Lsn target, const RestoreOptions& options, Lsn armed) {
  requireSqlite("point-in-time recovery");
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "a restore cannot be made within a transaction");
  int parts = (options.keyPrefix ? 1 : 0) + (options.table ? 1 : 0) + (options.alarmOnly ? 1 : 0);
  if (parts > 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "a restore takes one of: a prefix, a table, the alarm alone, everything");
  }
  commit();
  if (object_->number.isZero())
    throw Error(ErrorCode::kNotFound, fmt::format("object {} does not exist", object_->name));
  // First: what is found reachable then stays so.
  EngineCore::Lease lease(engine_, target);
  checkReachable(target, StoreState::load(storeUpToDate()).value());
  RestoreReceipt receipt;
  receipt.target = target;
  receipt.undo = pitr::makeBookmark(engine_.rootId().view(), object_->number, object_->lastLsn);
  Entry entry;
  try {
    if (options.keyPrefix) {
      receipt.what = fmt::format("prefix {}", *options.keyPrefix);
      restorePrefix(target, *options.keyPrefix, receipt);
    } else if (options.table) {
      receipt.what = fmt::format("table {}", *options.table);
      restoreTable(target, *options.table, receipt);
    } else {
      receipt.what = options.alarmOnly ? "alarm" : "all";
      restoreEverything(planRestore(target), options, entry, receipt);
    }
  } catch (...) {
    abandon();
    throw;
  }
  receipt = concludeRestore(receipt, armed, options.dryRun);
  if (!receipt.lsn.isZero()) entry.enteredBy(receipt.lsn);
  return receipt;
}

Session::RestorePlan Session::planRestore(Lsn target) {
  const kv::ReadAccess& snapshot = storeUpToDate();
  StoreState state = StoreState::load(snapshot).value();
  ObjectPast past(snapshot, engine_.changeReader(), object_->number);
  SpaceId space = past.spaceAt(target);
  RestorePlan plan{past,
                   space,
                   past.spaceRow(space).value_or(SpaceRow{}),
                   pitr::PastState(space, target),
                   {},
                   past.alarmsAt(target, state.lsn),
                   state.lsn};
  if (space.isZero()) return plan;
  if (!plan.row.keepsHistory || target < plan.row.historyFrom) {
    throw Error(ErrorCode::kOutOfRange, fmt::format("object {} keeps history only from LSN {} on",
                                                    object_->name, plan.row.historyFrom.value()));
  }
  std::unique_ptr<File> file = engine_.pageFiles().openForReading(space);
  auto readPage = [&](std::uint32_t number, char* page) {
    std::size_t got =
        file ? file->read(std::uint64_t{number - 1} * sql::kPageBytes, {page, sql::kPageBytes}) : 0;
    std::fill(page + got, page + sql::kPageBytes, '\0');
  };
  plan.digest = past.history().digestAt(space, target).value_or(plan.row.digest().low);
  plan.isTooLarge = !plan.then.undoThrough(past.history(), state.lsn, plan.row.sqlPages, readPage,
                                           restoreBytesMax());
  if (!plan.isTooLarge) compareWithNow(plan);
  return plan;
}

// What a restore may hold in memory. Changes held there become one record, which is held too.
std::uint64_t Session::restoreBytesMax() const {
  return std::min(engine_.options().restoreBytesMax, engine_.limits().transactionBytesMax / 2);
}

void Session::restoreEverything(const RestorePlan& plan, const RestoreOptions& options,
                                Entry& entry, RestoreReceipt& receipt) {
  if (plan.isTooLarge && !options.alarmOnly) return restoreAside(plan, options, entry, receipt);
  openRecord();
  onlyFrees_ = false;
  if (!options.alarmOnly) {
    receipt.spaceChanged = plan.space != object_->data.space;
    if (receipt.spaceChanged && plan.space.isZero()) {
      deleteObject();
    } else if (receipt.spaceChanged) {
      entry.claim.emplace(engine_, object_->number, plan.space);
      pointAt(plan.space);
    } else if (object_->data.sql && object_->data.sql->connection) {
      object_->data.sql->connection->cancelCursors(kSessionEnded);
      engine_.connections().close(*object_);
    }
    restoreKeys(plan, receipt);
    restorePages(plan, receipt);
  }
  restoreAlarms(plan, options.alarm);
}

// The state is made in a fresh space, and the object moved there.
void Session::restoreAside(const RestorePlan& plan, const RestoreOptions& options, Entry& entry,
                           RestoreReceipt& receipt) {
  SpaceBuild::Recorded recorded{plan.digest, {}};
  for (const auto& [name, time] : plan.alarms) recorded.alarms += pitr::alarmDigest(name, time);
  releaseStore();
  SpaceBuild& build = entry.build.emplace(
      engine_,
      SpaceBuild::Source{object_->number, plan.space, plan.row, plan.then.at(), plan.through},
      restoreBytesMax());
  build.run(recorded);
  receipt.keysChanged = build.keysChanged();
  receipt.pagesChanged = build.pagesChanged();
  receipt.spaceChanged = plan.space != object_->data.space;
  openRecord();
  onlyFrees_ = false;
  if (object_->data.sql && object_->data.sql->connection)
    object_->data.sql->connection->cancelCursors(kSessionEnded);
  pointAt(build.space());
  onlyFrees_ = false;
  restoreAlarms(plan, options.alarm);
}

RestoreReceipt Session::concludeRestore(RestoreReceipt receipt, Lsn armed, bool dryRun) {
  if (dryRun) {
    abandon();
    return receipt;
  }
  appendOp(record_->ops, RestoredOp{objectNumber(), receipt.target, armed, receipt.what});
  receipt.lsn = commit();
  receipt.time = engine_.clock().now();
  return receipt;
}

// Finds what differs. The state that is about to be written must be the one that the change log
// recorded, proven part by part from the bytes at hand.
void Session::compareWithNow(RestorePlan& plan) {
  Hash128 digest = plan.row.dataDigest;
  // Of a large store each lookup is most of what a key costs: one is all there are.
  for (const auto& entry : plan.then.keys()) {
    const auto& [key, before] = entry;
    std::optional<std::string_view> now = storedValue(plan.space, key);
    if (now == before) continue;
    plan.keys.push_back(&entry);
    if (now) digest -= pitr::kvDigest(key, *now);
    if (before) digest += pitr::kvDigest(key, *before);
  }
  std::unique_ptr<File> file = engine_.pageFiles().openForReading(plan.space);
  char page[sql::kPageBytes];
  for (const auto& [number, image] : plan.then.pages()) {
    std::size_t got =
        file ? file->read(std::uint64_t{number - 1} * sql::kPageBytes, {page, sizeof(page)}) : 0;
    std::fill(page + got, page + sizeof(page), '\0');
    if (number <= plan.row.sqlPages) digest -= pitr::pageDigest(number, page);
    if (number <= plan.then.pageCount()) digest += pitr::pageDigest(number, image.get());
  }
  digest -= pitr::pageCountDigest(plan.row.sqlPages);
  digest += pitr::pageCountDigest(plan.then.pageCount());
  for (const auto& [name, time] : plan.alarms) digest += pitr::alarmDigest(name, time);
  if (digest.low == plan.digest) return;
  throw Error(ErrorCode::kDigestMismatch,
              fmt::format("object {}: the state at LSN {} would have digest {:016x}, recorded is "
                          "{:016x}; nothing was changed",
                          object_->name, plan.then.at().value(), digest.low, plan.digest));
}

std::optional<std::string_view> Session::storedValue(SpaceId space, std::string_view key) {
  std::optional<std::string_view> stored =
      store().get(kv::Table::kKv, kv::StoreKey(space, key).view());
  if (stored && kv::isLongKey(key)) return kv::findInBucket(*stored, key);
  return stored;
}

void Session::restoreKeys(const RestorePlan& plan, RestoreReceipt& receipt) {
  for (const auto* entry : plan.keys) setKey(entry->first, entry->second, receipt);
}

void Session::restorePages(const RestorePlan& plan, RestoreReceipt& receipt) {
  if (plan.then.pages().empty() && plan.then.pageCount() == plan.row.sqlPages) return;
  sql::PageSpace& pages = sqlState().pages;
  pages.resize(plan.then.pageCount());
  for (const auto& [number, image] : plan.then.pages()) {
    if (number > plan.then.pageCount()) continue;
    pages.write(number, image.get());
    ++receipt.pagesChanged;
  }
}

void Session::restoreAlarms(const RestorePlan& plan, AlarmOnRestore choice) {
  if (choice == AlarmOnRestore::kKeep) return;
  for (const std::string& name : alarms_.names()) {
    if (choice == AlarmOnRestore::kClear || !plan.alarms.contains(name)) alarms_.clear(name);
  }
  if (choice == AlarmOnRestore::kClear) return;
  if (mutantActive(Mutant::kRestoreKeepsAlarm)) return;
  for (const auto& [name, time] : plan.alarms) alarms_.set(name, {time, 0, 0});
}

void Session::setLabel(std::string_view label, Lsn lsn) {
  requireSqlite("point-in-time recovery");
  openRecord();
  appendOp(record_->ops, LabelOp{objectNumber(), label, lsn});
}

}  // namespace cairn
