// One bare LMDB environment, a write transaction per commit. The map has room for 8 GiB.
#include <mutex>
#include <stdexcept>

#include <lmdb.h>

#include "bench/engines/store.h"

namespace bench {
namespace {

void check(int result, const char* what) {
  if (result != MDB_SUCCESS)
    throw std::runtime_error(std::string("lmdb: ") + what + ": " + mdb_strerror(result));
}

MDB_val toVal(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
std::string_view toView(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

class LmdbReader final : public Reader {
 public:
  LmdbReader(MDB_txn* transaction, MDB_dbi table) : transaction_(transaction), table_(table) {}

  std::optional<std::string_view> get(std::string_view key) override {
    MDB_val k = toVal(key);
    MDB_val v;
    int result = mdb_get(transaction_, table_, &k, &v);
    if (result == MDB_NOTFOUND) return std::nullopt;
    check(result, "get");
    return toView(v);
  }

  std::uint64_t scan(std::string_view start, std::uint64_t limit, std::uint64_t& sum) override {
    MDB_cursor* cursor = nullptr;
    check(mdb_cursor_open(transaction_, table_, &cursor), "cursor");
    MDB_val k = toVal(start);
    MDB_val v;
    std::uint64_t count = 0;
    for (int result = mdb_cursor_get(cursor, &k, &v, start.empty() ? MDB_FIRST : MDB_SET_RANGE);
         result == MDB_SUCCESS && count < limit;
         result = mdb_cursor_get(cursor, &k, &v, MDB_NEXT), ++count) {
      sum += k.mv_size + v.mv_size + *static_cast<const unsigned char*>(v.mv_data);
    }
    mdb_cursor_close(cursor);
    return count;
  }

 private:
  MDB_txn* transaction_;
  MDB_dbi table_;
};

class LmdbStore final : public Store {
 public:
  LmdbStore(const std::string& directory, bool synced) {
    check(mdb_env_create(&environment_), "create");
    check(mdb_env_set_mapsize(environment_, std::size_t{8} << 30), "map size");
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (synced ? 0U : MDB_NOSYNC);
    check(mdb_env_open(environment_, directory.c_str(), flags, 0600), "open");
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction), "begin");
    check(mdb_dbi_open(transaction, nullptr, 0, &table_), "table");
    check(mdb_txn_commit(transaction), "commit");
  }
  ~LmdbStore() override {
    if (reader_ != nullptr) mdb_txn_abort(reader_);
    mdb_env_close(environment_);
  }

  void put(std::span<const Pair> pairs) override {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction), "begin");
    for (const Pair& pair : pairs) {
      MDB_val k = toVal(pair.key);
      MDB_val v = toVal(pair.value);
      check(mdb_put(transaction, table_, &k, &v, 0), "put");
    }
    check(mdb_txn_commit(transaction), "commit");
  }
  // A read transaction is kept and renewed, which is LMDB's cheapest way.
  void read(const std::function<void(Reader&)>& work) override {
    MDB_txn* transaction = nullptr;
    {
      std::lock_guard lock(mutex_);
      std::swap(transaction, reader_);
    }
    check(transaction != nullptr ? mdb_txn_renew(transaction)
                                 : mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction),
          "read");
    LmdbReader reader(transaction, table_);
    work(reader);
    mdb_txn_reset(transaction);
    {
      std::lock_guard lock(mutex_);
      std::swap(transaction, reader_);
    }
    if (transaction != nullptr) mdb_txn_abort(transaction);
  }
  void clear() override {
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction), "begin");
    check(mdb_drop(transaction, table_, 0), "drop");
    check(mdb_txn_commit(transaction), "commit");
  }
  void settle() override { check(mdb_env_sync(environment_, 1), "sync"); }

 private:
  MDB_env* environment_ = nullptr;
  MDB_dbi table_ = 0;
  std::mutex mutex_;
  MDB_txn* reader_ = nullptr;
};

}  // namespace

std::unique_ptr<Store> openLmdbStore(const std::string& directory, bool synced) {
  return std::make_unique<LmdbStore>(directory, synced);
}

}  // namespace bench
