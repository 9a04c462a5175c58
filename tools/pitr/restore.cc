// cairn pitr restore, undo: bringing a state back, beside the object or in its place.
#include <fmt/format.h>

#include "tools/cli/interrupt.h"
#include "tools/cli/output_directory.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/pitr/pitr_verb.h"
#include "tools/pitr/side_copy.h"

namespace cairn::cli {

namespace {

std::string changesOf(const RestoreReceipt& receipt) {
  std::string changes = fmt::format("{} keys", grouped(receipt.keysChanged));
  if (receipt.pagesChanged > 0 || receipt.what == "all")
    changes += fmt::format(" and {} pages", grouped(receipt.pagesChanged));
  if (receipt.rowsChanged > 0) changes += fmt::format(" and {} rows", grouped(receipt.rowsChanged));
  if (receipt.spaceChanged) changes += ", and goes back over a deleteAll or deletion";
  return changes;
}

void printReceipt(Context& context, const ObjectName& object, const RestoreReceipt& receipt,
                  const Resolved& target, bool dryRun) {
  if (context.json()) {
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      out.member("inPlace", true).member("dryRun", dryRun).key("lsn");
      receipt.lsn.isZero() ? out.null() : out.unsignedInteger(receipt.lsn.value());
      out.member("targetLsn", target.lsn.value());
      out.member("targetBookmark", target.bookmark.toString())
          .key("what")
          .bytesOrText(receipt.what);
      out.member("keysChanged", receipt.keysChanged).member("pagesChanged", receipt.pagesChanged);
      out.member("rowsChanged", receipt.rowsChanged);
      out.member("spaceChanged", receipt.spaceChanged).key("undoBookmark");
      dryRun ? out.null() : out.text(receipt.undo.toString());
      out.endObject();
    });
    return;
  }
  Output& out = context.out();
  bool isCommit = receipt.what.starts_with("commit");
  const char* planned = isCommit ? "would undo   " : "would restore";
  const char* done = isCommit ? "undone       " : "restored     ";
  out.line(fmt::format("{}  {}", dryRun ? planned : done, pointForPeople(target)));
  out.line(fmt::format("{}  {}", dryRun ? "would change " : "changed      ", changesOf(receipt)));
  if (!dryRun) out.line(fmt::format("undo           {}", receipt.undo.toString()));
}

// Going back to nothing is deleting, which has a verb of its own.
std::unique_ptr<PastView> requireExisted(History& history, const ObjectName& object,
                                         const Resolved& target) {
  std::unique_ptr<PastView> view = history.view(target.lsn);
  if (view->exists()) return view;
  throw Failure(ExitCode::kOutsideWindow,
                fmt::format("object {} did not exist then ({}); `cairn delete` deletes it",
                            object.forPeople(), pointForPeople(target)));
}

AlarmOnRestore alarmNamed(const std::string& name) {
  if (name == "restore") return AlarmOnRestore::kRestore;
  if (name == "keep") return AlarmOnRestore::kKeep;
  if (name == "clear") return AlarmOnRestore::kClear;
  throw Failure(ExitCode::kUsage,
                fmt::format("--alarms is restore, keep or clear, not {}", printable(name)));
}

class PitrRestore final : public PitrVerb {
  [[nodiscard]] bool writes() const override { return inPlace_ || dryRun_; }

  void declareMore(Arguments& arguments) override {
    arguments.text("TARGET", target_, "The state to bring back; see below");
    arguments.flag("--in-place", inPlace_,
                   "Change OBJECT itself, in one commit that can be undone");
    arguments.flag("--yes", yes_, "With --in-place: do it; without this nothing happens");
    arguments.flag("--dry-run", dryRun_, "Say what --in-place would change, change nothing");
    arguments.optionalText("--prefix", prefix_, "In place: only keys that begin with this");
    arguments.optionalText("--table", table_, "In place: only this table, with its rows", "NAME");
    arguments.flag("--alarm", alarmOnly_, "In place: only the alarms");
    arguments.text("--alarms", alarms_, "With --in-place: restore (default), keep or clear them");
    arguments.optionalText("--to", to_, "The new root that the copy is written to", "DIR");
    arguments.flag("--force", force_, "Replace the root at DIR if there is one");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    catchInterrupts();
    if (to_ && (inPlace_ || dryRun_))
      throw Failure(ExitCode::kUsage, "--to is for a copy; --in-place and --dry-run make none");
    int parts = int{prefix_.has_value()} + int{table_.has_value()} + int{alarmOnly_};
    if (parts > 1) throw Failure(ExitCode::kUsage, "--prefix, --table or --alarm, one of them");
    if (parts == 1 && !inPlace_ && !dryRun_)
      throw Failure(ExitCode::kUsage,
                    "a part is restored with --in-place; a copy holds everything");
    Resolved target = resolveTarget(history, object, target_).point;
    return inPlace_ || dryRun_ ? restoreInPlace(context, object, history, target)
                               : restoreBeside(context, object, history, target);
  }

