// memory_test --cases N --seed S: the k-th allocation fails, in a process of its own. The process
// goes on: nothing acknowledged is lost and no commit is there in part, whether the engine that ran
// out of memory is asked, which may also say that it is broken, or the one that opens the root
// after it.
#include <array>
#include <atomic>
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "engine/base/check.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/workload.h"

namespace {

std::atomic<std::int64_t> allocationsLeft{INT64_MAX};

void* allocate(std::size_t size, std::size_t alignment) {
  if (allocationsLeft.load(std::memory_order_relaxed) != INT64_MAX &&
      allocationsLeft.fetch_sub(1, std::memory_order_relaxed) == 0)
    throw std::bad_alloc();
  void* bytes = alignment > alignof(std::max_align_t)
                    ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                    : std::malloc(size == 0 ? 1 : size);
  if (bytes == nullptr) throw std::bad_alloc();
  return bytes;
}

}  // namespace

// Deletes are not inlined, or g++ takes malloc and operator delete for a mismatch.
void* operator new(std::size_t size) { return allocate(size, 1); }
void* operator new[](std::size_t size) { return allocate(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* bytes) noexcept { std::free(bytes); }
[[gnu::noinline]] void operator delete[](void* bytes) noexcept { std::free(bytes); }
[[gnu::noinline]] void operator delete(void* bytes, std::size_t) noexcept { std::free(bytes); }
[[gnu::noinline]] void operator delete[](void* bytes, std::size_t) noexcept { std::free(bytes); }
[[gnu::noinline]] void operator delete(void* bytes, std::align_val_t) noexcept { std::free(bytes); }
[[gnu::noinline]] void operator delete[](void* bytes, std::align_val_t) noexcept {
  std::free(bytes);
}
[[gnu::noinline]] void operator delete(void* bytes, std::size_t, std::align_val_t) noexcept {
  std::free(bytes);
}
[[gnu::noinline]] void operator delete[](void* bytes, std::size_t, std::align_val_t) noexcept {
  std::free(bytes);
}

namespace {

using namespace cairn;        // A program, not a header.
using namespace cairn::test;  // Likewise.

// What the process tells about itself; shared with it.
struct Told {
  std::atomic<std::uint64_t> acknowledged;
  std::atomic<std::int64_t> allocations;
  std::atomic<bool> refused;  ///< The failure reached the caller.
  std::atomic<bool> broken;   ///< After it the engine said that it is broken.
  std::atomic<bool> wrong;    ///< Going on after it, the engine said what is not so.
};

Workload::Options workloadOptions(std::uint64_t seed) {
  return {.seed = seed, .objects = 3, .turns = 30, .history = true, .guarded = true};
}

EngineOptions settings(const std::string& root, const Clock& clock) {
  EngineOptions options;
  options.root = root;
  options.clock = &clock;
  options.journalSegmentBytes = 64 << 10;
  options.storeMapBytes = 1 << 20;
  options.dirtyBytesSoft = 60'000;
  options.idleCheckpointMs = 1'000'000'000;
  options.sqlConnectionsMax = 2;
  return options;
}

// Whether the objects hold the first n commits for one n from what was acknowledged on.
bool holds(Engine& engine, const Workload& all, std::uint64_t acknowledged) {
  std::vector<ObjectModel> found = all.readAll(engine);
  for (std::uint64_t count = acknowledged; count <= all.issued(); ++count) {
    if (all.agrees(found, count)) return true;
  }
  std::printf("the state is none of those from %llu commits on\n",
              static_cast<unsigned long long>(acknowledged));
  for (const ObjectModel& object : found) std::printf("    %s\n", object.describe().c_str());
  return false;
}

// Whether the engine goes on as if what failed had not been tried, or says that it cannot go on.
bool goesOn(Engine& engine, const Workload& all, Told& told) {
  try {
    // What is armed is restored: reading tells it from what it was before.
    for (int i = 0; i < workloadOptions(0).objects; ++i) engine.endSession(all.object(engine, i));
    if (holds(engine, all, told.acknowledged)) return true;
    std::printf("so says the engine that ran out of memory\n");
  } catch (const Error& error) {
    told.broken = error.code() == ErrorCode::kBroken;
    if (told.broken) return true;
    std::printf("going on: %s\n", error.what());
  }
  return false;
}

bool opensAndHolds(const std::string& root, const Workload& all, std::uint64_t acknowledged) {
  ManualClock clock;
  try {
    return holds(*Engine::open(settings(root, clock)), all, acknowledged);
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return false;
  }
}

// Runs the workload to its end, or until the allocation fails.
void live(const std::string& root, std::uint64_t seed, std::int64_t failing, Told& told,
          const Workload* all) {
  ManualClock clock;
  std::unique_ptr<Engine> engine;  // Before the workload, which holds its objects.
  Workload workload(workloadOptions(seed));
  allocationsLeft = failing;
  try {
    engine = Engine::open(settings(root, clock));
    while (std::optional<Ticket> ticket = workload.step(*engine)) {
      ticket->wait();
      told.acknowledged = workload.countThrough(ticket->lsn());
    }
    workload.release();
    engine->close();
    told.allocations = failing - allocationsLeft.load();
    allocationsLeft = INT64_MAX;
  } catch (const std::exception&) {
    allocationsLeft = INT64_MAX;
    told.refused = true;
    if (all != nullptr && engine) told.wrong = !goesOn(*engine, *all, told);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Fails allocations, one case after another");
  std::uint64_t cases = 100;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> only;
  std::optional<std::int64_t> allocation;
  app.add_option("--cases", cases, "How many")->capture_default_str();
  app.add_option("--seed", seed, "Seed of the workload")->capture_default_str();
  app.add_option("--only", only, "Just this case");
  app.add_option("--allocation", allocation, "In each case this allocation fails, not another");
  CLI11_PARSE(app, argc, argv);

  void* shared =
      ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CAIRN_CHECK(shared != MAP_FAILED);
  Told& told = *new (shared) Told{};
  TemporaryDirectory directory;
  constexpr std::int64_t kNever = INT64_MAX - 1;
  live(directory / "whole", seed, kNever, told, nullptr);
  std::int64_t allocations = told.allocations;
  // The same once more, for what each commit leaves behind: numbers and models are the same.
  ManualClock clock;
  Workload all(workloadOptions(seed));
  {
    auto engine = Engine::open(settings(directory / "model", clock));
    while (all.step(*engine)) continue;
    all.release();
  }

  std::uint64_t lost = 0;
  std::uint64_t refused = 0;
  std::uint64_t broken = 0;
  for (std::uint64_t i = 0; i < cases; ++i) {
    if (only && i != *only) continue;
    auto failing = allocation.value_or(static_cast<std::int64_t>(i * 2'654'435'761U) % allocations);
    std::string root = directory / "root";
    std::filesystem::remove_all(root);
    told.acknowledged = 0;
    told.refused = told.broken = told.wrong = false;
    std::fflush(stdout);
    pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      rlimit none{0, 0};
      ::setrlimit(RLIMIT_CORE, &none);
      live(root, seed, failing, told, &all);
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    bool lived = WIFEXITED(status);
    refused += told.refused ? 1 : 0;
    broken += told.broken ? 1 : 0;
    if (!lived) std::printf("ended by signal %d\n", WTERMSIG(status));
    bool held = opensAndHolds(root, all, told.acknowledged);
    if (lived && held && !told.wrong) continue;
    ++lost;
    std::printf(
        "case %llu, allocation %lld of %lld\nreproduce: memory_test --cases %llu --seed %llu "
        "--only %llu\n",
        static_cast<unsigned long long>(i), static_cast<long long>(failing),
        static_cast<long long>(allocations), static_cast<unsigned long long>(cases),
        static_cast<unsigned long long>(seed), static_cast<unsigned long long>(i));
  }
  std::printf(
      "%llu cases with seed %llu, about %lld allocations to fail: %llu reached the caller, %llu of "
      "them broke the engine, %llu lost\n",
      static_cast<unsigned long long>(cases), static_cast<unsigned long long>(seed),
      static_cast<long long>(allocations), static_cast<unsigned long long>(refused),
      static_cast<unsigned long long>(broken), static_cast<unsigned long long>(lost));
  return lost == 0 ? 0 : 1;
}
