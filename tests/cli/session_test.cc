// Goal: what the command says and how it ends stays as it is written down, verb by verb, and so do
// the sessions in README.md. Method: each document is run in an empty directory and compared with
// itself.
#include "tests/cli/session.h"

#include <filesystem>

#include <gtest/gtest.h>

namespace cairn::test {
namespace {

std::vector<std::string> documents() {
  std::vector<std::string> files{std::string(CAIRN_SOURCE_DIRECTORY) + "/README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(std::string(CAIRN_SOURCE_DIRECTORY) +
                                                               "/tests/cli/sessions"))
    files.push_back(entry.path());
  return files;
}

std::string stemOf(const testing::TestParamInfo<std::string>& info) {
  return std::filesystem::path(info.param).stem();
}

class SessionTest : public testing::TestWithParam<std::string> {};

TEST_P(SessionTest, AnswersAsWritten) {
  Shell shell;
  EXPECT_EQ(runSession(GetParam(), shell), "");
}

INSTANTIATE_TEST_SUITE_P(Documents, SessionTest, testing::ValuesIn(documents()), stemOf);

TEST(Session, AnAnswerThatDiffersIsNamed) {
  Bindings bindings;
  EXPECT_EQ(bindings.compare("one\ntwo\n", "one\ntwo\n"), "");
  EXPECT_EQ(bindings.compare("one\ntwo\n", "one\n2\n"), "expected: two\n  actual:   2");
  EXPECT_EQ(bindings.compare("one\ntwo\n", "one\n"), "missing: two");
  EXPECT_EQ(bindings.compare("one\n", "one\ntwo\n"), "more than expected: two");
}

TEST(Session, ATextThatVariesStandsForOneOfThisRun) {
  std::string shown = "0000000000000000000000000000000a";
  std::string ours = "00000000000000000000000000000001";
  std::string other = "00000000000000000000000000000002";
  Bindings bindings;
  EXPECT_EQ(bindings.compare("id " + shown, "id " + ours), "");
  EXPECT_EQ(bindings.inThisRun("look " + shown), "look " + ours);
  EXPECT_EQ(bindings.compare("id " + shown, "id " + other),
            shown + " is " + other + " here, and was " + ours + " before");
}

TEST(Session, ReadsAndRewritesADocument) {
  std::string text = "# words\n$ a\n> b\nold\n\n$ c\n\n$ d\nx\n";
  std::vector<Exchange> exchanges = exchangesOf(text, false);
  ASSERT_EQ(exchanges.size(), 3u);
  EXPECT_EQ(exchanges[0].command, "a\nb");
  EXPECT_EQ(exchanges[0].answer, "old\n");
  EXPECT_EQ(exchanges[1].answer, "");
  EXPECT_EQ(withAnswers(text, false, {"new\nmore\n", "y\n", ""}),
            "# words\n$ a\n> b\nnew\nmore\n\n$ c\ny\n\n$ d\n");
}

}  // namespace
}  // namespace cairn::test
