// Point-in-time recovery of one object: every commit of the retention window, looked at, compared,
// and brought back.
//
//   cairn::History history = engine->history(object);
//   cairn::Resolved yesterday = history.resolve(cairn::UnixMillis{now - 86'400'000});
//   auto value = history.view(yesterday.lsn)->kv().get<std::int64_t>("balance");
//   cairn::RestoreReceipt receipt = history.restore(yesterday.lsn);
//   history.restore(history.resolve(receipt.undo).lsn);  // and back
//
// The platform's calls (`getCurrentBookmark`, `getBookmarkForTime`, `onNextSessionRestoreBookmark`)
// are on Storage. A restore is one ordinary commit: atomic, durable like any other, undone like any
// other. History is never rewritten. Only SQLite-backed classes keep one. Thread-safe; a History
// must not outlive its engine, and is not for use inside a turn of its object (kConflict).
#pragma once

#include <cairn/bookmark.h>
#include <cairn/engine.h>
#include <cairn/kv.h>
#include <cairn/sql.h>
#include <cairn/types.h>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cairn {

/// A point found.
struct Resolved {
  Lsn lsn;  ///< The object's last commit at or before what was asked for; zero: before its first.
  UnixMillis time;  ///< Of that commit.
  Bookmark bookmark;
};

struct RestoreOptions {
  AlarmOnRestore alarm = AlarmOnRestore::kRestore;
  // At most one of these; else everything is restored.
  std::optional<std::string> keyPrefix;  ///< Only keys that begin with this.
  /// Only this table: its rows as they were, and the table itself with its indexes and triggers if
  /// it was dropped since. Its schema must be the same now as then (kConflict). Triggers do not
  /// fire; a foreign key that would break is a kConflict.
  std::optional<std::string> table;
  bool alarmOnly = false;
  bool dryRun = false;  ///< Say what would change, change nothing.
};

struct RestoreReceipt {
  Lsn lsn;        ///< The restore's own commit; zero when nothing had to change, or for a dry run.
  Lsn target;     ///< The state that was brought back.
  Bookmark undo;  ///< The state just before: restoring it undoes the restore.
  UnixMillis time;
  std::string what;  ///< "all", "prefix …", "table …", "alarm", "commit …"
  std::uint64_t keysChanged = 0;
  std::uint64_t pagesChanged = 0;  ///< By a restore of everything.
  std::uint64_t rowsChanged = 0;   ///< By a restore of a table, or of one commit.
  bool spaceChanged = false;       ///< It went back over a deleteAll or the deletion of the object.
};

struct LabelInfo {
  std::string label;
  Lsn lsn;
  UnixMillis made;
};

/// One commit, as `log` shows it.
struct CommitInfo {
  Lsn lsn;
  UnixMillis time;
  std::uint32_t keysChanged = 0;
  std::uint32_t pagesChanged = 0;
  bool alarmChanged = false;
  bool emptied = false;            ///< deleteAll, or the object's creation or deletion.
  std::optional<Lsn> restored;     ///< It is a restore of that state.
  std::uint64_t historyBytes = 0;  ///< Its undo in the change log, before compression.
};

struct KeyVersion {
  Lsn lsn;  ///< The commit that wrote it; zero: before the window.
  UnixMillis time;
  std::optional<std::string> bytes;  ///< As stored; nothing: the key was absent.
};

// What differs between two states.
struct KeyDifference {
  std::string key;
  std::optional<std::string> before;  ///< As stored; nothing: absent.
  std::optional<std::string> after;
};
struct SchemaDifference {
  std::string type;  ///< "table", "index", "view" or "trigger".
  std::string name;
  std::optional<std::string> before;  ///< Its SQL; nothing: it did not exist.
  std::optional<std::string> after;
};
struct RowDifference {
  std::string table;
  std::vector<SqlValue> key;  ///< The rowid, or the primary key of a WITHOUT ROWID table.
  std::shared_ptr<const std::vector<std::string>> columns;  ///< Those that both states have.
  std::optional<std::vector<SqlValue>> before;              ///< Nothing: no such row.
  std::optional<std::vector<SqlValue>> after;
};
struct AlarmDifference {
  std::string name;
  std::optional<UnixMillis> before;
  std::optional<UnixMillis> after;
};
using Difference = std::variant<KeyDifference, SchemaDifference, RowDifference, AlarmDifference>;

/// What takes the space of an object.
struct Usage {
  std::string name;                ///< Of a prefix or table.
  std::uint64_t liveBytes = 0;     ///< Keys and values, or pages with their indexes.
  std::uint64_t historyBytes = 0;  ///< Undo in the retained change log, before compression.
  std::uint64_t changes = 0;       ///< Changes of keys or pages in it.
};
struct HistoryUsage {
  std::vector<Usage> prefixes;  ///< By the part of the key up to and with the first delimiter.
  std::vector<Usage> tables;    ///< By the table that has the page now.
  std::uint64_t commits = 0;
};

struct HistoryBounds {
  Lsn oldest;  ///< States from here on can be looked at and brought back.
  UnixMillis oldestTime;
  Lsn newest;
  UnixMillis newestTime;
};

class PastKv;
class PastView;

