#include "engine/past_difference.h"

#include <algorithm>
#include <set>

#include "sql_frontend/table_compare.h"

namespace cairn {

namespace {

using Visit = std::function<bool(const Difference&)>;

std::set<std::string> allKeys(PastView::Impl& view) {
  std::set<std::string> keys;
  if (view.space().isZero()) return keys;
  view.list({}, [&](std::string_view key, std::string_view) {
    keys.emplace(key);
    return true;
  });
  return keys;
}

// The keys that may differ: within one space those that changed since the older state.
std::set<std::string> candidates(PastView::Impl& before, PastView::Impl& after) {
  std::set<std::string> keys;
  if (before.space() == after.space()) {
    const PastView::Impl& older = before.at() < after.at() ? before : after;
    for (const auto& [key, value] : older.then().keys()) keys.insert(key);
  } else {
    keys = allKeys(before);
    keys.merge(allKeys(after));
  }
  return keys;
}

std::optional<std::string> valueIn(PastView::Impl& view, const std::string& key) {
  if (view.space().isZero()) return std::nullopt;
  return view.get(key);
}

bool compareKeys(PastView::Impl& before, PastView::Impl& after, const Visit& visit) {
  for (const std::string& key : candidates(before, after)) {
    KeyDifference difference{key, valueIn(before, key), valueIn(after, key)};
    if (difference.before != difference.after && !visit(difference)) return false;
  }
  return true;
}

bool compareAlarms(const PastView::Impl& before, const PastView::Impl& after, const Visit& visit) {
  std::set<std::string> names;
  for (const PastView::Impl* view : {&before, &after}) {
    for (const auto& [name, time] : view->alarms()) names.insert(name);
  }
  for (const std::string& name : names) {
    AlarmDifference difference{name, before.alarm(name), after.alarm(name)};
    if (difference.before != difference.after && !visit(difference)) return false;
  }
  return true;
}

bool compareDatabases(EngineCore& engine, PastView::Impl& before, PastView::Impl& after,
                      const Visit& visit) {
  if (before.then().pageCount() == 0 && after.then().pageCount() == 0) return true;
  if (before.space() == after.space() && before.then().pages().empty() &&
      after.then().pages().empty()) {
    return true;
  }
  sql::TableCompare compare(engine.vfs(), before.pages(), after.pages());
  for (const sql::SchemaDifference& entry : compare.schema()) {
    const sql::SchemaEntry& named = entry.after ? *entry.after : *entry.before;
    SchemaDifference difference{named.type, named.name, std::nullopt, std::nullopt};
    if (entry.before) difference.before = entry.before->text;
    if (entry.after) difference.after = entry.after->text;
    if (!visit(difference)) return false;
  }
  for (const sql::TableShape& table : compare.tables()) {
    auto columns = std::make_shared<const std::vector<std::string>>(table.columns);
    bool more = compare.rows(table, [&](sql::RowDifference&& row) {
      return visit(RowDifference{table.name, std::move(row.key), columns, std::move(row.before),
                                 std::move(row.after)});
    });
    if (!more) return false;
  }
  return true;
}

}  // namespace

bool comparePast(EngineCore& engine, PastView::Impl& before, PastView::Impl& after,
                 const Visit& visit) {
  return compareKeys(before, after, visit) && compareDatabases(engine, before, after, visit) &&
         compareAlarms(before, after, visit);
}

}  // namespace cairn
