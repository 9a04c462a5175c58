// A turn of one object: the transaction coordinator. The only place that knows KV, SQL and alarms
// together: it opens the implicit transaction with the first write, nests scopes over all three,
// and makes one commit record of what they wrote.
#pragma once

#include <cairn/bookmark.h>
#include <cairn/history.h>
#include <cairn/kv.h>
#include <cairn/options.h>
#include <cairn/storage.h>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm_turn.h"
#include "engine/base/commit_record.h"
#include "engine/object_state.h"
#include "engine/rows.h"
#include "kv/environment.h"
#include "kv/turn.h"
#include "sql_frontend/connection.h"
#include "sql_frontend/cpu_budget.h"

namespace cairn {

class EngineCore;
class ObjectPast;
namespace sql {
class TableCompare;
struct TableShape;
struct RowDifference;
}  // namespace sql

class Session final : private kv::TurnContext, public kv::Access, public sql::Context {
 public:
  explicit Session(EngineCore& engine);

  /// Begins a turn; the caller holds the object's turn lock until after `detach`.
  void attach(ObjectState& object);
  void detach();
  /// The turn stays open, but not in this thread; `resume` goes on with it in the calling one.
  void pause();
  void resume();
  /// Gives back the views of the store that the turns in progress on this thread hold. Whoever
  /// waits for a round does so first: a round that makes the store grow waits for every view.
  static void releaseStores();

  /// Commits what the transaction in progress wrote; nothing if it wrote nothing. Returns the
  /// object's last commit. Throws: kRolledBack when a part refused and everything was undone;
  /// kNoSpace, kBroken likewise.
  Lsn commit();
  /// Of the changes of the last commit that this session made.
  [[nodiscard]] std::size_t lastCommitBytes() const { return lastCommitBytes_; }
  /// Whether the transaction in progress has a record: something was written, or a scope entered.
  [[nodiscard]] bool inTransaction() const { return static_cast<bool>(record_); }
  /// Gives the view of the store back; the next read takes a fresh one.
  void releaseStore();
  /// Undoes the whole transaction in progress.
  void abandon() noexcept;
  /// The transaction in progress will not be committed whatever follows; until the turn ends every
  /// call throws the cause.
  void doom(std::exception_ptr cause);

  void enterScope();
  void releaseScope();
  void rollbackScope() noexcept;

  void deleteAll(const DeleteAllOptions& options);
  /// Points the object at nothing.
  void deleteObject();

  // Point-in-time recovery (session_restore.cc).
  Bookmark currentBookmark();
  Bookmark bookmarkForTime(UnixMillis time);
  /// Commits; the restore itself happens when the next session begins.
  Bookmark armRestore(const Bookmark& bookmark, AlarmOnRestore alarm);
  /// Restores what is armed, if something is. Never throws for lost history: the object goes on as
  /// it is.
  void beginSession();
  /// Commits what the turn wrote so far, then the restore.
  RestoreReceipt restore(Lsn target, const RestoreOptions& options, Lsn armed = {});
  RestoreReceipt undoCommit(Lsn lsn, bool dryRun);
  void defineClass(const DefineClassOp& op);
  void setLabel(std::string_view label, Lsn lsn);
  /// Brings the stores up to the object's last commit and gives a fresh view of them.
  const kv::ReadAccess& storeUpToDate();
  void sync();
  [[nodiscard]] StorageSize size();

  alarms::Turn& alarms();
  /// Throws: kUnsupported, naming `what`, for a legacy class.
  void requireSqlite(const char* what) const;
  [[nodiscard]] const Clock& clock() const;

  // kv::Access
  kv::Turn& reading() override;
  std::optional<std::string_view> read(std::string_view key) override;
  void write(std::string_view key, std::string_view value) override;
  bool remove(std::string_view key) override;
  std::string& scratch() override { return scratch_; }

  // sql::Context
  sql::Connection& connection() override;
  bool hasDatabase() override;
  void beforeWrite() override { openRecord(); }
  [[nodiscard]] unsigned scopes() const override { return static_cast<unsigned>(scopes_.size()); }
  void transactionLost(std::exception_ptr cause) override { doom(std::move(cause)); }

