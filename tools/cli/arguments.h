// What a verb takes, declared once: parsing, the synopsis and `--help` all come from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace cairn::cli {

/// Options of every verb. Given before the verb or after it.
struct GlobalOptions {
  std::string root;  ///< Empty: none was given.
  bool json = false;
  std::string limits = "platform";
  std::string progress = "auto";
};

/// One verb's arguments. Names as CLI11 has them: "--limit", or "OBJECT" for a place.
class Arguments {
 public:
  explicit Arguments(std::string_view verb);

  void text(const std::string& name, std::string& target, const std::string& help);
  void optionalText(const std::string& name, std::optional<std::string>& target,
                    const std::string& help, const std::string& what = "TEXT");
  void texts(const std::string& name, std::vector<std::string>& target, const std::string& help);
  void optionalTexts(const std::string& name, std::vector<std::string>& target,
                     const std::string& help);
  void count(const std::string& name, std::optional<std::uint64_t>& target,
             const std::string& help);
  void flag(const std::string& name, bool& target, const std::string& help);
  /// Stays out of `--help`.
  void hidden(const std::string& name, std::string& target);

  void globals(GlobalOptions& target);

  /// Throws: Failure(kUsage); CLI::CallForHelp.
  void parse(std::vector<std::string> arguments);

  /// E.g. "OBJECT KEY [--limit N]".
  [[nodiscard]] std::string synopsis() const;
  /// One line an argument, own ones or global ones.
  [[nodiscard]] std::string helpLines(bool global) const;

 private:
  CLI::App app_;
};

/// Takes the words of a verb out of `arguments`: global options may stand in front of them, so that
/// `cairn --root DIR kv get …` works. Returns the first words that are no options, at most two.
[[nodiscard]] std::vector<std::size_t> verbWords(const std::vector<std::string>& arguments);

/// Whether `--json` is among them, for errors that come before or out of parsing.
[[nodiscard]] bool asksForJson(const std::vector<std::string>& arguments);

}  // namespace cairn::cli
