#include "tests/support/workload.h"

#include <algorithm>
#include <cairn/error.h>
#include <deque>
#include <set>

#include <fmt/format.h>

namespace cairn::test {

namespace {

constexpr const char* kClass = "Crash";
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kArmedAgeMaxMs = 24 * kHourMs;

struct RollBack {};

void createTables(Storage& storage) {
  storage.sql().exec("CREATE TABLE IF NOT EXISTS items(id INTEGER PRIMARY KEY, v TEXT, n INT)");
  storage.sql().exec("CREATE INDEX IF NOT EXISTS items_n ON items(n)");
  storage.sql().exec("CREATE VIRTUAL TABLE IF NOT EXISTS docs USING fts5(body)");
}

bool hasTables(SqlStorage& sql) {
  return sql.databaseSize() > 0 &&
         !sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'docs'").toRawArray().empty();
}

}  // namespace

std::string ObjectModel::describe() const {
  std::string text = fmt::format("{} keys, {} rows, {} documents, alarm {}", kv.size(), rows.size(),
                                 documents.size(), alarm ? std::to_string(*alarm) : "none");
  for (const auto& [name, time] : namedAlarms) text += fmt::format(", alarm {} {}", name, time);
  for (const auto& [key, value] : kv)
    text += fmt::format("; {}={}b", key.substr(0, 12), value.size());
  return text;
}

Workload::Workload(const Options& options)
    : options_(options), random_(options.seed), live_(static_cast<std::size_t>(options.objects)) {}

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
    ++operations_;
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
    ++operations_;
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

void Workload::alarmOps(Storage& storage, ObjectModel& model) {
  ++operations_;
  std::string name = fmt::format("alarm-{}", random(2));
  if (random(3) == 0) {
    storage.deleteAlarm(name);
    model.namedAlarms.erase(name);
  } else {
    auto due = static_cast<std::int64_t>(4'000'000'000'000 + random(1'000'000));
    storage.setAlarm(UnixMillis{due}, name);
    model.namedAlarms[name] = due;
  }
}

// Transactions in transactions; each level may be undone by itself.
void Workload::nested(Storage& storage, ObjectModel& model, int depth) {
  ObjectModel inner = model;
  bool keep = random(3) != 0;
  // Not inside: SQLite 3.40 cannot commit when a savepoint that made and filled an FTS5 table is
  // rolled back ("SQL logic error"; the turn is then undone as a whole).
  if (options_.sql) createTables(storage);
  try {
    storage.transactionSync([&] {
      if (random(2) == 0) kvOps(storage, inner);
      if (random(3) == 0) alarmOps(storage, inner);
      if (depth > 0) nested(storage, inner, depth - 1);
      if (options_.sql && random(2) == 0) sqlOps(storage, inner);
      if (!keep) throw RollBack();
    });
    model = std::move(inner);
  } catch (const RollBack&) {
  }
}

void Workload::turn(Storage& storage, ObjectModel& model) {
  std::uint64_t kind = random(20);
  if (kind == 0) {
    bool alarmsToo = options_.history && random(3) == 0;
    storage.deleteAll({.deleteAlarm = alarmsToo});
    model.kv.clear();
    model.rows.clear();
    model.documents.clear();
    if (alarmsToo) {
      model.alarm.reset();
      model.namedAlarms.clear();
    }
    if (options_.guarded) return;
  }
  if (options_.guarded) {
    storage.transactionSync([&] { writes(storage, model, kind); });
  } else {
    writes(storage, model, kind);
  }
  if (options_.reads) readBack(storage, model);
}

namespace {

void require(bool right, const std::string& what) {
  if (!right) throw Error(ErrorCode::kDamaged, "the model says otherwise: " + what);
}

}  // namespace

void Workload::readBack(Storage& storage, const ObjectModel& model) {
  operations_ += 5;
  std::string key = fmt::format("key-{}", random(12));
  auto wanted = model.kv.find(key);
  require(storage.kv().get<std::string>(key) ==
              (wanted == model.kv.end() ? std::nullopt : std::optional(wanted->second)),
          "get " + key);
  readList(storage, model);
  require(storage.size().kvKeys == model.kv.size(), "the number of keys");
  std::optional<UnixMillis> alarm = storage.getAlarm();
  require(alarm.has_value() == model.alarm.has_value() && (!alarm || alarm->value == *model.alarm),
          "the alarm");
  if (!options_.sql || !hasTables(storage.sql())) return;
  auto from = static_cast<std::int64_t>(random(40));
  auto [count] =
      storage.sql().exec("SELECT count(*) FROM items WHERE id >= ?", from).one<std::int64_t>();
  require(count == std::distance(model.rows.lower_bound(from), model.rows.end()),
          "the number of rows");
}

void Workload::readList(Storage& storage, const ObjectModel& model) {
  ListOptions options;
  std::string start = fmt::format("key-{}", random(12));
  std::string end = fmt::format("key-{}", random(12));
  if (random(2) == 0) options.prefix = random(2) == 0 ? "key-1" : "k";
  if (random(3) == 0) options.start = start;
  if (random(3) == 0) options.end = end;
  options.reverse = random(2) == 0;
  std::size_t limit = SIZE_MAX;
  if (random(2) == 0) {
    limit = 1 + random(6);
    options.limit = static_cast<std::int64_t>(limit);
  }
  std::vector<std::string> wanted;
  for (const auto& [key, value] : model.kv) {
    bool inside = (!options.prefix || key.starts_with(*options.prefix)) &&
                  (!options.start || key >= *options.start) && (!options.end || key < *options.end);
    if (inside) wanted.push_back(key);
  }
  if (options.reverse) std::ranges::reverse(wanted);
  if (wanted.size() > limit) wanted.resize(limit);
  std::vector<std::string> found;
  for (const auto& [key, value] : storage.kv().list<std::string>(options)) {
    found.push_back(key);
    require(value == model.kv.at(key), "the value of " + key);
  }
  require(found == wanted,
          fmt::format("a list of {} keys, {} are wanted", found.size(), wanted.size()));
}

void Workload::writes(Storage& storage, ObjectModel& model, std::uint64_t kind) {
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
    if (options_.sql) createTables(storage);
    try {
      storage.transactionSync([&] {
        kvOps(storage, scratch);
        if (options_.sql) sqlOps(storage, scratch);
        throw RollBack();
      });
    } catch (const RollBack&) {
    }
  }
  if (!options_.history) return;
  if (kind % 5 == 1) nested(storage, model, 2);
  if (kind == 11) alarmOps(storage, model);
}

