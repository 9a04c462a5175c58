// The public face of point-in-time recovery.
#include <algorithm>
#include <cairn/error.h>
#include <cairn/history.h>
#include <map>
#include <shared_mutex>
#include <thread>

#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/object_past.h"
#include "engine/past_difference.h"
#include "engine/past_view.h"
#include "engine/restore_spec.h"
#include "kv/keys.h"
#include "pitr/bookmark_check.h"
#include "sql_frontend/page_owners.h"

namespace cairn {

namespace {

constexpr std::size_t kLabelBytesMax = 128;

// The stores, brought up to the object's last commit, for as long as it lives.
struct UpToDate {
  UpToDate(EngineCore& engine, ObjectState& object)
      : number(bringUp(engine, object)),
        snapshot(engine.lmdb().snapshot()),
        state(StoreState::load(snapshot).value()),
        past(snapshot, engine.changeReader(), number) {
    if (number.isZero())
      throw Error(ErrorCode::kNotFound, fmt::format("object {} does not exist", object.name));
  }

  static ObjectNumber bringUp(EngineCore& engine, ObjectState& object) {
    if (object.turnThread.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format("the history of object {} inside a turn of the same object", object.name));
    }
    Lsn last;
    ObjectNumber number;
    {
      EngineCore::Hold hold(engine, object);
      last = object.lastLsn;
      number = object.number;
    }
    engine.storeThrough(last);
    return number;
  }

  ObjectNumber number;
  kv::Snapshot snapshot;
  StoreState state;
  ObjectPast past;
};

void requireSqlite(const ObjectState& object) {
  if (object.classEntry.backend == Backend::kSqlite) return;
  throw Error(ErrorCode::kUnsupported,
              fmt::format("class {} is a legacy key-value class: it keeps no history",
                          object.classEntry.name));
}

Resolved resolvedAt(EngineCore& engine, const UpToDate& now, const ObjectPast::Point& point) {
  return {point.lsn, point.time, pitr::makeBookmark(engine.rootId().view(), now.number, point.lsn)};
}

// The object's commits in (after, through], newest first, whichever space they were in.
void forEachCommit(const UpToDate& now, Lsn after, Lsn through,
                   const std::function<bool(const pitr::CommitUndo&)>& visit) {
  std::vector<ObjectPast::Stretch> stretches = now.past.stretches(after);
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
    if (stretch->space.isZero() || stretch->from > through) continue;
    Lsn from = std::max(after, stretch->from.isZero() ? Lsn() : Lsn(stretch->from.value() - 1));
    if (!now.past.history().backward(stretch->space, from, std::min(through, stretch->until), 0,
                                     visit)) {
      return;
    }
  }
}

std::vector<Usage> largestFirst(std::map<std::string, Usage, std::less<>> byName) {
  std::vector<Usage> list;
  for (auto& [name, usage] : byName) {
    list.push_back(std::move(usage));
    list.back().name = name;
  }
  std::ranges::stable_sort(list, [](const Usage& a, const Usage& b) {
    return a.liveBytes + a.historyBytes > b.liveBytes + b.historyBytes;
  });
  return list;
}

RestoreReceipt receiptFrom(EngineCore& engine, ObjectNumber object, Lsn lsn,
                           const ReceiptRow& row) {
  RestoreReceipt receipt;
  receipt.lsn = lsn;
  receipt.target = row.target;
  receipt.undo = pitr::makeBookmark(engine.rootId().view(), object, row.before);
  receipt.time = row.time;
  receipt.what = row.what;
  return receipt;
}

}  // namespace

History::History(EngineCore& engine, const ObjectRef& object) : engine_(engine), object_(object) {
  requireSqlite(*object.state());
}

HistoryBounds History::bounds() {
  UpToDate now(engine_, *object_.state());
  ObjectPast::Point newest = now.past.lastCommit(now.state.lsn, now.state);
  return {now.state.historyLsn, now.state.historyTime, newest.lsn, newest.time};
}

Resolved History::resolve(UnixMillis time) {
  UpToDate now(engine_, *object_.state());
  // The wall clock may have gone back since the last commit.
  UnixMillis present = std::max(engine_.clock().now(), now.state.time);
  if (time > present || time < now.state.historyTime) {
    throw Error(ErrorCode::kOutOfRange,
                fmt::format("time {} ms is outside the history kept: {} to {} ms since 1970",
                            time.value, now.state.historyTime.value, present.value));
  }
  return resolvedAt(engine_, now, now.past.lastCommit(time, now.state));
}

Resolved History::resolve(Lsn lsn) {
  UpToDate now(engine_, *object_.state());
  checkReachable(lsn, now.state);
  return resolvedAt(engine_, now, now.past.lastCommit(lsn, now.state));
}