class History {
 public:
  History(EngineCore& engine, const ObjectRef& object);

  [[nodiscard]] HistoryBounds bounds();
  /// The last commit at or before `time`: never a later state than asked for. Throws: kOutOfRange
  /// naming the bounds.
  [[nodiscard]] Resolved resolve(UnixMillis time);
  /// Throws: kOutOfRange naming the bounds; kInvalidArgument for a bookmark that is not this
  /// object's.
  [[nodiscard]] Resolved resolve(const Bookmark& bookmark);
  [[nodiscard]] Resolved resolve(Lsn lsn);
  /// Throws: kNotFound.
  [[nodiscard]] Resolved resolveLabel(std::string_view label);
  /// The state before the last change of `key`. Throws: kNotFound when no commit in the window
  /// changed it.
  [[nodiscard]] Resolved resolveBeforeKey(std::string_view key);

  /// The object as it was after commit `lsn`. Lives on its own, as long as the engine.
  [[nodiscard]] std::unique_ptr<PastView> view(Lsn lsn);

  /// Brings a state back as one commit and returns once it is durable. Ends the object's session:
  /// cursors are canceled. Throws: kOutOfRange; kDamaged when that history is lost or the result's
  /// digest is not the one recorded, with nothing changed; kNoSpace likewise; kConflict when the
  /// table's schema differs.
  RestoreReceipt restore(Lsn target, const RestoreOptions& options = {});
  /// Takes one commit back and leaves later ones in place: its keys, rows and alarms become what
  /// they were before it. Costs a look at each row of the object's tables if it wrote SQL. Throws:
  /// kConflict, saying where, when a later commit changed the same keys, rows or alarms, or when
  /// the commit changed the schema or emptied the object; kNotFound when the object has no such
  /// commit.
  RestoreReceipt undoCommit(Lsn lsn, bool dryRun = false);

  /// Commits in (after, through], newest first, until `visit` returns false.
  void log(Lsn after, Lsn through, const std::function<bool(const CommitInfo&)>& visit);
  /// What differs between the states after two commits, until `visit` returns false. Keys cost what
  /// changed between them, tables a look at each of their rows. Throws: as `view`.
  void diff(Lsn before, Lsn after, const std::function<bool(const Difference&)>& visit);
  /// What fills the store and the history, by the part of the key up to the first of `delimiters`
  /// and by table, the largest first. Reads the whole history of the object.
  [[nodiscard]] HistoryUsage usage(std::string_view delimiters = "/:");
  /// Every version of a key in the window, newest first.
  [[nodiscard]] std::vector<KeyVersion> keyVersions(std::string_view key);

  /// Names a state. Durable on return. A label that exists is moved.
  void setLabel(std::string_view label, Lsn lsn);
  void removeLabel(std::string_view label);
  [[nodiscard]] std::vector<LabelInfo> labels();
  /// Past restores, newest first.
  [[nodiscard]] std::vector<RestoreReceipt> receipts();

  [[nodiscard]] Bookmark bookmarkOf(Lsn lsn);

 private:
  EngineCore& engine_;
  ObjectRef object_;
};

/// Keys as they were. Read-only.
class PastKv {
 public:
  explicit PastKv(PastView& view) : view_(&view) {}

  template <typename T = Value>
  [[nodiscard]] std::optional<T> get(std::string_view key) {
    std::optional<std::string> bytes = getRaw(key);
    if (!bytes) return std::nullopt;
    return kv::withKey(key, [&] { return std::optional<T>(decodeValue<T>(*bytes)); });
  }
  /// The stored bytes.
  [[nodiscard]] std::optional<std::string> getRaw(std::string_view key);
  /// Calls `visit` with key and stored bytes, in order, until it returns false.
  void list(const ListOptions& options,
            const std::function<bool(std::string_view key, std::string_view bytes)>& visit);

 private:
  PastView* view_;
};

/// An object as it was after one of its commits. What later commits changed is undone on top of the
/// stores, so that looking costs what changed since, not the size of the object. One thread at a
/// time.
class PastView {
 public:
  class Impl;
  explicit PastView(std::unique_ptr<Impl> impl);
  ~PastView();
  PastView(const PastView&) = delete;
  PastView& operator=(const PastView&) = delete;

  [[nodiscard]] Lsn lsn() const;
  PastKv& kv() { return kv_; }
  /// Statements that write throw SqlError.
  SqlStorage& sql();
  [[nodiscard]] std::optional<UnixMillis> getAlarm(std::string_view name = {}) const;
  /// Names of the alarms that were set.
  [[nodiscard]] std::vector<std::string> alarmNames() const;
  /// Whether the object existed.
  [[nodiscard]] bool exists() const;

 private:
  friend class PastKv;
  std::unique_ptr<Impl> impl_;
  PastKv kv_;
};

/// Brings several objects to one state of the root: each as it was after commit `target` of
/// whichever object. Every restore is tried dry first, so that one that cannot be made stops all of
/// them before any; then each is one commit of its object. Throws: as History::restore.
std::vector<RestoreReceipt> restoreAll(Engine& engine, const std::vector<ObjectRef>& objects,
                                       Lsn target, const RestoreOptions& options = {});

}  // namespace cairn