std::optional<Ticket> Workload::step(Engine& engine) {
  if (done()) return std::nullopt;
  ++turn_;
  ++operations_;
  if (options_.clock != nullptr) moveClock();
  int index = static_cast<int>(random(static_cast<std::uint64_t>(options_.objects)));
  Live& live = live_[static_cast<std::size_t>(index)];
  std::optional<Ticket> ticket;
  if (options_.history) {
    if (!live.ref) live.ref = object(engine, index);
    if (live.sessionEnded) {
      ticket = beginSession(engine, index);
    } else if (random(5) == 0) {
      ticket = pastStep(engine, index);
    }
  }
  if (!ticket) ticket = plainStep(engine, index);
  if (options_.checkpoints && random(9) == 0) engine.checkpoint();
  return ticket;
}

void Workload::moveClock() {
  // The wall clock goes back now and then, as it does.
  options_.clock->advance(random(12) == 0 ? -5 : static_cast<std::int64_t>(random(4)));
  if (options_.windowMs == 0 || random(5) != 0) return;
  // What is armed must not fall out of the window before its session begins.
  for (const Live& live : live_) {
    if (live.armed) return;
  }
  options_.clock->advance(static_cast<std::int64_t>(1 + random(3 * 24)) * kHourMs);
}

Ticket Workload::plainStep(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  ObjectModel next = live.now;
  Lsn before = engine.stats().lastLsn;
  Ticket ticket =
      engine.turn(object(engine, index), [&](Storage& storage) { turn(storage, next); });
  live.now = std::move(next);
  if (ticket.lsn() > before) committed(engine, index, ticket.lsn());
  return ticket;
}

// A turn that commits once in the middle.
Ticket Workload::splitStep(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  ObjectModel next = live.now;
  Lsn before = engine.stats().lastLsn;
  Ticket ticket = engine.turn(live.ref, [&](Storage& storage) {
    turn(storage, next);
    attempt(index, next);
    Lsn middle = storage.getCurrentBookmark().lsn();
    attempted_.reset();
    live.now = next;
    if (middle > before) committed(engine, index, middle);
    before = std::max(before, middle);
    turn(storage, next);
  });
  live.now = std::move(next);
  if (ticket.lsn() > before) committed(engine, index, ticket.lsn());
  return ticket;
}

std::optional<Ticket> Workload::pastStep(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  bool exists = anyCommit(index).has_value();
  switch (random(8)) {
    case 0:
      return splitStep(engine, index);
    case 1:
    case 2:
      if (!exists) return std::nullopt;
      restoreStep(engine, index);
      break;
    case 3:
    case 4:
      if (!anyCommit(index, kArmedAgeMaxMs)) return std::nullopt;
      return armStep(engine, index);
    case 5:
      if (!exists) return std::nullopt;
      labelStep(engine, index);
      break;
    case 6:
      if (!exists) return std::nullopt;
      return deleteStep(engine, index);
    default:
      engine.endSession(live.ref);
      live.sessionEnded = true;
      return beginSession(engine, index);
  }
  return engine.turn(live.ref, [](Storage&) {});
}

