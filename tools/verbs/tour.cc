// cairn tour: what the storage promises, shown on this machine in a few seconds. Says nothing that
// it has not just checked.
#include <cairn/verify.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/verb.h"
#include "tools/tour/tour_account.h"
#include "tools/tour/tour_kill.h"
#include "tools/tour/tour_work.h"

namespace cairn::cli {

namespace {

namespace fs = std::filesystem;

// A directory of its own, gone at the end unless it is kept.
class TourDirectory {
 public:
  explicit TourDirectory(const std::optional<std::string>& parent) {
    std::error_code ignored;
    fs::path base = parent ? fs::path(*parent) : fs::temp_directory_path(ignored);
    path_ = (base / "cairn-tour-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr)
      throw Failure(ExitCode::kIo, fmt::format("no directory can be made in {}", base.string()));
  }
  ~TourDirectory() {
    std::error_code ignored;
    if (!keep_) fs::remove_all(path_, ignored);
  }
  TourDirectory(const TourDirectory&) = delete;
  TourDirectory& operator=(const TourDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string root() const { return path_ + "/root"; }
  void keep() { keep_ = true; }

 private:
  std::string path_;
  bool keep_ = false;
};

class Tour final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.count("--commits", commits_, "Kill after so many were acknowledged (default 20000)");
    arguments.count("--seconds", seconds_, "Kill after so many seconds at the latest (default 10)");
    arguments.count("--objects", objects_, "Objects written to (default 200)");
    arguments.count("--threads", threads_, "Threads that write (default 32)");
    arguments.optionalText("--directory", directory_, "Where the tour's directory is made", "DIR");
    arguments.flag("--keep", keep_, "Leave the root there, to look around in");
    arguments.hidden("--child-root", childRoot_);
    arguments.hidden("--child-pipe", childPipe_);
  }

  ExitCode run(Context& context) override {
    TourPlan plan;
    plan.commits = commits_.value_or(plan.commits);
    plan.seconds = seconds_.value_or(plan.seconds);
    plan.objects = std::clamp<std::uint64_t>(objects_.value_or(plan.objects), 1, 100'000);
    plan.threads = std::clamp<std::uint64_t>(threads_.value_or(plan.threads), 1, 512);
    if (!childRoot_.empty()) return child(plan);

    catchInterrupts();
    TourDirectory directory(directory_);
    TourAccount account;
    account.directory = directory.path();
    account.bareSyncs = bareSyncsPerSecond(directory.path());
    account.witness = writeAndKill(directory.root(), plan);
    inspect(directory.root(), plan, account);
    if (keep_) directory.keep();
    if (context.json()) {
      printTourJson(context.out(), plan, account);
    } else {
      printTourText(context.out(), plan, account);
      printTourNext(context.out(), keep_ ? directory.root() : "");
    }
    return account.lost.empty() && account.sound ? ExitCode::kDone : ExitCode::kDamage;
  }

 private:
  [[nodiscard]] ExitCode child(const TourPlan& plan) const {
    EngineOptions options;
    options.root = childRoot_;
    runTourChild(options, plan, std::atoi(childPipe_.c_str()));
    return ExitCode::kIo;
  }

  // Opens the root as any process would after a crash and looks for every single commit.
  static void inspect(const std::string& root, const TourPlan& plan, TourAccount& account) {
    auto begin = std::chrono::steady_clock::now();
    EngineOptions options;
    options.root = root;
    auto engine = Engine::open(options);
    account.openSeconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    account.recovery = engine->recovery();
    for (std::uint64_t object = 0; object < plan.objects; ++object) {
      checkInterrupt();
      checkObject(*engine, object, account);
    }
    engine->close();
    engine.reset();
    account.size = RootSize::of(root);
    VerifyReport report = verify(root);
    account.sound = report.sound() && report.complete();
  }

  static void checkObject(Engine& engine, std::uint64_t object, TourAccount& account) {
    const TourWitness& witness = account.witness;
    try {
      std::uint64_t whole = wholeCommits(engine, object);
      account.found += whole;
      if (whole < witness.acknowledged[object] || whole > witness.begun[object]) {
        account.lost.push_back(fmt::format("{}: {} commits, {} were acknowledged and {} begun",
                                           tourObjectName(object), whole,
                                           witness.acknowledged[object], witness.begun[object]));
      }
    } catch (const std::exception& error) {
      account.lost.push_back(error.what());
    }
  }

  std::optional<std::uint64_t> commits_;
  std::optional<std::uint64_t> seconds_;
  std::optional<std::uint64_t> objects_;
  std::optional<std::uint64_t> threads_;
  std::optional<std::string> directory_;
  bool keep_ = false;
  std::string childRoot_;
  std::string childPipe_;
};

}  // namespace

std::vector<VerbEntry> tourVerbs() {
  return {
      {"tour",
       "Show what an acknowledged commit survives: write, SIGKILL, open, check",
       "In a directory of its own. A child process writes keys, rows and alarms of many objects "
       "and\n"
       "reports each acknowledgement through a pipe; it is killed in the middle, the root is "
       "opened,\n"
       "and each single commit is looked for. Exit code 4 when one is missing or not whole.\n"
       "--json: "
       "{\"objects\",\"threads\",\"bareSyncsPerSecond\",\"begun\",\"acknowledged\",\"seconds\",\n"
       "\"commitsPerSecond\",\"commitsPerSync\",\"openSeconds\",\"commitsReplayed\","
       "\"scratchApplied\",\"tornTail\",\n"
       "\"found\",\"lost\":[…],\"sound\",\"bytes\":{…}}.",
       {"cairn tour", "cairn tour --commits 2000 --threads 64 --directory /var/tmp",
        "cairn tour --keep"},
       makeVerb<Tour>},
  };
}

}  // namespace cairn::cli
