// A seeded workload over several objects, KV, SQL, alarms, deleteAll and rollbacks together, and a
// model that knows what each commit left behind. After any end of the process the root must hold
// the first n commits for one n between what was acknowledged and what was issued.
#pragma once

#include <cairn/engine.h>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace cairn::test {

struct ObjectModel {
  std::map<std::string, std::string> kv;
  std::map<std::int64_t, std::string> rows;       ///< Table items.
  std::map<std::int64_t, std::string> documents;  ///< FTS5 table docs.
  std::optional<std::int64_t> alarm;

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

  static ObjectModel read(Engine& engine, const std::string& object);
  [[nodiscard]] std::string objectName(int index) const {
    return "object-" + std::to_string(index);
  }

 private:
  struct Commit {
    int object;
    ObjectModel after;
  };
  void turn(Storage& storage, ObjectModel& model);
  void sqlOps(Storage& storage, ObjectModel& model);
  void kvOps(Storage& storage, ObjectModel& model);
  std::string value();
  std::uint64_t random(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] std::vector<ObjectModel> stateAfter(std::uint64_t commits) const;

  Options options_;
  std::mt19937_64 random_;
  int turn_ = 0;
  std::vector<ObjectModel> now_;
  std::vector<Commit> commits_;
};

}  // namespace cairn::test
