// Key-value storage of one object, synchronous: `ctx.storage.kv` on the platform.
//
//   auto& kv = storage.kv();
//   kv.put("counter", 42);
//   std::optional<std::int64_t> counter = kv.get<std::int64_t>("counter");
//   for (const auto& [key, value] : kv.list({.prefix = "user:"})) use(key, value);
//
// Keys are any bytes, the empty key included, and order by their bytes, which for UTF-8 is the
// order of code points and not that of JavaScript's sort(). Values are structured clones, stored as
// V8 stores them; hosts with a codec of their own use the calls that take bytes.
//
// Reads see the turn's own writes. Writes join the turn's transaction and are durable with it: when
// its Ticket is, or after Storage::sync(). One thread at a time, the one that runs the turn.
//
// Limits, from the platform's documentation unless another preset of Limits is chosen: key and
// value together 2 MB in SQLite-backed classes (`kvPairBytesMax`); key 2 KiB and value 128 KiB in
// legacy ones (`legacyKeyBytesMax`, `legacyValueBytesMax`). They count the encoded value. A write
// past one throws kLimitExceeded naming the key and both figures, and changes nothing.
#pragma once

#include <cairn/types.h>
#include <cairn/value_conversion.h>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

/// Which keys to list: those of all bounds together, and of these the first `limit`. Bounds that
/// exclude each other name no keys, without an error. The strings are looked at when the listing
/// begins.
struct ListOptions {
  std::optional<std::string_view> start;  ///< First key, inclusive. Not together with `startAfter`.
  std::optional<std::string_view> startAfter;  ///< First key, exclusive.
  std::optional<std::string_view> end;         ///< Last key, exclusive.
  std::optional<std::string_view> prefix;
  bool reverse = false;  ///< Descending. `start` stays the low bound and `end` the high one;
                         ///< `limit` takes from the high end.
  std::optional<std::int64_t> limit;  ///< At most so many pairs; must be positive.
};

namespace kv {
class Access;
class List;
}  // namespace kv

/// Walks keys in order, one at a time, without copying values. Live: it shows writes made ahead of
/// its position after it was begun, also in later turns, and goes on over a rollback and a
/// deleteAll. Any number may be open; an open one holds nothing up. Must not outlive the Storage's
/// object, and is moved on only within a turn of it.
class KvCursor {
 public:
  KvCursor(kv::Access& access, const ListOptions& options);
  KvCursor(KvCursor&&) noexcept;
  KvCursor& operator=(KvCursor&&) noexcept;
  ~KvCursor();

  /// Steps to the next pair; false at the end, and from then on. Throws: kBroken.
  bool next();
  // Valid until the next step, the next write to the object, or the end of the turn.
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  /// Throws: ValueMismatch naming the key; kDamaged when the bytes are not a structured clone.
  template <typename T = Value>
  [[nodiscard]] T value() const;

 private:
  std::unique_ptr<kv::List> list_;
  kv::Access* access_;
  std::string_view key_;
  std::string_view bytes_;
};

/// The pairs of a listing, for range-based for. One pass.
template <typename T>
class KvList {
 public:
  explicit KvList(KvCursor cursor) : cursor_(std::move(cursor)) {}

  class Iterator {
   public:
    using value_type = std::pair<std::string, T>;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(KvCursor* cursor) : cursor_(cursor) { ++*this; }
    const value_type& operator*() const { return *pair_; }
    const value_type* operator->() const { return &*pair_; }
    Iterator& operator++() {
      pair_.reset();
      if (cursor_->next()) pair_.emplace(cursor_->key(), cursor_->template value<T>());
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) {
      return !iterator.pair_;
    }

   private:
    KvCursor* cursor_ = nullptr;
    std::optional<value_type> pair_;
  };
  Iterator begin() { return Iterator(&cursor_); }
  std::default_sentinel_t end() { return {}; }

 private:
  KvCursor cursor_;
};

/// The keys of a listing, for range-based for. One pass; values are neither copied nor decoded.
class KvKeys {
 public:
  explicit KvKeys(KvCursor cursor) : cursor_(std::move(cursor)) {}

  class Iterator {
   public:
    using value_type = std::string;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(KvCursor* cursor) : cursor_(cursor) { ++*this; }
    const std::string& operator*() const { return key_; }
    const std::string* operator->() const { return &key_; }
    Iterator& operator++() {
      isAtEnd_ = !cursor_->next();
      if (!isAtEnd_) key_ = cursor_->key();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) {
      return iterator.isAtEnd_;
    }

   private:
    KvCursor* cursor_ = nullptr;
    std::string key_;
    bool isAtEnd_ = true;
  };
  Iterator begin() { return Iterator(&cursor_); }
  std::default_sentinel_t end() { return {}; }

