#include "tools/cli/arguments.h"

#include <algorithm>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

// CLI11 reads a meaning into the first bytes of some arguments: `[a,b]` becomes two of them, `-5`
// an option. Keys and JSON may look like that, so they go past it with a mark in front.
constexpr char kShield = '\x01';

bool looksLikeOption(std::string_view argument) {
  if (argument.size() < 2 || argument[0] != '-') return false;
  char next = argument[1];
  return next == '-' || (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
}

std::vector<std::string> shielded(std::vector<std::string> arguments) {
  bool onlyPlaces = false;
  for (std::string& argument : arguments) {
    std::size_t at = 0;
    if (!onlyPlaces && looksLikeOption(argument)) {
      onlyPlaces = argument == "--";
      at = argument.find('=');
      if (at++ == std::string::npos) continue;
    }
    argument.insert(at, 1, kShield);
  }
  return arguments;
}

const CLI::Validator& unshield() {
  static const CLI::Validator kUnshield(
      [](std::string& argument) {
        if (!argument.empty() && argument[0] == kShield) argument.erase(0, 1);
        return std::string();
      },
      "");
  return kUnshield;
}

constexpr const char* kGlobalGroup = "Global";
constexpr std::string_view kGlobalsWithValue[] = {"--root", "--limits", "--progress"};

}  // namespace

Arguments::Arguments(std::string_view verb) : app_(std::string(), "cairn " + std::string(verb)) {
  app_.get_formatter()->column_width(28);
}

void Arguments::text(const std::string& name, std::string& target, const std::string& help) {
  CLI::Option* option = app_.add_option(name, target, help)->transform(unshield());
  if (option->get_positional()) option->required();
  option->type_name("TEXT");
}

void Arguments::optionalText(const std::string& name, std::optional<std::string>& target,
                             const std::string& help, const std::string& what) {
  app_.add_option(name, target, help)->transform(unshield())->type_name(what);
}

void Arguments::texts(const std::string& name, std::vector<std::string>& target,
                      const std::string& help) {
  app_.add_option(name, target, help)->transform(unshield())->required();
}

void Arguments::optionalTexts(const std::string& name, std::vector<std::string>& target,
                              const std::string& help) {
  app_.add_option(name, target, help)->transform(unshield());
}

void Arguments::count(const std::string& name, std::optional<std::uint64_t>& target,
                      const std::string& help) {
  app_.add_option(name, target, help)->transform(unshield())->type_name("N");
}

void Arguments::flag(const std::string& name, bool& target, const std::string& help) {
  app_.add_flag(name, target, help);
}

void Arguments::hidden(const std::string& name, std::string& target) {
  app_.add_option(name, target)->transform(unshield())->group("");
}

void Arguments::globals(GlobalOptions& target) {
  app_.add_option("--root", target.root, "The root directory")
      ->transform(unshield())
      ->envname("CAIRN_ROOT")
      ->type_name("DIR")
      ->group(kGlobalGroup);
  app_.add_flag("--json", target.json, "Results as JSON on stdout, errors as JSON on stderr")
      ->group(kGlobalGroup);
  app_.add_option("--limits", target.limits,
                  "Limits of keys, values and SQL: platform (default), workerd or relaxed")
      ->transform(unshield())
      ->check(CLI::IsMember({"platform", "workerd", "relaxed"}))
      ->type_name("SET")
      ->group(kGlobalGroup);
  app_.add_option("--progress", target.progress,
                  "Progress on stderr: auto (default; on a terminal), bar, json or none")
      ->transform(unshield())
      ->check(CLI::IsMember({"auto", "bar", "json", "none"}))
      ->type_name("FORM")
      ->group(kGlobalGroup);
}

void Arguments::parse(std::vector<std::string> arguments) {
  std::vector<std::string> reversed = shielded(std::move(arguments));
  std::reverse(reversed.begin(), reversed.end());
  try {
    app_.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    throw;
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    std::erase(message, kShield);
    throw Failure(ExitCode::kUsage, printable(message));
  }
}

namespace {

// Without the set of values that CLI11 appends.
std::string typeOf(const CLI::Option& option) {
  std::string name = option.get_type_name();
  return name.substr(0, name.find(':'));
}

}  // namespace

std::string Arguments::synopsis() const {
  std::string places;
  std::string options;
  for (const CLI::Option* option : app_.get_options()) {
    if (option->get_group() != "Options" || option->get_name() == app_.get_help_ptr()->get_name())
      continue;
    bool many = option->get_items_expected_max() > 1;
    if (option->get_positional()) {
      std::string place = option->get_name(true) + (many ? "…" : "");
      places += option->get_required() ? " " + place : " [" + place + "]";
    } else {
      bool takesValue = option->get_items_expected_max() > 0;
      options +=
          fmt::format(" [{}{}]", option->get_name(), takesValue ? " " + typeOf(*option) : "");
    }
  }
  return places + options;
}

std::string Arguments::helpLines(bool global) const {
  std::string lines;
  for (const CLI::Option* option : app_.get_options()) {
    if (option->get_group() != (global ? kGlobalGroup : "Options")) continue;
    bool takesValue = !option->get_positional() && option->get_items_expected_max() > 0;
    std::string name = option->get_name(option->get_positional(), true);
    if (takesValue) name += " " + typeOf(*option);
    lines += fmt::format("  {:24} {}\n", name, option->get_description());
  }
  return lines;
}

std::vector<std::size_t> verbWords(const std::vector<std::string>& arguments) {
  std::vector<std::size_t> words;
  for (std::size_t i = 0; i < arguments.size() && words.size() < 2; ++i) {
    if (std::ranges::find(kGlobalsWithValue, arguments[i]) != std::end(kGlobalsWithValue)) {
      ++i;
    } else if (!arguments[i].starts_with("-")) {
      words.push_back(i);
    } else if (arguments[i] == "--") {
      break;
    }
  }
  return words;
}

bool asksForJson(const std::vector<std::string>& arguments) {
  auto end = std::find(arguments.begin(), arguments.end(), "--");
  return std::find(arguments.begin(), end, "--json") != end;
}

}  // namespace cairn::cli
