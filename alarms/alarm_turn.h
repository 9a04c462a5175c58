// The alarm half of a transaction in progress, and the alarms that commits changed and the store
// does not hold yet.
#pragma once

#include <cairn/types.h>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alarms/alarm_table.h"
#include "engine/base/commit_record.h"
#include "kv/turn.h"

namespace cairn::alarms {

class Overlay {
 public:
  struct Entry {
    std::optional<Alarm> alarm;
    RecordRef record;  ///< Its LSN is zero while the transaction is in progress.
  };
  std::map<std::string, Entry, std::less<>> entries;

  void dropThrough(Lsn lsn);
};

class Turn {
 public:
  explicit Turn(kv::TurnContext& context) : context_(context) {}
  void bind(Overlay& overlay) { overlay_ = &overlay; }

  [[nodiscard]] std::optional<Alarm> get(std::string_view name);
  /// Nothing is written when the alarm is already like this.
  void set(std::string_view name, const Alarm& alarm);
  void clear(std::string_view name);
  /// Names of the object's alarms, sorted.
  [[nodiscard]] std::vector<std::string> names();

  struct Mark {
    std::size_t undo = 0;
  };
  [[nodiscard]] Mark mark() const { return {undo_.size()}; }
  void rollback(const Mark& mark);
  void finish() { undo_.clear(); }
  /// Appends the transaction's changes again, to another record: what `deleteAll` keeps of a turn.
  void moveTo(const RecordRef& record);
  /// Gives each alarm that the transaction changed, as it is now; one may come more than once.
  template <typename Visit>
  void forEachChanged(Visit&& visit) const {
    for (const Undo& undo : undo_)
      visit(undo.name, overlay_->entries.find(undo.name)->second.alarm);
  }

 private:
  struct Undo {
    std::string name;
    std::optional<Overlay::Entry> before;
  };
  void change(std::string_view name, const std::optional<Alarm>& alarm);
  void append(Record& record, std::string_view name, const std::optional<Alarm>& alarm);

  kv::TurnContext& context_;
  Overlay* overlay_ = nullptr;
  std::vector<Undo> undo_;
};

}  // namespace cairn::alarms
