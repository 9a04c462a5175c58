#include <cairn/metrics.h>
#include <functional>

#include <fmt/format.h>

namespace cairn {

namespace {

std::string escaped(const std::string& label) {
  std::string out;
  for (char c : label) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string labelText(const ObjectMetrics& object) {
  return fmt::format("class=\"{}\",object=\"{}\"", escaped(object.className),
                     escaped(object.object));
}

std::string labelText(const EngineMetrics& engine) {
  std::string_view name = jurisdictionName(engine.jurisdiction);
  return fmt::format("jurisdiction=\"{}\"", name.empty() ? "none" : name);
}

class Text {
 public:
  void counter(const char* name, const char* help, std::uint64_t value) {
    head(name, help, "counter");
    line(name, "", value);
  }
  void gauge(const char* name, const char* help, std::uint64_t value) {
    head(name, help, "gauge");
    line(name, "", value);
  }
  /// `unit`: what one of the histogram's units is in the metric's.
  void histogram(const char* name, const char* help, const Histogram& histogram, double unit) {
    head(name, help, "histogram");
    buckets(name, "", histogram, unit);
  }
  /// A line for each of `all`, what `figure` gives of it.
  template <typename All, typename Figure>
  void each(const char* name, const char* help, const char* type, const All& all, Figure figure) {
    head(name, help, type);
    for (const auto& one : all) line(name, labelText(one), std::invoke(figure, one));
  }
  template <typename All, typename Figure>
  void eachHistogram(const char* name, const char* help, const All& all, double unit,
                     Figure figure) {
    head(name, help, "histogram");
    for (const auto& one : all) buckets(name, labelText(one), std::invoke(figure, one), unit);
  }
  std::string take() { return std::move(out_); }

 private:
  void head(const char* name, const char* help, const char* type) {
    out_ += fmt::format("# HELP cairn_{0} {1}\n# TYPE cairn_{0} {2}\n", name, help, type);
  }
  void line(const std::string& name, const std::string& labels, std::uint64_t value) {
    out_ += fmt::format("cairn_{}{} {}\n", name, inBraces(labels), value);
  }
  void buckets(const std::string& name, const std::string& labels, const Histogram& histogram,
               double unit) {
    std::string before = labels.empty() ? "" : labels + ",";
    std::uint64_t total = 0;
    double bound = 1;
    for (std::size_t i = 0; i + 1 < Histogram::kBuckets; ++i, bound *= 2) {
      total += histogram.counts[i];
      line(name + "_bucket", fmt::format("{}le=\"{:g}\"", before, bound * unit), total);
    }
    line(name + "_bucket", before + "le=\"+Inf\"", histogram.count());
    out_ += fmt::format("cairn_{}_sum{} {:g}\n", name, inBraces(labels),
                        static_cast<double>(histogram.sum) * unit);
    line(name + "_count", labels, histogram.count());
  }
  static std::string inBraces(const std::string& labels) {
    return labels.empty() ? "" : "{" + labels + "}";
  }

  std::string out_;
};

void addEngines(Text& text, const std::vector<EngineMetrics>& engines) {
  auto add = [&](const char* name, const char* help, const char* type, auto figure) {
    text.each(name, help, type, engines,
              [&](const EngineMetrics& engine) { return std::invoke(figure, engine.stats); });
  };
  auto counter = [&](const char* name, const char* help, std::uint64_t EngineStats::*figure) {
    add(name, help, "counter", figure);
  };
  auto gauge = [&](const char* name, const char* help, std::uint64_t EngineStats::*figure) {
    add(name, help, "gauge", figure);
  };
  auto histogram = [&](const char* name, const char* help, double unit,
                       Histogram EngineStats::*figure) {
    text.eachHistogram(name, help, engines, unit,
                       [&](const EngineMetrics& engine) { return engine.stats.*figure; });
  };
  using S = EngineStats;
  counter("engine_commits_total", "Commits.", &S::commits);
  counter("engine_journal_blocks_total", "Group commits, each one sync.", &S::journalBlocks);
  counter("engine_journal_raw_bytes_total", "Commit records before compression.",
          &S::journalRawBytes);
  counter("engine_journal_written_bytes_total", "Journal bytes written.", &S::journalWrittenBytes);
  histogram("engine_group_commits", "Commits of one journal block.", 1, &S::groupCommits);
  histogram("engine_journal_write_seconds", "Write and sync of one journal block.", 1e-9,
            &S::journalWriteNs);
  counter("engine_rounds_total", "Checkpoint rounds.", &S::rounds);
  counter("engine_round_nanoseconds_total", "Time in checkpoint rounds.", &S::roundNanoseconds);
  counter("engine_round_keys_total", "Keys written by rounds.", &S::roundKeys);
  counter("engine_round_pages_total", "SQLite pages written by rounds.", &S::roundPages);
  gauge("engine_journal_live_bytes", "Journal that a recovery would read.", &S::journalLiveBytes);
  add("engine_unstored_commits", "Commits that the store does not hold yet.", "gauge",
      [](const S& stats) { return stats.lastLsn.value() - stats.storedLsn.value(); });
  gauge("engine_history_stored_bytes", "Size of the change log.", &S::historyStoredBytes);
  counter("engine_history_bytes_total", "Change log bytes written.", &S::historyBytes);
  counter("engine_history_expired_bytes_total", "Change log bytes dropped for their age.",
          &S::historyExpiredBytes);
  counter("engine_history_cut_bytes_total", "Change log bytes dropped early, for lack of room.",
          &S::historyCutBytes);
  gauge("engine_dirty_bytes", "Memory of commits that the store does not hold yet.",
        &S::dirtyBytes);
  gauge("engine_open_objects", "Objects in memory.", &S::openObjects);
  gauge("engine_open_connections", "Open SQLite connections.", &S::openConnections);
  gauge("engine_store_bytes", "Size of the store.", &S::storeBytes);
}

}  // namespace

std::string HostMetrics::prometheus() const {
  Text text;
  text.counter("events_total", "Calls begun.", events);
  text.counter("events_failed_total", "Calls whose handler threw.", eventsFailed);
  text.counter("events_overloaded_total", "Calls refused as overload.", overloaded);
  text.counter("events_timed_out_total", "Calls past their deadline.", timedOut);
  text.counter("turns_total", "Turns of objects' strands.", turns);
  text.counter("turn_commits_total", "Turns that wrote.", commits);
  text.counter("gate_waits_total", "Replies that waited for the disk.", gateWaits);
  text.counter("memory_waits_total", "Times an object waited for the engine's memory limit.",
               memoryWaits);
  text.counter("critical_sections_total", "Critical sections begun.", criticalSections);
  text.counter("objects_started_total", "Instances made.", objectsStarted);
  text.counter("objects_evicted_total", "Instances let go because they were idle.", objectsEvicted);
  text.counter("objects_reset_total", "Instances thrown away because of an error.", objectsReset);
  text.counter("alarms_run_total", "Alarm handlers begun.", alarmsRun);
  text.counter("alarms_failed_total", "Alarm attempts that failed and count.", alarmsFailed);
  text.counter("alarms_given_up_total", "Alarms given up after their last attempt.", alarmsGivenUp);
  text.gauge("objects_live", "Live instances.", liveObjects);
  text.gauge("event_queue_length", "Calls that have not begun.", queueLength);
  text.gauge("event_queue_length_max", "Of the object with most of them.", queueLengthMax);
  text.gauge("alarms_in_memory", "Alarms known to the scheduler.", alarmsInMemory);
  text.counter("alarm_rows_read_total", "Rows read of the stores' alarm queues.", alarmRowsRead);
  text.histogram("event_queue_seconds", "From a call to its handler's begin.", queueNs, 1e-9);
  text.histogram("gate_wait_seconds", "What replies waited for the disk.", gateNs, 1e-9);
  text.histogram("alarm_lag_seconds", "From an alarm's time to its handler's begin.", alarmLagMs,
                 1e-3);
  addEngines(text, engines);
  return text.take();
}

std::string prometheus(std::span<const ObjectMetrics> objects) {
  Text text;
  auto counter = [&](const char* name, const char* help, std::uint64_t ObjectMetrics::*field) {
    text.each(name, help, "counter", objects, field);
  };
  auto gauge = [&](const char* name, const char* help, std::uint64_t ObjectMetrics::*field) {
    text.each(name, help, "gauge", objects, field);
  };
  counter("object_events_total", "Calls begun.", &ObjectMetrics::events);
  counter("object_alarms_run_total", "Alarm handlers begun.", &ObjectMetrics::alarmsRun);
  counter("object_commits_total", "Turns that wrote.", &ObjectMetrics::commits);
  counter("object_committed_bytes_total", "Of the commits' changes.",
          &ObjectMetrics::committedBytes);
  counter("object_gate_waits_total", "Replies that waited for the disk.",
          &ObjectMetrics::gateWaits);
  counter("object_gate_wait_nanoseconds_total", "What replies waited for the disk.",
          &ObjectMetrics::gateNs);
  gauge("object_queue_length", "Calls that have not begun.", &ObjectMetrics::queueLength);
  gauge("object_active", "Handlers begun and not finished.", &ObjectMetrics::active);
  return text.take();
}

}  // namespace cairn
