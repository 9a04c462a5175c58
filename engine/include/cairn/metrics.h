// What a host counts. Reading costs; counting is a few additions per event.
#pragma once

#include <cairn/engine.h>
#include <cairn/histogram.h>
#include <cairn/id.h>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cairn {

/// The engine of one root.
struct EngineMetrics {
  Jurisdiction jurisdiction = Jurisdiction::kNone;
  EngineStats stats;
};

struct HostMetrics {
  std::uint64_t events = 0;        ///< Calls begun.
  std::uint64_t eventsFailed = 0;  ///< Whose handler threw.
  std::uint64_t overloaded = 0;    ///< Refused.
  std::uint64_t timedOut = 0;      ///< Past their deadline.
  std::uint64_t turns = 0;         ///< Of objects' strands.
  std::uint64_t commits = 0;       ///< Turns that wrote.
  std::uint64_t gateWaits = 0;     ///< Replies that waited for the disk.
  std::uint64_t memoryWaits = 0;   ///< Times an object waited for EngineOptions::dirtyBytesHard.
  std::uint64_t criticalSections = 0;  ///< Begun.
  std::uint64_t objectsStarted = 0;
  std::uint64_t objectsEvicted = 0;
  std::uint64_t objectsReset = 0;
  std::uint64_t alarmsRun = 0;
  std::uint64_t alarmsFailed = 0;
  std::uint64_t alarmsGivenUp = 0;
  std::uint64_t liveObjects = 0;
  std::uint64_t queueLength = 0;     ///< Calls that have not begun, of all objects.
  std::uint64_t queueLengthMax = 0;  ///< Of the object with most of them.
  std::uint64_t alarmsInMemory = 0;  ///< Known to the scheduler; all others are in the store only.
  std::uint64_t alarmRowsRead = 0;   ///< Of the stores' queues.
  Histogram queueNs;                 ///< From the call to the handler's begin.
  Histogram gateNs;                  ///< What replies waited for the disk.
  Histogram alarmLagMs;              ///< From when an alarm was due to its handler's begin.
  std::vector<EngineMetrics> engines;  ///< Of the roots that are open, the default one first.

  /// In the text format that Prometheus scrapes; what an engine counts is labelled with its root's
  /// jurisdiction, "none" for the default one.
  [[nodiscard]] std::string prometheus() const;
};

/// One live object, since it became live.
struct ObjectMetrics {
  std::string className;
  std::string object;
  std::uint64_t events = 0;
  std::uint64_t alarmsRun = 0;
  std::uint64_t commits = 0;
  std::uint64_t committedBytes = 0;  ///< Of the commits' changes, before compression.
  std::uint64_t gateWaits = 0;
  std::uint64_t gateNs = 0;  ///< What its replies waited for the disk, together.
  std::uint64_t queueLength = 0;
  std::uint64_t active = 0;  ///< Begun and not finished.
};

/// In the text format that Prometheus scrapes, labelled with class and object.
[[nodiscard]] std::string prometheus(std::span<const ObjectMetrics> objects);

}  // namespace cairn
