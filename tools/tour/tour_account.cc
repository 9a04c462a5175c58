#include "tools/tour/tour_account.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

double perSecond(const TourWitness& witness) {
  return static_cast<double>(witness.acknowledgedCount) / std::max(witness.seconds, 1e-6);
}

double perSync(const TourWitness& witness) {
  return static_cast<double>(witness.statsCommits) /
         static_cast<double>(std::max<std::uint64_t>(witness.statsBlocks, 1));
}

class TextAccount {
 public:
  TextAccount(Output& out, const TourPlan& plan, const TourAccount& account)
      : out_(out), plan_(plan), account_(account), witness_(account.witness) {}

  void print() {
    out_.line("A process writes and dies by SIGKILL; another looks for what it was promised.\n");
    printWork();
    printRecovery();
    printVerdict();
    std::string parts;
    for (const RootSize::Part& part : account_.size.parts) {
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", part.name, byteCount(part.bytes));
    }
    line("on disk", parts);
    line("not shown", "power loss, as the kernel lived on; tests/crash_explorer plays that");
  }

 private:
  void line(const char* name, const std::string& text) {
    out_.line(fmt::format("  {:13} {}", name, text));
  }

  void printWork() {
    line("disk", fmt::format("{} bare 4 KiB syncs a second in {}",
                             grouped(static_cast<std::uint64_t>(account_.bareSyncs)),
                             printable(account_.directory)));
    line("work", fmt::format("{} objects, {} threads; a commit is two keys, a SQL row and an alarm",
                             grouped(plan_.objects), grouped(plan_.threads)));
    line("acknowledged",
         fmt::format("{} commits in {}: {} a second", grouped(witness_.acknowledgedCount),
                     duration(witness_.seconds),
                     grouped(static_cast<std::uint64_t>(perSecond(witness_)))));
    if (witness_.statsBlocks > 0)
      line("", fmt::format("{:.1f} to each synced block, by the engine's own count",
                           perSync(witness_)));
  }

  void printRecovery() {
    const RecoveryReport& recovery = account_.recovery;
    line("killed", fmt::format("by SIGKILL, with {} commits begun and not acknowledged",
                               grouped(witness_.begunCount - witness_.acknowledgedCount)));
    line("opened again",
         fmt::format("in {}; {} commits replayed from the journal", duration(account_.openSeconds),
                     grouped(recovery.commitsReplayed)));
    if (recovery.tornTail) line("", *recovery.tornTail);
    if (recovery.scratchApplied) line("", "a checkpoint that the kill cut off was finished");
  }

  void printVerdict() {
    for (const std::string& what : account_.lost) line("LOST", what);
    if (account_.lost.empty()) {
      line("found", fmt::format("{} commits: all {} acknowledged and {} of the others",
                                grouped(account_.found), grouped(witness_.acknowledgedCount),
                                grouped(account_.found - witness_.acknowledgedCount)));
      line("", "each whole: keys, rows and alarms were compared with what was written");
    }
    line("verify", account_.sound ? "every page, row, block and file is sound"
                                  : "NOT SOUND: run the tour with --keep, then cairn verify");
  }

  Output& out_;
  const TourPlan& plan_;
  const TourAccount& account_;
  const TourWitness& witness_;
};

}  // namespace

void printTourText(Output& out, const TourPlan& plan, const TourAccount& account) {
  TextAccount(out, plan, account).print();
}

void printTourJson(Output& to, const TourPlan& plan, const TourAccount& account) {
  const TourWitness& witness = account.witness;
  to.json([&](JsonWriter& out) {
    out.beginObject().member("objects", plan.objects).member("threads", plan.threads);
    out.member("bareSyncsPerSecond", account.bareSyncs).member("begun", witness.begunCount);
    out.member("acknowledged", witness.acknowledgedCount).member("seconds", witness.seconds);
    out.member("commitsPerSecond", perSecond(witness)).key("commitsPerSync");
    witness.statsBlocks > 0 ? out.number(perSync(witness)) : out.null();
    out.member("openSeconds", account.openSeconds);
    out.member("commitsReplayed", account.recovery.commitsReplayed);
    out.member("scratchApplied", account.recovery.scratchApplied).key("tornTail");
    account.recovery.tornTail ? out.text(*account.recovery.tornTail) : out.null();
    out.member("found", account.found).key("lost").beginArray();
    for (const std::string& what : account.lost) out.text(what);
    out.endArray().member("sound", account.sound).key("bytes").beginObject();
    for (const RootSize::Part& part : account.size.parts) out.member(part.name, part.bytes);
    out.member("total", account.size.total()).endObject().endObject();
  });
}

void printTourNext(Output& out, const std::string& keptRoot) {
  const char* named = std::getenv("CAIRN_COMMAND");
  std::string command = named != nullptr && *named != '\0' ? named : "cairn";
  out.line("\nTry next:");
  out.line("  export CAIRN_ROOT=" + (keptRoot.empty() ? "$(mktemp -d)/root" : keptRoot));
  for (const char* rest : {"kv put Room/42 visits 1", "kv get Room/42 visits",
                           "sql Room/42 'CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)'",
                           "sql Room/42 'INSERT INTO users(name) VALUES (?) RETURNING *' '\"Ann\"'",
                           "objects", "verify", "--help"}) {
    out.line(fmt::format("  {} {}", command, rest));
  }
}

}  // namespace cairn::cli
