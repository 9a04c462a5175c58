// Sessions: shell commands and what they answer, as they stand in tests/cli/sessions and in
// README.md, run and compared line by line.
//
//   $ cairn kv get Room/42 nothing
//   cairn: object Room/42 has no key nothing
//   [exit code 1]
//
// A command may go on in lines that begin with "> ". stdout and stderr come together, as on a
// terminal. Times, bookmarks and other texts that differ from run to run are matched by their form;
// each one that the document shows stands for one of this run from then on, in answers and in
// commands: a session can go back to the bookmark it was shown.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace cairn::test {

struct Answer {
  std::string output;
  int exit = 0;
};

/// A shell in an empty directory of its own, with `cairn` in its path and CAIRN_ROOT=data.
class Shell {
 public:
  Shell();
  Answer run(const std::string& command);
  [[nodiscard]] std::string path(const std::string& name) const {
    return directory_ / "work/" + name;
  }

 private:
  TemporaryDirectory directory_;
};

struct Exchange {
  std::size_t line = 0;  ///< Of the command, in the document.
  std::string command;
  std::string answer;
};

/// In Markdown only ```console blocks count. `#` lines between exchanges are comments.
[[nodiscard]] std::vector<Exchange> exchangesOf(std::string_view document, bool markdown);
/// The document with other answers, one for each of its exchanges.
[[nodiscard]] std::string withAnswers(std::string_view document, bool markdown,
                                      const std::vector<std::string>& answers);

/// What the document's texts stand for in this run.
class Bindings {
 public:
  /// The command with this run's texts in it.
  [[nodiscard]] std::string inThisRun(std::string command) const;
  /// Empty when `actual` is what `expected` says; otherwise the first line where it is not.
  [[nodiscard]] std::string compare(const std::string& expected, const std::string& actual);

 private:
  std::map<std::string, std::string> texts_;
};

/// Runs the document in `shell` and returns what differs, empty when nothing does. With
/// CAIRN_UPDATE_SESSIONS=1 in the environment it writes the answers into the file instead.
[[nodiscard]] std::string runSession(const std::string& file, Shell& shell);

}  // namespace cairn::test
