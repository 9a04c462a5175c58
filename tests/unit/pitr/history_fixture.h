// What tests of history share: an engine that rounds only when told, with small segments.
#pragma once

#include <cairn/engine.h>
#include <cairn/error.h>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace cairn::test {

class HistoryFixture : public ::testing::Test {
 protected:
  EngineOptions options(const std::string& name = "root") {
    EngineOptions options;
    options.root = directory_ / name;
    options.clock = &clock_;
    options.journalSegmentBytes = 256 << 10;
    options.storeMapBytes = 1 << 20;
    options.idleCheckpointMs = 1'000'000'000;
    options.checkpointAgeMs = 1'000'000'000;
    options.changeSegmentBytes = 64 << 10;
    return options;
  }
  std::unique_ptr<Engine> open(const std::string& name = "root") {
    return Engine::open(options(name));
  }

  static ErrorCode codeOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kIo;
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
};

}  // namespace cairn::test
