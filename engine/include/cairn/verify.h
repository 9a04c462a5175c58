// Checks everything a root holds without opening it as an engine, and without trusting any of it: a
// root that is damaged, or made to do harm, gives findings.
//
//   cairn::VerifyReport report = cairn::verify("data");
//   for (const cairn::Finding& finding : report.findings)
//     std::cerr << finding.where << ": " << finding.what << "\n";
//   return report.sound() ? 0 : 4;
//
// Holds the root's lock meanwhile, and changes nothing but the process id in it. Thread-safe.
#pragma once

#include <cairn/file_system.h>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

enum class Severity {
  kNote,        ///< Worth knowing, and as it should be: e.g. commits that wait for the next open.
  kWarning,     ///< Not as an engine leaves it, but no data is affected.
  kUnreadable,  ///< Could not be checked: the operating system refused, or a budget ran out.
  kDamage,      ///< Data is lost or contradicts itself.
};
[[nodiscard]] std::string_view severityName(Severity severity);

struct Finding {
  Severity severity = Severity::kNote;
  std::string check;  ///< Which check found it: "format", "layout", "store", "rows", "journal", …
  std::string where;  ///< File and place, or the row.
  std::string what;
};

enum class VerifyDepth {
  kQuick,    ///< Checksums and structure: journal blocks, store pages, rows, frames of the change
             ///< log, SQLite file headers.
  kRecords,  ///< Also every record of the change log, and what is inside of each SQLite file.
  kFull,  ///< Also every key and page against the digests, and the way back from what there is to
          ///< every state that was recorded, commit by commit.
};

struct VerifyProgress {
  std::string_view check;
  std::uint64_t done = 0;
  std::uint64_t total = 0;  ///< 0: not known.
};

struct VerifyOptions {
  VerifyDepth depth = VerifyDepth::kRecords;
  /// Only the past, and with kFull the state, of this object.
  struct Object {
    std::string className;
    std::string name;
  };
  std::optional<Object> object;
  /// Findings beyond are only counted.
  std::size_t findingsMax = 1'000;
  /// CPU time for one SQLite file; a longer check ends with kUnreadable.
  std::uint64_t cpuMsPerFile = 60'000;
  /// Called often. What it throws ends the check and travels on: the way to interrupt it.
  std::function<void(const VerifyProgress&)> onProgress;
  FileSystem* fileSystem = &posixFileSystem();
};

struct VerifyReport {
  std::string rootId;  ///< Empty when FORMAT does not tell.
  std::vector<Finding> findings;
  std::uint64_t findingsLeftOut = 0;
  bool damageLeftOut = false;
  /// What was looked at: names such as "journalBlocks" and how many of them there were.
  std::vector<std::pair<std::string, std::uint64_t>> counts;

  /// No damage was found. What could not be read does not count: see `complete`.
  [[nodiscard]] bool sound() const;
  /// Everything could be checked.
  [[nodiscard]] bool complete() const;
};

/// Throws: kNotFound when there is no root, or no such object; kBusy naming the process that holds
/// it; kForeign for a root of a newer format, which this build cannot judge.
[[nodiscard]] VerifyReport verify(const std::string& root, const VerifyOptions& options = {});

}  // namespace cairn
