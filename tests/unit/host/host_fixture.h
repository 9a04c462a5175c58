// A host whose every step a test makes itself: its executor runs in the test's thread, its clock is
// moved by hand. Only the journal has threads, so that "durable" is real.
#pragma once

#include <cairn/host.h>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace cairn::test {

class HostTest : public ::testing::Test {
 protected:
  void TearDown() override { close(); }

  HostOptions options() {
    HostOptions options;
    options.root = directory.path() + "/root";
    options.engine.clock = &clock;
    options.engine.journalSegmentBytes = 1 << 16;
    options.engine.storeMapBytes = 64 << 20;
    options.executor = io.get_executor();
    options.ticking = Ticking::kByHand;
    options.seed = 7;
    options.log = [this](const LogEvent& event) { logged.emplace_back(event.name); };
    return options;
  }
  void open() { open(options()); }
  void open(HostOptions with) { host = std::make_unique<Host>(std::move(with)); }
  /// Ends the host as a process does that is told to: nothing under way is finished.
  void close() {
    if (host) host->close(std::chrono::milliseconds(0));
    host.reset();
    run();
  }

  /// Runs everything that is ready.
  void run() {
    do {
      io.restart();
    } while (io.poll() > 0);
  }
  /// Runs until the answer is there, and gives it.
  template <typename T>
  T get(Reply<T> reply) {
    while (!reply.ready()) {
      run();
      reply.waitFor(std::chrono::milliseconds(1));
    }
    return reply.get();
  }
  void advance(std::int64_t milliseconds) {
    clock.advance(milliseconds);
    host->tick();
    run();
  }

  TemporaryDirectory directory;
  ManualClock clock;
  asio::io_context io;
  std::unique_ptr<Host> host;
  std::vector<std::string> logged;
};

/// The code of what `work` throws.
template <typename Work>
std::optional<ErrorCode> codeOf(Work&& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

}  // namespace cairn::test
