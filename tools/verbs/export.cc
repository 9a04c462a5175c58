// cairn export: objects as NDJSON, an object's database as a SQLite file.
#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/object_walk.h"
#include "tools/cli/output_file.h"
#include "tools/cli/text.h"
#include "tools/cli/verb.h"
#include "tools/transfer/ndjson_export.h"
#include "tools/transfer/sqlite_export.h"
#include "tools/transfer/transfer_output.h"

namespace cairn::cli {

namespace {

class Export final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.optionalText("OBJECT", object_, "Class/name, or name for class default; else all");
    arguments.optionalText("--class", class_, "All objects of this class", "CLASS");
    arguments.optionalText("--output", output_, "Write to this file instead of stdout", "FILE");
    arguments.optionalText("--sqlite", sqlite_, "Write the object's database to this file", "FILE");
    arguments.flag("--force", force_, "Replace the file if there is one");
  }

  ExitCode run(Context& context) override {
    catchInterrupts();
    if (sqlite_) return exportSqlite(context);
    if (object_ && class_) throw Failure(ExitCode::kUsage, "an object or a class, not both");
    return output_ ? exportToFile(context) : exportToStdout(context);
  }

 private:
  [[nodiscard]] OutputFile::Existing existing() const {
    return force_ ? OutputFile::Existing::kReplace : OutputFile::Existing::kRefuse;
  }

  NdjsonExport::Counts exportTo(Context& context, Output& out) {
    Progress progress = context.progress("export", "bytes", 0);
    NdjsonExport lines([&](std::string_view line) {
      checkInterrupt();
      out.write(line);
      progress.at(out.bytesWritten());
    });
    if (object_) {
      lines.add(context.engine(), context.existing(ObjectName::parse(*object_)));
    } else {
      ObjectWalk walk(context.engine(), class_, "");
      while (std::optional<ObjectInfo> info = walk.next()) lines.add(context.engine(), *info);
    }
    out.flush();
    return lines.counts();
  }

  ExitCode exportToStdout(Context& context) {
    NdjsonExport::Counts counts = exportTo(context, context.out());
    return noteLoss(context, counts);
  }

  ExitCode exportToFile(Context& context) {
    context.engine();  // Says what is wrong with the root before a file is begun.
    OutputFile file(*output_, existing());
    Output out(file.descriptor());
    NdjsonExport::Counts counts = exportTo(context, out);
    file.commit();
    printNdjsonExport(context, file.path(), counts, out.bytesWritten());
    return noteLoss(context, counts);
  }

  static ExitCode noteLoss(const Context& context, const NdjsonExport::Counts& counts) {
    if (counts.withSql > 0) {
      context.note(
          fmt::format("{} objects have a database, which these lines do not hold: "
                      "cairn export --sqlite FILE OBJECT",
                      grouped(counts.withSql)));
    }
    if (counts.legacy == 0) return ExitCode::kDone;
    context.note(fmt::format("{} objects are of legacy key-value classes; their keys are left out",
                             grouped(counts.legacy)));
    return ExitCode::kDoneWithLoss;
  }

  ExitCode exportSqlite(Context& context) {
    if (!object_ || class_ || output_)
      throw Failure(ExitCode::kUsage, "cairn export --sqlite FILE OBJECT takes nothing else");
    ObjectName object = ObjectName::parse(*object_);
    ObjectInfo info = context.existing(object);
    if (info.size.sqlBytes == 0) {
      throw Failure(ExitCode::kNotFound,
                    fmt::format("object {} has no database", object.forPeople()));
    }
    OutputFile file(*sqlite_, existing());
    SqlCopy::Counts counts;
    {
      Progress progress = context.progress("export", "rows", 0);
      Engine& engine = context.engine();
      engine.turn(engine.object(object.className, object.name), [&](Storage& storage) {
        counts = exportSqliteFile(storage.sql(), file.temporaryPath(), [&](std::uint64_t rows) {
          checkInterrupt();
          progress.at(rows);
        });
      });
    }
    file.commit();
    printSqliteExport(context, object, file.path(), counts);
    return ExitCode::kDone;
  }

  std::optional<std::string> object_;
  std::optional<std::string> class_;
  std::optional<std::string> output_;
  std::optional<std::string> sqlite_;
  bool force_ = false;
};

}  // namespace

std::vector<VerbEntry> exportVerbs() {
  return {
      {"export",
       "Write objects as NDJSON, or an object's database as a SQLite file",
       "Lines of {\"class\",\"object\",\"key\",\"value\"} and "
       "{\"class\",\"object\",\"alarm\",\"alarmName\"}, which\n"
       "`cairn import` takes; databases are not in them. A file is written under another name, "
       "synced\n"
       "and renamed; one that exists is refused without --force, and so is a symbolic link.\n"
       "--sqlite copies tables with rowids, virtual tables as they are stored, indexes, views and\n"
       "triggers, and checks the copy.\n"
       "--json with --output: "
       "{\"file\",\"objects\",\"keys\",\"alarms\",\"withSql\",\"legacy\",\"bytes\"}; with\n"
       "--sqlite: "
       "{\"class\",\"object\",\"file\",\"tables\",\"rows\",\"indexes\",\"views\",\"triggers\"}.",
       {"cairn export | gzip >all.ndjson.gz", "cairn export Room/42",
        "cairn export --class Room --output all-rooms.ndjson",
        "cairn export --sqlite acme.db Tenant/acme"},
       makeVerb<Export>},
  };
}

}  // namespace cairn::cli
