// What an object of the scenarios keeps in memory: the module's globals of the recorded worker. It
// outlives a reset of the object and goes with the process.
#pragma once

#include <cairn/kv.h>
#include <cairn/sql.h>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/conformance/js_value.h"

namespace cairn::conformance {

/// A JavaScript iterator: the next value, or nothing at the end.
using JsIterator = std::function<std::optional<JsValue>()>;

/// What the alarm handler does, and what its runs did.
struct AlarmScript {
  Json steps = Json::array();
  Json thrown;                  ///< Null: it does not.
  std::int64_t failTimes = -1;  ///< How many runs still throw; below 0 all.
};

struct AlarmRun {
  std::int64_t beganAtMs = 0;
  Json outcome;
  bool isOver = false;
};

struct ObjectMemory {
  std::map<std::string, JsValue> variables;
  std::map<std::string, std::shared_ptr<SqlCursor>> cursors;
  std::map<std::string, JsIterator> iterators;
  Json log = Json::array();
  int starts = 0;
  AlarmScript alarmScript;
  std::deque<AlarmRun> alarmRuns;

  /// What refers to an instance that is gone must go before its storage does.
  void forgetStorage() {
    iterators.clear();
    cursors.clear();
  }
};

}  // namespace cairn::conformance
