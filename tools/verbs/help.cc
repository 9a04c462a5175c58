// cairn help: what is not about one verb.
#include "tools/cli/help.h"

#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/cli/value_json.h"
#include "tools/pitr/target.h"

namespace cairn::cli {

namespace {

class Help final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.optionalTexts("TOPIC", topic_,
                            "values, times, targets, exit-codes, man, markdown, or a verb");
  }

  ExitCode run(Context& context) override {
    context.out().write(textOf(fmt::format("{}", fmt::join(topic_, " "))));
    return ExitCode::kDone;
  }

 private:
  static std::string textOf(const std::string& topic) {
    if (topic.empty()) return overview();
    if (topic == "values") return std::string(kValueHelp);
    if (topic == "times") return std::string(kTimeHelp);
    if (topic == "exit-codes") return exitCodeHelp();
    if (topic == "targets") return std::string(kTargetHelp);
    if (topic == "markdown") return markdown();
    if (topic == "man") return manPage();
    if (const VerbEntry* verb = findVerb(topic)) return verbHelp(*verb);
    throw Failure(ExitCode::kUsage,
                  fmt::format("\"{}\" is no verb and no topic; `cairn help help` lists them",
                              printable(topic)));
  }

  std::vector<std::string> topic_;
};

}  // namespace

std::vector<VerbEntry> helpVerbs() {
  return {
      {"help",
       "Explain a verb or a topic",
       "Topics: values (how values read as JSON), times, targets (points of an object's past), "
       "exit-codes,\n"
       "man (the manual page), markdown (the tables in tools/README.md).",
       {"cairn help kv put", "cairn help values"},
       makeVerb<Help>},
  };
}

}  // namespace cairn::cli
