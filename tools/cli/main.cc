// cairn: finds the verb, parses its arguments, runs it, and turns whatever goes wrong into a
// message and an exit code.
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/exit_code.h"
#include "tools/cli/help.h"
#include "tools/cli/text.h"
#include "tools/cli/verb.h"

namespace cairn::cli {
namespace {

// A failure whose message is empty has been told already, or there is nobody left to tell.
ExitCode report(const Failure& failure, bool json) {
  std::string message = failure.what();
  if (message.empty()) return failure.exit();
  if (json) {
    std::string line;
    JsonWriter(line)
        .beginObject()
        .key("error")
        .beginObject()
        .member("code", failure.code())
        .member("message", message)
        .endObject()
        .endObject();
    fmt::print(stderr, "{}\n", line);
  } else {
    fmt::print(stderr, "cairn: {}\n", message);
  }
  return failure.exit();
}

// "get, put" for "kv"; empty when no verb begins with that word.
std::string verbsOfGroup(const std::string& word) {
  std::string names;
  for (const VerbEntry& entry : verbTable()) {
    if (entry.name.starts_with(word + " "))
      names += (names.empty() ? "" : ", ") + std::string(entry.name.substr(word.size() + 1));
  }
  return names;
}

// Removes the words that name the verb from `arguments`.
const VerbEntry& takeVerb(std::vector<std::string>& arguments) {
  std::vector<std::size_t> words = verbWords(arguments);
  if (words.empty()) throw Failure(ExitCode::kUsage, "which verb? `cairn --help` lists them");
  std::string one = arguments[words[0]];
  auto remove = [&](std::size_t count) {
    while (count-- > 0)
      arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(words[count]));
  };
  if (words.size() == 2) {
    if (const VerbEntry* verb = findVerb(one + " " + arguments[words[1]])) {
      remove(2);
      return *verb;
    }
  }
  const VerbEntry* verb = findVerb(one);
  if (std::string group = verbsOfGroup(one); verb == nullptr && !group.empty()) {
    throw Failure(ExitCode::kUsage,
                  fmt::format("{} what? {}; `cairn {} VERB --help` says more", one, group, one));
  }
  if (verb == nullptr) {
    throw Failure(ExitCode::kUsage,
                  fmt::format("\"{}\" is no verb; `cairn --help` lists them", printable(one)));
  }
  remove(1);
  return *verb;
}

ExitCode run(const VerbEntry& entry, std::vector<std::string> words) {
  GlobalOptions globals;
  std::unique_ptr<Verb> verb = entry.make();
  Arguments arguments(entry.name);
  verb->declare(arguments);
  arguments.globals(globals);
  arguments.parse(std::move(words));
  Context context(std::move(globals));
  ExitCode exit = verb->run(context);
  context.out().flush();
  context.close();
  return exit;
}

bool asksForHelp(const std::vector<std::string>& arguments) {
  return arguments.empty() ||
         (verbWords(arguments).empty() && (arguments[0] == "--help" || arguments[0] == "-h"));
}

ExitCode command(std::vector<std::string> arguments) {
  if (asksForHelp(arguments)) {
    Output().write(overview()).flush();
    return ExitCode::kDone;
  }
  if (arguments[0] == "--version") {
    Output().line("cairn " CAIRN_VERSION).flush();
    return ExitCode::kDone;
  }
  bool json = asksForJson(arguments);
  const VerbEntry* entry = nullptr;
  try {
    entry = &takeVerb(arguments);
    return run(*entry, std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    Output().write(verbHelp(*entry)).flush();
    return ExitCode::kDone;
  } catch (const std::exception& error) {
    return report(failureOf(error), json);
  }
}

}  // namespace
}  // namespace cairn::cli

int main(int argc, char** argv) {
  // A reader that went away is told by the write that fails.
  std::signal(SIGPIPE, SIG_IGN);
  // So is a limit on the size of files.
  std::signal(SIGXFSZ, SIG_IGN);
  return static_cast<int>(cairn::cli::command(std::vector<std::string>(argv + 1, argv + argc)));
}
