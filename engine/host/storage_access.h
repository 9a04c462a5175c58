// What the storage classes ask of an object's turn, passed on to the turn the strand is in. Stays
// the same over turns, so that `storage.sql()` and cursors can be kept.
#pragma once

#include <cairn/kv.h>
#include <cairn/sql.h>
#include <string>
#include <string_view>
#include <utility>

#include "engine/host/instance.h"

namespace cairn::host {

class StorageAccess final : public kv::Access, public sql::Context {
 public:
  explicit StorageAccess(Instance& instance) : instance_(instance) {}

  // kv::Access
  kv::Turn& reading() override { return instance_.session().reading(); }
  std::optional<std::string_view> read(std::string_view key) override {
    return instance_.session().read(key);
  }
  void write(std::string_view key, std::string_view value) override {
    instance_.session().write(key, value);
    instance_.wrote();
  }
  bool remove(std::string_view key) override {
    bool removed = instance_.session().remove(key);
    if (removed) instance_.wrote();
    return removed;
  }
  std::string& scratch() override { return instance_.session().scratch(); }

  // sql::Context
  sql::Connection& connection() override { return instance_.session().connection(); }
  bool hasDatabase() override { return instance_.session().hasDatabase(); }
  void beforeWrite() override {
    instance_.session().beforeWrite();
    instance_.wrote();
  }
  [[nodiscard]] unsigned scopes() const override { return instance_.session().scopes(); }
  void transactionLost(std::exception_ptr cause) override {
    instance_.session().transactionLost(std::move(cause));
  }

  void unconfirmed(int change) { instance_.unconfirmed(change); }

 private:
  Instance& instance_;
};

}  // namespace cairn::host
