// A seeded workload over several objects, KV, SQL, alarms, deleteAll, rollbacks, restores, labels
// and deletions together, and a model that knows what each commit left behind. After any end of the
// process the root must hold the first n commits for one n between what was acknowledged and what
// was issued, and every one of them must still be there to be looked at.
#pragma once

#include <cairn/engine.h>
#include <cairn/history.h>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/manual_clock.h"

namespace cairn::test {

struct ObjectModel {
  std::map<std::string, std::string> kv;
  std::map<std::int64_t, std::string> rows;       ///< Table items.
  std::map<std::int64_t, std::string> documents;  ///< FTS5 table docs.
  std::optional<std::int64_t> alarm;
  std::map<std::string, std::int64_t> namedAlarms;

  friend bool operator==(const ObjectModel&, const ObjectModel&) = default;
  [[nodiscard]] std::string describe() const;
};

class Workload {
 public:
  struct Options {
    std::uint64_t seed = 1;
    int objects = 4;
    int turns = 60;
    int inFlightMax = 1;  ///< Turns that may be unacknowledged at a time.
    std::size_t valueBytesMax = 200;
    bool sql = true;
    bool checkpoints = true;
    /// Also restores, armed and at once, labels, deletions of objects, commits in the middle of a
    /// turn, nested transactions and named alarms. The objects stay referred to until `release`.
    bool history = false;
    bool reads = false;  ///< Turns also read, and compare with the model.
    /// Turns undo themselves when a call in them fails; without it, what came before would stay.
    bool guarded = false;
    ManualClock* clock = nullptr;  ///< Moved on with every turn.
    /// With a clock: it also leaps by up to 3 days, so that some of the past falls out of what an
    /// engine with this window keeps. 0: it does not.
    std::int64_t windowMs = 0;
    std::string prefix = "object";  ///< Of the objects' names.
  };

  explicit Workload(const Options& options);

  /// Runs the next turn and returns its ticket; counts as issued from then on. Nothing when all
  /// turns are done.
  std::optional<Ticket> step(Engine& engine);
  [[nodiscard]] bool done() const { return turn_ >= options_.turns; }
  /// Commits issued so far.
  [[nodiscard]] std::uint64_t issued() const { return commits_.size(); }
  /// Runs everything, acknowledging as the tickets become durable; `acknowledged` is told the count
  /// of commits.
  void run(Engine& engine, const std::function<void(std::uint64_t)>& acknowledged);

  /// Which prefix of the commits the engine holds; nullopt, with a description, if it holds none of
  /// [least, most].
  std::optional<std::uint64_t> match(Engine& engine, std::uint64_t least, std::uint64_t most,
                                     std::string& problem) const;

  /// Commits numbered up to `lsn`.
  [[nodiscard]] std::uint64_t countThrough(Lsn lsn) const;
  /// What the objects hold now.
  [[nodiscard]] std::vector<ObjectModel> readAll(Engine& engine) const;
  /// Whether `found` is what the first `count` commits left behind, or, where those are all of an
  /// object, that and the one after them that failed without word on whether it was made.
  [[nodiscard]] bool agrees(const std::vector<ObjectModel>& found, std::uint64_t count) const;

  /// No commit ended without word on whether it was made.
  [[nodiscard]] bool certain() const { return !attempted_; }

  /// Looks at some of the first `held` commits, by LSN and by time, at the labels, and brings one
  /// commit back. False, with a description, if the past is not what it was.
  bool checkHistory(Engine& engine, std::uint64_t held, std::mt19937_64& random,
                    std::string& problem, bool bringBack = true) const;
  /// Looks at each of the newest `many` of the first `held` commits.
  bool checkNewest(Engine& engine, std::uint64_t held, std::uint64_t many,
                   std::string& problem) const;
  /// Whether every object holds what the model says now.
  bool agreesLive(Engine& engine, std::string& problem);
  /// The root was closed and opened again: every object begins a new session.
  void reopened(Engine& engine);
  /// Begins a new session of every object, so that nothing is armed any more.
  void settle(Engine& engine);
  /// Calls made to the engine so far.
  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  /// Lets go of the objects; before the engine is closed.
  void release();

  static ObjectModel read(Engine& engine, const std::string& object);
  static ObjectModel read(PastView& view);

  /// A commit, and what its object held after it.
  struct Commit {
    int object;
    Lsn lsn;
    ObjectModel after;
    UnixMillis time;
    std::optional<Lsn> armed;  ///< What the next session restores.
    std::map<std::string, Lsn> labels;
  };
  [[nodiscard]] const std::vector<Commit>& commits() const { return commits_; }
  [[nodiscard]] ObjectRef object(Engine& engine, int index) const;
  [[nodiscard]] std::string objectName(int index) const {
    return options_.prefix + "-" + std::to_string(index);
  }

 private:
  struct Live {
    ObjectModel now;
    std::optional<Lsn> armed;
    std::map<std::string, Lsn> labels;
    bool sessionEnded = false;
    ObjectRef ref;
  };

  void turn(Storage& storage, ObjectModel& model);
  void writes(Storage& storage, ObjectModel& model, std::uint64_t kind);
  void sqlOps(Storage& storage, ObjectModel& model);
  void kvOps(Storage& storage, ObjectModel& model);
  void alarmOps(Storage& storage, ObjectModel& model);
  void nested(Storage& storage, ObjectModel& model, int depth);
  std::string value();

  Ticket plainStep(Engine& engine, int index);
  Ticket splitStep(Engine& engine, int index);
  std::optional<Ticket> pastStep(Engine& engine, int index);
  void restoreStep(Engine& engine, int index);
  Ticket armStep(Engine& engine, int index);
  void labelStep(Engine& engine, int index);
  Ticket deleteStep(Engine& engine, int index);
  Ticket beginSession(Engine& engine, int index);
  void attempt(int index, const ObjectModel& after);
  void committed(Engine& engine, int index, Lsn lsn);
  void moveClock();
  [[nodiscard]] std::optional<Lsn> anyCommit(int index, std::int64_t ageMaxMs = INT64_MAX);
  [[nodiscard]] bool isKept(Engine& engine, const Commit& commit) const;
  [[nodiscard]] bool mayBeSwept(Engine& engine, const std::vector<const Commit*>& known) const;
  bool checkPoint(Engine& engine, const std::vector<const Commit*>& known, const Commit& one,
                  std::string& problem) const;
  bool checkLabels(Engine& engine, std::uint64_t held, const std::vector<const Commit*>& known,
                   std::string& problem) const;
  [[nodiscard]] const ObjectModel& modelAt(int index, Lsn lsn) const;
  [[nodiscard]] ObjectModel visible(const Commit& commit) const;
  /// Those of the first `held` that are an object's.
  [[nodiscard]] std::vector<const Commit*> commitsOf(int index, std::uint64_t held) const;
  bool checkObject(Engine& engine, int index, std::uint64_t held, std::mt19937_64& random,
                   std::string& problem, bool bringBack) const;
  [[nodiscard]] std::string receiptsOf(Engine& engine, int index) const;
  void readBack(Storage& storage, const ObjectModel& model);
  void readList(Storage& storage, const ObjectModel& model);
  std::uint64_t random(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] std::vector<ObjectModel> stateAfter(std::uint64_t commits) const;

  Options options_;
  std::mt19937_64 random_;
  std::uint64_t operations_ = 0;
  int turn_ = 0;
  UnixMillis latest_;  ///< Of the last commit.
  std::vector<Live> live_;
  std::vector<Commit> commits_;
  std::optional<Commit> attempted_;  ///< In progress, or ended by an error.
};

}  // namespace cairn::test
