// A rate limiter with a sliding window.
#pragma once

#include <cairn/host.h>
#include <cstdint>
#include <string>

namespace examples {

class RateLimiter : public cairn::DurableObject {
 public:
  explicit RateLimiter(cairn::DurableObjectState& state) : DurableObject(state) {
    storage().sql().exec(
        "CREATE TABLE IF NOT EXISTS requests(key TEXT, timestamp INTEGER);"
        "CREATE INDEX IF NOT EXISTS by_key ON requests(key, timestamp)");
  }

  /// Whether the request is allowed: fewer than `limit` in the last `windowMs`.
  bool checkLimit(const std::string& key, std::int64_t limit, std::int64_t windowMs) {
    std::int64_t now = ctx().now().value;
    cairn::SqlStorage& sql = storage().sql();
    sql.exec("DELETE FROM requests WHERE key = ? AND timestamp <= ?", key, now - windowMs);
    auto count = sql.exec("SELECT count(*) FROM requests WHERE key = ?", key).toRawArray();
    if (std::get<std::int64_t>(count[0][0]) >= limit) return false;
    sql.exec("INSERT INTO requests VALUES (?, ?)", key, now);
    return true;
  }
};

}  // namespace examples