  ExitCode restoreInPlace(Context& context, const ObjectName& object, History& history,
                          const Resolved& target) {
    requireExisted(history, object, target);
    RestoreOptions options{.alarm = alarmNamed(alarms_),
                           .keyPrefix = prefix_,
                           .table = table_,
                           .alarmOnly = alarmOnly_,
                           .dryRun = dryRun_ || !yes_};
    RestoreReceipt receipt = history.restore(target.lsn, options);
    if (!dryRun_ && !yes_) {
      throw Failure(ExitCode::kRefused,
                    fmt::format("going back to {} changes {} of {}; give --yes to do it",
                                pointForPeople(target), changesOf(receipt), object.forPeople()));
    }
    printReceipt(context, object, receipt, target, dryRun_);
    return ExitCode::kDone;
  }

  ExitCode restoreBeside(Context& context, const ObjectName& object, History& history,
                         const Resolved& target) {
    std::unique_ptr<PastView> view = requireExisted(history, object, target);
    OutputDirectory directory(
        to_.value_or(fmt::format("restored-at-{}", target.lsn.value())),
        force_ ? OutputDirectory::Existing::kReplaceRoot : OutputDirectory::Existing::kRefuse);
    SideCopy copy;
    {
      Progress progress = context.progress("restore", "keys and rows", 0);
      copy = copyToRoot(*view, object, directory.temporaryPath(), [&](std::uint64_t done) {
        checkInterrupt();
        progress.at(done);
      });
    }
    directory.commit();
    printCopy(context, object, target, directory.path(), copy);
    return ExitCode::kDone;
  }

  static void printCopy(Context& context, const ObjectName& object, const Resolved& target,
                        const std::string& root, const SideCopy& copy) {
    for (const std::string& note : copy.notes) context.note(note);
    if (!context.json()) {
      context.out().line(fmt::format("copied         {}", pointForPeople(target)));
      context.out().line(fmt::format("into the root  {}", printable(root)));
      context.out().line(fmt::format("holding        {} keys, {} tables with {} rows, {} alarms",
                                     grouped(copy.keys), copy.sql.tables, grouped(copy.sql.rows),
                                     copy.alarms));
      return;
    }
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      out.member("inPlace", false).member("targetLsn", target.lsn.value());
      out.member("targetBookmark", target.bookmark.toString()).key("root").bytesOrText(root);
      out.member("keys", copy.keys).member("alarms", copy.alarms).member("tables", copy.sql.tables);
      out.member("rows", copy.sql.rows).key("notes").beginArray();
      for (const std::string& note : copy.notes) out.text(note);
      out.endArray().endObject();
    });
  }

  std::string target_;
  bool inPlace_ = false;
  bool yes_ = false;
  bool dryRun_ = false;
  std::optional<std::string> prefix_;
  std::optional<std::string> table_;
  bool alarmOnly_ = false;
  std::string alarms_ = "restore";
  std::optional<std::string> to_;
  bool force_ = false;
};

class PitrUndo final : public PitrVerb {
  [[nodiscard]] bool writes() const override { return true; }

  void declareMore(Arguments& arguments) override {
    arguments.count("--commit", commit_,
                    "Undo this commit, its LSN, and leave later ones in place");
    arguments.flag("--yes", yes_, "Do it; without this nothing happens");
    arguments.flag("--dry-run", dryRun_, "Say what would change, change nothing");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    return commit_ ? undoCommit(context, object, history) : undoRestore(context, object, history);
  }