void Workload::restoreStep(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  Lsn target = anyCommit(index).value();
  attempt(index, modelAt(index, target));
  RestoreReceipt receipt = engine.history(live.ref).restore(target);
  live.now = modelAt(index, target);
  if (!receipt.lsn.isZero()) committed(engine, index, receipt.lsn);
}

Ticket Workload::armStep(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  Lsn target = anyCommit(index, kArmedAgeMaxMs).value();
  Bookmark bookmark = engine.history(live.ref).bookmarkOf(target);
  Ticket ticket = engine.turn(
      live.ref, [&](Storage& storage) { storage.onNextSessionRestoreBookmark(bookmark); });
  live.armed = target;
  committed(engine, index, ticket.lsn());
  if (random(2) == 0) {
    engine.endSession(live.ref);
    live.sessionEnded = true;
  }
  return ticket;
}

Ticket Workload::beginSession(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  if (live.armed) attempt(index, modelAt(index, *live.armed));
  Ticket ticket = engine.turn(live.ref, [](Storage&) {});
  live.sessionEnded = false;
  if (!live.armed) return ticket;
  live.now = modelAt(index, *live.armed);
  live.armed.reset();
  committed(engine, index, ticket.lsn());
  return ticket;
}

void Workload::labelStep(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  std::string label = fmt::format("label-{}", random(3));
  History history = engine.history(live.ref);
  attempt(index, live.now);
  if (random(3) == 0) {
    history.removeLabel(label);
    live.labels.erase(label);
  } else {
    Lsn target = anyCommit(index).value();
    history.setLabel(label, target);
    live.labels[label] = target;
  }
  committed(engine, index, engine.turn(live.ref, [](Storage&) {}).lsn());
}

Ticket Workload::deleteStep(Engine& engine, int index) {
  Live& live = live_[static_cast<std::size_t>(index)];
  Lsn before = engine.stats().lastLsn;
  Ticket ticket = engine.deleteObject(live.ref);
  live.now = {};
  if (ticket.lsn() > before) committed(engine, index, ticket.lsn());
  return ticket;
}

void Workload::attempt(int index, const ObjectModel& after) {
  attempted_ = Commit{index, Lsn(), after, UnixMillis{}, std::nullopt, {}};
}

void Workload::committed(Engine& engine, int index, Lsn lsn) {
  const Live& live = live_[static_cast<std::size_t>(index)];
  attempted_.reset();
  // Commit times never go back, whatever the clock does.
  latest_ = std::max(latest_, engine.options().clock->now());
  commits_.push_back({index, lsn, live.now, latest_, live.armed, live.labels});
}

// One that is kept for some time yet.
std::optional<Lsn> Workload::anyCommit(int index, std::int64_t ageMaxMs) {
  std::vector<Lsn> all;
  for (const Commit& commit : commits_) {
    bool isOld = options_.windowMs > 0 && options_.clock->now().value - commit.time.value >=
                                              std::min(ageMaxMs, options_.windowMs - kHourMs);
    if (commit.object == index && !isOld) all.push_back(commit.lsn);
  }
  if (all.empty()) return std::nullopt;
  return all[random(all.size())];
}

const ObjectModel& Workload::modelAt(int index, Lsn lsn) const {
  static const ObjectModel kNothing;
  const ObjectModel* found = &kNothing;
  for (const Commit& commit : commits_) {
    if (commit.object == index && commit.lsn <= lsn) found = &commit.after;
  }
  return *found;
}

// What the next session sees.
ObjectModel Workload::visible(const Commit& commit) const {
  return commit.armed ? modelAt(commit.object, *commit.armed) : commit.after;
}

void Workload::release() {
  for (Live& live : live_) live.ref = {};
}

void Workload::run(Engine& engine, const std::function<void(std::uint64_t)>& acknowledged) {
  std::deque<std::pair<Ticket, std::uint64_t>> waiting;
  while (std::optional<Ticket> ticket = step(engine)) {
    waiting.emplace_back(*ticket, countThrough(ticket->lsn()));
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
  release();
}

void Workload::settle(Engine& engine) {
  for (int index = 0; index < options_.objects; ++index) {
    Live& live = live_[static_cast<std::size_t>(index)];
    if (!live.ref) continue;
    engine.endSession(live.ref);
    beginSession(engine, index).wait();
  }
}

void Workload::reopened(Engine& engine) {
  for (int index = 0; index < options_.objects; ++index) {
    live_[static_cast<std::size_t>(index)].ref = object(engine, index);
    beginSession(engine, index);
  }
}

ObjectRef Workload::object(Engine& engine, int index) const {
  return engine.object(kClass, objectName(index));
}

}  // namespace cairn::test