Resolved History::resolve(const Bookmark& bookmark) {
  Lsn lsn;
  {
    UpToDate now(engine_, *object_.state());
    if (!pitr::belongsTo(bookmark, engine_.rootId().view(), now.number)) {
      throw Error(ErrorCode::kInvalidArgument, fmt::format("bookmark {} is not one of object {}",
                                                           bookmark.toString(), object_.name()));
    }
    lsn = bookmark.lsn();
    if (bookmark.isEndOfSession()) lsn = endOfSession(now.snapshot, now.number, bookmark);
  }
  return resolve(lsn);
}

Resolved History::resolveLabel(std::string_view label) {
  Lsn lsn;
  {
    UpToDate now(engine_, *object_.state());
    std::optional<std::string_view> row =
        now.snapshot.get(kv::Table::kLabels, labelKey(now.number, label));
    if (!row)
      throw Error(ErrorCode::kNotFound,
                  fmt::format("object {} has no label {}", object_.name(), label));
    lsn = LabelRow::decode(*row).lsn;
  }
  return resolve(lsn);
}

Resolved History::resolveBeforeKey(std::string_view key) {
  std::vector<KeyVersion> versions = keyVersions(key);
  if (versions.size() < 2) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("no commit in the window changed key {} of object {}", key, object_.name()));
  }
  return resolve(Lsn(versions.front().lsn.value() - 1));
}

std::unique_ptr<PastView> History::view(Lsn lsn) {
  ObjectNumber number = UpToDate(engine_, *object_.state()).number;
  return std::make_unique<PastView>(
      std::make_unique<PastView::Impl>(engine_, number, object_.name(), lsn));
}

RestoreReceipt History::restore(Lsn target, const RestoreOptions& options) {
  RestoreReceipt receipt;
  Ticket ticket = engine_.runTurn(
      *object_.state(), [&](Session& session) { receipt = session.restore(target, options); });
  ticket.wait();
  return receipt;
}

RestoreReceipt History::undoCommit(Lsn lsn, bool dryRun) {
  RestoreReceipt receipt;
  Ticket ticket = engine_.runTurn(
      *object_.state(), [&](Session& session) { receipt = session.undoCommit(lsn, dryRun); });
  ticket.wait();
  return receipt;
}

void History::diff(Lsn before, Lsn after, const std::function<bool(const Difference&)>& visit) {
  ObjectNumber number = UpToDate(engine_, *object_.state()).number;
  PastView::Impl from(engine_, number, object_.name(), before);
  PastView::Impl to(engine_, number, object_.name(), after);
  comparePast(engine_, from, to, visit);
}

void History::log(Lsn after, Lsn through, const std::function<bool(const CommitInfo&)>& visit) {
  UpToDate now(engine_, *object_.state());
  forEachCommit(now, after, through, [&](const pitr::CommitUndo& commit) {
    CommitInfo info;
    info.lsn = commit.lsn;
    info.time = commit.time;
    info.historyBytes = commit.undos.size();
    pitr::visitUndos(commit.undos, [&](const pitr::Undo& undo) {
      using pitr::UndoKind;
      info.keysChanged +=
          undo.kind == UndoKind::kKeyAbsent || undo.kind == UndoKind::kKeyValue ? 1 : 0;
      info.pagesChanged +=
          undo.kind == UndoKind::kPage || undo.kind == UndoKind::kPagePacked ? 1 : 0;
      info.alarmChanged |= undo.kind == UndoKind::kAlarmAbsent || undo.kind == UndoKind::kAlarmSet;
      info.emptied |= undo.kind == UndoKind::kPointed;
      if (undo.kind == UndoKind::kRestored) info.restored = Lsn(undo.number);
    });
    return visit(info);
  });
}

std::vector<KeyVersion> History::keyVersions(std::string_view key) {
  UpToDate now(engine_, *object_.state());
  std::vector<KeyVersion> versions;
  // The value that is there now, and then, commit by commit, what each one replaced.
  SpaceId space = now.past.spaceAt(now.state.lsn);
  std::optional<std::string> current;
  if (!space.isZero()) {
    std::optional<std::string_view> stored =
        now.snapshot.get(kv::Table::kKv, kv::StoreKey(space, key).view());
    if (stored && kv::isLongKey(key)) stored = kv::findInBucket(*stored, key);
    if (stored) current.emplace(*stored);
  }
  std::vector<ObjectPast::Stretch> stretches = now.past.stretches(now.state.historyLsn);
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
    if (stretch->space.isZero()) {
      current.reset();
      continue;
    }
    Lsn from = stretch->from.isZero() ? Lsn() : Lsn(stretch->from.value() - 1);
    // At the end of a stretch the key was what the space holds, less what it went through later.
    if (stretch->until != Lsn(UINT64_MAX))
      current = PastView::Impl(engine_, now.number, object_.name(), Lsn(stretch->until.value() - 1))
                    .get(key);
    now.past.history().backward(stretch->space, std::max(from, now.state.historyLsn),
                                stretch->until, pitr::kTouchesKv,
                                [&](const pitr::CommitUndo& commit) {
                                  pitr::visitUndos(commit.undos, [&](const pitr::Undo& undo) {
                                    bool isKey = undo.kind == pitr::UndoKind::kKeyAbsent ||
                                                 undo.kind == pitr::UndoKind::kKeyValue;
                                    if (!isKey || undo.name != key) return;
                                    versions.push_back({commit.lsn, commit.time, current});
                                    current.reset();
                                    if (undo.kind == pitr::UndoKind::kKeyValue)
                                      current.emplace(undo.bytes);
                                  });
                                  return true;
                                });
  }
  versions.push_back({Lsn(), now.state.historyTime, current});
  return versions;
}