  ExitCode undoCommit(Context& context, const ObjectName& object, History& history) {
    Target commit = resolveTarget(history, object, fmt::format("lsn:{}", *commit_));
    if (commit.point.lsn != Lsn(*commit_)) {
      throw Failure(ExitCode::kOutsideWindow,
                    fmt::format("LSN {} is no commit of {}", *commit_, object.forPeople()));
    }
    RestoreReceipt receipt = history.undoCommit(commit.point.lsn, dryRun_ || !yes_);
    if (!dryRun_ && !yes_) {
      throw Failure(ExitCode::kRefused,
                    fmt::format("undoing commit {} changes {} of {}; give --yes to do it", *commit_,
                                changesOf(receipt), object.forPeople()));
    }
    printReceipt(context, object, receipt, commit.point, dryRun_);
    return ExitCode::kDone;
  }

  ExitCode undoRestore(Context& context, const ObjectName& object, History& history) {
    std::vector<RestoreReceipt> receipts = history.receipts();
    if (receipts.empty()) {
      throw Failure(ExitCode::kNotFound,
                    fmt::format("object {} was never restored", object.forPeople()));
    }
    const RestoreReceipt& last = receipts.front();
    Resolved target = resolveTarget(history, object, last.undo.toString()).point;
    std::uint64_t since = commitsSince(history, last.lsn);
    RestoreReceipt receipt = history.restore(target.lsn, {.dryRun = dryRun_ || !yes_});
    if (!dryRun_ && !yes_) {
      throw Failure(ExitCode::kRefused,
                    fmt::format("undoing the restore at LSN {} changes {} of {}{}; give --yes to "
                                "do it",
                                last.lsn.value(), changesOf(receipt), object.forPeople(),
                                since == 0 ? ""
                                           : fmt::format(", and undoes {} later commits with it",
                                                         grouped(since))));
    }
    printReceipt(context, object, receipt, target, dryRun_);
    return ExitCode::kDone;
  }

  static std::uint64_t commitsSince(History& history, Lsn lsn) {
    std::uint64_t count = 0;
    history.log(lsn, history.bounds().newest, [&](const CommitInfo&) {
      ++count;
      return true;
    });
    return count;
  }

  std::optional<std::uint64_t> commit_;
  bool yes_ = false;
  bool dryRun_ = false;
};

}  // namespace

std::vector<VerbEntry> pitrRestoreVerbs() {
  return {
      {"pitr restore",
       "Bring a state back: as a copy in a new root, or in place",
       "Without --in-place the object as it was is written into a new root, and nothing else "
       "changes.\n"
       "--in-place makes one commit of what differs, prints the bookmark that undoes it, and "
       "leaves "
       "a\n"
       "receipt (cairn pitr receipts). Without --yes it says what would change, and exits with 7.\n"
       "--json: {\"class\",\"object\",\"inPlace\":true,\"dryRun\",\"lsn\",\"targetLsn\","
       "\"targetBookmark\",\"what\",\n"
       "\"keysChanged\",\"pagesChanged\",\"rowsChanged\",\"spaceChanged\",\"undoBookmark\"}, or "
       "{…,\"inPlace\":false,"
       "\"root\",\"keys\",\n"
       "\"alarms\",\"tables\",\"rows\",\"notes\"}.\n" +
           std::string(kTargetHelp),
       {"cairn pitr restore Room/42 @before-launch --to before-launch",
        "cairn pitr restore Room/42 @before-launch --dry-run",
        "cairn pitr restore Room/42 before:visits --in-place --yes",
        "cairn pitr restore Room/42 @before-launch --table users --in-place --yes"},
       makeVerb<PitrRestore>},
      {"pitr undo",
       "Undo the last restore, or one commit",
       "Brings back the state just before the last restore, as one commit; a second time, it is "
       "done\n"
       "again. --commit takes one commit back, which is refused when a later one changed the same "
       "keys,\n"
       "rows or alarms. Without --yes it says what would change, and exits with 7. --json: as of a "
       "restore\n"
       "in place.",
       {"cairn pitr undo Room/42 --dry-run", "cairn pitr undo Room/42 --yes",
        "cairn pitr undo Room/42 --commit 5 --dry-run"},
       makeVerb<PitrUndo>},
  };
}

}  // namespace cairn::cli
