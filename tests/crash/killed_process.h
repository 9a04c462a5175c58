// A process that commits with all its threads until it is killed, and the witness of what it said
// it had acknowledged. Each turn writes one number into KV, SQL and the alarm of one object; after
// the end of the process all three must agree, at no less than the last number acknowledged and no
// more than the last one begun.
#pragma once

#include <array>
#include <cairn/engine.h>
#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace cairn::test {

inline constexpr int kWitnessedObjects = 12;

[[nodiscard]] EngineOptions killedOptions(const std::string& root);

/// Runs until it is killed, telling the parent through the pipe what it begins and what was
/// acknowledged. `beside` runs on a thread of its own meanwhile.
[[noreturn]] void commitUntilKilled(const std::string& root, int pipe, std::uint64_t seed,
                                    const std::function<void(Engine&)>& beside = nullptr);

class Witness {
 public:
  struct Note {
    std::int32_t object;
    std::int32_t acknowledged;  ///< 0: begun.
    std::int64_t number;
  };

  void hear(const Note& note);
  /// How many objects are not as they must be.
  int check(Engine& engine, std::uint64_t kill);
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::array<std::int64_t, kWitnessedObjects> acknowledged_{};
  std::array<std::int64_t, kWitnessedObjects> begun_{};
  std::uint64_t count_ = 0;
};

/// Starts `self` with `--child-root`, `--child-pipe` and `more`, kills it after so many
/// microseconds and hears what it said. `beforeKill` is called with the process just before.
void killOnce(const char* self, const std::string& root, std::uint64_t seed,
              std::uint64_t afterMicroseconds, Witness& witness,
              const std::function<void(pid_t)>& beforeKill = nullptr);

}  // namespace cairn::test