 private:
  KvCursor cursor_;
};

/// Lives as long as the Storage it came from, and so do its listings. Every call throws kBroken on
/// an object or engine that is broken, kRolledBack once the turn's transaction is lost, and
/// kDamaged where the store's bytes are not what was written.
class SyncKv {
 public:
  explicit SyncKv(kv::Access& access) : access_(&access) {}

  /// The value, or nothing. A stored `undefined` is a Value of that kind, or an empty
  /// std::optional<T> asked for. The result is the caller's own: changing it changes nothing
  /// stored. A key of any length may be asked for. Throws: ValueMismatch naming the key, what was
  /// found and what was asked.
  template <typename T = Value>
  [[nodiscard]] std::optional<T> get(std::string_view key);

  /// Stores a copy made now, in place of what the key held. `undefined` is stored, too; the
  /// platform's asynchronous put refuses it. Durable: with the turn. Throws: kLimitExceeded past
  /// the limits above, for values nested deeper than EncodeOptions::depthMax, and, with the turn
  /// lost, past `Limits::transactionBytesMax`; kInvalidArgument for text that is not UTF-8;
  /// kNoSpace.
  template <typename T>
  void put(std::string_view key, const T& value);

  /// Removes the key; whether it was there. Removing what is not there writes nothing. Durable:
  /// with the turn. Throws: kNoSpace.
  bool erase(std::string_view key);

  /// The pairs in the order of their keys, each read when the loop comes to it: see KvCursor.
  /// Throws: kInvalidArgument for `start` beside `startAfter` and for a limit that is not positive,
  /// in the call; in the loop what `get` throws.
  template <typename T = Value>
  [[nodiscard]] KvList<T> list(const ListOptions& options = {}) {
    return KvList<T>(cursor(options));
  }
  /// The same without the values.
  [[nodiscard]] KvKeys keys(const ListOptions& options = {}) { return KvKeys(cursor(options)); }
  /// The same in the caller's hands, step by step.
  [[nodiscard]] KvCursor cursor(const ListOptions& options = {}) { return {*access_, options}; }
  /// How many keys begin with `prefix`; all keys for the empty one. Cost follows the answer; values
  /// are not read.
  [[nodiscard]] std::uint64_t count(std::string_view prefix = {});

  /// The stored bytes as they are, copied.
  [[nodiscard]] std::optional<Bytes> getBytes(std::string_view key);
  /// The same in place: valid until the next write to the object or the end of the turn.
  [[nodiscard]] std::optional<BytesView> viewBytes(std::string_view key);
  /// As `put`, of bytes the caller encoded; what reads them as values must be able to. Throws:
  /// kLimitExceeded, kNoSpace.
  void putBytes(std::string_view key, BytesView value);

 private:
  kv::Access* access_;
};

namespace kv {

class Turn;

/// What the public classes ask of the object's turn.
class Access {
 public:
  virtual ~Access() = default;
  /// The turn's key-value half, for reading. Throws when the object is not to be used.
  virtual Turn& reading() = 0;
  /// Valid until the next write or the end of the turn.
  virtual std::optional<std::string_view> read(std::string_view key) = 0;
  virtual void write(std::string_view key, std::string_view value) = 0;
  virtual bool remove(std::string_view key) = 0;
  /// Room to encode a value in; kept for reuse.
  virtual std::string& scratch() = 0;
};

}  // namespace kv

// ---- implementation of the templates

namespace kv {
/// `key "user:7"` as errors name a key: a long one cut, other than printable bytes as \xNN.
[[nodiscard]] std::string nameKey(std::string_view key);

/// Runs `decode`, adding the key to what it throws.
template <typename Decode>
auto withKey(std::string_view key, Decode&& decode) {
  try {
    return decode();
  } catch (const ValueMismatch& mismatch) {
    throw mismatch.of(nameKey(key));
  }
}
}  // namespace kv

template <typename T>
T KvCursor::value() const {
  return kv::withKey(key(), [&] { return decodeValue<T>(bytes()); });
}

template <typename T>
std::optional<T> SyncKv::get(std::string_view key) {
  std::optional<std::string_view> bytes = access_->read(key);
  if (!bytes) return std::nullopt;
  return kv::withKey(key, [&] { return std::optional<T>(decodeValue<T>(*bytes)); });
}

template <typename T>
void SyncKv::put(std::string_view key, const T& value) {
  std::string& bytes = access_->scratch();
  bytes.clear();
  encodeValue(bytes, value);
  access_->write(key, bytes);
}

}  // namespace cairn
