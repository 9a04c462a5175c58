// One LevelDB store: 512 MiB block cache, Bloom filters of 10 bits, no compression.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <stdexcept>

#include "bench/engines/store.h"

namespace bench {
namespace {

void check(const leveldb::Status& status) {
  if (!status.ok()) throw std::runtime_error("leveldb: " + status.ToString());
}

leveldb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class LeveldbReader final : public Reader {
 public:
  explicit LeveldbReader(leveldb::DB& db) : db_(db) {}

  std::optional<std::string_view> get(std::string_view key) override {
    leveldb::Status status = db_.Get({}, slice(key), &value_);
    if (status.IsNotFound()) return std::nullopt;
    check(status);
    return value_;
  }
  std::uint64_t scan(std::string_view start, std::uint64_t limit, std::uint64_t& sum) override {
    std::unique_ptr<leveldb::Iterator> iterator(db_.NewIterator({}));
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
  leveldb::DB& db_;
  std::string value_;
};

class LeveldbStore final : public Store {
 public:
  LeveldbStore(const std::string& directory, bool synced)
      : cache_(leveldb::NewLRUCache(std::size_t{512} << 20)),
        filter_(leveldb::NewBloomFilterPolicy(10)) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    options.compression = leveldb::kNoCompression;
    leveldb::DB* db = nullptr;
    check(leveldb::DB::Open(options, directory, &db));
    db_.reset(db);
    writing_.sync = synced;
  }

  void put(std::span<const Pair> pairs) override {
    leveldb::WriteBatch batch;
    for (const Pair& pair : pairs) batch.Put(slice(pair.key), slice(pair.value));
    check(db_->Write(writing_, &batch));
  }
  void read(const std::function<void(Reader&)>& work) override {
    LeveldbReader reader(*db_);
    work(reader);
  }
  void clear() override {
    leveldb::WriteBatch batch;
    std::unique_ptr<leveldb::Iterator> iterator(db_->NewIterator({}));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next())
      batch.Delete(iterator->key());
    check(db_->Write(writing_, &batch));
  }
  void settle() override { db_->CompactRange(nullptr, nullptr); }

 private:
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions writing_;
};

}  // namespace

std::unique_ptr<Store> openLeveldbStore(const std::string& directory, bool synced) {
  return std::make_unique<LeveldbStore>(directory, synced);
}

}  // namespace bench
