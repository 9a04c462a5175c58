// cairn pitr log: the commits of an object, or the versions of a key.
#include <fmt/format.h>

#include "tools/cli/interrupt.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/cli/value_json.h"
#include "tools/pitr/pitr_verb.h"

namespace cairn::cli {

namespace {

// What a commit did besides changing keys and pages.
std::string remarksOn(const CommitInfo& commit) {
  std::string remarks;
  auto add = [&](const std::string& remark) { remarks += (remarks.empty() ? "" : ", ") + remark; };
  if (commit.alarmChanged) add("alarm");
  if (commit.emptied) add("emptied, made or deleted");
  if (commit.restored) add(fmt::format("restored LSN {}", commit.restored->value()));
  return remarks;
}

class PitrLog final : public PitrVerb {
  void declareMore(Arguments& arguments) override {
    arguments.optionalText("-p,--key", key_, "Every version of this key, with its values", "KEY");
    arguments.flag("--base64", base64_, "KEY is base64, for any bytes");
    arguments.optionalText("--after", after_, "Only commits after this point", "TARGET");
    arguments.optionalText("--through", through_, "Only commits up to this point", "TARGET");
    arguments.count("--limit", limit_, "At most so many");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    catchInterrupts();
    HistoryBounds bounds = history.bounds();
    first_ = after_ ? resolveTarget(history, object, *after_).point.lsn : bounds.oldest;
    last_ = through_ ? resolveTarget(history, object, *through_).point.lsn : bounds.newest;
    key_ ? logKey(context, object, history) : logCommits(context, object, history);
    return ExitCode::kDone;
  }

  [[nodiscard]] bool enough() { return limit_ && ++told_ > *limit_; }

  void logCommits(Context& context, const ObjectName& object, History& history) {
    TextTable table({{"LSN", TextTable::Align::kRight},
                     {"time"},
                     {"keys", TextTable::Align::kRight},
                     {"pages", TextTable::Align::kRight},
                     {"undo", TextTable::Align::kRight},
                     {""}});
    history.log(first_, last_, [&](const CommitInfo& commit) {
      checkInterrupt();
      if (enough()) return false;
      if (context.json()) {
        printJson(context, object, history, commit);
      } else {
        table.row({std::to_string(commit.lsn.value()), formatTime(commit.time),
                   std::to_string(commit.keysChanged), std::to_string(commit.pagesChanged),
                   byteCount(commit.historyBytes), remarksOn(commit)});
        if (table.rows() == kRowsMeasured) table.print(context.out());
      }
      return true;
    });
    if (!context.json()) table.print(context.out());
  }

  static void printJson(Context& context, const ObjectName& object, History& history,
                        const CommitInfo& commit) {
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      writePointMembers(out, {commit.lsn, commit.time, history.bookmarkOf(commit.lsn)});
      out.member("keysChanged", commit.keysChanged).member("pagesChanged", commit.pagesChanged);
      out.member("alarmChanged", commit.alarmChanged).member("emptied", commit.emptied);
      out.key("restoredLsn");
      commit.restored ? out.unsignedInteger(commit.restored->value()) : out.null();
      out.member("undoBytes", commit.historyBytes).endObject();
    });
  }

  void logKey(Context& context, const ObjectName& object, History& history) {
    std::string key = base64_ ? fromBase64(*key_) : *key_;
    for (const KeyVersion& version : history.keyVersions(key)) {
      bool beforeWindow = version.lsn.isZero();
      if (!beforeWindow && (version.lsn <= first_ || version.lsn > last_)) continue;
      if (enough()) return;
      context.json() ? printJson(context, object, key, version) : printText(context, version);
    }
  }

  static void printText(Context& context, const KeyVersion& version) {
    std::string value = "absent";
    if (version.bytes) {
      value.clear();
      JsonWriter out(value);
      appendValueJson(out, *version.bytes);
    }
    std::string when = version.lsn.isZero() ? fmt::format("{:>8}  {:24}", "", "before the window")
                                            : fmt::format("{:>8}  {}", version.lsn.value(),
                                                          formatTime(version.time));
    context.out().line(fmt::format("{}  {}", when, value));
  }

  static void printJson(Context& context, const ObjectName& object, const std::string& key,
                        const KeyVersion& version) {
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      out.key("key").bytesOrText(key).key("lsn");
      version.lsn.isZero() ? out.null() : out.unsignedInteger(version.lsn.value());
      out.member("time", formatTime(version.time)).member("ms", version.time.value);
      out.member("absent", !version.bytes.has_value());
      if (version.bytes) {
        out.key("value");
        appendValueJson(out, *version.bytes);
      }
      out.endObject();
    });
  }

  static constexpr std::size_t kRowsMeasured = 10'000;

  std::optional<std::string> key_;
  bool base64_ = false;
  std::optional<std::string> after_;
  std::optional<std::string> through_;
  std::optional<std::uint64_t> limit_;
  std::uint64_t told_ = 0;
  Lsn first_;  ///< Exclusive.
  Lsn last_;
};

}  // namespace

std::vector<VerbEntry> pitrLogVerbs() {
  return {
      {"pitr log",
       "List an object's commits, or every version of a key, newest first",
       "Of a commit: how many keys and database pages it changed, the bytes of its undo, and what "
       "else\n"
       "it did. --json: lines of "
       "{\"class\",\"object\",\"lsn\",\"time\",\"ms\",\"bookmark\",\"keysChanged\",\n"
       "\"pagesChanged\",\"alarmChanged\",\"emptied\",\"restoredLsn\",\"undoBytes\"}; with -p "
       "lines "
       "of\n"
       "{\"class\",\"object\",\"key\",\"lsn\",\"time\",\"ms\",\"absent\",\"value\"}, lsn null for "
       "the value from before\n"
       "the window.\n" +
           std::string(kTargetHelp),
       {"cairn pitr log Room/42", "cairn pitr log Room/42 --limit 10 --through now",
        "cairn pitr log Room/42 -p visits"},
       makeVerb<PitrLog>},
  };
}

}  // namespace cairn::cli
