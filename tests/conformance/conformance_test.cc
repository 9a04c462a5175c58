// Goal: Cairn does what the platform's runtime was recorded to do, and every difference is known
// and wanted. Method: all recorded scenarios are replayed, each difference is looked up in
// DIFFERENCES.md; one that is not listed fails, and so does a listed one that is gone.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/conformance/replay.h"
#include "tests/support/temporary_directory.h"

namespace cairn::conformance {
namespace {

std::filesystem::path here() {
  return std::filesystem::path(CAIRN_SOURCE_DIR) / "tests" / "conformance";
}

Json readJson(const std::string& name) {
  std::ifstream in(here() / name);
  return Json::parse(in);
}

std::string trimmed(std::string text) {
  auto isBlank = [](char c) { return c == ' ' || c == '`'; };
  while (!text.empty() && isBlank(text.front())) text.erase(0, 1);
  while (!text.empty() && isBlank(text.back())) text.pop_back();
  return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(trimmed(part));
  return parts;
}

/// Scenario → the places where it differs, from the rows "| `scenario` | places | reason |".
std::map<std::string, std::set<std::string>> listedDifferences() {
  std::map<std::string, std::set<std::string>> listed;
  std::ifstream in(here() / "DIFFERENCES.md");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells = split(line, '|');
    if (cells.size() < 4 || cells[3].empty()) {
      ADD_FAILURE() << "a row without a reason: " << line;
      continue;
    }
    for (const std::string& place : split(cells[2], ',')) listed[cells[1]].insert(place);
  }
  return listed;
}

class Conformance : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    test::TemporaryDirectory directory;
    scenarios_ = readJson("scenarios.json");
    expected_ = readJson("outcomes.json")["outcomes"];
    actual_ = replay(scenarios_, {.root = directory / "replay"})["outcomes"];
  }

  static Json scenarios_;
  static Json expected_;
  static Json actual_;
};

Json Conformance::scenarios_;
Json Conformance::expected_;
Json Conformance::actual_;

TEST_F(Conformance, EveryRecordedScenarioIsReplayed) {
  EXPECT_GT(expected_.size(), 140U);
  for (const auto& [name, outcome] : expected_.items()) EXPECT_TRUE(actual_.contains(name)) << name;
}

TEST_F(Conformance, WhatDiffersIsListedWithItsReasonAndWhatIsListedDiffers) {
  std::map<std::string, std::set<std::string>> listed = listedDifferences();
  for (const auto& [name, outcome] : expected_.items()) {
    if (!actual_.contains(name)) continue;
    std::set<std::string> left = listed[name];
    for (const Difference& difference : differences(outcome, actual_[name])) {
      EXPECT_EQ(left.erase(difference.where), 1U)
          << name << " " << difference.where << " is not listed: expected " << difference.expected
          << "\n  got " << difference.actual;
    }
    for (const std::string& place : left)
      ADD_FAILURE() << name << " " << place << " differs no more";
  }
}

TEST_F(Conformance, OnlyRecordedScenariosAreListed) {
  for (const auto& [name, places] : listedDifferences())
    EXPECT_TRUE(expected_.contains(name)) << name;
}

}  // namespace
}  // namespace cairn::conformance
