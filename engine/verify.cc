#include <algorithm>
#include <cairn/error.h>
#include <cairn/verify.h>
#include <span>
#include <sys/stat.h>

#include <fmt/format.h>

#include "engine/journal_format.h"
#include "engine/journal_scan.h"
#include "engine/root.h"
#include "engine/verification.h"
#include "kv/keys.h"
#include "kv/store_check.h"
#include "sql_frontend/scratch.h"

namespace cairn {

namespace {

// More than any segment an engine is opened with; a file is read into memory to be checked.
constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;

struct Check {
  const char* name;
  void (*run)(Verification&);
};

constexpr Check kChecks[] = {
    {"layout", checkLayout},   {"store", checkStoreFile}, {"rows", checkRows},
    {"journal", checkJournal}, {"scratch", checkScratch}, {"sql", checkSqlFiles},
    {"history", checkHistory},
};
constexpr Check kChecksBeforeObject[] = {
    {"layout", checkLayout},
    {"store", checkStoreFile},
    {"scratch", checkScratch},
};

// What a check throws instead of finding it. Interruptions by the caller are no findings.
void runCheck(const Check& check, Verification& verification) {
  verification.beginCheck(check.name);
  verification.progress(0, 0);
  try {
    check.run(verification);
  } catch (const Error& error) {
    switch (error.code()) {
      case ErrorCode::kIo:
      case ErrorCode::kNoSpace:
        return verification.unreadable(verification.root(), error.what());
      case ErrorCode::kDamaged:
      case ErrorCode::kForeign:
      case ErrorCode::kNotFound:
      case ErrorCode::kInvalidArgument:
        return verification.damage(verification.root(), error.what());
      default:
        throw;
    }
  }
}

// Throws when there is no root, or one that this build does not know.
void identify(Verification& verification) {
  verification.beginCheck("format");
  FileSystem& fileSystem = verification.fileSystem();
  bool anything = fileSystem.exists(verification.path("FORMAT")) ||
                  fileSystem.exists(verification.path("journal")) ||
                  fileSystem.exists(verification.path("store"));
  if (!anything)
    throw Error(ErrorCode::kNotFound, fmt::format("there is no root in {}", verification.root()));
  try {
    verification.rootId = Root::identify(fileSystem, verification.root());
    verification.report().rootId = verification.rootId->hex();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kForeign) throw;
    verification.damage(verification.path("FORMAT"), error.what());
  }
}

// The number by which the store knows the object.
ObjectNumber numberOf(const kv::ReadAccess& store, const VerifyOptions::Object& object) {
  kv::Cursor cursor = store.cursor(kv::Table::kClasses);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    if (ClassRow::decode(cursor.value()).name != object.className) continue;
    ClassNumber number(loadBigEndian64(cursor.key().data()));
    std::optional<std::string_view> row =
        store.get(kv::Table::kNames, nameKey(number, object.name));
    if (row && row->size() == 8) return ObjectNumber(loadBigEndian64(row->data()));
  }
  throw Error(ErrorCode::kNotFound,
              fmt::format("there is no object {}/{}", object.className, object.name));
}

std::unique_ptr<FileLock> lockRoot(Verification& verification) {
  try {
    return verification.fileSystem().lock(verification.path("LOCK"));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kBusy) throw;
    verification.note(verification.path("LOCK"),
                      fmt::format("not locked, so nobody may write meanwhile: {}", error.what()));
    return nullptr;
  }
}

}  // namespace

std::string_view severityName(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kUnreadable:
      return "unreadable";
    case Severity::kDamage:
      return "damage";
  }
  return "unknown";
}

bool VerifyReport::sound() const {
  return !damageLeftOut && std::none_of(findings.begin(), findings.end(), [](const Finding& f) {
    return f.severity == Severity::kDamage;
  });
}

bool VerifyReport::complete() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& f) { return f.severity == Severity::kUnreadable; });
}

