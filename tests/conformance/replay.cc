#include "tests/conformance/replay.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <regex>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "engine/base/check.h"
#include "tests/conformance/world.h"

namespace cairn::conformance {

namespace {

Json eventsOf(const Json& scenario) {
  if (scenario.contains("events")) return scenario["events"];
  return Json::array({Json{{"steps", scenario["steps"]}}});
}

bool crashes(const Json& scenario) {
  for (const Json& event : eventsOf(scenario)) {
    if (event.contains("crash")) return true;
  }
  return false;
}

void writeAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    CAIRN_CHECK(written > 0);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string readAll(int descriptor) {
  std::string all;
  char part[4096];
  for (;;) {
    ssize_t got = ::read(descriptor, part, sizeof(part));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return all;
    all.append(part, static_cast<std::size_t>(got));
  }
}

std::string textOf(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A server as a child, which answers events and is then killed.
class KilledServer {
 public:
  explicit KilledServer(std::string root) : root_(std::move(root)) {}

  Json answer(const Json& scenario, const Json& events) {
    int ends[2];
    CAIRN_CHECK(::pipe(ends) == 0);
    pid_t child = ::fork();
    CAIRN_CHECK(child >= 0);
    if (child == 0) {
      ::close(ends[0]);
      serve(scenario, events, ends[1]);
    }
    ::close(ends[1]);
    std::string text = readAll(ends[0]);
    ::close(ends[0]);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (text.empty()) throw std::runtime_error("the server of a scenario ended by itself");
    Json result = Json::parse(text);
    ended_.value = result["now"];
    return result["answers"];
  }

 private:
  [[noreturn]] void serve(const Json& scenario, const Json& events, int answersTo) const {
    try {
      World world(root_, ended_);
      Json answers = Json::array();
      for (const Json& event : events) answers.push_back(world.event(scenario, event));
      writeAll(answersTo, textOf(Json{{"answers", answers}, {"now", world.now().value}}));
      ::close(answersTo);
      for (;;) ::pause();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "the server of a scenario that crashes: %s\n", error.what());
    }
    ::_exit(1);
  }

  std::string root_;
  UnixMillis ended_;  ///< The killed world's last instant.
};

Json replayWithCrashes(const Json& scenario, const std::string& root) {
  KilledServer server(root);
  Json outcomes = Json::array();
  Json events = Json::array();
  auto answer = [&] {
    for (Json& outcome : server.answer(scenario, events)) outcomes.push_back(outcome);
    events = Json::array();
  };
  for (const Json& event : eventsOf(scenario)) {
    if (!event.contains("crash")) {
      events.push_back(event);
      continue;
    }
    answer();
    outcomes.push_back(Json{{"crashed", true}});
  }
  if (!events.empty()) answer();
  return outcomes;
}

// Messages are ours to word, and so are stacks.
Json comparable(const Json& outcome) {
  if (outcome.is_array()) {
    Json result = Json::array();
    for (const Json& part : outcome) result.push_back(comparable(part));
    return result;
  }
  if (!outcome.is_object()) return outcome;
  Json result = Json::object();
  for (const auto& [name, part] : outcome.items()) {
    if (name != "message" && name != "hasStack") result[name] = comparable(part);
  }
  return result;
}

std::string shortened(const Json& json) {
  std::string text = textOf(json);
  if (text.size() > 200) text = text.substr(0, 200) + "…";
  return text;
}

void compareOutcomes(const Json& expected, const Json& actual, const std::string& where,
                     std::vector<Difference>& found);

void compareLists(const Json& expected, const Json& actual, const std::string& where,
                  std::vector<Difference>& found) {
  for (std::size_t i = 0; i < std::max(expected.size(), actual.size()); ++i) {
    std::string at = (where.empty() ? "" : where + ".") + std::to_string(i);
    compareOutcomes(i < expected.size() ? expected[i] : Json(),
                    i < actual.size() ? actual[i] : Json(), at, found);
  }
}

void compareOutcomes(const Json& expected, const Json& actual, const std::string& where,
                     std::vector<Difference>& found) {
  Json left = comparable(expected);
  Json right = comparable(actual);
  if (left == right) return;
  for (const char* list : {"steps", "concurrent", "alarms"}) {
    bool bothHave = left.is_object() && right.is_object() && left.contains(list) &&
                    right.contains(list) && left[list].is_array() && right[list].is_array();
    if (!bothHave) continue;
    compareLists(expected[list], actual[list], where, found);
    left.erase(list);
    right.erase(list);
  }
  if (left != right) found.push_back({where, shortened(expected), shortened(actual)});
}

}  // namespace

Json replay(const Json& scenarios, const ReplayOptions& options) {
  std::regex only(options.only);
  std::vector<const Json*> chosen;
  for (const Json& scenario : scenarios["scenarios"]) {
    bool isChosen = std::regex_search(scenario["name"].get<std::string>(), only) &&
                    (options.includeSlow || !scenario.value("slow", false));
    if (isChosen) chosen.push_back(&scenario);
  }
  std::filesystem::create_directories(options.root);
  Json outcomes = Json::object();
  // First what forks, while there is no other thread.
  int crashed = 0;
  for (const Json* scenario : chosen) {
    if (!crashes(*scenario)) continue;
    std::string root = options.root + "/crash" + std::to_string(++crashed);
    outcomes[(*scenario)["name"].get<std::string>()] = replayWithCrashes(*scenario, root);
  }
  World world(options.root + "/root");
  for (const Json* scenario : chosen) {
    if (crashes(*scenario)) continue;
    Json answers = Json::array();
    for (const Json& event : eventsOf(*scenario)) answers.push_back(world.event(*scenario, event));
    outcomes[(*scenario)["name"].get<std::string>()] = std::move(answers);
  }
  return Json{{"recordedWith", "cairn"}, {"outcomes", std::move(outcomes)}};
}

std::vector<Difference> differences(const Json& expected, const Json& actual) {
  std::vector<Difference> found;
  compareLists(expected, actual, {}, found);
  return found;
}

}  // namespace cairn::conformance
