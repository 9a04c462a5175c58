#include <algorithm>
#include <cairn/error.h>
#include <cairn/repair.h>
#include <cairn/verify.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "engine/repair_steps.h"
#include "engine/root.h"
#include "engine/verification.h"
#include "kv/store_check.h"

namespace cairn {

namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

void copyFile(FileSystem& fileSystem, const std::string& from, const std::string& to) {
  std::unique_ptr<File> in = fileSystem.open(from, {});
  std::unique_ptr<File> out =
      fileSystem.open(to, {.write = true, .create = true, .exclusive = true});
  std::string chunk(kCopyBytes, '\0');
  std::uint64_t at = 0;
  while (std::size_t got = in->read(at, chunk)) {
    out->write(at, std::string_view(chunk).substr(0, got));
    at += got;
  }
  out->syncData();
}

bool isRegularFile(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string parentOf(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// What only verification finds, and what no step here can bring back.
void addFindings(Repair& repair, const VerifyReport& report) {
  for (const Finding& finding : report.findings) {
    if (finding.severity == Severity::kNote) {
      repair.add(
          {RepairKind::kNotNeeded, finding.where, finding.what, "the next open sees to it", ""});
    }
    bool hasStep = finding.check == "journal" || finding.check == "layout";
    if (finding.severity != Severity::kDamage || hasStep) continue;
    if (finding.check == "store" || finding.check == "format") {
      repair.add({RepairKind::kImpossible, finding.where, finding.what,
                  "put a copy of the whole root in its place; nothing else is looked at", ""});
    } else if (finding.check == "sql") {
      repair.add({RepairKind::kImpossible, finding.where, finding.what,
                  "other objects are not affected; `cairn export --sqlite` or the sqlite3 shell's "
                  ".recover may read rows from it",
                  ""});
    }
  }
}

// Damaged history with a healthy state: it goes on without.
void addHistoryHoles(Repair& repair, const VerifyReport& report, bool indexIsWrong) {
  for (const Finding& finding : report.findings) {
    if (finding.check != "history" || finding.severity != Severity::kDamage) continue;
    // A run that the index does not lead to may be there all the same.
    if (indexIsWrong && finding.where.starts_with("history of")) continue;
    repair.add({RepairKind::kImpossible, finding.where, finding.what,
                "objects go on; states before the hole cannot be brought back, and it leaves the "
                "window with time",
                ""});
  }
}

}  // namespace

// Files that no root has; directories are nobody's to move.
void repairStrays(Repair& repair) {
  for (const std::string& name : repair.fileSystem().list(repair.root())) {
    if (isNameInRoot(name)) continue;
    RepairStep step{RepairKind::kPossible, repair.path(name), "nothing of a root has this name",
                    "move it out of the root", ""};
    if (!isRegularFile(repair.path(name))) {
      step.kind = RepairKind::kNotNeeded;
      step.action = "an engine does not look at it";
    }
    bool moves = step.kind == RepairKind::kPossible && repair.applies();
    repair.add(std::move(step));
    if (moves) repair.moveAway(name);
  }
}

std::string_view repairKindName(RepairKind kind) {
  switch (kind) {
    case RepairKind::kNotNeeded:
      return "not needed";
    case RepairKind::kPossible:
      return "possible";
    case RepairKind::kImpossible:
      return "impossible";
  }
  return "unknown";
}

bool RepairReport::has(RepairKind kind) const {
  return std::ranges::any_of(steps, [&](const RepairStep& step) { return step.kind == kind; });
}

bool RepairReport::loses() const {
  return std::ranges::any_of(steps, [](const RepairStep& step) {
    return step.kind == RepairKind::kPossible && !step.loss.empty();
  });
}

std::string Repair::keptPath(const std::string& name) {
  if (report_.keptIn.empty()) {
    std::string directory = options_.keepIn;
    for (int i = 1;
         directory.empty() || (options_.keepIn.empty() && fileSystem().exists(directory)); ++i)
      directory = fmt::format("{}.repair-{}", root_, i);
    fileSystem().createDirectory(directory);
    fileSystem().syncDirectory(parentOf(directory));
    report_.keptIn = directory;
  }
  std::string flat = name;
  std::replace(flat.begin(), flat.end(), '/', '.');
  report_.applied = true;
  return report_.keptIn + "/" + flat;
}

void Repair::keep(const std::string& name) {
  std::string kept = keptPath(name);
  if (fileSystem().exists(kept)) return;
  // Under its name it is whole.
  std::string partial = kept + ".partial";
  fileSystem().unlink(partial);
  copyFile(fileSystem(), path(name), partial);
  fileSystem().rename(partial, kept);
  fileSystem().syncDirectory(report_.keptIn);
}

void Repair::moveAway(const std::string& name) {
  keep(name);
  fileSystem().unlink(path(name));
  fileSystem().syncDirectory(parentOf(path(name)));
}

RepairReport repair(const std::string& root, const RepairOptions& options) {
  // Verification takes the lock itself, says what is there, and refuses what this build cannot
  // judge.
  VerifyReport before =
      verify(root, {.depth = VerifyDepth::kRecords, .fileSystem = options.fileSystem});
  RepairReport report;
  Repair work(root, options, report);
  std::unique_ptr<FileLock> lock = options.fileSystem->lock(work.path("LOCK"));
  addFindings(work, before);
  if (before.rootId.empty()) return report;
  work.rootId = Root::identify(work.fileSystem(), root);
  bool isLayoutSafe = std::ranges::none_of(before.findings, [](const Finding& finding) {
    return finding.check == "layout" && finding.severity == Severity::kDamage;
  });
  bool isStoreSound = std::ranges::none_of(before.findings, [](const Finding& finding) {
    return finding.check == "store" && finding.severity == Severity::kDamage;
  });
  if (!isLayoutSafe) {
    for (const Finding& finding : before.findings) {
      if (finding.check == "layout" && finding.severity == Severity::kDamage)
        work.add({RepairKind::kImpossible, finding.where, finding.what,
                  "only you know what belongs there; put it right by hand", ""});
    }
    return report;
  }
  repairStrays(work);
  if (!isStoreSound) return report;
  {
    kv::Environment::Options readOnly{.directory = work.path("store"), .readOnly = true};
    work.state = StoreState::load(kv::Environment(readOnly).snapshot());
  }
  repairJournal(work);
  repairAlarmQueue(work);
  repairHistoryIndex(work);
  lock.reset();
  // What the index could not mend is a hole.
  VerifyReport after = report.applied ? verify(root, {.fileSystem = options.fileSystem}) : before;
  bool hasIndexStep = std::ranges::any_of(
      report.steps, [](const RepairStep& step) { return step.where == "store, history index"; });
  addHistoryHoles(work, after, hasIndexStep && !options.apply);
  return report;
}

}  // namespace cairn
