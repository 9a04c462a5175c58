// A SQLite database file for each object, as workerd keeps them: one connection each, kept open
// while descriptors last. Files of objects that are there from the start are copies of one.
#include <atomic>
#include <deque>
#include <filesystem>
#include <mutex>

#include "bench/engines/objects.h"
#include "bench/engines/sqlite.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

// Three descriptors each.
constexpr std::size_t kOpenMax = 4'000;

struct Counter {
  Counter(const std::string& path, bool full)
      : database(path, full),
        begin(database.prepare("BEGIN IMMEDIATE")),
        get(database.prepare("SELECT value FROM kv WHERE key='value'")),
        put(database.prepare("INSERT OR REPLACE INTO kv VALUES ('value',?)")),
        commit(database.prepare("COMMIT")) {}

  std::int64_t read() {
    std::int64_t value = get.step() ? get.integer(0) : -1;
    get.reset();
    return value;
  }

  SqliteDatabase database;
  SqliteStatement begin, get, put, commit;
};

struct Slot {
  std::mutex mutex;
  std::unique_ptr<Counter> open;
};

void makeTable(SqliteDatabase& database) {
  database.run("CREATE TABLE kv(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
}

class SqliteObjects final : public Objects {
 public:
  SqliteObjects(const std::string& directory, bool full) : directory_(directory), full_(full) {
    fs::create_directories(directory_);
  }

  void populate(std::uint64_t count) override {
    std::string first = directory_ + "/template";
    {
      SqliteDatabase database(first, full_);
      makeTable(database);
      database.run("INSERT INTO kv VALUES ('value',0)");
    }
    for (std::uint64_t i = 0; i < count; ++i) fs::copy_file(first, path(i));
  }
  void create(std::uint64_t object, Done done) override {
    Slot& slot = slotOf(object);
    {
      std::lock_guard lock(slot.mutex);
      {
        SqliteDatabase database(path(object), full_);
        makeTable(database);
        database.run("INSERT INTO kv VALUES ('value',0)");
      }
    }
    done.now();
  }
  void increment(std::uint64_t object, Done done) override {
    Slot& slot = slotOf(object);
    {
      std::lock_guard lock(slot.mutex);
      Counter& counter = opened(slot, object);
      counter.begin.run();
      counter.put.bind(1, counter.read() + 1).run();
      counter.commit.run();
    }
    done.now();
  }
  [[nodiscard]] std::int64_t value(std::uint64_t object) override {
    Slot& slot = slotOf(object);
    std::lock_guard lock(slot.mutex);
    return opened(slot, object).read();
  }
  void closeAll() override {
    std::lock_guard lock(mutex_);
    for (Slot& slot : slots_) slot.open.reset();
    order_.clear();
  }

 private:
  [[nodiscard]] std::string path(std::uint64_t object) const {
    return directory_ + "/" + std::to_string(object) + ".sqlite";
  }
  Slot& slotOf(std::uint64_t object) {
    std::lock_guard lock(mutex_);
    while (slots_.size() <= object) slots_.emplace_back();
    return slots_[object];
  }
  Counter& opened(Slot& slot, std::uint64_t object) {
    if (slot.open) return *slot.open;
    makeRoom();
    slot.open = std::make_unique<Counter>(path(object), full_);
    std::lock_guard lock(mutex_);
    order_.push_back(&slot);
    return *slot.open;
  }
  void makeRoom() {
    std::lock_guard lock(mutex_);
    while (order_.size() >= kOpenMax) {
      Slot* oldest = order_.front();
      order_.pop_front();
      if (oldest->mutex.try_lock()) {
        oldest->open.reset();
        oldest->mutex.unlock();
      } else {
        order_.push_back(oldest);
      }
    }
  }

  std::string directory_;
  bool full_;
  std::mutex mutex_;
  std::deque<Slot> slots_;
  std::deque<Slot*> order_;  ///< Open ones, oldest first.
};

}  // namespace

std::unique_ptr<Objects> openSqliteObjects(const std::string& directory, bool full) {
  return std::make_unique<SqliteObjects>(directory + "/objects", full);
}

}  // namespace bench
