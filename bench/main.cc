// cairn_bench: every workload on every engine, under Google Benchmark.
//
//   cairn_bench [--scale=tiny|quick|full] [--seconds=S] [--budget=S] [--directory=DIR]
//               [--benchmark_…]
//
// Google Benchmark's own flags choose (--benchmark_filter=^counter/), repeat and write JSON. A run
// is one iteration: it sets itself up, measures for S seconds and checks what it did. Runs that
// would begin after the budget is used up are left out and say so. Exit code 1 when any run failed.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <sys/utsname.h>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/workloads/workloads.h"

namespace {

bool anyFailed = false;

void runCase(benchmark::State& state, const bench::Case& one, const bench::Settings& settings,
             std::int64_t end) {
  for (auto _ : state) {
    state.PauseTiming();
    if (bench::nowNs() > end) {
      state.SkipWithError("left out: the time budget is used up");
      break;
    }
    try {
      bench::Run run(state, settings, one.engine, one.parameters);
      one.run(run);
    } catch (const std::exception& error) {
      anyFailed = true;
      state.SkipWithError(error.what());
      break;
    }
    state.ResumeTiming();
  }
}

// The value of `--name=value`, taken out of the arguments.
std::string take(std::vector<std::string>& arguments, const std::string& name,
                 const std::string& otherwise) {
  std::string prefix = "--" + name + "=";
  std::string value = otherwise;
  std::erase_if(arguments, [&](const std::string& argument) {
    if (!argument.starts_with(prefix)) return false;
    value = argument.substr(prefix.size());
    return true;
  });
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  bench::Settings settings;
  std::string scale = take(arguments, "scale", "quick");
  if (scale != "tiny" && scale != "quick" && scale != "full") {
    std::fprintf(stderr, "cairn_bench: --scale is tiny, quick or full, not %s\n", scale.c_str());
    return 2;
  }
  settings.scale = scale == "tiny"    ? bench::Scale::kTiny
                   : scale == "quick" ? bench::Scale::kQuick
                                      : bench::Scale::kFull;
  std::string otherwise = scale == "tiny" ? "0.02" : scale == "quick" ? "1" : "5";
  settings.seconds = std::strtod(take(arguments, "seconds", otherwise).c_str(), nullptr);
  double budget = std::strtod(take(arguments, "budget", "1e9").c_str(), nullptr);
  std::int64_t end = bench::nowNs() + static_cast<std::int64_t>(std::min(budget, 1e9) * 1e9);
  std::string parent = take(arguments, "directory", std::filesystem::current_path().string());
  // One iteration each: workloads know themselves how long to run.
  arguments.insert(arguments.begin() + 1, "--benchmark_min_time=0");

  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;
  try {
    std::filesystem::create_directories(parent);
    bench::Directory directory(parent);
    settings.directory = directory.path();
    for (const bench::Case& one : bench::casesAt(settings.scale)) {
      benchmark::RegisterBenchmark(one.name().c_str(), [one, &settings,
                                                        end](benchmark::State& state) {
        runCase(state, one, settings, end);
      })->Unit(benchmark::kMillisecond);
    }
    utsname machine{};
    ::uname(&machine);
    benchmark::AddCustomContext("kernel", std::string(machine.release) + " " + machine.machine);
    benchmark::AddCustomContext("scale", scale);
    benchmark::AddCustomContext("seconds", std::to_string(settings.seconds));
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cairn_bench: %s\n", error.what());
    return 1;
  }
  benchmark::Shutdown();
  return anyFailed ? 1 : 0;
}
