// Restores of a part: the keys of a prefix, one table, the changes of one commit. Like a restore of
// everything they are one ordinary commit.
#include <algorithm>
#include <cairn/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/engine_core.h"
#include "engine/object_past.h"
#include "engine/past_view.h"
#include "engine/session.h"
#include "kv/keys.h"
#include "kv/list.h"
#include "pitr/bookmark_check.h"
#include "sql_frontend/table_compare.h"
#include "sql_frontend/table_patch.h"

namespace cairn {

namespace {

constexpr std::size_t kConflictsShown = 8;

// Where a commit cannot be taken back, as it is found.
class Conflicts {
 public:
  void add(std::string where) {
    if (found_.size() < kConflictsShown) found_.push_back(std::move(where));
    ++count_;
  }
  void throwIfAny(Lsn commit) const {
    if (count_ == 0) return;
    throw Error(
        ErrorCode::kConflict,
        fmt::format("commit {} cannot be undone by itself, {} later changes are in the way: "
                    "{}{}; nothing was changed",
                    commit.value(), count_, fmt::join(found_, ", "),
                    count_ > found_.size() ? ", …" : ""));
  }

 private:
  std::vector<std::string> found_;
  std::size_t count_ = 0;
};

std::string keyText(const std::vector<SqlValue>& key) {
  std::vector<std::string> parts;
  for (const SqlValue& value : key) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      parts.push_back(fmt::format("{}", *integer));
    else if (const auto* real = std::get_if<double>(&value))
      parts.push_back(fmt::format("{}", *real));
    else if (const auto* text = std::get_if<std::string>(&value))
      parts.push_back(fmt::format("'{}'", *text));
    else
      parts.push_back(fmt::format("({} bytes)", std::get<Bytes>(value).size()));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// The index of such a table lives outside of it: deleting its rows would need what they held.
bool hasForeignContent(sql::TableCompare& compare, const std::string& table) {
  for (const sql::SchemaEntry& entry : compare.schemaBefore(table)) {
    if (entry.type == "table" && entry.text.find("content=") != std::string::npos) return true;
  }
  return false;
}

void refuseForeignContent(sql::TableCompare& compare, const sql::TableShape& table) {
  if (!table.isVirtual || !table.inBefore || !hasForeignContent(compare, table.name)) return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("table {} is an index over content that lies elsewhere: bring the whole "
                          "object back instead",
                          table.name));
}

}  // namespace

void Session::restorePrefix(Lsn target, const std::string& prefix, RestoreReceipt& receipt) {
  std::vector<std::pair<std::string, std::optional<std::string>>> then;
  {
    releaseStore();
    PastView::Impl view(engine_, object_->number, object_->name, target);
    if (view.space() == object_->data.space) {
      for (const auto& [key, before] : view.then().keys()) {
        if (key.starts_with(prefix)) then.emplace_back(key, before);
      }
    } else if (!view.space().isZero()) {
      view.list({.prefix = prefix}, [&](std::string_view key, std::string_view bytes) {
        then.emplace_back(key, bytes);
        return true;
      });
    }
    receipt.spaceChanged = view.space() != object_->data.space;
  }
  openRecord();
  if (receipt.spaceChanged) {
    // Keys of now that were not there then.
    kv::List list(kv_, kv::toRange({.prefix = prefix}), false, std::nullopt);
    std::vector<std::string> absent;
    while (list.next()) {
      bool was = std::ranges::binary_search(
          then, list.key(), {}, [](const auto& pair) { return std::string_view(pair.first); });
      if (!was) absent.emplace_back(list.key());
    }
    for (std::string& key : absent) then.emplace_back(std::move(key), std::nullopt);
    receipt.spaceChanged = false;
  }
  for (const auto& [key, before] : then) {
    std::optional<std::string_view> now = kv_.get(key);
    if (now == before) continue;
    setKey(key, before, receipt);
  }
}

void Session::setKey(const std::string& key, const std::optional<std::string>& value,
                     RestoreReceipt& receipt) {
  ++receipt.keysChanged;
  refuseOversize(key.size() + (value ? value->size() : 0));
  if (value) {
    kv_.put(key, *value);
  } else {
    kv_.erase(key);
  }
}

void Session::restoreTable(Lsn target, const std::string& name, RestoreReceipt& receipt) {
  releaseStore();
  PastView::Impl then(engine_, object_->number, object_->name, target);
  PastView::Impl now(engine_, object_->number, object_->name, object_->lastLsn);
  sql::TableCompare compare(engine_.vfs(), then.pages(), now.pages());
  std::optional<sql::TableShape> table = compare.table(name);
  if (!table || !table->inBefore) {
    throw Error(ErrorCode::kNotFound, fmt::format("object {} had no table {} at LSN {}",
                                                  object_->name, name, target.value()));
  }
  for (const sql::SchemaDifference& entry : compare.schema()) {
    if (!entry.before || !entry.after || entry.before->type != "table") continue;
    if (entry.before->name == table->name) {
      throw Error(ErrorCode::kConflict,
                  fmt::format("table {} had another schema at LSN {}: then \"{}\", now \"{}\"",
                              name, target.value(), entry.before->text, entry.after->text));
    }
  }
  refuseForeignContent(compare, *table);
  openRecord();
  sql::Connection& live = connection();
  live.cancelCursors("the cursor was canceled because a restore ended the session");
  sql::Connection::Maintenance maintenance(live, *this);
  std::vector<sql::SchemaEntry> schema = compare.schemaBefore(table->name);
  if (!table->inAfter) maintenance.run(schema.front().text);
  patchTable(maintenance, compare, *table, nullptr, receipt);
  if (std::optional<std::int64_t> sequence = compare.sequenceBefore(table->name))
    sql::setSequence(maintenance, table->name, *sequence);
  if (!table->inAfter) {
    for (std::size_t i = 1; i < schema.size(); ++i) maintenance.run(schema[i].text);
  }
  if (std::optional<std::string> broken = sql::brokenReference(maintenance, table->name))
    throw Error(ErrorCode::kConflict,
                fmt::format("table {} cannot be restored by itself: {}", table->name, *broken));
}

// Makes the rows of the live table what they were "before". With `conflict`, rows that are not as
// they were "after" are told to it, and nothing comes of the rest: returns false.
bool Session::patchTable(sql::Connection::Maintenance& maintenance, sql::TableCompare& compare,
                         const sql::TableShape& table,
                         const std::function<void(const sql::RowDifference&)>& conflict,
                         RestoreReceipt& receipt) {
  sql::TablePatch patch(maintenance, table);
  bool clean = true;
  compare.rows(table, [&](sql::RowDifference&& row) {
    if (conflict && !patch.holds(row.key, row.after)) {
      conflict(row);
      clean = false;
    } else if (row.after) {
      patch.remove(row.key);
    }
    return true;
  });
  if (!clean) return false;
  return compare.rows(table, [&](sql::RowDifference&& row) {
    ++receipt.rowsChanged;
    if (row.before) patch.insert(row.key, *row.before);
    return true;
  });
}

RestoreReceipt Session::undoCommit(Lsn lsn, bool dryRun) {
  requireSqlite("point-in-time recovery");
  if (!scopes_.empty())
    throw Error(ErrorCode::kConflict, "a commit cannot be undone within a transaction");
  commit();
  Lsn before(lsn.value() - 1);
  EngineCore::Lease lease(engine_, before);
  CommitChanges changes;
  {
    const kv::ReadAccess& snapshot = storeUpToDate();
    checkReachable(before, StoreState::load(snapshot).value());
    changes = changesOf(ObjectPast(snapshot, engine_.changeReader(), object_->number), lsn);
  }
  releaseStore();
  RestoreReceipt receipt;
  receipt.target = lsn;
  receipt.what = fmt::format("commit {}", lsn.value());
  receipt.undo = pitr::makeBookmark(engine_.rootId().view(), object_->number, object_->lastLsn);
  PastView::Impl then(engine_, object_->number, object_->name, before);
  PastView::Impl after(engine_, object_->number, object_->name, lsn);
  if (after.space() != object_->data.space) {
    throw Error(ErrorCode::kConflict,
                fmt::format("commit {} cannot be undone by itself: the object was emptied since",
                            lsn.value()));
  }
  try {
    openRecord();
    undoKeysAndAlarms(changes, then, after, receipt);
    if (changes.pages) undoRows(lsn, then, after, receipt);
  } catch (...) {
    abandon();
    throw;
  }
  return concludeRestore(receipt, Lsn(), dryRun);
}

Session::CommitChanges Session::changesOf(const ObjectPast& past, Lsn lsn) {
  CommitChanges changes;
  bool found = false;
  SpaceId space = past.spaceAt(lsn);
  if (!space.isZero()) {
    past.history().forward(space, Lsn(lsn.value() - 1), lsn, 0,
                           [&](const pitr::CommitUndo& commit) {
                             found = true;
                             pitr::visitUndos(commit.undos, [&](const pitr::Undo& undo) {
                               using pitr::UndoKind;
                               switch (undo.kind) {
                                 case UndoKind::kKeyAbsent:
                                 case UndoKind::kKeyValue:
                                   changes.keys.emplace_back(undo.name);
                                   break;
                                 case UndoKind::kAlarmAbsent:
                                 case UndoKind::kAlarmSet:
                                   changes.alarms.emplace_back(undo.name);
                                   break;
                                 case UndoKind::kPointed:
                                   changes.emptied = true;
                                   break;
                                 default:
                                   changes.pages = true;
                               }
                             });
                             return true;
                           });
  }
  if (!found) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("LSN {} is not a commit of object {}", lsn.value(), object_->name));
  }
  if (changes.emptied) {
    throw Error(ErrorCode::kConflict,
                fmt::format("commit {} created or emptied the object: bring LSN {} back instead",
                            lsn.value(), lsn.value() - 1));
  }
  return changes;
}

