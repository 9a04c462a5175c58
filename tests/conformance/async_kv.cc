#include "tests/conformance/async_kv.h"

#include "tests/conformance/js_error.h"

namespace cairn::conformance {

namespace {

class StorageKv final : public AsyncKv {
 public:
  explicit StorageKv(DurableObjectStorage& storage) : storage_(storage) {}

  Task<std::optional<Value>> get(const std::string& key, const ReadOptions& options) override {
    return storage_.get(key, options);
  }
  Task<std::map<std::string, Value>> get(const std::vector<std::string>& keys,
                                         const ReadOptions& options) override {
    return storage_.get(keys, options);
  }
  Task<> put(const std::string& key, const Value& value, const WriteOptions& options) override {
    return storage_.put(key, value, options);
  }
  Task<> put(const ValuePairs& entries, const WriteOptions& options) override {
    return storage_.put(entries, options);
  }
  Task<bool> erase(const std::string& key, const WriteOptions& options) override {
    return storage_.erase(key, options);
  }
  Task<std::uint64_t> erase(const std::vector<std::string>& keys,
                            const WriteOptions& options) override {
    return storage_.erase(keys, options);
  }
  Task<ValuePairs> list(const ListOptions& which, const ReadOptions& options) override {
    return storage_.list(which, options);
  }
  Task<std::optional<UnixMillis>> getAlarm(const ReadOptions& options) override {
    return storage_.getAlarm({}, options);
  }
  Task<> setAlarm(UnixMillis time, const WriteOptions& options) override {
    return storage_.setAlarm(time, options);
  }
  Task<> deleteAlarm(const WriteOptions& options) override {
    return storage_.deleteAlarm({}, options);
  }
  Task<> deleteAll(const DeleteAllOptions& options) override { return storage_.deleteAll(options); }
  void rollback() override { throw typeError("storage.rollback is not a function"); }

 private:
  DurableObjectStorage& storage_;
};

class OpenTransaction final : public TransactionKv {
 public:
  explicit OpenTransaction(Transaction& transaction) : transaction_(&transaction) {}

  Task<std::optional<Value>> get(const std::string& key, const ReadOptions& options) override {
    return open("get").get(key, options);
  }
  Task<std::map<std::string, Value>> get(const std::vector<std::string>& keys,
                                         const ReadOptions& options) override {
    return open("get").get(keys, options);
  }
  Task<> put(const std::string& key, const Value& value, const WriteOptions& options) override {
    return open("put").put(key, value, options);
  }
  Task<> put(const ValuePairs& entries, const WriteOptions& options) override {
    return open("put").put(entries, options);
  }
  Task<bool> erase(const std::string& key, const WriteOptions& options) override {
    return open("delete").erase(key, options);
  }
  Task<std::uint64_t> erase(const std::vector<std::string>& keys,
                            const WriteOptions& options) override {
    return open("delete").erase(keys, options);
  }
  Task<ValuePairs> list(const ListOptions& which, const ReadOptions&) override {
    return open("list").list(which);
  }
  Task<std::optional<UnixMillis>> getAlarm(const ReadOptions&) override {
    return open("getAlarm").getAlarm();
  }
  Task<> setAlarm(UnixMillis time, const WriteOptions&) override {
    return open("setAlarm").setAlarm(time);
  }
  Task<> deleteAlarm(const WriteOptions&) override { return open("deleteAlarm").deleteAlarm(); }
  Task<> deleteAll(const DeleteAllOptions&) override {
    throw ThrownAtCall("Error", "Cannot call deleteAll() within a transaction");
  }
  void rollback() override { open("rollback").rollback(); }
  void end() override { transaction_ = nullptr; }

 private:
  Transaction& open(const char* what) {
    if (transaction_ != nullptr) return *transaction_;
    throw JsError("Error", std::string("Cannot call ") + what +
                               "() on transaction that has already committed: did you move `txn` "
                               "outside of the closure?");
  }

  Transaction* transaction_;
};

}  // namespace

std::unique_ptr<AsyncKv> kvOf(DurableObjectStorage& storage) {
  return std::make_unique<StorageKv>(storage);
}

std::shared_ptr<TransactionKv> kvOf(Transaction& transaction) {
  return std::make_shared<OpenTransaction>(transaction);
}

}  // namespace cairn::conformance
