// A turn of one object: the transaction coordinator. The only place that knows KV, SQL and alarms
// together: it opens the implicit transaction with the first write, nests scopes over all three,
// and makes one commit record of what they wrote.
#pragma once

#include <cairn/kv.h>
#include <cairn/options.h>
#include <cairn/storage.h>
#include <cstdint>
#include <exception>
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

namespace cairn {

class EngineCore;

class Session final : private kv::TurnContext, public kv::Access, public sql::Context {
 public:
  explicit Session(EngineCore& engine);

  /// Begins a turn; the caller holds the object's turn lock until after `detach`.
  void attach(ObjectState& object);
  void detach();

  /// Commits what the transaction in progress wrote; nothing if it wrote nothing. Returns the
  /// object's last commit. Throws: kRolledBack when a part refused and everything was undone;
  /// kNoSpace, kBroken likewise.
  Lsn commit();
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
  [[nodiscard]] std::uint64_t storeGeneration() const override { return storeGeneration_; }

  void checkUsable() const;
  void beginCreation();
  void moveToFreshSpace();
  void bindData();
  std::optional<SpaceRow> storedRow();
  void collectPages();
  Lsn submit();
  void finish();
  void undo() noexcept;
  void releaseStore();
  void refuseOversize(std::size_t more);
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
  std::uint64_t storeGeneration_ = 0;
  std::string scratch_;
  std::unique_ptr<alarms::Overlay> spareAlarms_;  ///< Lent to objects that have no changed alarms.
  bool sqlCommitted_ = false;
  bool onlyFrees_ = true;
};

}  // namespace cairn
