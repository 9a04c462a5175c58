// What a workload's objects must hold, compared with what they do.
#include <algorithm>
#include <cairn/error.h>

#include <fmt/format.h>

#include "tests/support/workload.h"

namespace cairn::test {

namespace {

bool hasTables(SqlStorage& sql) {
  return sql.databaseSize() > 0 &&
         !sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'docs'").toRawArray().empty();
}

void readTables(SqlStorage& sql, ObjectModel& found, const std::string& object) {
  if (!hasTables(sql)) return;
  for (auto& [id, text] :
       sql.exec("SELECT id, v FROM items").toArray<std::int64_t, std::string>()) {
    found.rows[id] = text;
  }
  for (auto& [id, text] :
       sql.exec("SELECT rowid, body FROM docs").toArray<std::int64_t, std::string>()) {
    found.documents[id] = text;
  }
  auto [verdict] = sql.exec("PRAGMA quick_check").one<std::string>();
  if (verdict != "ok") {
    throw Error(ErrorCode::kDamaged, "quick_check of " + object + ": " + verdict);
  }
  auto [indexed] =
      sql.exec("SELECT count(*) FROM items INDEXED BY items_n WHERE n >= 0").one<std::int64_t>();
  if (indexed != static_cast<std::int64_t>(found.rows.size())) {
    throw Error(ErrorCode::kDamaged, "the index of " + object + " disagrees with its table");
  }
}

}  // namespace

ObjectModel Workload::read(Engine& engine, const std::string& object) {
  ObjectModel found;
  engine.turn(engine.object("Crash", object), [&](Storage& storage) {
    for (const auto& [key, value] : storage.kv().list<std::string>()) found.kv[key] = value;
    readTables(storage.sql(), found, object);
    if (std::optional<UnixMillis> alarm = storage.getAlarm()) found.alarm = alarm->value;
    for (const std::string& name : storage.alarmNames()) {
      if (!name.empty()) found.namedAlarms[name] = storage.getAlarm(name)->value;
    }
  });
  return found;
}

ObjectModel Workload::read(PastView& view) {
  ObjectModel found;
  view.kv().list({}, [&](std::string_view key, std::string_view bytes) {
    found.kv[std::string(key)] = decodeValue<std::string>(bytes);
    return true;
  });
  if (view.exists()) readTables(view.sql(), found, "a view");
  if (std::optional<UnixMillis> alarm = view.getAlarm()) found.alarm = alarm->value;
  for (const char* name : {"alarm-0", "alarm-1"}) {
    if (std::optional<UnixMillis> alarm = view.getAlarm(name))
      found.namedAlarms[name] = alarm->value;
  }
  return found;
}

std::vector<ObjectModel> Workload::stateAfter(std::uint64_t commits) const {
  std::vector<ObjectModel> state(live_.size());
  for (std::uint64_t i = 0; i < commits; ++i)
    state[static_cast<std::size_t>(commits_[i].object)] = visible(commits_[i]);
  return state;
}

std::optional<std::uint64_t> Workload::match(Engine& engine, std::uint64_t least,
                                             std::uint64_t most, std::string& problem) const {
  std::vector<ObjectModel> found = readAll(engine);
  for (std::uint64_t count = least; count <= most; ++count) {
    if (found == stateAfter(count)) return count;
  }
  problem = fmt::format("the state is none of those after {} to {} commits", least, most);
  std::vector<ObjectModel> wanted = stateAfter(least);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == wanted[i]) continue;
    problem += fmt::format("\n  {}: {}\n    after {}: {}", objectName(static_cast<int>(i)),
                           found[i].describe(), least, wanted[i].describe());
    problem += receiptsOf(engine, static_cast<int>(i));
  }
  return std::nullopt;
}

std::uint64_t Workload::countThrough(Lsn lsn) const {
  auto after = std::upper_bound(commits_.begin(), commits_.end(), lsn,
                                [](Lsn at, const Commit& commit) { return at < commit.lsn; });
  return static_cast<std::uint64_t>(after - commits_.begin());
}

std::vector<ObjectModel> Workload::readAll(Engine& engine) const {
  std::vector<ObjectModel> found;
  for (int i = 0; i < options_.objects; ++i) found.push_back(read(engine, objectName(i)));
  return found;
}

bool Workload::agrees(const std::vector<ObjectModel>& found, std::uint64_t count) const {
  std::vector<ObjectModel> wanted = stateAfter(count);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == wanted[i]) continue;
    bool mayBeLater = attempted_ && attempted_->object == static_cast<int>(i) &&
                      count == commits_.size() && found[i] == attempted_->after;
    if (!mayBeLater) return false;
  }
  return true;
}

bool Workload::agreesLive(Engine& engine, std::string& problem) {
  for (int index = 0; index < options_.objects; ++index) {
    if (live_[static_cast<std::size_t>(index)].sessionEnded) beginSession(engine, index);
    ObjectModel found = read(engine, objectName(index));
    const ObjectModel& wanted = live_[static_cast<std::size_t>(index)].now;
    if (found == wanted) continue;
    problem = fmt::format("{}:\n    wanted {}\n    found {}", objectName(index), wanted.describe(),
                          found.describe());
    problem += receiptsOf(engine, index);
    return false;
  }
  return true;
}

std::string Workload::receiptsOf(Engine& engine, int index) const {
  std::string text;
  for (const RestoreReceipt& receipt : engine.history(object(engine, index)).receipts()) {
    text += fmt::format("\n    LSN {} restored {}: {}", receipt.lsn.value(), receipt.target.value(),
                        receipt.what);
  }
  return text;
}

