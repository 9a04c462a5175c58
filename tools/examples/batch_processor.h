// Batch processing with an alarm: items are collected, and five seconds after the first one they
// are processed together. They wait in storage, not in memory: an eviction or a crash before the
// alarm loses none.
#pragma once

#include <cairn/host.h>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace examples {

class BatchProcessor : public cairn::DurableObject {
 public:
  static constexpr std::int64_t kDelayMs = 5'000;

  explicit BatchProcessor(cairn::DurableObjectState& state) : DurableObject(state) {
    storage().sql().exec(
        "CREATE TABLE IF NOT EXISTS pending(id INTEGER PRIMARY KEY, item TEXT);"
        "CREATE TABLE IF NOT EXISTS processed(item TEXT, batch INTEGER)");
  }

  cairn::Task<> addItem(std::string item) {
    storage().sql().exec("INSERT INTO pending(item) VALUES (?)", item);
    std::optional<cairn::UnixMillis> alarm = co_await storage().getAlarm();
    if (!alarm) co_await storage().setAlarm({ctx().now().value + kDelayMs});
  }

  cairn::Task<> alarm(cairn::AlarmInvocation info) override {
    // One commit: the items are moved and the alarm is cleared, or neither.
    storage().sql().exec("INSERT INTO processed SELECT item, ? FROM pending",
                         info.scheduledTime.value);
    storage().sql().exec("DELETE FROM pending");
    co_return;
  }

  std::pair<std::int64_t, std::int64_t> counts() {
    auto row = storage()
                   .sql()
                   .exec("SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM processed)")
                   .toRawArray()[0];
    return {std::get<std::int64_t>(row[0]), std::get<std::int64_t>(row[1])};
  }
};

}  // namespace examples
