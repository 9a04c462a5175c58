// cairn pitr diff, du: what changed between two points, and what takes the space.
#include <fmt/format.h>

#include "tools/cli/interrupt.h"
#include "tools/cli/sql_json.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/cli/value_json.h"
#include "tools/pitr/pitr_verb.h"

namespace cairn::cli {

namespace {

template <typename T>
const char* changeOf(const std::optional<T>& before, const std::optional<T>& after) {
  if (!before) return "added";
  return after ? "changed" : "removed";
}

// A line each: "+" added, "-" removed, "~" changed.
class DifferenceText {
 public:
  explicit DifferenceText(Output& out) : out_(out) {}

  void operator()(const KeyDifference& key) {
    print(key.before, key.after, "key " + keyForPeople(key.key), valueOf);
  }
  void operator()(const SchemaDifference& item) {
    print(item.before, item.after, item.type + " " + printable(item.name),
          [](const std::string& sql) { return printable(sql); });
  }
  void operator()(const RowDifference& row) {
    std::string name = "row " + printable(row.table);
    for (const SqlValue& part : row.key) name += " " + sqlForPeople(part);
    print(row.before, row.after, name, [&](const std::vector<SqlValue>& values) {
      std::string text;
      for (std::size_t i = 0; i < values.size() && i < row.columns->size(); ++i)
        text += fmt::format("{}{}={}", i > 0 ? ", " : "", printable((*row.columns)[i]),
                            sqlForPeople(values[i]));
      return text;
    });
  }
  void operator()(const AlarmDifference& alarm) {
    print(alarm.before, alarm.after,
          alarm.name.empty() ? "alarm" : "alarm " + printable(alarm.name), formatTime);
  }

 private:
  static std::string valueOf(const std::string& stored) {
    std::string text;
    JsonWriter out(text);
    appendValueJson(out, stored);
    return text;
  }

  template <typename T, typename Show>
  void print(const std::optional<T>& before, const std::optional<T>& after, const std::string& what,
             Show&& show) {
    if (before && after) {
      out_.line(fmt::format("~ {}  {} -> {}", what, show(*before), show(*after)));
    } else {
      out_.line(
          fmt::format("{} {}  {}", before ? "-" : "+", what, show(before ? *before : *after)));
    }
  }

  Output& out_;
};

class DifferenceJson {
 public:
  explicit DifferenceJson(JsonWriter& out) : out_(out) {}

  void operator()(const KeyDifference& key) {
    begin("key", changeOf(key.before, key.after)).key("key").bytesOrText(key.key);
    sides(key.before, key.after, [&](const std::string& stored) { appendValueJson(out_, stored); });
  }
  void operator()(const SchemaDifference& item) {
    begin(item.type, changeOf(item.before, item.after)).key("name").bytesOrText(item.name);
    sides(item.before, item.after, [&](const std::string& sql) { out_.text(sql); });
  }
  void operator()(const RowDifference& row) {
    begin("row", changeOf(row.before, row.after)).key("table").bytesOrText(row.table);
    out_.key("rowKey").beginArray();
    for (const SqlValue& part : row.key) appendSqlJson(out_, part);
    out_.endArray();
    sides(row.before, row.after, [&](const std::vector<SqlValue>& values) {
      out_.beginObject();
      for (std::size_t i = 0; i < values.size() && i < row.columns->size(); ++i) {
        out_.key((*row.columns)[i]);
        appendSqlJson(out_, values[i]);
      }
      out_.endObject();
    });
  }
  void operator()(const AlarmDifference& alarm) {
    begin("alarm", changeOf(alarm.before, alarm.after)).key("name").bytesOrText(alarm.name);
    sides(alarm.before, alarm.after, [&](UnixMillis time) { out_.text(formatTime(time)); });
  }

 private:
  JsonWriter& begin(std::string_view kind, const char* change) {
    return out_.member("kind", kind).member("change", change);
  }

  template <typename T, typename Write>
  void sides(const std::optional<T>& before, const std::optional<T>& after, Write&& write) {
    if (before) {
      out_.key("before");
      write(*before);
    }
    if (after) {
      out_.key("after");
      write(*after);
    }
  }

