// The inside of PastView.
#pragma once

#include <cairn/history.h>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/engine_core.h"
#include "engine/object_past.h"
#include "kv/overlay.h"
#include "kv/turn.h"
#include "pitr/past_state.h"
#include "sql_frontend/connection.h"
#include "sql_frontend/page_space.h"

namespace cairn {

class PastView::Impl final : private kv::TurnContext, private sql::Context {
 public:
  Impl(EngineCore& engine, ObjectNumber object, std::string name, Lsn at);
  ~Impl() override;

  [[nodiscard]] Lsn at() const { return then_.at(); }
  [[nodiscard]] SpaceId space() const { return then_.space(); }
  [[nodiscard]] const pitr::PastState& then() const { return then_; }
  [[nodiscard]] const ObjectPast::Alarms& alarms() const { return alarms_; }
  [[nodiscard]] SqlStorage& sql() { return sql_; }
  /// The database's pages as they were.
  [[nodiscard]] sql::PageSpace& pages();

  std::optional<std::string> get(std::string_view key);
  void list(const ListOptions& options,
            const std::function<bool(std::string_view, std::string_view)>& visit);
  [[nodiscard]] std::optional<UnixMillis> alarm(std::string_view name) const;

 private:
  static constexpr std::size_t kListPortion = 256;

  void requireKept(const kv::ReadAccess& store) const;
  void openFile();
  [[nodiscard]] pitr::PastState undo(const kv::ReadAccess& store, Lsn at, Lsn through);
  void adopt(const pitr::PastState& undone);
  void catchUp();
  void readFile(std::uint32_t number, char* page);
  void readBase(std::uint32_t number, char* page);
  void giveBackStore();

  // kv::TurnContext
  const RecordRef& openRecord() override;
  [[nodiscard]] ObjectNumber objectNumber() const override { return object_; }
  const kv::ReadAccess& store() override;

  // sql::Context
  sql::Connection& connection() override;
  bool hasDatabase() override { return then_.pageCount() > 0; }
  void beforeWrite() override { openRecord(); }
  [[nodiscard]] unsigned scopes() const override { return 0; }
  void transactionLost(std::exception_ptr) override {}

  EngineCore& engine_;
  EngineCore::Lease lease_;
  ObjectNumber object_;
  std::string name_;
  pitr::PastState then_;
  ObjectPast::Alarms alarms_;
  RecordRef record_;  ///< Holds the bytes that the overlay points into.
  kv::Overlay overlay_;
  kv::Turn turn_;
  kv::Snapshot snapshot_;
  std::unique_ptr<File> file_;
  std::unique_ptr<sql::PageSpace> pages_;
  std::unique_ptr<sql::Connection> connection_;
  SqlStorage sql_;
};

}  // namespace cairn
