// The key-value half of a transaction in progress: reads see the store, the commits on top of it
// and the transaction's own writes; writes go into the commit record and the overlay at once; any
// suffix of them can be undone.
#pragma once

#include <cairn/types.h>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/commit_record.h"
#include "kv/environment.h"
#include "kv/overlay.h"

namespace cairn::kv {

/// What a turn of an object offers to its parts.
class TurnContext {
 public:
  virtual ~TurnContext() = default;
  /// The record of the transaction in progress, opened by the first write. Throws when writing is
  /// not allowed now.
  virtual const RecordRef& openRecord() = 0;
  /// Its number; after `openRecord` also for an object that this transaction creates.
  [[nodiscard]] virtual ObjectNumber objectNumber() const = 0;
  /// The store as this turn reads it; taken on first use, given back when the turn ends.
  virtual const ReadAccess& store() = 0;
  /// Changes whenever `store` has been given back.
  [[nodiscard]] std::uint64_t storeGeneration() const { return storeGeneration_; }

 protected:
  std::uint64_t storeGeneration_ = 0;
};

class Turn {
 public:
  explicit Turn(TurnContext& context) : context_(context) {}

  /// Binds the turn to an object's data. `space` is zero while the object has none.
  void bind(SpaceId space, Overlay& overlay) {
    space_ = space;
    overlay_ = &overlay;
  }

  /// Valid until the next write or the end of the turn.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view key);
  /// `value` must not point into what `get` returned.
  void put(std::string_view key, std::string_view value);
  /// Whether the key existed.
  bool erase(std::string_view key);

  struct Mark {
    std::size_t undo = 0;
    std::uint32_t scopeStart = 0;
  };
  /// Begins a scope that `rollback` can undo by itself.
  [[nodiscard]] Mark mark();
  /// Undoes everything since the mark; the caller cuts the record's ops.
  void rollback(const Mark& mark);
  /// Keeps everything since the mark as part of the scope around it.
  void release(const Mark& mark) { scopeStart_ = mark.scopeStart; }
  /// The transaction ended, committed or undone.
  void finish();

  [[nodiscard]] SpaceId space() const { return space_; }
  [[nodiscard]] const Overlay& overlay() const { return *overlay_; }
  [[nodiscard]] TurnContext& context() const { return context_; }

 private:
  struct Undo {
    Overlay::Map::iterator entry;
    bool created;
    Overlay::Entry before;
  };

  /// The entry for a write of the current scope; remembers what it held before the scope.
  Overlay::Entry& touch(const RecordRef& record, std::string_view key, std::size_t valueBytes);
  void discardOp(Record& record, const Overlay::Entry& entry, std::string_view key);
  void compact(Record& record);

  TurnContext& context_;
  SpaceId space_;
  Overlay* overlay_ = nullptr;
  std::vector<Undo> undo_;
  std::uint32_t scopeStart_ = 0;  ///< Ops from here on belong to the innermost scope.
  bool nested_ = false;
  std::size_t deadBytes_ = 0;
};

}  // namespace cairn::kv