  JsonWriter& out_;
};

class PitrDiff final : public PitrVerb {
  void declareMore(Arguments& arguments) override {
    arguments.text("A", a_, "The first point; see below");
    arguments.optionalText("B", b_, "The second one (default now)");
    arguments.count("--limit", limit_, "At most so many differences");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    catchInterrupts();
    Lsn before = resolveTarget(history, object, a_).point.lsn;
    Lsn after = resolveTarget(history, object, b_.value_or("now")).point.lsn;
    std::uint64_t told = 0;
    Progress progress = context.progress("diff", "differences", 0);
    history.diff(before, after, [&](const Difference& difference) {
      checkInterrupt();
      if (limit_ && told == *limit_) return false;
      progress.at(++told);
      context.json() ? printJson(context, object, difference)
                     : std::visit(DifferenceText(context.out()), difference);
      return true;
    });
    return ExitCode::kDone;
  }

  static void printJson(Context& context, const ObjectName& object, const Difference& difference) {
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      std::visit(DifferenceJson(out), difference);
      out.endObject();
    });
  }

  std::string a_;
  std::optional<std::string> b_;
  std::optional<std::uint64_t> limit_;
};

class PitrDu final : public PitrVerb {
  void declareMore(Arguments& arguments) override {
    arguments.text("--delimiters", delimiters_,
                   "Keys are summed up to the first of these characters (default /:)");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    HistoryUsage usage = history.usage(delimiters_);
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        out.member("commits", usage.commits);
        writeList(out, "prefixes", usage.prefixes);
        writeList(out, "tables", usage.tables);
        out.endObject();
      });
      return ExitCode::kDone;
    }
    TextTable table({{"history", TextTable::Align::kRight},
                     {"changes", TextTable::Align::kRight},
                     {"live", TextTable::Align::kRight},
                     {"what"}});
    addRows(table, "keys ", usage.prefixes);
    addRows(table, "table ", usage.tables);
    table.print(context.out());
    context.out().line(fmt::format("{} commits", grouped(usage.commits)));
    return ExitCode::kDone;
  }

  static void addRows(TextTable& table, const char* kind, const std::vector<Usage>& list) {
    for (const Usage& usage : list) {
      table.row({byteCount(usage.historyBytes), grouped(usage.changes), byteCount(usage.liveBytes),
                 kind + keyForPeople(usage.name)});
    }
  }

  static void writeList(JsonWriter& out, std::string_view name, const std::vector<Usage>& list) {
    out.key(name).beginArray();
    for (const Usage& usage : list) {
      out.beginObject().key("name").bytesOrText(usage.name).member("liveBytes", usage.liveBytes);
      out.member("historyBytes", usage.historyBytes).member("changes", usage.changes).endObject();
    }
    out.endArray();
  }

  std::string delimiters_ = "/:";
};

}  // namespace

std::vector<VerbEntry> pitrDiffVerbs() {
  return {
      {"pitr diff",
       "Print what differs between two points: keys, tables, rows, alarms",
       "A line each: + added, - removed, ~ changed. --json: lines of "
       "{\"class\",\"object\",\"kind\",\"change\",…,\n"
       "\"before\",\"after\"}; kind is key, table, index, view, trigger, row or alarm, with "
       "\"key\", "
       "\"name\", or\n"
       "\"table\" and \"rowKey\"; change is added, removed or changed.\n" +
           std::string(kTargetHelp),
       {"cairn pitr diff Room/42 @before-launch", "cairn pitr diff Room/42 lsn:2 lsn:5"},
       makeVerb<PitrDiff>},
      {"pitr du",
       "Print what fills an object and its history, by prefix of the keys and by table",
       "history: bytes of undo in the window, before compression; live: bytes now. Largest first. "
       "--json:\n"
       "{\"class\",\"object\",\"commits\",\"prefixes\":[{\"name\",\"liveBytes\",\"historyBytes\","
       "\"changes\"}],\"tables\":[…]}.",
       {"cairn pitr du Room/42"},
       makeVerb<PitrDu>},
  };
}

}  // namespace cairn::cli
