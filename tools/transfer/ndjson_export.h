// An object's keys and alarms, as they are or as they were, as lines that `NdjsonImport` reads.
#pragma once

#include <cairn/engine.h>
#include <cairn/history.h>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tools/cli/object_name.h"

namespace cairn::cli {

class NdjsonExport {
 public:
  /// `sink` takes whole lines; what it throws ends the export.
  explicit NdjsonExport(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {}

  void add(Engine& engine, const ObjectInfo& object);
  void add(PastView& view, const ObjectName& object);

  struct Counts {
    std::uint64_t objects = 0;
    std::uint64_t pairs = 0;
    std::uint64_t alarms = 0;
    std::uint64_t withSql = 0;  ///< Objects whose database these lines do not hold.
    std::uint64_t legacy = 0;   ///< Objects of legacy classes: their keys cannot be read yet.
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void writeKey(const ObjectName& object, std::string_view key, std::string_view bytes);
  void writeAlarm(const ObjectName& object, const std::string& name, UnixMillis time);

  std::function<void(std::string_view)> sink_;
  Counts counts_;
};

}  // namespace cairn::cli
