// Goal: every verb explains itself, and every example it gives runs. Method: the list of verbs
// comes from `cairn --help` itself; each example is run as it stands, in a directory that has what
// the examples speak of.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/session.h"
#include "tests/support/damage.h"

namespace cairn::test {
namespace {

using testing::HasSubstr;

std::vector<std::string> verbs() {
  std::vector<std::string> names;
  std::istringstream lines(Shell().run("cairn --help").output);
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (std::regex_match(line, found, std::regex("  ([a-z][a-z-]*( [a-z-]+)?)  +[A-Z].*")))
      names.push_back(found[1]);
  }
  return names;
}

std::vector<std::string> examplesIn(const std::string& help) {
  std::vector<std::string> examples;
  std::istringstream lines(help.substr(help.find("\nExamples:\n")));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  ") && line.find("cairn ") != std::string::npos)
      examples.push_back(line.substr(2));
  }
  return examples;
}

// jq reads what cairn wrote; it need not be here for that.
std::string withoutJq(const std::string& example) {
  return example.substr(0, example.find(" | jq"));
}

class HelpTest : public testing::TestWithParam<std::string> {
 protected:
  // What the examples speak of.
  static void prepare(Shell& shell) {
    for (const char* command :
         {"cairn kv put Room/42 visits 1", "cairn kv put Room/42 user:ann '{\"name\":\"Ann\"}'",
          "cairn kv put Room/42 visits 2",
          "cairn sql Room/42 'CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)'",
          "cairn sql Room/42 \"INSERT INTO users(name) VALUES ('Bob')\"",
          "cairn alarm set Room/42 2100-01-01T00:00:00Z",
          "cairn alarm set Room/42 2100-01-02T00:00:00Z --name billing",
          "cairn pitr label Room/42 before-launch", "cairn kv put Room/42 visits 3",
          "cairn sql Tenant/acme 'CREATE TABLE item(id INTEGER PRIMARY KEY)'",
          "cairn pitr restore Room/42 @before-launch --in-place --yes",
          "echo '{\"png\":1}' >picture.json",
          "echo 'CREATE TABLE rooms(id INTEGER PRIMARY KEY)' >schema.sql",
          "echo '{\"object\":\"Room/1\",\"key\":\"visits\",\"value\":1}' >rooms.ndjson",
          "gzip -k rooms.ndjson", "cairn export --sqlite app.db Room/42", "cp -r data backup"}) {
      Answer answer = shell.run(command);
      ASSERT_EQ(answer.exit, 0) << command << "\n" << answer.output;
    }
  }
};

TEST_P(HelpTest, ExplainsItself) {
  Shell shell;
  Answer help = shell.run("cairn " + GetParam() + " --help");
  EXPECT_EQ(help.exit, 0);
  EXPECT_THAT(help.output, testing::StartsWith("cairn " + GetParam()));
  for (const char* part :
       {"\nArguments:\n", "\nOf every verb:\n", "\nExamples:\n", "\nExit codes:\n"})
    EXPECT_THAT(help.output, HasSubstr(part));
  EXPECT_EQ(shell.run("cairn help " + GetParam()).output, help.output);
}

TEST_P(HelpTest, ItsExamplesRun) {
  std::vector<std::string> examples =
      examplesIn(Shell().run("cairn " + GetParam() + " --help").output);
  ASSERT_FALSE(examples.empty());
  Shell shell;
  prepare(shell);
  ASSERT_EQ(shell.run("cp -r . ../prepared").exit, 0);
  for (const std::string& example : examples) {
    ASSERT_EQ(shell.run("rm -rf ./* && cp -r ../prepared/. .").exit, 0);
    Answer answer = shell.run(withoutJq(example));
    EXPECT_EQ(answer.exit, 0) << "$ " << example << "\n" << answer.output;
  }
}

std::string testName(const testing::TestParamInfo<std::string>& info) {
  return std::regex_replace(info.param, std::regex("[ -]"), "_");
}

INSTANTIATE_TEST_SUITE_P(Verbs, HelpTest, testing::ValuesIn(verbs()), testName);

TEST(HelpTest, TheTablesOfTheReadmeAreTheCommandsOwn) {
  Answer tables = Shell().run("cairn help markdown");
  EXPECT_THAT(readFile(std::string(CAIRN_SOURCE_DIRECTORY) + "/tools/README.md"),
              HasSubstr(tables.output));
}

TEST(HelpTest, TheManualPageHasEveryVerb) {
  Answer page = Shell().run("cairn help man");
  EXPECT_THAT(page.output, testing::StartsWith(".TH CAIRN 1"));
  for (const std::string& verb : verbs()) {
    std::string escaped = std::regex_replace(verb, std::regex("-"), "\\-");
    EXPECT_THAT(page.output, HasSubstr(".SS \"cairn " + escaped + "\"\n"));
  }
}

TEST(HelpTest, EveryGroupOfVerbsIsThere) {
  std::set<std::string> groups;
  for (const std::string& verb : verbs()) groups.insert(verb.substr(0, verb.find(' ')));
  EXPECT_THAT(groups, testing::IsSupersetOf({"kv", "sql", "alarm", "objects", "info", "verify",
                                             "import", "export", "pitr", "tour", "help"}));
}

}  // namespace
}  // namespace cairn::test
