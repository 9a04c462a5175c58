#include "tests/cli/session.h"

#include <cstdio>
#include <cstdlib>
#include <regex>
#include <sys/wait.h>

#include <fmt/format.h>

#include "tests/support/damage.h"

namespace cairn::test {

namespace {

// Texts that differ from run to run, matched by their form.
const std::regex& varying() {
  static const std::regex kVarying(
      "[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}"                    // a bookmark
      "|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"  // a time
      "|[0-9a-f]{32}"                                                       // a root id or a digest
      "|\\b1[0-9]{12}\\b"  // a time in milliseconds
      "|\\bprocess [0-9]+");
  return kVarying;
}

std::string withoutVarying(const std::string& text) {
  return std::regex_replace(text, varying(), "~");
}

std::vector<std::string> varyingIn(const std::string& text) {
  return {std::sregex_token_iterator(text.begin(), text.end(), varying()),
          std::sregex_token_iterator()};
}

std::vector<std::string> linesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

void replaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Walks the lines of a document and says what each is.
class Reader {
 public:
  enum class Kind { kOther, kCommand, kMore, kAnswer };
  explicit Reader(bool markdown) : markdown_(markdown), inside_(!markdown) {}

  Kind next(const std::string& line) {
    if (markdown_ && line.starts_with("```")) {
      inside_ = line == "```console";
      return leave();
    }
    if (!inside_) return Kind::kOther;
    if (line.starts_with("$ ")) return last_ = Kind::kCommand;
    if (last_ == Kind::kCommand && line.starts_with("> ")) return Kind::kMore;
    bool between = line.empty() || line[0] == '#';
    if (between || last_ == Kind::kOther) return leave();
    return last_ = Kind::kAnswer;
  }

 private:
  Kind leave() { return last_ = Kind::kOther; }

  bool markdown_;
  bool inside_;
  Kind last_ = Kind::kOther;
};

// As it stands in a document: an empty line of an answer would end it there, so it is a "~" alone.
std::string answerText(const Answer& answer) {
  std::string text;
  for (const std::string& line : linesOf(answer.output)) text += (line.empty() ? "~" : line) + "\n";
  if (answer.exit != 0) text += fmt::format("[exit code {}]\n", answer.exit);
  return text;
}

}  // namespace

Shell::Shell() { std::filesystem::create_directory(directory_ / "work"); }

Answer Shell::run(const std::string& command) {
  writeFile(directory_ / "command", command + "\n");
  std::string line = fmt::format(
      "cd '{0}/work' && PATH='{1}':\"$PATH\" CAIRN_ROOT=data LC_ALL=C TZ=UTC TMPDIR=. exec sh "
      "'{0}/command' "
      "2>&1 </dev/null",
      directory_.path(), CAIRN_COMMAND_DIRECTORY);
  Answer answer;
  FILE* pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) return {"popen failed", -1};
  char chunk[4096];
  while (std::size_t got = std::fread(chunk, 1, sizeof(chunk), pipe))
    answer.output.append(chunk, got);
  int status = ::pclose(pipe);
  answer.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return answer;
}

std::vector<Exchange> exchangesOf(std::string_view document, bool markdown) {
  std::vector<Exchange> exchanges;
  Reader reader(markdown);
  std::size_t number = 0;
  for (const std::string& line : linesOf(document)) {
    ++number;
    switch (reader.next(line)) {
      case Reader::Kind::kCommand:
        exchanges.push_back({number, line.substr(2), ""});
        break;
      case Reader::Kind::kMore:
        exchanges.back().command += "\n" + line.substr(2);
        break;
      case Reader::Kind::kAnswer:
        exchanges.back().answer += line + "\n";
        break;
      case Reader::Kind::kOther:
        break;
    }
  }
  return exchanges;
}

std::string withAnswers(std::string_view document, bool markdown,
                        const std::vector<std::string>& answers) {
  std::string text;
  Reader reader(markdown);
  auto answer = answers.begin();
  bool pending = false;
  for (const std::string& line : linesOf(document)) {
    Reader::Kind kind = reader.next(line);
    if (pending && kind != Reader::Kind::kMore) {
      text += *answer++;
      pending = false;
    }
    if (kind == Reader::Kind::kAnswer) continue;
    text += line + "\n";
    pending = pending || kind == Reader::Kind::kCommand;
  }
  if (pending) text += *answer;
  return text;
}

std::string Bindings::inThisRun(std::string command) const {
  for (const auto& [shown, ours] : texts_) replaceAll(command, shown, ours);
  return command;
}

std::string Bindings::compare(const std::string& expected, const std::string& actual) {
  std::vector<std::string> want = linesOf(expected);
  std::vector<std::string> have = linesOf(actual);
  for (std::size_t i = 0; i < std::max(want.size(), have.size()); ++i) {
    if (i >= want.size()) return fmt::format("more than expected: {}", have[i]);
    if (i >= have.size()) return fmt::format("missing: {}", want[i]);
    if (withoutVarying(want[i]) != withoutVarying(have[i]))
      return fmt::format("expected: {}\n  actual:   {}", want[i], have[i]);
    std::vector<std::string> shown = varyingIn(want[i]);
    std::vector<std::string> ours = varyingIn(have[i]);
    for (std::size_t j = 0; j < shown.size(); ++j) {
      auto [bound, isNew] = texts_.emplace(shown[j], ours[j]);
      if (!isNew && bound->second != ours[j])
        return fmt::format("{} is {} here, and was {} before", shown[j], ours[j], bound->second);
    }
  }
  return {};
}

std::string runSession(const std::string& file, Shell& shell) {
  bool markdown = file.ends_with(".md");
  std::string document = readFile(file);
  std::vector<Exchange> exchanges = exchangesOf(document, markdown);
  if (exchanges.empty()) return file + " has no session in it";
  bool update = std::getenv("CAIRN_UPDATE_SESSIONS") != nullptr;
  std::vector<std::string> answers;
  Bindings bindings;
  std::string differences;
  for (const Exchange& exchange : exchanges) {
    answers.push_back(answerText(shell.run(bindings.inThisRun(exchange.command))));
    std::string difference = bindings.compare(exchange.answer, answers.back());
    if (!difference.empty())
      differences +=
          fmt::format("{}:{}: $ {}\n  {}\n", file, exchange.line, exchange.command, difference);
  }
  if (!update) return differences;
  writeFile(file, withAnswers(document, markdown, answers));
  return {};
}

}  // namespace cairn::test
