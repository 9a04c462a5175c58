// Asynchronous key-value and alarm calls, on the storage or on a transaction, for steps that may
// name either. Each acts when it is called.
#pragma once

#include <cairn/durable_object.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cairn::conformance {

using ValuePairs = std::vector<std::pair<std::string, Value>>;

class AsyncKv {
 public:
  virtual ~AsyncKv() = default;
  virtual Task<std::optional<Value>> get(const std::string& key, const ReadOptions& options) = 0;
  virtual Task<std::map<std::string, Value>> get(const std::vector<std::string>& keys,
                                                 const ReadOptions& options) = 0;
  virtual Task<> put(const std::string& key, const Value& value, const WriteOptions& options) = 0;
  virtual Task<> put(const ValuePairs& entries, const WriteOptions& options) = 0;
  virtual Task<bool> erase(const std::string& key, const WriteOptions& options) = 0;
  virtual Task<std::uint64_t> erase(const std::vector<std::string>& keys,
                                    const WriteOptions& options) = 0;
  virtual Task<ValuePairs> list(const ListOptions& which, const ReadOptions& options) = 0;
  virtual Task<std::optional<UnixMillis>> getAlarm(const ReadOptions& options) = 0;
  virtual Task<> setAlarm(UnixMillis time, const WriteOptions& options) = 0;
  virtual Task<> deleteAlarm(const WriteOptions& options) = 0;
  virtual Task<> deleteAll(const DeleteAllOptions& options) = 0;
  /// Throws: JsError on the storage itself.
  virtual void rollback() = 0;
};

/// Must not outlive the storage.
[[nodiscard]] std::unique_ptr<AsyncKv> kvOf(DurableObjectStorage& storage);

/// A transaction's, which code may keep: once the transaction has ended its calls throw, as the
/// platform's do.
class TransactionKv : public AsyncKv {
 public:
  /// From now on every call throws.
  virtual void end() = 0;
};
[[nodiscard]] std::shared_ptr<TransactionKv> kvOf(Transaction& transaction);

}  // namespace cairn::conformance
