// damage_test --cases N --seed S [--flips|--surgery]: damages one file of a root and opens it, in a
// process of its own. With --flips one bit of any file changes; with --surgery pieces of the
// journal or the change log are dropped, repeated, moved, cut off or another root's. Each case must
// end in one of: the same content as before (the damage is harmless), an error that says so
// (detected), an older state together with word of a torn tail (reported), or an older state that
// lacks only what stood in the journal's last segment from the first damaged block on (cut: a
// journal whose end is gone cannot be told from one that was never written further).
//
// What SQLite files and LMDB hold has no checksums that a read compares. There a wrong answer is
// counted by itself and must be found by `verify`, which knows the digest of every object. A page
// that a commit of the journal changes is compared with the commit's checksum, so a checkpoint must
// not build upon a damaged one.
#include <algorithm>
#include <array>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cairn/verify.h>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "engine/base/coding.h"
#include "engine/journal_format.h"
#include "sql_frontend/page_delta.h"
#include "tests/support/disk_log.h"
#include "tests/support/manual_clock.h"
#include "tests/support/mutants.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace {

using namespace cairn;        // A program, not a header.
using namespace cairn::test;  // Likewise.
namespace fs = std::filesystem;

// An hour after the last commit; what is to be found is within the 30 days that history is kept.
constexpr std::int64_t kLaterMs = 1'700'003'600'000;
constexpr unsigned kSecondsPerCase = 60;

// How a process that opened a damaged root ended.
enum Outcome { kHarmless, kDetected, kReported, kCut, kWrong, kCrashed };
constexpr std::array<const char*, 6> kOutcomeNames = {"harmless", "detected", "reported",
                                                      "cut",      "WRONG",    "CRASHED"};

EngineOptions settings(const std::string& root, const Clock& clock) {
  EngineOptions options;
  options.root = root;
  options.clock = &clock;
  options.journalSegmentBytes = 64 << 10;
  options.storeMapBytes = 1 << 20;
  options.idleCheckpointMs = 1'000'000'000;
  options.sqlConnectionsMax = 2;
  options.changeSegmentBytes = 24 << 10;
  return options;
}

DiskImage readImage(const std::string& root) {
  DiskImage image;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::string path = entry.path().string().substr(root.size() + 1);
    if (entry.is_directory()) {
      image.directories.insert(path);
    } else if (!path.ends_with("lock.mdb") && path != "LOCK") {
      std::ostringstream bytes;
      bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      image.files[path] = bytes.str();
    }
  }
  return image;
}

void writeImage(const DiskImage& image, const std::string& root) {
  fs::remove_all(root);
  fs::create_directory(root);
  fs::permissions(root, fs::perms::owner_all);
  for (const std::string& path : image.directories) fs::create_directories(root + "/" + path);
  for (const auto& [path, bytes] : image.files)
    std::ofstream(root + "/" + path, std::ios::binary) << bytes;
}

// What a root held, and its files: closed in order, or left by a process that was killed.
struct Base {
  std::string name;
  std::unique_ptr<Workload> workload;
  DiskImage image;
  DiskImage before;  ///< The same root some commits earlier.
  DiskImage later;   ///< The same root, checkpointed.
};

Base makeBase(const std::string& name, std::uint64_t seed, bool closed) {
  Base base;
  base.name = name;
  ManualClock clock;
  base.workload = std::make_unique<Workload>(
      Workload::Options{.seed = seed, .objects = 3, .turns = 70, .history = true, .clock = &clock});
  TemporaryDirectory directory;
  auto engine = Engine::open(settings(directory / "root", clock));
  for (int turn = 0; !base.workload->done(); ++turn) {
    base.workload->step(*engine)->wait();
    if (turn == 40) base.before = readImage(directory / "root");
  }
  // A restore whose history is damaged is given up, with a receipt: that is as it should be, and
  // not looked for here.
  base.workload->settle(*engine);
  base.workload->release();
  if (closed) engine->close();
  base.image = readImage(directory / "root");
  if (!closed) engine->checkpoint();
  base.later = readImage(directory / "root");
  return base;
}

// Whether the file differs from what the root held only in pages that the next checkpoint changes.
bool onlyChangingPages(const Base& base, const DiskImage& image, const std::string& path) {
  auto now = image.files.find(path);
  auto later = base.later.files.find(path);
  const std::string& whole = base.image.files.at(path);
  if (now == image.files.end() || later == base.later.files.end() ||
      now->second.size() != whole.size())
    return false;
  for (std::size_t at = 0; at < whole.size(); at += sql::kPageBytes) {
    std::string_view page = std::string_view(whole).substr(at, sql::kPageBytes);
    if (std::string_view(now->second).substr(at, sql::kPageBytes) != page &&
        std::string_view(later->second)
                .substr(std::min(at, later->second.size()), sql::kPageBytes) == page)
      return false;
  }
  return true;
}

