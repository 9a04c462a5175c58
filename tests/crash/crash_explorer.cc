// crash_explorer --states N --seed S: opens N distinct disks that a power loss may leave. Ends
// non-zero on any loss.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "tests/crash/explorer.h"
#include "tests/support/mutants.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Opens the disks that a power loss may leave behind a workload and checks what they hold");
  cairn::test::ExploreOptions options;
  app.add_option("--states", options.states, "Distinct disks to open")->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of workloads and losses")->capture_default_str();
  app.add_option("--first-workload", options.firstWorkload, "Leave out those before it")
      ->capture_default_str();
  app.add_flag("--stop", options.stopAtFirst, "Stop at the first loss");
  cairn::test::addMutantOption(app);
  CLI11_PARSE(app, argc, argv);

  cairn::test::ExploreResult result = cairn::test::explore(options);
  for (const std::string& problem : result.problems) std::printf("%s\n", problem.c_str());
  std::printf("reproduce: crash_explorer --states %llu --seed %llu\n",
              static_cast<unsigned long long>(options.states),
              static_cast<unsigned long long>(options.seed));
  std::printf("%llu states, %llu lost, %llu unopenable\n",
              static_cast<unsigned long long>(result.states),
              static_cast<unsigned long long>(result.lost),
              static_cast<unsigned long long>(result.unopenable));
  return result.lost + result.unopenable == 0 ? 0 : 1;
}
