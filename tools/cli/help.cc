#include "tools/cli/help.h"

#include <algorithm>

#include <fmt/format.h>

namespace cairn::cli {

namespace {

// A verb's arguments as they are declared, with what they point at.
struct Declared {
  explicit Declared(const VerbEntry& verb) : instance(verb.make()), arguments(verb.name) {
    instance->declare(arguments);
    arguments.globals(globals);
  }
  GlobalOptions globals;
  std::unique_ptr<Verb> instance;
  Arguments arguments;
};

std::string withoutBars(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return text;
}

}  // namespace

const VerbEntry* findVerb(std::string_view name) {
  const std::vector<VerbEntry>& table = verbTable();
  auto found = std::ranges::find(table, name, &VerbEntry::name);
  return found == table.end() ? nullptr : &*found;
}

std::string synopsisOf(const VerbEntry& verb) { return Declared(verb).arguments.synopsis(); }

std::string overview() {
  std::string text =
      "cairn: Durable Object storage in a directory\n\n"
      "  cairn [--root DIR] [--json] VERB [OBJECT] …\n\n"
      "OBJECT is Class/name (the name may have further slashes), or name for class default.\n"
      "--root may come from CAIRN_ROOT. `cairn VERB --help` has options and examples.\n\n";
  for (const VerbEntry& verb : verbTable())
    text += fmt::format("  {:14} {}\n", verb.name, verb.summary);
  text +=
      "\n`cairn help values` says how values read as JSON, `cairn help targets` how points in time "
      "do,\n"
      "`cairn help exit-codes` what a script can rely on.\n";
  return text;
}

std::string verbHelp(const VerbEntry& verb) {
  Declared declared(verb);
  const Arguments& arguments = declared.arguments;
  std::string text =
      fmt::format("cairn {}{}\n\n{}.\n", verb.name, arguments.synopsis(), verb.summary);
  if (!verb.details.empty()) text += fmt::format("\n{}\n", verb.details);
  text += "\nArguments:\n" + arguments.helpLines(false);
  text += "\nOf every verb:\n" + arguments.helpLines(true);
  text += "\nExamples:\n";
  for (std::string_view example : verb.examples) text += fmt::format("  {}\n", example);
  text += "\nExit codes:\n" + exitCodeHelp();
  return text;
}

std::string exitCodeHelp() {
  std::string text;
  for (const ExitMeaning& exit : exitMeanings())
    text += fmt::format("  {:>3}  {}\n", static_cast<int>(exit.code), exit.meaning);
  return text;
}

std::string markdown() {
  std::string text = "| verb | what it does |\n|---|---|\n";
  for (const VerbEntry& verb : verbTable()) {
    text += fmt::format("| `cairn {}{}` | {} |\n", verb.name, withoutBars(synopsisOf(verb)),
                        verb.summary);
  }
  text += "\n| exit code | meaning |\n|---|---|\n";
  for (const ExitMeaning& exit : exitMeanings())
    text += fmt::format("| {} | {} |\n", static_cast<int>(exit.code), exit.meaning);
  return text;
}

}  // namespace cairn::cli