std::string kindOf(const std::string& path) {
  if (path.starts_with("journal/")) return "journal";
  if (path.starts_with("changes/")) return "change log";
  if (path.starts_with("sql/")) return "SQLite file";
  if (path.starts_with("store/")) return "LMDB";
  return path;
}

// Runs `work` in a process of its own; its result, or kCrashed.
Outcome inChild(const std::function<Outcome()>& work) {
  std::fflush(stdout);
  pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kSecondsPerCase);
    rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    std::fclose(stderr);
    Outcome outcome = kDetected;
    try {
      outcome = work();
    } catch (const std::exception& error) {
      if (std::getenv("CAIRN_SAY") != nullptr) std::printf("  %s\n", error.what());
      std::fflush(stdout);
    }
    ::_exit(outcome);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<Outcome>(WEXITSTATUS(status)) : kCrashed;
}

// `survivors`: the commits that an end of the journal that is gone must have left.
Outcome look(const std::string& root, const Base& base, std::uint64_t survivors,
             std::uint64_t seed) {
  ManualClock clock(kLaterMs);
  std::unique_ptr<Engine> engine;
  engine = Engine::open(settings(root, clock));
  std::vector<ObjectModel> found = base.workload->readAll(*engine);
  std::uint64_t all = base.workload->issued();
  std::mt19937_64 random(seed);
  std::string problem;
  // Whether this many commits explain what is there and its past. A commit that is gone may have
  // led back to an earlier state, so the newest ones are looked at one by one.
  auto explains = [&](std::uint64_t count) {
    return base.workload->agrees(found, count) &&
           base.workload->checkNewest(*engine, count, 8, problem) &&
           base.workload->checkHistory(*engine, count, random, problem, false);
  };
  std::uint64_t count = all;
  while (count > 0 && !explains(count)) --count;
  if (explains(count) && base.workload->checkHistory(*engine, count, random, problem, true)) {
    if (count == all) return kHarmless;
    if (engine->recovery().tornTail) return kReported;
    if (count >= survivors) return kCut;
  }
  std::printf("%s\n", problem.c_str());
  std::fflush(stdout);
  return kWrong;
}

// The journal's last segment that was begun: one that is only prepared has no header, or that of
// its earlier use.
std::string lastSegment(const DiskImage& image) {
  constexpr std::size_t kNumberAt = 32;  // In the header: engine/DESIGN.md.
  std::string last;
  for (const auto& [path, bytes] : image.files) {
    if (!path.starts_with("journal/") || bytes.size() < journal::kPage) continue;
    std::optional<std::uint64_t> number = journal::segmentNumber(path.substr(8));
    if (number && *number == loadFixed<std::uint64_t>(bytes.data() + kNumberAt)) last = path;
  }
  return last;
}

// The number of the first commit in the block of `segment` where `damaged` begins to differ.
// Without its header a segment looks as if it had never been begun.
std::optional<Lsn> firstLost(std::string_view segment, std::string_view damaged) {
  auto difference = std::ranges::mismatch(segment, damaged);
  auto at = static_cast<std::size_t>(difference.in1 - segment.begin());
  for (std::size_t offset = journal::kPage; offset < segment.size();) {
    std::optional<journal::BlockHeader> block = journal::BlockHeader::peek(segment.substr(offset));
    if (!block) break;
    offset += block->paddedBytes();
    if (at < offset) return block->firstLsn;
  }
  return std::nullopt;
}

Outcome verifyRoot(const std::string& root) {
  return verify(root, {.depth = VerifyDepth::kFull}).sound() ? kHarmless : kDetected;
}

// Whether a checkpoint stores what it made of damaged pages.
Outcome checkpointAndVerify(const std::string& root) {
  ManualClock clock(kLaterMs);
  auto engine = Engine::open(settings(root, clock));
  engine->checkpoint();
  engine->close();
  engine.reset();
  return verifyRoot(root) == kHarmless ? kHarmless : kWrong;
}

enum class Kinds { kAll, kFlips, kSurgery };