void Verification::add(Severity severity, std::string where, std::string what) {
  if (report_.findings.size() >= options_.findingsMax) {
    ++report_.findingsLeftOut;
    report_.damageLeftOut = report_.damageLeftOut || severity == Severity::kDamage;
    return;
  }
  report_.findings.push_back({severity, check_, std::move(where), std::move(what)});
}

VerifyReport verify(const std::string& root, const VerifyOptions& options) {
  Verification verification(root, options);
  identify(verification);
  std::unique_ptr<FileLock> lock = lockRoot(verification);
  std::span<const Check> checks(kChecks);
  if (options.object) checks = kChecksBeforeObject;
  for (const Check& check : checks) {
    runCheck(check, verification);
    if (verification.layoutTrusted) continue;
    verification.unreadable(root, "nothing else is looked at: it could lead out of the root");
    break;
  }
  if (options.object && verification.lmdb) {
    verification.onlyObject = numberOf(verification.lmdb->snapshot(), *options.object);
    runCheck({"history", checkHistory}, verification);
  }
  return std::move(verification.report());
}

void checkStoreFile(Verification& verification) {
  std::string path = verification.path("store/data.mdb");
  kv::StoreCheck found = kv::checkStore(verification.fileSystem(), path);
  for (const std::string& problem : found.problems) verification.damage(path, problem);
  verification.count("storePages", found.pagesReachable);
  if (!found.problems.empty()) return;
  verification.lmdb = std::make_unique<kv::Environment>(
      kv::Environment::Options{.directory = verification.path("store"), .readOnly = true});
  verification.state = StoreState::load(verification.lmdb->snapshot());
}

void checkJournal(Verification& verification) {
  if (!verification.rootId) return;  // Every checksum starts from it.
  FileSystem& fileSystem = verification.fileSystem();
  std::string directory = verification.path("journal");
  std::optional<std::uint64_t> lowest;
  for (const std::string& name : fileSystem.list(directory)) {
    std::optional<std::uint64_t> number = journal::segmentNumber(name);
    if (!number) {
      verification.warning(directory + "/" + name, "no segment has such a name");
      continue;
    }
    if (!lowest) lowest = number;
    std::uint64_t bytes = fileSystem.open(directory + "/" + name, {})->size();
    if (bytes > kSegmentBytesMax)
      return verification.damage(directory + "/" + name,
                                 fmt::format("{} bytes, no segment is that long", bytes));
  }
  // Without the store's word on how far it is, everything that is there is looked at.
  journal::ScanFrom from;
  from.newRoot = !verification.state.has_value();
  if (verification.state) {
    from.segment = verification.state->journalSegment;
    from.after = verification.state->lsn;
    from.time = verification.state->time;
  } else {
    from.segment = lowest.value_or(1);
  }
  std::uint64_t waiting = 0;
  journal::Scan scan =
      journal::scan(fileSystem, directory, *verification.rootId, from,
                    [&](const RecordRef&) { verification.progress(++waiting, 0); });
  verification.count("journalSegments", scan.start.used.size());
  verification.count("journalBlocks", scan.blocks);
  verification.count("commitsWaiting", waiting);
  if (waiting > 0) {
    verification.note(directory, fmt::format("{} commits wait for the next open to bring them into "
                                             "the stores",
                                             waiting));
  }
  if (scan.tornTail) {
    verification.note(directory + "/" + journal::segmentName(scan.tornTail->segment),
                      fmt::format("offset {}: a block of {} bytes was cut off while it was "
                                  "written; nothing acknowledged was in it",
                                  scan.tornTail->offset, scan.tornTail->bytes));
  }
}

void checkScratch(Verification& verification) {
  if (!verification.rootId) return;
  std::string path = verification.path("scratch");
  if (!verification.fileSystem().exists(path)) return;
  sql::Scratch scratch(verification.fileSystem(), path, verification.rootId->seed());
  std::optional<sql::Scratch::Complete> found = scratch.complete();
  verification.roundInterrupted =
      found && (!verification.state || found->lsn > verification.state->lsn);
  if (verification.roundInterrupted) {
    verification.note(path,
                      "a checkpoint was cut off after its pages were saved here; the next "
                      "open finishes it");
  }
}

}  // namespace cairn
