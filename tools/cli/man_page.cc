// cairn(1), written from the table of verbs.
#include <algorithm>

#include <fmt/format.h>

#include "tools/cli/help.h"
#include "tools/cli/value_json.h"
#include "tools/pitr/target.h"

namespace cairn::cli {

namespace {

// Text as it is: backslashes and dashes mean something to man, and so does the first character of a
// line.
std::string plain(std::string_view text) {
  std::string out;
  bool lineBegins = true;
  for (char c : text) {
    if (lineBegins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    lineBegins = c == '\n';
  }
  return out;
}

std::string withLineEnd(std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

// Lines stay lines.
std::string block(std::string_view text) {
  return ".nf\n" + plain(withLineEnd(std::string(text))) + ".fi\n";
}

std::string verbSection(const VerbEntry& verb) {
  std::string synopsis = synopsisOf(verb);
  std::string text = fmt::format(".SS \"cairn {}\"\n", plain(verb.name));
  text += fmt::format(
      ".B cairn {}\n{}\n.PP\n{}.\n", plain(verb.name),
      plain(std::string_view(synopsis).substr(std::min<std::size_t>(synopsis.size(), 1))),
      plain(verb.summary));
  if (!verb.details.empty()) text += ".PP\n" + block(verb.details);
  text += ".PP\n.RS\n.nf\n";
  for (std::string_view example : verb.examples) text += plain(example) + "\n";
  return text + ".fi\n.RE\n";
}

}  // namespace

std::string manPage() {
  std::string text = ".TH CAIRN 1 \"\" \"cairn " CAIRN_VERSION "\" \"User Commands\"\n";
  text += ".SH NAME\ncairn \\- Durable Object storage in a directory\n";
  text += ".SH SYNOPSIS\n.B cairn\n" + plain("[--root DIR] [--json] VERB [OBJECT] …") + "\n";
  text += ".SH DESCRIPTION\n";
  text += plain(
      "Works on a root: a directory that holds the keys, SQL databases and alarms of many objects, "
      "and their past.\nOBJECT is Class/name (the name may have further slashes), or name for "
      "class "
      "default.\n");
  text +=
      ".PP\n" +
      plain("stdout has the result only, stderr errors and progress. With --json both are JSON.\n");
  text += ".SH VERBS\n";
  for (const VerbEntry& verb : verbTable()) text += verbSection(verb);
  text += ".SH TARGETS\n" + block(kTargetHelp);
  text += ".SH VALUES\n" + block(kValueHelp);
  text += ".SH \"EXIT STATUS\"\n" + block(exitCodeHelp());
  text += ".SH ENVIRONMENT\n.TP\n.B CAIRN_ROOT\nThe root when \\-\\-root is not given.\n";
  return text;
}

}  // namespace cairn::cli
