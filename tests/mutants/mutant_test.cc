// mutant_test: lets each deliberately broken engine loose on the campaigns, one after another,
// until one of them notices. Ends non-zero when one gets through. `--only NAME` tries one, with
// every campaign; `--table` prints the outcome as tests/README.md shows it.
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>

#include "tests/support/mutants.h"

namespace {

using cairn::test::MutantInfo;

struct Campaign {
  const char* program;
  std::vector<std::string> arguments;
};

// The campaign that is known to notice is tried with as many seeds before a mutant counts as not
// noticed: those with threads do not take the same course every time.
constexpr int kSeeds = 4;

// Each in the share that runs every day, or less.
const std::array<Campaign, 6> kCampaigns = {{
    {"crash_explorer", {"--states", "20000", "--stop"}},
    {"oracle_test", {"--operations", "6000"}},
    {"simulate", {"--runs", "25"}},
    {"fault_test", {"--cases", "400"}},
    {"damage_test", {"--cases", "400"}},
    {"retention_campaign", {"--interleavings", "60"}},
}};

bool notices(const std::string& directory, const Campaign& campaign, int seed,
             const MutantInfo& mutant) {
  std::string path = directory + "/" + campaign.program;
  if (!std::filesystem::exists(path)) return false;
  std::vector<std::string> arguments = {path};
  arguments.insert(arguments.end(), campaign.arguments.begin(), campaign.arguments.end());
  arguments.insert(arguments.end(), {"--seed", std::to_string(seed), "--mutant", mutant.name});
  pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    if (std::freopen("/dev/null", "w", stdout) == nullptr ||
        std::freopen("/dev/null", "w", stderr) == nullptr)
      ::_exit(0);
    ::alarm(120);
    ::execv(path.c_str(), raw.data());
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  // One that took too long has found nothing.
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return false;
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

struct Outcome {
  std::string killer;  ///< Empty: nobody.
  double seconds = 0;
};

Outcome letLoose(const std::string& directory, const MutantInfo& mutant) {
  auto begin = std::chrono::steady_clock::now();
  Outcome outcome;
  auto attempt = [&](bool known, int seed) {
    for (const Campaign& campaign : kCampaigns) {
      bool isKnown = std::string(campaign.program) == mutant.campaign;
      if (isKnown != known || !outcome.killer.empty()) continue;
      if (notices(directory, campaign, seed, mutant)) outcome.killer = campaign.program;
    }
  };
  attempt(true, 1);
  attempt(false, 1);
  for (int seed = 2; seed <= kSeeds; ++seed) attempt(true, seed);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Lets broken engines loose on the campaigns, which must notice each of them");
  unsigned jobs = 2;
  std::string only;
  bool table = false;
  app.add_option("--jobs", jobs, "How many at a time")->capture_default_str();
  app.add_option("--only", only, "Just this mutant");
  app.add_flag("--table", table, "Print a table in Markdown");
  CLI11_PARSE(app, argc, argv);

  std::string directory = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::vector<MutantInfo> todo;
  for (const MutantInfo& mutant : cairn::test::mutants()) {
    if (only.empty() || only == mutant.name) todo.push_back(mutant);
  }
  std::vector<Outcome> outcomes(todo.size());
  std::mutex mutex;
  std::size_t next = 0;
  auto work = [&] {
    for (;;) {
      std::size_t mine;
      {
        std::lock_guard lock(mutex);
        if (next == todo.size()) return;
        mine = next++;
      }
      outcomes[mine] = letLoose(directory, todo[mine]);
      std::lock_guard lock(mutex);
      if (!table)
        std::printf("%-32s %s, %.1f s\n", todo[mine].name,
                    outcomes[mine].killer.empty() ? "NOT NOTICED" : outcomes[mine].killer.c_str(),
                    outcomes[mine].seconds);
      std::fflush(stdout);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < jobs; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();

  std::size_t survivors = 0;
  for (std::size_t i = 0; i < todo.size(); ++i) {
    if (outcomes[i].killer.empty()) ++survivors;
    if (table)
      std::printf("| `%s` | %s | %s |\n", todo[i].name, todo[i].what,
                  outcomes[i].killer.empty() ? "**nobody**" : outcomes[i].killer.c_str());
  }
  std::printf("%zu mutants, %zu not noticed\n", todo.size(), survivors);
  if (survivors > 0) std::printf("reproduce: mutant_test --only NAME\n");
  return survivors == 0 ? 0 : 1;
}