HistoryUsage History::usage(std::string_view delimiters) {
  UpToDate now(engine_, *object_.state());
  PastView::Impl present(engine_, now.number, object_.name(), now.state.lsn);
  std::map<std::string, Usage, std::less<>> prefixes;
  std::map<std::string, Usage, std::less<>> tables;
  auto prefixOf = [&](std::string_view key) -> Usage& {
    std::size_t end = key.find_first_of(delimiters);
    return prefixes[std::string(end == std::string_view::npos ? key : key.substr(0, end + 1))];
  };
  std::vector<std::string> owners;
  if (!present.space().isZero()) {
    present.list({}, [&](std::string_view key, std::string_view bytes) {
      prefixOf(key).liveBytes += key.size() + bytes.size();
      return true;
    });
    owners = sql::pageOwners(engine_.vfs(), present.pages());
    for (std::size_t page = 1; page < owners.size(); ++page)
      tables[owners[page]].liveBytes += sql::kPageBytes;
  }
  HistoryUsage usage;
  forEachCommit(now, Lsn(), Lsn(UINT64_MAX), [&](const pitr::CommitUndo& commit) {
    ++usage.commits;
    pitr::visitUndos(commit.undos, [&](const pitr::Undo& undo) {
      using pitr::UndoKind;
      Usage* owner = nullptr;
      if (undo.kind == UndoKind::kKeyAbsent || undo.kind == UndoKind::kKeyValue)
        owner = &prefixOf(undo.name);
      if (undo.kind == UndoKind::kPage || undo.kind == UndoKind::kPagePacked)
        owner = &tables[undo.number < owners.size() ? owners[undo.number] : ""];
      if (owner == nullptr) return;
      owner->historyBytes += undo.name.size() + undo.bytes.size();
      ++owner->changes;
    });
    return true;
  });
  usage.prefixes = largestFirst(std::move(prefixes));
  usage.tables = largestFirst(std::move(tables));
  return usage;
}

void History::setLabel(std::string_view label, Lsn lsn) {
  if (label.empty() || label.size() > kLabelBytesMax) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("a label of {} bytes, 1 to {} are allowed",
                                                         label.size(), kLabelBytesMax));
  }
  Resolved point = resolve(lsn);
  engine_.runTurn(*object_.state(), [&](Session& session) { session.setLabel(label, point.lsn); })
      .wait();
}

void History::removeLabel(std::string_view label) {
  engine_.runTurn(*object_.state(), [&](Session& session) { session.setLabel(label, Lsn()); })
      .wait();
}

std::vector<LabelInfo> History::labels() {
  UpToDate now(engine_, *object_.state());
  std::vector<LabelInfo> found;
  std::string prefix = kv::numberKey(now.number);
  kv::Cursor cursor = now.snapshot.cursor(kv::Table::kLabels);
  for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix);
       more = cursor.next()) {
    LabelRow row = LabelRow::decode(cursor.value());
    found.push_back({std::string(cursor.key().substr(prefix.size())), row.lsn, row.made});
  }
  return found;
}

std::vector<RestoreReceipt> History::receipts() {
  UpToDate now(engine_, *object_.state());
  std::vector<RestoreReceipt> found;
  std::string prefix = kv::numberKey(now.number);
  kv::Cursor cursor = now.snapshot.cursor(kv::Table::kReceipts);
  for (bool more = cursor.seek(prefix); more && cursor.key().starts_with(prefix);
       more = cursor.next()) {
    found.push_back(receiptFrom(engine_, now.number, Lsn(loadBigEndian64(cursor.key().data() + 8)),
                                ReceiptRow::decode(cursor.value())));
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::vector<RestoreReceipt> restoreAll(Engine& engine, const std::vector<ObjectRef>& objects,
                                       Lsn target, const RestoreOptions& options) {
  RestoreOptions dry = options;
  dry.dryRun = true;
  std::vector<RestoreReceipt> receipts;
  for (const ObjectRef& object : objects)
    receipts.push_back(engine.history(object).restore(target, dry));
  if (options.dryRun) return receipts;
  receipts.clear();
  for (const ObjectRef& object : objects)
    receipts.push_back(engine.history(object).restore(target, options));
  return receipts;
}

Bookmark History::bookmarkOf(Lsn lsn) {
  return pitr::makeBookmark(engine_.rootId().view(), UpToDate::bringUp(engine_, *object_.state()),
                            lsn);
}

}  // namespace cairn
