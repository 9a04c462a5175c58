// simulate --runs N --seed S: N simulated lives of an engine, with the seeds from S on. Ends
// non-zero at the first that is not as it must be, saying how to repeat it.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "tests/sim/simulation.h"
#include "tests/support/mutants.h"

int main(int argc, char** argv) {
  CLI::App app("Runs the engine under a seeded scheduler, clock and disk");
  std::uint64_t runs = 20;
  std::uint64_t seed = 1;
  cairn::test::SimulationOptions options;
  bool twice = false;
  app.add_option("--runs", runs, "How many seeds")->capture_default_str();
  app.add_option("--seed", seed, "The first seed")->capture_default_str();
  app.add_option("--crashes", options.crashes, "Disks opened again per run")->capture_default_str();
  app.add_flag("!--no-faults", options.faults, "The disk never fails");
  app.add_flag("--verbose", options.verbose, "A line per run");
  app.add_flag("--twice", twice, "Each seed twice: the schedules must be equal");
  cairn::test::addMutantOption(app);
  CLI11_PARSE(app, argc, argv);

  // What a process makes once is made now, so that each seed's run is the same wherever it stands.
  static_cast<void>(cairn::test::simulate({.seed = 0, .faults = false}));

  std::uint64_t commits = 0;
  std::uint64_t disks = 0;
  std::uint64_t faults = 0;
  std::uint64_t failed = 0;
  for (std::uint64_t run = 0; run < runs && failed == 0; ++run) {
    options.seed = seed + run;
    cairn::test::SimulationResult result = cairn::test::simulate(options);
    commits += result.commits;
    disks += result.disks;
    faults += result.fault.empty() ? 0 : 1;
    if (options.verbose || !result.problem.empty()) {
      std::printf("seed %llu: %llu commits, %llu disk events, schedule %016llx, fault: %s\n",
                  static_cast<unsigned long long>(options.seed),
                  static_cast<unsigned long long>(result.commits),
                  static_cast<unsigned long long>(result.events),
                  static_cast<unsigned long long>(result.fingerprint),
                  result.fault.empty() ? "none" : result.fault.c_str());
    }
    if (!result.problem.empty()) {
      ++failed;
      std::printf("%s\nreproduce: simulate --seed %llu --runs 1 --crashes %d%s\n",
                  result.problem.c_str(), static_cast<unsigned long long>(options.seed),
                  options.crashes, options.faults ? "" : " --no-faults");
    }
    if (twice && cairn::test::simulate(options).fingerprint != result.fingerprint) {
      ++failed;
      std::printf("seed %llu: the second run went otherwise than the first\n",
                  static_cast<unsigned long long>(options.seed));
    }
  }
  std::printf(
      "%llu runs from seed %llu, %llu commits, %llu disks opened, %llu runs with a fault, "
      "%llu failed\n",
      static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed),
      static_cast<unsigned long long>(commits), static_cast<unsigned long long>(disks),
      static_cast<unsigned long long>(faults), static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
