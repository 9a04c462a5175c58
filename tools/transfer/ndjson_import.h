// Lines of JSON into objects: many lines a commit, whatever order the objects come in.
//
//   {"object":"Room/42","key":"visits","value":1}          class and name as on the command line
//   {"class":"Room","object":"42","key":"k","value":null}  or apart, as `export` writes them
//   {"class":"Room","object":"42","alarm":"2030-01-01T00:00:00Z","alarmName":"billing"}
#pragma once

#include <cairn/engine.h>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cairn::cli {

class NdjsonImport {
 public:
  /// Told about each line that cannot be imported; when it throws, the import ends.
  using OnBadLine = std::function<void(std::uint64_t line, const std::string& why)>;

  NdjsonImport(Engine& engine, OnBadLine onBadLine)
      : engine_(engine), onBadLine_(std::move(onBadLine)) {}

  void add(std::uint64_t line, std::string_view text);
  void refuse(std::uint64_t line, const std::string& why);
  /// Commits what was added and returns when all of it is durable.
  void finish();

  struct Counts {
    std::uint64_t pairs = 0;
    std::uint64_t alarms = 0;
    std::uint64_t commits = 0;
    std::uint64_t skipped = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Entry {
    std::uint64_t line;
    bool isAlarm;
    std::string key;     ///< Or the alarm's name.
    std::string stored;  ///< The value's bytes.
    UnixMillis alarm;
  };
  struct Batch {
    ObjectRef object;
    std::vector<Entry> entries;
  };

  void parse(std::uint64_t line, std::string_view text);
  Batch& batchOf(const std::string& className, const std::string& name);
  void flush();
  void write(Storage& storage, const Batch& batch);

  Engine& engine_;
  OnBadLine onBadLine_;
  std::vector<Batch> batches_;
  std::unordered_map<std::string, std::size_t> batchOf_;  ///< By class, slash, name.
  std::size_t batchBytes_ = 0;
  Ticket last_;
  Counts counts_;
};

}  // namespace cairn::cli
