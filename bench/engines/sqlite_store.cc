// One SQLite database in WAL mode, one connection, one lock: SQLite takes one writer.
#include <mutex>

#include "bench/engines/sqlite.h"
#include "bench/engines/store.h"

namespace bench {
namespace {

// Holds the store of 10^6 keys.
constexpr int kCacheKiB = 512 << 10;

class SqliteStore final : public Store, private Reader {
 public:
  SqliteStore(const std::string& directory, bool full)
      : database_(directory + "/store.sqlite", full, kCacheKiB) {
    database_.run("CREATE TABLE IF NOT EXISTS kv(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
    begin_.emplace(database_.prepare("BEGIN"));
    commit_.emplace(database_.prepare("COMMIT"));
    put_.emplace(database_.prepare("INSERT OR REPLACE INTO kv VALUES (?,?)"));
    get_.emplace(database_.prepare("SELECT value FROM kv WHERE key=?"));
    scan_.emplace(database_.prepare("SELECT key, value FROM kv WHERE key>=? ORDER BY key LIMIT ?"));
  }

  void put(std::span<const Pair> pairs) override {
    std::lock_guard lock(mutex_);
    if (pairs.size() > 1) begin_->run();
    for (const Pair& pair : pairs) put_->bind(1, pair.key).bindBlob(2, pair.value).run();
    if (pairs.size() > 1) commit_->run();
  }
  void read(const std::function<void(Reader&)>& work) override {
    std::lock_guard lock(mutex_);
    begin_->run();
    work(*this);
    get_->reset();
    commit_->run();
  }
  void clear() override {
    std::lock_guard lock(mutex_);
    database_.run("DELETE FROM kv");
  }
  void settle() override { database_.run("PRAGMA wal_checkpoint(TRUNCATE)"); }

 private:
  std::optional<std::string_view> get(std::string_view key) override {
    get_->reset();
    if (!get_->bind(1, key).step()) return std::nullopt;
    return get_->bytes(0);
  }
  std::uint64_t scan(std::string_view start, std::uint64_t limit, std::uint64_t& sum) override {
    std::uint64_t count = 0;
    scan_->bind(1, start).bind(2, static_cast<std::int64_t>(limit));
    for (; scan_->step(); ++count) {
      std::string_view value = scan_->bytes(1);
      sum += scan_->bytes(0).size() + value.size() + static_cast<unsigned char>(value[0]);
    }
    scan_->reset();
    return count;
  }

  std::mutex mutex_;
  SqliteDatabase database_;
  std::optional<SqliteStatement> begin_, commit_, put_, get_, scan_;
};

}  // namespace

std::unique_ptr<Store> openSqliteStore(const std::string& directory, bool full) {
  return std::make_unique<SqliteStore>(directory, full);
}

}  // namespace bench