class Damager {
 public:
  Damager(std::uint64_t seed, const std::vector<Base>& bases, Kinds kinds)
      : random_(seed), bases_(bases) {
    // The last base is another root: only a source of foreign files.
    base_ = &bases_[random_() % (bases_.size() - 1)];
    image_ = base_->image;
    // Each kind of file as often as the others, however many files and bytes it has.
    std::map<std::string, std::vector<std::string>> byKind;
    for (const auto& [path, bytes] : image_.files) {
      bool isLog = path.starts_with("journal/") || path.starts_with("changes/");
      if (isLog || kinds != Kinds::kSurgery) byKind[kindOf(path)].push_back(path);
    }
    auto kind = std::next(byKind.begin(), static_cast<std::ptrdiff_t>(random_() % byKind.size()));
    path_ = kind->second[random_() % kind->second.size()];
    std::string& bytes = image_.files[path_];
    what_ = kinds == Kinds::kFlips ? flip(bytes)
                                   : damage(bytes, kind->second, kinds == Kinds::kAll ? 12 : 7);
  }

  [[nodiscard]] const Base& base() const { return *base_; }
  [[nodiscard]] const DiskImage& image() const { return image_; }
  [[nodiscard]] std::string kind() const { return kindOf(path_); }
  /// Whether the damage is only in pages that commits of the journal change.
  [[nodiscard]] bool hitsChangingPages() const {
    return kind() == "SQLite file" && onlyChangingPages(*base_, image_, path_);
  }
  /// The commits that are left if the damage makes the journal end too early.
  [[nodiscard]] std::uint64_t survivors() const {
    std::uint64_t all = base_->workload->issued();
    if (path_ != lastSegment(base_->image)) return all;
    std::optional<Lsn> lost = firstLost(base_->image.files.at(path_), image_.files.at(path_));
    return lost ? base_->workload->countThrough(Lsn(lost->value() - 1)) : all;
  }
  [[nodiscard]] std::string describe() const {
    return fmt::format("{} root, {}: {}", base_->name, path_, what_);
  }

 private:
  // One of the first `ways` ways; from the eighth on they are flips.
  std::string damage(std::string& bytes, const std::vector<std::string>& sameKind, unsigned ways) {
    switch (random_() % ways) {
      case 0: {
        std::size_t size = bytes.empty() ? 0 : random_() % bytes.size();
        bytes.resize(size);
        return fmt::format("cut to {} bytes", size);
      }
      case 1: {
        std::size_t at = place(bytes) / 512 * 512;
        std::size_t length =
            std::min<std::size_t>(random_() % 2 == 0 ? 512 : 4096, bytes.size() - at);
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, '\0');
        return fmt::format("{} zero bytes at {}", length, at);
      }
      case 2: {
        const std::string& other = sameKind[random_() % sameKind.size()];
        std::swap(bytes, image_.files[other]);
        return "exchanged with " + other;
      }
      case 3: {
        auto foreign = bases_.back().image.files.find(path_);
        if (foreign == bases_.back().image.files.end()) break;
        bytes = foreign->second;
        return "replaced by another root's";
      }
      case 4: {
        auto before = base_->before.files.find(path_);
        if (before == base_->before.files.end()) break;
        bytes = before->second;
        return "replaced by an older version of itself";
      }
      case 5:
        // A last journal segment that is gone whole cannot be told from one that was never begun.
        if (path_.starts_with("journal/")) break;
        image_.files.erase(path_);
        return "removed";
      case 6: {
        // A piece of the file stands in another place: dropped, repeated or moved blocks.
        std::size_t from = place(bytes) / 4096 * 4096;
        std::size_t to = place(bytes) / 4096 * 4096;
        std::string piece = bytes.substr(from, 4096);
        bytes.replace(to, std::min(piece.size(), bytes.size() - to), piece, 0,
                      std::min(piece.size(), bytes.size() - to));
        return fmt::format("4096 bytes at {} written over those at {}", from, to);
      }
      default:
        break;
    }
    return flip(bytes);
  }

  std::string flip(std::string& bytes) {
    if (bytes.empty()) {
      bytes = "x";
      return "a byte appended";
    }
    std::size_t at = place(bytes);
    auto bit = static_cast<unsigned>(random_() % 8);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    return fmt::format("bit {} of byte {} flipped", bit, at);
  }

  // Mostly where there is something.
  std::size_t place(const std::string& bytes) {
    if (bytes.empty()) return 0;
    std::size_t at = random_() % bytes.size();
    for (int i = 0; i < 40 && bytes[at] == 0; ++i) at = random_() % bytes.size();
    return at;
  }

  std::mt19937_64 random_;
  const std::vector<Base>& bases_;
  const Base* base_;
  DiskImage image_;
  std::string path_;
  std::string what_;
};

