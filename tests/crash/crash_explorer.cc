// crash_explorer --states N --seed S: opens N distinct disks that a power loss may leave. Ends
// non-zero on any loss.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "tests/crash/explorer.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Opens the disks that a power loss may leave behind a workload and checks what they hold");
  cairn::test::ExploreOptions options;
  std::string sabotage = "none";
  app.add_option("--states", options.states, "Distinct disks to open")->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of workloads and losses")->capture_default_str();
  app.add_option("--sabotage", sabotage, "Take something out of the engine, to see it noticed")
      ->check(CLI::IsMember({"none", "journal-sync", "scratch", "chain"}))
      ->capture_default_str();
  app.add_flag("--stop", options.stopAtFirst, "Stop at the first loss");
  CLI11_PARSE(app, argc, argv);
  if (sabotage == "journal-sync") options.sabotage = cairn::test::Sabotage::kNoJournalSync;
  if (sabotage == "scratch") options.sabotage = cairn::test::Sabotage::kNoScratch;
  if (sabotage == "chain") options.sabotage = cairn::test::Sabotage::kNoChainCheck;

  cairn::test::ExploreResult result = cairn::test::explore(options);
  for (const std::string& problem : result.problems) std::printf("%s\n", problem.c_str());
  std::printf("reproduce: crash_explorer --states %llu --seed %llu --sabotage %s\n",
              static_cast<unsigned long long>(options.states),
              static_cast<unsigned long long>(options.seed), sabotage.c_str());
  std::printf("%llu states, %llu lost, %llu unopenable\n",
              static_cast<unsigned long long>(result.states),
              static_cast<unsigned long long>(result.lost),
              static_cast<unsigned long long>(result.unopenable));
  return result.lost + result.unopenable == 0 ? 0 : 1;
}