 private:
  struct Scope {
    kv::Turn::Mark kv;
    alarms::Turn::Mark alarms;
    std::size_t opsBytes;
  };

  // kv::TurnContext
  const RecordRef& openRecord() override;
  [[nodiscard]] ObjectNumber objectNumber() const override;
  const kv::ReadAccess& store() override;

  void checkUsable() const;
  void beginCreation(Record& record);
  struct RestorePlan;
  RestorePlan planRestore(Lsn target);
  struct Entry;
  [[nodiscard]] std::uint64_t restoreBytesMax() const;
  void restoreEverything(const RestorePlan& plan, const RestoreOptions& options, Entry& entry,
                         RestoreReceipt& receipt);
  void restoreAside(const RestorePlan& plan, const RestoreOptions& options, Entry& entry,
                    RestoreReceipt& receipt);
  RestoreReceipt concludeRestore(RestoreReceipt receipt, Lsn armed, bool dryRun);
  void restorePages(const RestorePlan& plan, RestoreReceipt& receipt);
  void restoreKeys(const RestorePlan& plan, RestoreReceipt& receipt);
  void restoreAlarms(const RestorePlan& plan, AlarmOnRestore choice);
  void compareWithNow(RestorePlan& plan);
  void setKey(const std::string& key, const std::optional<std::string>& value,
              RestoreReceipt& receipt);
  // Parts (session_restore_part.cc).
  struct CommitChanges {
    std::vector<std::string> keys;
    std::vector<std::string> alarms;
    bool pages = false;
    bool emptied = false;
  };
  void restorePrefix(Lsn target, const std::string& prefix, RestoreReceipt& receipt);
  void restoreTable(Lsn target, const std::string& name, RestoreReceipt& receipt);
  CommitChanges changesOf(const ObjectPast& past, Lsn lsn);
  void undoKeysAndAlarms(const CommitChanges& changes, PastView::Impl& then, PastView::Impl& after,
                         RestoreReceipt& receipt);
  void undoRows(Lsn lsn, PastView::Impl& then, PastView::Impl& after, RestoreReceipt& receipt);
  bool patchTable(sql::Connection::Maintenance& maintenance, sql::TableCompare& compare,
                  const sql::TableShape& table,
                  const std::function<void(const sql::RowDifference&)>& conflict,
                  RestoreReceipt& receipt);
  Lsn resolveBookmark(const kv::ReadAccess& snapshot, const Bookmark& bookmark);
  std::optional<std::string_view> storedValue(SpaceId space, std::string_view key);
  void pointAt(SpaceId space);
  void moveToFreshSpace();
  void emptyObject(const DeleteAllOptions& options);
  void bindData();
  std::optional<SpaceRow> storedRow();
  void collectPages();
  Lsn submit();
  void submitted(Lsn lsn);
  void finish();
  void undo() noexcept;
  void checkPairSize(std::string_view key, std::string_view value) const;
  void refuseOversize(std::size_t more);
  std::uint64_t& bytesBound();
  void refuseOverLimit(std::size_t more);
  void refuseSqlGrowth(const sql::PageSpace& pages);
  SqlState& sqlState();

  EngineCore& engine_;
  ObjectState* object_ = nullptr;
  kv::Turn kv_;
  alarms::Turn alarms_;
  RecordRef record_;
  std::size_t emptyOpsBytes_ = 0;  ///< Ops that alone make no commit: the object's creation.
  ObjectNumber newNumber_;
  std::optional<ObjectData>
      left_;  ///< The data the object had before this transaction moved it to a fresh space.
  std::vector<Scope> scopes_;
  std::exception_ptr doomed_;
  kv::Snapshot snapshot_;
  std::string scratch_;
  std::unique_ptr<alarms::Overlay> spareAlarms_;  ///< Lent to objects that have no changed alarms.
  sql::CpuBudget cpu_;  ///< Of the turn, where no event is there to bound it.
  bool ownsCpu_ = false;
  std::size_t lastCommitBytes_ = 0;
  bool sqlCommitted_ = false;
  bool onlyFrees_ = true;
  Session* outer_ = nullptr;  ///< The turn in progress on this thread that this one is inside of.
};

}  // namespace cairn
