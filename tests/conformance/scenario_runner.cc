// scenario_runner SCENARIOS.json OUT.json [--root DIR] [--only REGEX] [--compare OUTCOMES.json]
// Replays recorded scenarios (tests/conformance/README.md) and writes the outcomes.
#include <cstdio>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "tests/conformance/replay.h"
#include "tests/support/temporary_directory.h"

namespace {

using cairn::conformance::Json;

Json readJson(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  return Json::parse(in);
}

int compare(const Json& scenarios, const Json& expected, const Json& actual) {
  int same = 0;
  int differing = 0;
  for (const Json& scenario : scenarios["scenarios"]) {
    const std::string name = scenario["name"];
    if (!expected.contains(name) || !actual.contains(name)) continue;
    std::vector<cairn::conformance::Difference> found =
        cairn::conformance::differences(expected[name], actual[name]);
    if (found.empty()) {
      ++same;
      continue;
    }
    ++differing;
    std::string tag = scenario.value("tag", std::string());
    std::cout << name << (tag.empty() ? "" : " (" + tag + ")") << "\n";
    for (const auto& [where, wanted, got] : found)
      std::cout << "  " << where << ": expected " << wanted << "\n    got " << got << "\n";
  }
  std::cout << same << " the same, " << differing << " differ\n";
  return differing == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Replays recorded scenarios of the platform's storage API");
  std::string scenariosPath;
  std::string outPath;
  std::string comparePath;
  cairn::conformance::ReplayOptions options;
  bool skipSlow = false;
  app.add_option("scenarios", scenariosPath, "Scenarios")->required();
  app.add_option("out", outPath, "Where the outcomes go")->required();
  app.add_option("--root", options.root,
                 "A new directory for the data; by default a temporary one");
  app.add_option("--only", options.only,
                 "Only scenarios whose name this regular expression matches");
  app.add_option("--compare", comparePath, "Recorded outcomes to print the differences to");
  app.add_flag("--skip-slow", skipSlow, "Without the scenarios that take 20 s or more");
  CLI11_PARSE(app, argc, argv);
  options.includeSlow = !skipSlow;
  try {
    cairn::test::TemporaryDirectory temporary;
    if (options.root.empty()) options.root = temporary / "replay";
    Json scenarios = readJson(scenariosPath);
    Json result = cairn::conformance::replay(scenarios, options);
    std::ofstream out(outPath);
    out << "{\"recordedWith\": \"cairn\", \"outcomes\": {";
    const char* separator = "\n";
    for (const auto& [name, outcome] : result["outcomes"].items()) {
      out << separator << Json(name).dump() << ": "
          << outcome.dump(-1, ' ', false, Json::error_handler_t::replace);
      separator = ",\n";
    }
    out << "\n}}\n";
    if (!out.flush()) throw std::runtime_error("cannot write " + outPath);
    if (comparePath.empty()) return 0;
    return compare(scenarios, readJson(comparePath)["outcomes"], result["outcomes"]);
  } catch (const std::exception& error) {
    std::cerr << "scenario_runner: " << error.what() << "\n";
    return 2;
  }
}
