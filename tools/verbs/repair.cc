// cairn repair: what can be done about a damaged root, and doing it.
#include <cairn/repair.h>

#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/crash_message.h"
#include "tools/cli/text.h"
#include "tools/cli/verb.h"

namespace cairn::cli {

namespace {

class Repair final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.flag("--yes", yes_, "Take every step that is possible; without this nothing changes");
    arguments.optionalText("--keep", keep_, "Where what is replaced is kept", "DIR");
  }

  ExitCode run(Context& context) override {
    blameRootForCrashes(context.root(), context.json());
    RepairReport report =
        repair(context.root(), {.apply = yes_, .keepIn = keep_.value_or(std::string())});
    context.json() ? printJson(context, report) : printText(context, report);
    return exitOf(report);
  }

 private:
  [[nodiscard]] ExitCode exitOf(const RepairReport& report) const {
    if (report.has(RepairKind::kImpossible)) return ExitCode::kDamage;
    if (!report.has(RepairKind::kPossible)) return ExitCode::kDone;
    if (!yes_) return ExitCode::kRefused;
    return report.loses() ? ExitCode::kDoneWithLoss : ExitCode::kDone;
  }

  static void printJson(Context& context, const RepairReport& report) {
    context.out().json([&](JsonWriter& out) {
      out.beginObject().key("root").bytesOrText(context.root());
      out.member("applied", report.applied).key("keptIn");
      report.keptIn.empty() ? out.null() : out.bytesOrText(report.keptIn);
      out.key("steps").beginArray();
      for (const RepairStep& step : report.steps) {
        out.beginObject().member("kind", repairKindName(step.kind)).key("where");
        out.bytesOrText(step.where).key("what").bytesOrText(step.what);
        out.member("action", step.action).key("loss");
        step.loss.empty() ? out.null() : out.text(step.loss);
        out.endObject();
      }
      out.endArray().endObject();
    });
  }

  void printText(Context& context, const RepairReport& report) const {
    Output& out = context.out();
    for (const RepairStep& step : report.steps) {
      out.line(fmt::format("{}: {}", printable(step.where), printable(step.what)));
      out.line(fmt::format("  {:11} {}", repairKindName(step.kind), step.action));
      if (!step.loss.empty()) out.line(fmt::format("  loses       {}", step.loss));
    }
    if (!report.keptIn.empty())
      out.line(fmt::format("what was replaced is in {}", printable(report.keptIn)));
    if (report.steps.empty()) out.line("nothing to repair");
    if (report.has(RepairKind::kPossible) && !yes_) out.line("nothing was changed; --yes does it");
  }

  bool yes_ = false;
  std::optional<std::string> keep_;
};

}  // namespace

std::vector<VerbEntry> repairVerbs() {
  return {
      {"repair",
       "Say what can be done about a damaged root; with --yes, do it",
       "Each step: what is wrong, what is done about it, what is lost with that. Without --yes "
       "nothing\n"
       "changes (exit code 7 when a step is possible). What a step replaces is first copied into a "
       "new\n"
       "directory beside the root. A torn tail or a checkpoint that was cut off needs no repair: "
       "the next\n"
       "open sees to it. 4: something is damaged that nothing in the root can bring back.\n"
       "--json: {\"root\",\"applied\",\"keptIn\",\"steps\":[{\"kind\",\"where\",\"what\","
       "\"action\",\"loss\"}]}; kind is\n"
       "\"not needed\", \"possible\" or \"impossible\".",
       {"cairn repair", "cairn repair --yes"},
       makeVerb<Repair>},
  };
}

}  // namespace cairn::cli
