#include "tests/crash/workload.h"

#include <cairn/error.h>
#include <deque>
#include <set>

#include <fmt/format.h>

namespace cairn::test {

namespace {

constexpr const char* kClass = "Crash";

struct RollBack {};

void createTables(Storage& storage) {
  storage.sql().exec("CREATE TABLE IF NOT EXISTS items(id INTEGER PRIMARY KEY, v TEXT, n INT)");
  storage.sql().exec("CREATE INDEX IF NOT EXISTS items_n ON items(n)");
  storage.sql().exec("CREATE VIRTUAL TABLE IF NOT EXISTS docs USING fts5(body)");
}

bool hasTables(Storage& storage) {
  return storage.sql().databaseSize() > 0 &&
         !storage.sql()
              .exec("SELECT 1 FROM sqlite_master WHERE name = 'docs'")
              .toRawArray()
              .empty();
}

}  // namespace

std::string ObjectModel::describe() const {
  std::string text = fmt::format("{} keys, {} rows, {} documents, alarm {}", kv.size(), rows.size(),
                                 documents.size(), alarm ? std::to_string(*alarm) : "none");
  for (const auto& [key, value] : kv)
    text += fmt::format("; {}={}b", key.substr(0, 12), value.size());
  return text;
}

Workload::Workload(const Options& options)
    : options_(options), random_(options.seed), now_(static_cast<std::size_t>(options.objects)) {}

std::string Workload::value() {
  std::size_t size =
      random(20) == 0 ? random(40 * options_.valueBytesMax) : random(options_.valueBytesMax);
  std::string text(size, '\0');
  // Half of the values compress, half do not.
  bool noise = random(2) == 0;
  char letter = static_cast<char>('a' + random(26));
  for (char& byte : text) byte = noise ? static_cast<char>('!' + random(90)) : letter;
  return text;
}

void Workload::kvOps(Storage& storage, ObjectModel& model) {
  for (std::uint64_t count = 1 + random(5); count > 0; --count) {
    std::string key = fmt::format("key-{}", random(12));
    if (random(10) == 0) key = std::string(600, 'k') + std::to_string(random(3));
    if (random(4) == 0) {
      storage.kv().erase(key);
      model.kv.erase(key);
    } else {
      std::string text = value();
      storage.kv().put(key, text);
      model.kv[key] = text;
    }
  }
}

void Workload::sqlOps(Storage& storage, ObjectModel& model) {
  createTables(storage);
  for (std::uint64_t count = 1 + random(4); count > 0; --count) {
    auto id = static_cast<std::int64_t>(random(40));
    std::string text = value();
    switch (random(6)) {
      case 0:
        storage.sql().exec("DELETE FROM items WHERE id = ?", id);
        model.rows.erase(id);
        break;
      case 1:
        storage.sql().exec("UPDATE items SET v = ? WHERE id >= ?", text, id);
        for (auto row = model.rows.lower_bound(id); row != model.rows.end(); ++row)
          row->second = text;
        break;
      case 2:
        storage.sql().exec("INSERT OR REPLACE INTO docs(rowid, body) VALUES (?, ?)", id, text);
        model.documents[id] = text;
        break;
      case 3:
        if (random(8) == 0) {
          storage.sql().exec("DELETE FROM items");
          model.rows.clear();
        }
        break;
      default:
        storage.sql().exec("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", id, text, id % 7);
        model.rows[id] = text;
    }
  }
}

void Workload::turn(Storage& storage, ObjectModel& model) {
  std::uint64_t kind = random(20);
  if (kind == 0) {
    storage.deleteAll();
    model.kv.clear();
    model.rows.clear();
    model.documents.clear();
  }
  if (kind % 3 != 0 || !options_.sql) kvOps(storage, model);
  if (kind % 3 != 1 && options_.sql) sqlOps(storage, model);
  if (kind % 4 == 0) {
    auto due = static_cast<std::int64_t>(4'000'000'000'000 + random(1'000'000));
    storage.setAlarm(UnixMillis{due});
    model.alarm = due;
  } else if (kind % 7 == 0) {
    storage.deleteAlarm();
    model.alarm.reset();
  }
  if (kind == 5) {
    ObjectModel scratch = model;
    try {
      storage.transactionSync([&] {
        kvOps(storage, scratch);
        if (options_.sql) sqlOps(storage, scratch);
        throw RollBack();
      });
    } catch (const RollBack&) {
    }
  }
}

std::optional<Ticket> Workload::step(Engine& engine) {
  if (done()) return std::nullopt;
  ++turn_;
  int index = static_cast<int>(random(static_cast<std::uint64_t>(options_.objects)));
  auto& current = now_[static_cast<std::size_t>(index)];
  ObjectModel next = current;
  std::uint64_t before = engine.stats().lastLsn.value();
  Ticket ticket = engine.turn(engine.object(kClass, objectName(index)),
                              [&](Storage& storage) { turn(storage, next); });
  current = next;
  if (ticket.lsn().value() > before) commits_.push_back({index, std::move(next)});
  if (options_.checkpoints && random(9) == 0) engine.checkpoint();
  return ticket;
}

void Workload::run(Engine& engine, const std::function<void(std::uint64_t)>& acknowledged) {
  std::deque<std::pair<Ticket, std::uint64_t>> waiting;
  while (std::optional<Ticket> ticket = step(engine)) {
    waiting.emplace_back(*ticket, issued());
    while (waiting.size() >
           static_cast<std::size_t>(random(static_cast<std::uint64_t>(options_.inFlightMax)))) {
      waiting.front().first.wait();
      acknowledged(waiting.front().second);
      waiting.pop_front();
    }
  }
  for (auto& [ticket, count] : waiting) {
    ticket.wait();
    acknowledged(count);
  }
}

ObjectModel Workload::read(Engine& engine, const std::string& object) {
  ObjectModel found;
  engine.turn(engine.object(kClass, object), [&](Storage& storage) {
    for (const auto& [key, value] : storage.kv().list<std::string>()) found.kv[key] = value;
    if (hasTables(storage)) {
      for (auto& [id, text] :
           storage.sql().exec("SELECT id, v FROM items").toArray<std::int64_t, std::string>()) {
        found.rows[id] = text;
      }
      for (auto& [id, text] : storage.sql()
                                  .exec("SELECT rowid, body FROM docs")
                                  .toArray<std::int64_t, std::string>()) {
        found.documents[id] = text;
      }
      auto [verdict] = storage.sql().exec("PRAGMA quick_check").one<std::string>();
      if (verdict != "ok")
        throw Error(ErrorCode::kDamaged, "quick_check of " + object + ": " + verdict);
      auto [indexed] = storage.sql()
                           .exec("SELECT count(*) FROM items INDEXED BY items_n WHERE n >= 0")
                           .one<std::int64_t>();
      if (indexed != static_cast<std::int64_t>(found.rows.size())) {
        throw Error(ErrorCode::kDamaged, "the index of " + object + " disagrees with its table");
      }
    }
    if (std::optional<UnixMillis> alarm = storage.getAlarm()) found.alarm = alarm->value;
  });
  return found;
}

std::vector<ObjectModel> Workload::stateAfter(std::uint64_t commits) const {
  std::vector<ObjectModel> state(now_.size());
  for (std::uint64_t i = 0; i < commits; ++i)
    state[static_cast<std::size_t>(commits_[i].object)] = commits_[i].after;
  return state;
}

std::optional<std::uint64_t> Workload::match(Engine& engine, std::uint64_t least,
                                             std::uint64_t most, std::string& problem) const {
  std::vector<ObjectModel> found;
  for (int i = 0; i < options_.objects; ++i) found.push_back(read(engine, objectName(i)));
  for (std::uint64_t count = least; count <= most; ++count) {
    if (found == stateAfter(count)) return count;
  }
  problem = fmt::format("the state is none of those after {} to {} commits", least, most);
  std::vector<ObjectModel> wanted = stateAfter(least);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == wanted[i]) continue;
    problem += fmt::format("\n  {}: {}\n    after {}: {}", objectName(static_cast<int>(i)),
                           found[i].describe(), least, wanted[i].describe());
  }
  return std::nullopt;
}

}  // namespace cairn::test
