// kill_test --kills N --seed S: SIGKILL of a process that commits with all its threads, at random
// moments, with the parent as the witness of what was acknowledged.
#include <cairn/error.h>
#include <cstdio>
#include <random>
#include <string>

#include <CLI/CLI.hpp>

#include "tests/crash/killed_process.h"
#include "tests/support/temporary_directory.h"

using namespace cairn;  // A program, not a header.

int main(int argc, char** argv) {
  CLI::App app("Kills a committing process over and over and checks what the root holds");
  std::uint64_t kills = 20;
  std::uint64_t seed = 1;
  std::string childRoot;
  int childPipe = -1;
  std::string directory = cairn::test::TemporaryDirectory::defaultParent();
  app.add_option("--kills", kills, "How often to kill")->capture_default_str();
  app.add_option("--seed", seed, "Seed of moments and writes")->capture_default_str();
  app.add_option("--directory", directory, "Where the root is made")->capture_default_str();
  app.add_option("--child-root", childRoot)->group("");
  app.add_option("--child-pipe", childPipe)->group("");
  CLI11_PARSE(app, argc, argv);
  if (!childRoot.empty()) test::commitUntilKilled(childRoot, childPipe, seed);

  cairn::test::TemporaryDirectory temporary(directory);
  std::string root = temporary / "root";
  std::mt19937_64 random(seed);
  test::Witness witness;
  std::uint64_t lost = 0;
  std::uint64_t unopenable = 0;
  for (std::uint64_t kill = 1; kill <= kills; ++kill) {
    // Some kills fall into the opening, most into the work.
    auto moment =
        static_cast<std::uint64_t>(random() % 4 == 0 ? random() % 8'000 : random() % 120'000);
    test::killOnce(argv[0], root, random(), moment, witness);
    try {
      auto engine = Engine::open(test::killedOptions(root));
      lost += witness.check(*engine, kill) > 0 ? 1 : 0;
    } catch (const std::exception& error) {
      ++unopenable;
      std::printf("kill %llu: %s\n", static_cast<unsigned long long>(kill), error.what());
    }
  }
  std::printf("%llu commits acknowledged\n", static_cast<unsigned long long>(witness.count()));
  std::printf("reproduce: kill_test --kills %llu --seed %llu\n",
              static_cast<unsigned long long>(kills), static_cast<unsigned long long>(seed));
  std::printf("%llu kills, %llu lost, %llu unopenable\n", static_cast<unsigned long long>(kills),
              static_cast<unsigned long long>(lost), static_cast<unsigned long long>(unopenable));
  return lost + unopenable == 0 ? 0 : 1;
}
