// cairn verify, pitr verify: is everything in the root, or an object's past, whole? The root is not
// opened, and not trusted.
#include <cairn/verify.h>
#include <cstring>

#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/isolated.h"
#include "tools/cli/text.h"
#include "tools/cli/verb.h"

namespace cairn::cli {

namespace {

class Verify : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.flag("--quick", quick_, "Checksums and structure only");
    arguments.flag("--records", records_, "Decode everything (the default)");
    arguments.flag("--full", full_, "Walk state and history, and compare every digest");
    arguments.count("--seconds", seconds_, "CPU time for one SQLite file (default 60)");
  }

  ExitCode run(Context& context) override {
    // Say what is wrong before any process is started.
    (void)context.root();
    (void)depth();
    catchInterrupts();
    IsolatedResult result = runIsolated([&](std::string& out, const ReportPhase& phase) {
      VerifyReport report = check(context, phase);
      print(context, report, out);
      return exitOf(report);
    });
    if (result.signal == 0) {
      context.out().write(result.output);
      return result.exit;
    }
    VerifyReport report;
    report.findings.push_back(
        {Severity::kDamage, result.phase, context.root(),
         fmt::format("its bytes killed the process that checked them (signal {}, {})",
                     result.signal, ::strsignal(result.signal))});
    std::string out;
    print(context, report, out);
    context.out().write(out);
    return exitOf(report);
  }

 protected:
  virtual void choose(VerifyOptions& options) const = 0;

 private:
  [[nodiscard]] VerifyDepth depth() const {
    if (int{quick_} + int{records_} + int{full_} > 1)
      throw Failure(ExitCode::kUsage, "--quick, --records or --full, one of them");
    return quick_ ? VerifyDepth::kQuick : full_ ? VerifyDepth::kFull : VerifyDepth::kRecords;
  }

  [[nodiscard]] VerifyReport check(const Context& context, const ReportPhase& phase) const {
    Progress progress = context.progress("verify", "steps", 0);
    std::uint64_t steps = 0;
    std::string_view current;
    VerifyOptions options;
    options.depth = depth();
    choose(options);
    if (seconds_) options.cpuMsPerFile = std::min<std::uint64_t>(*seconds_, 1'000'000) * 1'000;
    options.onProgress = [&](const VerifyProgress& at) {
      checkInterrupt();
      if (at.check != current) phase(at.check);
      current = at.check;
      progress.at(++steps);
    };
    return verify(context.root(), options);
  }

  static ExitCode exitOf(const VerifyReport& report) {
    if (!report.sound()) return ExitCode::kDamage;
    return report.complete() ? ExitCode::kDone : ExitCode::kIo;
  }

  static void print(const Context& context, const VerifyReport& report, std::string& out) {
    context.json() ? printJson(context, report, out) : printText(report, out);
  }

  static void printJson(const Context& context, const VerifyReport& report, std::string& text) {
    JsonWriter out(text);
    out.beginObject().key("root").bytesOrText(context.root()).member("rootId", report.rootId);
    out.member("sound", report.sound()).member("complete", report.complete());
    out.key("findings").beginArray();
    for (const Finding& finding : report.findings) {
      out.beginObject().member("severity", severityName(finding.severity));
      out.member("check", finding.check).key("where").bytesOrText(finding.where);
      out.key("what").bytesOrText(finding.what).endObject();
    }
    out.endArray().member("findingsLeftOut", report.findingsLeftOut);
    out.key("checked").beginObject();
    for (const auto& [name, number] : report.counts) out.member(name, number);
    out.endObject().endObject();
    text += '\n';
  }

  static void printText(const VerifyReport& report, std::string& out) {
    for (const Finding& finding : report.findings) {
      out += fmt::format("{:10} {:8} {}: {}\n", severityName(finding.severity), finding.check,
                         printable(finding.where), printable(finding.what));
    }
    if (report.findingsLeftOut > 0)
      out += fmt::format("{:10} {} more findings\n", "", report.findingsLeftOut);
    for (const auto& [name, number] : report.counts)
      out += fmt::format("{:20} {:>14}\n", name, grouped(number));
    out += !report.sound()     ? "DAMAGED\n"
           : report.complete() ? "sound\n"
                               : "sound as far as it could be checked\n";
  }

  bool quick_ = false;
  bool records_ = false;
  bool full_ = false;
  std::optional<std::uint64_t> seconds_;
};

class VerifyRoot final : public Verify {
  void choose(VerifyOptions&) const override {}
};

class VerifyObject final : public Verify {
 public:
  void declare(Arguments& arguments) override {
    arguments.text("OBJECT", object_, "Class/name, or name for class default");
    Verify::declare(arguments);
  }

 private:
  void choose(VerifyOptions& options) const override {
    ObjectName object = ObjectName::parse(object_);
    options.object = {object.className, object.name};
  }

  std::string object_;
};

}  // namespace

std::vector<VerbEntry> verifyVerbs() {
  return {
      {"verify",
       "Check everything the root holds, trusting none of it",
       "--quick: FORMAT, files and links, pages of the store, rows against each other, journal "
       "blocks,\n"
       "frames of the change log, SQLite headers. --records: also every record of the change log, "
       "and\n"
       "what is inside of each SQLite file. --full: also every key and page against its digest, "
       "and\n"
       "the way back to every commit. Changes nothing; works on a root that does not open any "
       "more.\n"
       "Severities: damage (exit code 4), unreadable (8: not everything could be checked), warning "
       "and\n"
       "note (0). --json: "
       "{\"root\",\"rootId\",\"sound\",\"complete\",\"findings\":[{\"severity\",\"check\","
       "\"where\",\n"
       "\"what\"}],\"findingsLeftOut\",\"checked\":{…}}.",
       {"cairn verify", "cairn --root backup verify --quick",
        "cairn --json verify | jq '.findings[]'"},
       makeVerb<VerifyRoot>},
      {"pitr verify",
       "Check that an object's past can be brought back",
       "As `cairn verify`, of one object: --quick looks at the index of its history, --records "
       "decodes\n"
       "every commit, --full undoes them one by one and compares every digest. --json: as there.",
       {"cairn pitr verify Room/42", "cairn pitr verify Room/42 --full"},
       makeVerb<VerifyObject>},
  };
}

}  // namespace cairn::cli