struct Tally {
  std::array<std::uint64_t, 6> outcomes{};
  std::uint64_t foundByVerify = 0;  ///< Of the wrong and the crashed.
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Damages a root in one place and opens it, over and over");
  std::uint64_t cases = 300;
  std::uint64_t seed = 1;
  bool onlyFlips = false;
  bool onlySurgery = false;
  std::string keep;
  bool verbose = false;
  app.add_option("--cases", cases, "How many")->capture_default_str();
  app.add_option("--seed", seed, "The first case's seed")->capture_default_str();
  auto* flips = app.add_flag("--flips", onlyFlips, "No damage but single bits");
  app.add_flag("--surgery", onlySurgery, "Pieces of the journal and the change log")
      ->excludes(flips);
  app.add_option("--keep", keep, "Where the last damaged root is left, to be looked at");
  app.add_flag("--verbose", verbose, "A line per case");
  addMutantOption(app);
  CLI11_PARSE(app, argc, argv);

  Kinds kinds = onlyFlips ? Kinds::kFlips : onlySurgery ? Kinds::kSurgery : Kinds::kAll;
  std::vector<Base> bases;
  bases.push_back(makeBase("closed", 11, true));
  bases.push_back(makeBase("crashed", 12, false));
  bases.push_back(makeBase("foreign", 13, false));

  TemporaryDirectory directory;
  std::string root = directory / "root";
  std::map<std::string, Tally> tallies;
  std::uint64_t bad = 0;
  for (const Base& base : bases) {
    for (std::uint64_t i = 0; i < 10; ++i) {
      writeImage(base.image, root);
      if (inChild([&] { return look(root, base, base.workload->issued(), seed + i); }) == kHarmless)
        continue;
      std::printf("the %s root is not what it was before any damage, seed %llu\n",
                  base.name.c_str(), static_cast<unsigned long long>(seed + i));
      ++bad;
    }
  }
  for (std::uint64_t i = 0; i < cases; ++i) {
    Damager damager(seed + i, bases, kinds);
    if (!keep.empty()) writeImage(damager.image(), keep);
    writeImage(damager.image(), root);
    Outcome outcome =
        inChild([&] { return look(root, damager.base(), damager.survivors(), seed + i); });
    Tally& tally = tallies[damager.kind()];
    ++tally.outcomes[outcome];
    bool verified = false;
    if (outcome == kWrong || outcome == kCrashed) {
      writeImage(damager.image(), root);
      verified = inChild([&] { return verifyRoot(root); }) == kDetected;
      if (verified) ++tally.foundByVerify;
    }
    bool unchecked = damager.kind() == "SQLite file" || damager.kind() == "LMDB";
    bool fails = (outcome == kWrong || outcome == kCrashed) && !(unchecked && verified);
    if (damager.hitsChangingPages()) {
      writeImage(damager.image(), root);
      bool builtUpon = inChild([&] { return checkpointAndVerify(root); }) == kWrong;
      if (builtUpon) std::printf("a checkpoint built upon damaged pages\n");
      fails = fails || builtUpon;
    }
    if (fails) ++bad;
    if (verbose || (fails && bad <= 10)) {
      std::printf("seed %llu: %s: %s%s\n", static_cast<unsigned long long>(seed + i),
                  damager.describe().c_str(), kOutcomeNames[outcome],
                  verified ? ", found by verify" : "");
      if (fails)
        std::printf("reproduce: damage_test --cases 1 --seed %llu%s%s\n",
                    static_cast<unsigned long long>(seed + i), onlyFlips ? " --flips" : "",
                    onlySurgery ? " --surgery" : "");
    }
  }
  std::printf("%-12s %9s %9s %9s %9s %9s %9s %9s\n", "file", "harmless", "detected", "reported",
              "cut", "wrong", "crashed", "(verify)");
  for (const auto& [kind, tally] : tallies) {
    std::printf("%-12s", kind.c_str());
    for (std::uint64_t count : tally.outcomes)
      std::printf(" %9llu", static_cast<unsigned long long>(count));
    std::printf(" %9llu\n", static_cast<unsigned long long>(tally.foundByVerify));
  }
  std::printf("%llu cases from seed %llu, %llu neither harmless nor detected\n",
              static_cast<unsigned long long>(cases), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(bad));
  return bad == 0 ? 0 : 1;
}
