// cairn import: NDJSON into many objects, a SQLite file into one.
#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/text.h"
#include "tools/cli/verb.h"
#include "tools/transfer/line_reader.h"
#include "tools/transfer/ndjson_import.h"
#include "tools/transfer/sqlite_import.h"

namespace cairn::cli {

namespace {

// Bad lines that are told one by one.
constexpr std::uint64_t kBadLinesTold = 100;

class Import final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.optionalText("INPUT", input_,
                           "NDJSON file, or - for stdin; with --sqlite the OBJECT");
    arguments.optionalText("--sqlite", sqlite_, "Make this SQLite file the object's database",
                           "FILE");
    arguments.flag("--continue", keepGoing_, "Leave lines out that are wrong, and say which");
  }

  ExitCode run(Context& context) override {
    catchInterrupts();
    return sqlite_ ? importSqlite(context) : importNdjson(context);
  }

 private:
  // ---- NDJSON

  void onBadLine(const Context& context, std::uint64_t line, const std::string& why) {
    if (!keepGoing_) throw Failure(ExitCode::kUsage, fmt::format("line {}: {}", line, why));
    if (++badLines_ > kBadLinesTold) return;
    if (!context.json()) {
      fmt::print(stderr, "cairn: line {} left out: {}\n", line, why);
      return;
    }
    std::string text;
    JsonWriter(text)
        .beginObject()
        .key("skipped")
        .beginObject()
        .member("line", line)
        .member("message", why)
        .endObject()
        .endObject();
    fmt::print(stderr, "{}\n", text);
  }

  ExitCode importNdjson(Context& context) {
    LineReader lines(input_.value_or("-"));
    Engine& engine = context.engine(Root::kMayBeNew, Work::kBulk);
    NdjsonImport import(
        engine, [&](std::uint64_t line, const std::string& why) { onBadLine(context, line, why); });
    std::uint64_t count = 0;
    try {
      Progress progress = context.progress("import", "bytes", lines.bytesTotal());
      while (std::optional<LineReader::Line> line = lines.next()) {
        checkInterrupt();
        line->isTooLong ? import.refuse(line->number, tooLong())
                        : import.add(line->number, line->text);
        ++count;
        progress.at(lines.bytesRead());
      }
      import.finish();
    } catch (const Failure& failure) {
      // What stands before the line that ended it is kept: the same input can be given again.
      import.finish();
      throw Failure(failure.exit(), failure.code(),
                    fmt::format("{}; {} keys and {} alarms before it were imported", failure.what(),
                                import.counts().pairs, import.counts().alarms));
    }
    print(context, count, import.counts());
    return import.counts().skipped > 0 ? ExitCode::kDoneWithLoss : ExitCode::kDone;
  }

  static std::string tooLong() {
    return fmt::format("longer than {}", byteCount(LineReader::kLineBytesMax));
  }

  static void print(Context& context, std::uint64_t lines, const NdjsonImport::Counts& counts) {
    if (!context.json()) {
      context.out().line(fmt::format("{} keys and {} alarms from {} lines, in {} commits",
                                     grouped(counts.pairs), grouped(counts.alarms), grouped(lines),
                                     grouped(counts.commits)));
      if (counts.skipped > 0)
        context.out().line(fmt::format("{} lines left out", grouped(counts.skipped)));
      return;
    }
    context.out().json([&](JsonWriter& out) {
      out.beginObject().member("lines", lines).member("keys", counts.pairs);
      out.member("alarms", counts.alarms).member("commits", counts.commits);
      out.member("skipped", counts.skipped).endObject();
    });
  }

  // ---- SQLite

  ExitCode importSqlite(Context& context) {
    if (!input_) throw Failure(ExitCode::kUsage, "which object? cairn import --sqlite FILE OBJECT");
    ObjectName object = ObjectName::parse(*input_);
    SqliteImport import(*sqlite_);
    // The file is looked at before a root is made for it.
    Engine& engine = context.engine(Root::kMayBeNew, Work::kBulk);
    {
      Progress progress = context.progress("import", "rows", 0);
      import.run(engine, object, [&](std::uint64_t rows) {
        checkInterrupt();
      progress.at(rows);
    });
  }
  for (const std::string& note : import.notes()) context.note(note);
  const SqlCopy::Counts& counts = import.counts();
  if (!context.json()) {
    context.out().line(fmt::format("{} tables with {} rows, {} indexes, {} views, {} triggers",
                                   counts.tables, grouped(counts.rows), counts.indexes,
                                   counts.views, counts.triggers));
    return ExitCode::kDone;
  }
  context.out().json([&](JsonWriter& out) {
    out.beginObject();
    writeObjectMembers(out, object);
    out.member("tables", counts.tables).member("rows", counts.rows);
    out.member("indexes", counts.indexes).member("views", counts.views);
    out.member("triggers", counts.triggers).key("notes").beginArray();
    for (const std::string& note : import.notes()) out.text(note);
    out.endArray().endObject();
  });
  return ExitCode::kDone;
}

std::optional<std::string>
    input_;
std::optional<std::string> sqlite_;
bool keepGoing_ = false;
std::uint64_t badLines_ = 0;
};  // namespace

}  // namespace cairn::cli

std::vector<VerbEntry> importVerbs() {
  return {
      {"import",
       "Load NDJSON into objects, or a SQLite file into one object",
       "Lines: {\"object\":\"Room/42\",\"key\":\"visits\",\"value\":1}, with \"class\" apart if "
       "you like, or with\n"
       "\"alarm\":\"2030-01-01T00:00:00Z\" (and \"alarmName\") instead of key and value: what "
       "`cairn export`\n"
       "and `cairn kv list --json` write. Many lines share a commit; objects may come in any "
       "order.\n"
       "A wrong line ends it with its number, and what stood before it is kept; with --continue it "
       "is\n"
       "left out, and the exit code is 5.\n"
       "--sqlite copies tables with rowids, indexes, views, triggers, FTS5 and R*Tree into an "
       "object\n"
       "that has no tables: in one commit up to 256 MiB, in several beyond, for which the object "
       "must\n"
       "be empty. What cannot be copied is refused with the reason before anything is written.\n"
       "--json: {\"lines\",\"keys\",\"alarms\",\"commits\",\"skipped\"}, or "
       "{\"class\",\"object\",\"tables\",\"rows\",\n"
       "\"indexes\",\"views\",\"triggers\",\"notes\"}; skipped lines as "
       "{\"skipped\":{\"line\",\"message\"}} on stderr.",
       {"cairn import rooms.ndjson", "zcat rooms.ndjson.gz | cairn import --continue",
        "cairn import --sqlite app.db Tenant/new"},
       makeVerb<Import>},
  };
}

}  // namespace cairn::cli
