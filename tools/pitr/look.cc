// cairn pitr get, sql, export: the object as it was.
#include <cairn/sql.h>

#include <fmt/format.h>

#include "tools/cli/interrupt.h"
#include "tools/cli/output_file.h"
#include "tools/cli/sql_json.h"
#include "tools/cli/sql_output.h"
#include "tools/cli/standard_input.h"
#include "tools/cli/text.h"
#include "tools/cli/value_json.h"
#include "tools/pitr/pitr_verb.h"
#include "tools/transfer/ndjson_export.h"
#include "tools/transfer/sqlite_export.h"
#include "tools/transfer/transfer_output.h"

namespace cairn::cli {

namespace {

// Throws where there was nothing to look at: an empty answer would be a wrong one.
std::unique_ptr<PastView> viewOf(History& history, const ObjectName& object,
                                 const Resolved& point) {
  std::unique_ptr<PastView> view = history.view(point.lsn);
  if (view->exists()) return view;
  throw Failure(ExitCode::kNotFound, fmt::format("object {} did not exist at LSN {}",
                                                 object.forPeople(), point.lsn.value()));
}

class PitrGet final : public PitrVerb {
  void declareMore(Arguments& arguments) override {
    arguments.text("KEY", key_, "The key");
    arguments.flag("--base64", base64_, "KEY is base64, for any bytes");
    declareAt(arguments);
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    std::string key = base64_ ? fromBase64(key_) : key_;
    Resolved point = at(history, object).point;
    std::optional<std::string> stored = viewOf(history, object, point)->kv().getRaw(key);
    if (!stored) {
      throw Failure(ExitCode::kNotFound,
                    fmt::format("object {} had no key {} at LSN {}", object.forPeople(),
                                keyForPeople(key), point.lsn.value()));
    }
    context.out().json([&](JsonWriter& out) {
      if (!context.json()) return appendValueJson(out, *stored);
      out.beginObject();
      writeObjectMembers(out, object);
      writePointMembers(out, point);
      out.key("key").bytesOrText(key).key("value");
      appendValueJson(out, *stored);
      out.endObject();
    });
    return ExitCode::kDone;
  }

  std::string key_;
  bool base64_ = false;
};

class PitrSql final : public PitrVerb {
  void declareMore(Arguments& arguments) override {
    arguments.text("STATEMENTS", statements_, "SQL that only reads; - reads it from stdin");
    arguments.optionalTexts("JSON_PARAMETER", parameters_, "Bound to the last statement, in order");
    arguments.flag("--arrays", arrays_, "With --json: rows as arrays instead of objects");
    declareAt(arguments);
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    std::string text = statements_ == "-" ? readStandardInput() : statements_;
    std::vector<SqlValue> values;
    for (const std::string& parameter : parameters_) values.push_back(sqlFromJson(parameter));
    std::vector<SqlParameter> bound(values.begin(), values.end());
    std::unique_ptr<PastView> view = viewOf(history, object, at(history, object).point);
    SqlCursor cursor = view->sql().execute(text, bound);
    context.json() ? printSqlJson(context.out(), cursor, arrays_)
                   : printSqlTable(context.out(), cursor);
    return ExitCode::kDone;
  }

  std::string statements_;
  std::vector<std::string> parameters_;
  bool arrays_ = false;
};

class PitrExport final : public PitrVerb {
  void declareMore(Arguments& arguments) override {
    declareAt(arguments);
    arguments.text("--format", format_, "ndjson (default): keys and alarms; sqlite: the database");
    arguments.optionalText("--output", output_, "Write to this file; sqlite needs one", "FILE");
    arguments.flag("--force", force_, "Replace the file if there is one");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    catchInterrupts();
    Resolved point = at(history, object).point;
    if (format_ == "ndjson") return exportNdjson(context, object, history, point);
    if (format_ != "sqlite")
      throw Failure(ExitCode::kUsage, fmt::format("--format is ndjson or sqlite, not {}", format_));
    if (!output_) throw Failure(ExitCode::kUsage, "--format sqlite needs --output FILE");
    return exportSqlite(context, object, history, point);
  }

  [[nodiscard]] OutputFile newFile() const {
    return {*output_, force_ ? OutputFile::Existing::kReplace : OutputFile::Existing::kRefuse};
  }

  static NdjsonExport::Counts exportTo(Context& context, PastView& view, const ObjectName& object,
                                       Output& out) {
    Progress progress = context.progress("export", "bytes", 0);
    NdjsonExport lines([&](std::string_view line) {
      checkInterrupt();
      out.write(line);
      progress.at(out.bytesWritten());
    });
    lines.add(view, object);
    out.flush();
    return lines.counts();
  }

  ExitCode exportNdjson(Context& context, const ObjectName& object, History& history,
                        const Resolved& point) {
    std::unique_ptr<PastView> view = viewOf(history, object, point);
    if (!output_) {
      exportTo(context, *view, object, context.out());
      return ExitCode::kDone;
    }
    OutputFile file = newFile();
    Output out(file.descriptor());
    NdjsonExport::Counts counts = exportTo(context, *view, object, out);
    file.commit();
    printNdjsonExport(context, file.path(), counts, out.bytesWritten());
    return ExitCode::kDone;
  }

  ExitCode exportSqlite(Context& context, const ObjectName& object, History& history,
                        const Resolved& point) {
    std::unique_ptr<PastView> view = viewOf(history, object, point);
    if (view->sql().databaseSize() == 0) {
      throw Failure(ExitCode::kNotFound, fmt::format("object {} had no database at LSN {}",
                                                     object.forPeople(), point.lsn.value()));
    }
    OutputFile file = newFile();
    SqlCopy::Counts counts;
    {
      Progress progress = context.progress("export", "rows", 0);
      counts = exportSqliteFile(view->sql(), file.temporaryPath(), [&](std::uint64_t rows) {
        checkInterrupt();
        progress.at(rows);
      });
    }
    file.commit();
    printSqliteExport(context, object, file.path(), counts);
    return ExitCode::kDone;
  }

  std::string format_ = "ndjson";
  std::optional<std::string> output_;
  bool force_ = false;
};

}  // namespace

std::vector<VerbEntry> pitrLookVerbs() {
  return {
      {"pitr get",
       "Print the value that a key had",
       "As JSON on one line. --json: "
       "{\"class\",\"object\",\"lsn\",\"time\",\"ms\",\"bookmark\",\"key\",\"value\"}.\n" +
           std::string(kTargetHelp),
       {"cairn pitr get Room/42 visits --at before:visits",
        "cairn pitr get Room/42 visits --at lsn:2"},
       makeVerb<PitrGet>},
      {"pitr sql",
       "Run SQL on the database as it was, without restoring it",
       "Statements that write are refused. --json: as `cairn sql`.\n" + std::string(kTargetHelp),
       {"cairn pitr sql Room/42 --at @before-launch 'SELECT count(*) AS users FROM users'"},
       makeVerb<PitrSql>},
      {"pitr export",
       "Write the object as it was: NDJSON, or its database as a SQLite file",
       "NDJSON as `cairn export` writes it: keys and alarms, which `cairn import` takes. Files as "
       "there.\n"
       "--json with --output: as `cairn export`.\n" +
           std::string(kTargetHelp),
       {"cairn pitr export Room/42 --at @before-launch",
        "cairn pitr export Room/42 --at lsn:4 --format sqlite --output room.db"},
       makeVerb<PitrExport>},
  };
}

}  // namespace cairn::cli
