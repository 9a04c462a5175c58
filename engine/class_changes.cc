// Changes of the set of classes: one commit each, together with the tag that says it was made.
#include <cairn/error.h>
#include <cairn/value_conversion.h>

#include <fmt/format.h>

#include "engine/engine_core.h"
#include "engine/object_names.h"
#include "kv/keys.h"

namespace cairn {

namespace {

// The object that remembers the tags. Its class is not listed among the root's classes.
constexpr std::string_view kTagsClass = "_cf_migrations";
constexpr std::string_view kTagsObject = "tags";
// Objects of deleted classes that are deleted between two rounds.
constexpr std::size_t kDeleteBatch = 10'000;

}  // namespace

bool EngineCore::isHidden(std::string_view className) { return className.starts_with("_cf_"); }

bool EngineCore::changeClasses(std::string_view tag, const std::vector<ClassChange>& changes) {
  std::lock_guard alone(classChangesMutex_);
  classEntry(kTagsClass, Backend::kKeyValue);
  ObjectRef tags(acquire(kTagsClass, kTagsObject));
  std::vector<StagedClass> staged;
  bool seen = false;
  Ticket ticket = runTurn(*tags.state(), [&](Session& session) {
    seen = session.read(tag).has_value();
    if (seen) return;
    staged = stageClasses(tag, changes);
    std::string when;
    encodeValue(when, static_cast<std::int64_t>(clock().now().value));
    session.write(tag, when);
    for (const StagedClass& each : staged)
      session.defineClass({each.number, static_cast<std::uint8_t>(each.backend), each.to});
  });
  if (seen) return false;
  adoptClasses(staged);
  ticket.wait();
  return true;
}

bool EngineCore::classesChanged(std::string_view tag) {
  classEntry(kTagsClass, Backend::kKeyValue);
  ObjectRef tags(acquire(kTagsClass, kTagsObject));
  bool seen = false;
  runTurn(*tags.state(), [&](Session& session) { seen = session.read(tag).has_value(); });
  return seen;
}

// Works out what the changes come to, and throws if they do not fit the classes there are.
std::vector<EngineCore::StagedClass> EngineCore::stageClasses(
    std::string_view tag, const std::vector<ClassChange>& changes) {
  auto refuse = [&](const std::string& problem) {
    throw Error(ErrorCode::kConflict, fmt::format("migration {}: {}", tag, problem));
  };
  std::lock_guard lock(classesMutex_);
  std::map<std::string, StagedClass, std::less<>> now;
  for (const auto& [name, entry] : classes_)
    now[name] = {entry->number, entry->backend, name, name};
  std::vector<StagedClass> changed;
  for (const ClassChange& change : changes) {
    if (change.create) {
      checkClassName(change.name);
      if (isHidden(change.name)) refuse(fmt::format("the name {} is reserved", change.name));
      auto [place, added] = now.try_emplace(change.name);
      if (!added) {
        if (place->second.backend != *change.create)
          refuse(fmt::format("class {} exists with another backend", change.name));
        continue;
      }
      place->second = {ClassNumber(nextClass_++), *change.create, {}, change.name};
      changed.push_back(place->second);
      continue;
    }
    auto found = now.find(change.name);
    if (found == now.end() || isHidden(change.name))
      refuse(fmt::format("class {} does not exist", change.name));
    StagedClass its = found->second;
    now.erase(found);
    its.from = change.name;
    its.to = change.to;
    if (!its.to.empty()) {
      checkClassName(its.to);
      if (!now.try_emplace(its.to, its).second)
        refuse(fmt::format("class {} cannot become {}, which exists", its.from, its.to));
    }
    changed.push_back(std::move(its));
  }
  return changed;
}

void EngineCore::adoptClasses(const std::vector<StagedClass>& changed) {
  std::lock_guard lock(classesMutex_);
  for (const StagedClass& each : changed) {
    std::unique_ptr<ClassEntry> entry;
    if (each.from.empty()) {
      entry = std::make_unique<ClassEntry>();
      entry->number = each.number;
      entry->backend = each.backend;
    } else {
      auto found = classes_.find(each.from);
      entry = std::move(found->second);
      classes_.erase(found);
    }
    entry->defined = true;
    entry->name = each.to;
    if (each.to.empty()) {
      deadClasses_.push_back(std::move(entry));
    } else {
      classes_.insert_or_assign(each.to, std::move(entry));
    }
  }
}

// Of objects that have data, as the store knows them.
std::vector<std::string> EngineCore::objectNames(const ClassEntry& entry, std::size_t limit) {
  std::vector<std::string> names;
  kv::Snapshot snapshot = lmdb_->snapshot();
  std::string prefix = nameKey(entry.number, {});
  kv::Cursor cursor = snapshot.cursor(kv::Table::kNames);
  for (bool more = cursor.seek(prefix);
       more && cursor.key().starts_with(prefix) && names.size() < limit; more = cursor.next()) {
    std::optional<std::string_view> row = snapshot.get(kv::Table::kObjects, cursor.value());
    if (row && !ObjectRow::decode(*row).space.isZero())
      names.emplace_back(cursor.key().substr(prefix.size()));
  }
  return names;
}

std::uint64_t EngineCore::deleteObjectsOfDeadClasses() {
  std::lock_guard alone(classChangesMutex_);
  std::vector<ClassEntry*> dead;
  {
    std::lock_guard lock(classesMutex_);
    for (const std::unique_ptr<ClassEntry>& entry : deadClasses_) dead.push_back(entry.get());
  }
  std::uint64_t deleted = 0;
  for (ClassEntry* entry : dead) {
    for (;;) {
      checkpoint();
      std::vector<std::string> names = objectNames(*entry, kDeleteBatch);
      for (const std::string& name : names) {
        ObjectRef object(
            table_.acquire(*entry, name, [this](ObjectState& its) { loadObject(its); }));
        runTurn(*object.state(), [](Session& session) { session.deleteObject(); });
      }
      deleted += names.size();
      if (names.empty()) break;
    }
  }
  return deleted;
}

}  // namespace cairn
