// One RocksDB store: 512 MiB block cache, Bloom filters of 10 bits, no compression, log always on.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <stdexcept>

#include "bench/engines/store.h"

namespace bench {
namespace {

void check(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error("rocksdb: " + status.ToString());
}

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class RocksdbReader final : public Reader {
 public:
  explicit RocksdbReader(rocksdb::DB& db) : db_(db) {}

  std::optional<std::string_view> get(std::string_view key) override {
    value_.Reset();
    rocksdb::Status status = db_.Get({}, db_.DefaultColumnFamily(), slice(key), &value_);
    if (status.IsNotFound()) return std::nullopt;
    check(status);
    return std::string_view(value_.data(), value_.size());
  }
  std::uint64_t scan(std::string_view start, std::uint64_t limit, std::uint64_t& sum) override {
    std::unique_ptr<rocksdb::Iterator> iterator(db_.NewIterator({}));
    std::uint64_t count = 0;
    for (iterator->Seek(slice(start)); iterator->Valid() && count < limit;
         iterator->Next(), ++count) {
      sum += iterator->key().size() + iterator->value().size() +
             static_cast<unsigned char>(iterator->value()[0]);
    }
    check(iterator->status());
    return count;
  }

 private:
  rocksdb::DB& db_;
  rocksdb::PinnableSlice value_;
};

class RocksdbStore final : public Store {
 public:
  RocksdbStore(const std::string& directory, bool synced) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(std::size_t{512} << 20);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open(options, directory, &db));
    db_.reset(db);
    writing_.sync = synced;
  }

  void put(std::span<const Pair> pairs) override {
    rocksdb::WriteBatch batch;
    for (const Pair& pair : pairs) check(batch.Put(slice(pair.key), slice(pair.value)));
    check(db_->Write(writing_, &batch));
  }
  void read(const std::function<void(Reader&)>& work) override {
    RocksdbReader reader(*db_);
    work(reader);
  }
  void clear() override {
    check(db_->DeleteRange(writing_, db_->DefaultColumnFamily(), "", "\xff"));
  }
  void settle() override { check(db_->CompactRange({}, nullptr, nullptr)); }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions writing_;
};

}  // namespace

std::unique_ptr<Store> openRocksdbStore(const std::string& directory, bool synced) {
  return std::make_unique<RocksdbStore>(directory, synced);
}

}  // namespace bench
