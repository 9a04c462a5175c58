// soak --seconds N: mixed load on a real disk with a process that is killed and started again:
// turns of many threads, restores, views, checkpoints, deleteAll, evicted connections and alarms.
// After each kill everything acknowledged must be there; over the whole time memory and descriptors
// of the process must stay flat, and the disk must not grow faster than the history that is kept.
#include <algorithm>
#include <cairn/error.h>
#include <cairn/history.h>
#include <cairn/verify.h>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>

#include "tests/crash/killed_process.h"
#include "tests/support/temporary_directory.h"

namespace {

using namespace cairn;  // A program, not a header.
namespace fs = std::filesystem;

// Beside the witnessed commits: objects that are looked at in the past, brought back and emptied.
void mixedLoad(Engine& engine, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::int64_t i = 0;; ++i) {
    ObjectRef object = engine.object("Soak", "object-" + std::to_string(random() % 200));
    std::int64_t number = 0;
    Ticket ticket = engine.turn(object, [&](Storage& storage) {
      number = storage.kv().get<std::int64_t>("n").value_or(0) + 1;
      storage.kv().put("n", number);
      storage.kv().put("pad-" + std::to_string(random() % 20), std::string(random() % 4'000, 'x'));
      if (random() % 3 == 0) {
        storage.sql().exec("CREATE TABLE IF NOT EXISTS t(n INT, pad TEXT)");
        storage.sql().exec("INSERT INTO t VALUES (?, ?)", number, std::string(200, 'y'));
        storage.sql().exec("DELETE FROM t WHERE n < ?", number - 50);
      }
      storage.setAlarm(UnixMillis{4'000'000'000'000 + number});
    });
    if (random() % 10 == 0) ticket.wait();
    if (random() % 200 == 0) engine.turn(object, [](Storage& storage) { storage.deleteAll(); });
    if (random() % 50 != 0) continue;
    History history = engine.history(object);
    auto found = history.view(ticket.lsn())->kv().get<std::int64_t>("n");
    if (found != number) {
      std::printf("the view of LSN %llu shows another number than was written\n",
                  static_cast<unsigned long long>(ticket.lsn().value()));
      std::fflush(stdout);
      ::_exit(9);
    }
    history.restore(ticket.lsn());
  }
}

struct Sample {
  std::uint64_t residentKiB = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t diskBytes = 0;
  std::uint64_t historyBytes = 0;
};

std::uint64_t bytesBelow(const std::string& path) {
  std::uint64_t total = 0;
  std::error_code ignored;
  for (fs::recursive_directory_iterator at(path, ignored), end; at != end; at.increment(ignored)) {
    if (at->is_regular_file(ignored)) total += at->file_size(ignored);
  }
  return total;
}

Sample sampleOf(pid_t process, const std::string& root) {
  Sample sample;
  std::string proc = "/proc/" + std::to_string(process);
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) sample.residentKiB = std::stoull(line.substr(6));
  }
  std::error_code ignored;
  for (fs::directory_iterator at(proc + "/fd", ignored), end; at != end; at.increment(ignored))
    ++sample.descriptors;
  sample.historyBytes = bytesBelow(root + "/changes");
  sample.diskBytes = bytesBelow(root) - sample.historyBytes;
  return sample;
}

std::uint64_t median(std::vector<Sample>::const_iterator from,
                     std::vector<Sample>::const_iterator to, std::uint64_t Sample::*what) {
  std::vector<std::uint64_t> values;
  for (auto at = from; at != to; ++at) values.push_back((*at).*what);
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

// Whether the last third is about what the middle third was.
bool flat(const std::vector<Sample>& samples, std::uint64_t Sample::*what, const char* name) {
  auto third = static_cast<std::ptrdiff_t>(samples.size() / 3);
  std::uint64_t middle = median(samples.begin() + third, samples.begin() + 2 * third, what);
  std::uint64_t last = median(samples.begin() + 2 * third, samples.end(), what);
  bool good = last <= middle + middle / 2;
  std::printf("%-12s middle third %llu, last third %llu%s\n", name,
              static_cast<unsigned long long>(middle), static_cast<unsigned long long>(last),
              good ? "" : "  NOT FLAT");
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Mixed load with kills for as long as it is told");
  std::int64_t seconds = 60;
  std::uint64_t seed = 1;
  std::string childRoot;
  int childPipe = -1;
  std::string directory = fs::temp_directory_path();
  app.add_option("--seconds", seconds, "How long")->capture_default_str();
  app.add_option("--seed", seed, "Seed of moments and writes")->capture_default_str();
  app.add_option("--directory", directory, "Where the root is made")->capture_default_str();
  app.add_option("--child-root", childRoot)->group("");
  app.add_option("--child-pipe", childPipe)->group("");
  CLI11_PARSE(app, argc, argv);
  if (!childRoot.empty()) {
    test::commitUntilKilled(childRoot, childPipe, seed,
                            [&](Engine& engine) { mixedLoad(engine, seed); });
  }

  test::TemporaryDirectory temporary(directory);
  std::string root = temporary / "root";
  std::mt19937_64 random(seed);
  test::Witness witness;
  std::vector<Sample> samples;
  std::uint64_t kills = 0;
  std::uint64_t lost = 0;
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end && lost == 0) {
    ++kills;
    test::killOnce(argv[0], root, random(), 1'000'000 + random() % 3'000'000, witness,
                   [&](pid_t process) { samples.push_back(sampleOf(process, root)); });
    try {
      auto engine = Engine::open(test::killedOptions(root));
      lost += witness.check(*engine, kills) > 0 ? 1 : 0;
    } catch (const std::exception& error) {
      ++lost;
      std::printf("kill %llu: %s\n", static_cast<unsigned long long>(kills), error.what());
    }
  }
  bool sound = verify(root).sound();
  if (!sound) std::printf("verify finds damage\n");
  bool good = lost == 0 && sound;
  if (samples.size() >= 9) {
    good = flat(samples, &Sample::residentKiB, "memory KiB") && good;
    good = flat(samples, &Sample::descriptors, "descriptors") && good;
  }
  // Grows with the history that is kept, which nothing here outlives.
  if (!samples.empty()) {
    std::printf("%-12s %llu at the end, and %llu of history\n", "disk bytes",
                static_cast<unsigned long long>(samples.back().diskBytes),
                static_cast<unsigned long long>(samples.back().historyBytes));
  }
  std::printf("reproduce: soak --seconds %lld --seed %llu\n", static_cast<long long>(seconds),
              static_cast<unsigned long long>(seed));
  std::printf(
      "%llu kills, %llu commits acknowledged, %llu lost\n", static_cast<unsigned long long>(kills),
      static_cast<unsigned long long>(witness.count()), static_cast<unsigned long long>(lost));
  return good ? 0 : 1;
}