void Session::undoKeysAndAlarms(const CommitChanges& changes, PastView::Impl& then,
                                PastView::Impl& after, RestoreReceipt& receipt) {
  Conflicts conflicts;
  for (const std::string& key : changes.keys) {
    std::optional<std::string> written = after.get(key);
    std::optional<std::string_view> now = kv_.get(key);
    if (now != written) {
      conflicts.add(fmt::format("key {}", key));
    } else if (std::optional<std::string> before = then.get(key); before != written) {
      setKey(key, before, receipt);
    }
    releaseStore();  // Views wait for rounds, and those may wait for snapshots.
  }
  for (const std::string& name : changes.alarms) {
    std::optional<alarms::Alarm> now = alarms_.get(name);
    std::optional<UnixMillis> nowTime;
    if (now) nowTime = now->time;
    if (nowTime != after.alarm(name)) {
      conflicts.add(fmt::format("alarm {}", name.empty() ? "(default)" : name));
    } else if (std::optional<UnixMillis> before = then.alarm(name)) {
      alarms_.set(name, {*before, 0, 0});
    } else {
      alarms_.clear(name);
    }
  }
  releaseStore();
  conflicts.throwIfAny(receipt.target);
}

void Session::undoRows(Lsn lsn, PastView::Impl& then, PastView::Impl& after,
                       RestoreReceipt& receipt) {
  sql::TableCompare compare(engine_.vfs(), then.pages(), after.pages());
  if (std::vector<sql::SchemaDifference> schema = compare.schema(); !schema.empty()) {
    const sql::SchemaDifference& first = schema.front();
    throw Error(ErrorCode::kConflict,
                fmt::format("commit {} changed the schema ({} {}): bring LSN {} back instead",
                            lsn.value(), (first.after ? first.after : first.before)->type,
                            (first.after ? first.after : first.before)->name, lsn.value() - 1));
  }
  sql::Connection& live = connection();
  live.cancelCursors("the cursor was canceled because a commit was undone");
  sql::Connection::Maintenance maintenance(live, *this);
  Conflicts conflicts;
  for (const sql::TableShape& table : compare.tables()) {
    bool differs = !compare.rows(table, [](sql::RowDifference&&) { return false; });
    if (!differs) continue;
    refuseForeignContent(compare, table);
    auto conflict = [&](const sql::RowDifference& row) {
      conflicts.add(fmt::format("row {} of table {}", keyText(row.key), table.name));
    };
    try {
      if (!patchTable(maintenance, compare, table, conflict, receipt)) continue;
    } catch (const SqlError& error) {
      // A later row has the same unique value, or the table is not there any more.
      conflicts.add(fmt::format("table {} ({})", table.name, error.what()));
      continue;
    }
    if (std::optional<std::string> broken = sql::brokenReference(maintenance, table.name))
      conflicts.add(*broken);
  }
  conflicts.throwIfAny(lsn);
}

}  // namespace cairn