bool Workload::checkHistory(Engine& engine, std::uint64_t held, std::mt19937_64& random,
                            std::string& problem, bool bringBack) const {
  for (int index = 0; index < options_.objects; ++index) {
    if (!checkObject(engine, index, held, random, problem, bringBack)) return false;
  }
  return true;
}

bool Workload::checkNewest(Engine& engine, std::uint64_t held, std::uint64_t many,
                           std::string& problem) const {
  for (std::uint64_t i = held - std::min(held, many); i < held; ++i) {
    const Commit& one = commits_[i];
    if (!checkPoint(engine, commitsOf(one.object, held), one, problem)) return false;
  }
  return true;
}

std::vector<const Workload::Commit*> Workload::commitsOf(int index, std::uint64_t held) const {
  std::vector<const Commit*> known;
  for (std::uint64_t i = 0; i < held; ++i) {
    if (commits_[i].object == index) known.push_back(&commits_[i]);
  }
  return known;
}

// Whether it is inside the window, so that its state must be there.
bool Workload::isKept(Engine& engine, const Commit& commit) const {
  const EngineOptions& options = engine.options();
  return options_.windowMs == 0 ||
         commit.time.value >= options.clock->now().value - options.historyMs;
}

// The rows of an object go when it was deleted before the window.
bool Workload::mayBeSwept(Engine& engine, const std::vector<const Commit*>& known) const {
  return std::ranges::any_of(known, [&](const Commit* commit) {
    return commit->after == ObjectModel() && !isKept(engine, *commit);
  });
}

bool Workload::checkObject(Engine& engine, int index, std::uint64_t held, std::mt19937_64& random,
                           std::string& problem, bool bringBack) const {
  std::vector<const Commit*> known = commitsOf(index, held);
  if (known.empty()) return true;
  const Commit& one = *known[random() % known.size()];
  try {
    if (!checkPoint(engine, known, one, problem)) return false;
  } catch (const Error& error) {
    bool isGone = error.code() == ErrorCode::kOutOfRange ||
                  (error.code() == ErrorCode::kNotFound && mayBeSwept(engine, known));
    if (!isGone || isKept(engine, one)) throw;
  }
  if (!checkLabels(engine, held, known, problem)) return false;

  if (!bringBack || random() % 4 != 0) return true;
  const Commit& back = *known[random() % known.size()];
  try {
    engine.history(object(engine, index)).restore(back.lsn);
  } catch (const Error& error) {
    bool isGone = error.code() == ErrorCode::kOutOfRange || error.code() == ErrorCode::kNotFound;
    if (!isGone || isKept(engine, back)) throw;
    return true;
  }
  ObjectModel found = read(engine, objectName(index));
  if (found == back.after) return true;
  problem = fmt::format("{}: LSN {} brought back\n    wanted {}\n    found {}", objectName(index),
                        back.lsn.value(), back.after.describe(), found.describe());
  return false;
}

bool Workload::checkPoint(Engine& engine, const std::vector<const Commit*>& known,
                          const Commit& one, std::string& problem) const {
  int index = one.object;
  History history = engine.history(object(engine, index));
  ObjectModel found = read(*history.view(one.lsn));
  if (found != one.after) {
    problem = fmt::format("{}: the view of LSN {}\n    wanted {}\n    found {}", objectName(index),
                          one.lsn.value(), one.after.describe(), found.describe());
    return false;
  }
  if (options_.clock == nullptr) return true;

  // The last commit at or before a time; commits that beginning a session made are later than all.
  Lsn last;
  for (const Commit* commit : known) {
    if (commit->time <= one.time) last = std::max(last, commit->lsn);
  }
  Lsn resolved = history.resolve(one.time).lsn;
  // Commits that change nothing one can see may be there beyond the first `held`.
  bool fits = std::ranges::any_of(commits_, [&](const Commit& commit) {
    return commit.object == index && commit.lsn == resolved && commit.time <= one.time;
  });
  if (resolved >= last && fits) return true;
  problem = fmt::format("{}: time {} resolves to LSN {}, {} is the last commit by then",
                        objectName(index), one.time.value, resolved.value(), last.value());
  problem += receiptsOf(engine, index);
  return false;
}

bool Workload::checkLabels(Engine& engine, std::uint64_t held,
                           const std::vector<const Commit*>& known, std::string& problem) const {
  int index = known.back()->object;
  const std::map<std::string, Lsn>& wanted = known.back()->labels;
  std::map<std::string, Lsn> labels;
  try {
    for (const LabelInfo& label : engine.history(object(engine, index)).labels())
      labels[label.label] = label.lsn;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound || !mayBeSwept(engine, known)) throw;
  }
  if (labels == wanted) return true;
  // Commits of labels leave the state as it is: some of them may be there beyond the first `held`.
  for (std::uint64_t i = held; i < commits_.size(); ++i) {
    if (commits_[i].object != index) continue;
    if (visible(commits_[i]) != visible(*known.back())) break;
    if (labels == commits_[i].labels) return true;
  }
  bool isSubset = std::ranges::all_of(labels, [&](const auto& label) {
    auto found = wanted.find(label.first);
    return found != wanted.end() && found->second == label.second;
  });
  if (isSubset && mayBeSwept(engine, known)) return true;
  problem = fmt::format("{}: {} labels, {} are wanted, or they name other commits",
                        objectName(index), labels.size(), wanted.size());
  return false;
}

}  // namespace cairn::test
