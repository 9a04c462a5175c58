// A verification in progress: what the checks share, and the checks themselves. Another check is a
// function here and a line in verify.cc's table.
#pragma once

#include <cairn/verify.h>
#include <memory>
#include <optional>
#include <string>

#include "engine/root_identity.h"
#include "engine/rows.h"
#include "kv/environment.h"

namespace cairn {

class Verification {
 public:
  Verification(std::string root, const VerifyOptions& options)
      : root_(std::move(root)), options_(options) {}

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] const VerifyOptions& options() const { return options_; }
  [[nodiscard]] FileSystem& fileSystem() const { return *options_.fileSystem; }

  /// Findings belong to the check that runs.
  void beginCheck(std::string name) { check_ = std::move(name); }
  void note(std::string where, std::string what) {
    add(Severity::kNote, std::move(where), std::move(what));
  }
  void warning(std::string where, std::string what) {
    add(Severity::kWarning, std::move(where), std::move(what));
  }
  void unreadable(std::string where, std::string what) {
    add(Severity::kUnreadable, std::move(where), std::move(what));
  }
  void damage(std::string where, std::string what) {
    add(Severity::kDamage, std::move(where), std::move(what));
  }
  void count(std::string name, std::uint64_t number) {
    report_.counts.emplace_back(std::move(name), number);
  }
  void progress(std::uint64_t done, std::uint64_t total) const {
    if (options_.onProgress) options_.onProgress({check_, done, total});
  }
  VerifyReport& report() { return report_; }

  // What earlier checks found out for later ones.
  bool layoutTrusted = true;     ///< No link or device stands where a file or directory belongs.
  std::optional<RootId> rootId;  ///< FORMAT is whole.
  std::unique_ptr<kv::Environment> lmdb;   ///< Every page of the store is sound.
  std::optional<StoreState> state;         ///< How far the store is.
  std::optional<ObjectNumber> onlyObject;  ///< Only its past is to be checked.
  bool roundInterrupted =
      false;  ///< A whole scratch waits to be applied: SQLite files may be torn.

 private:
  void add(Severity severity, std::string where, std::string what);

  std::string root_;
  const VerifyOptions& options_;
  VerifyReport report_;
  std::string check_;
};

/// Whether a root has a file or directory of this name.
[[nodiscard]] bool isNameInRoot(const std::string& name);

// In the order in which they run.
void checkLayout(Verification& verification);
void checkStoreFile(Verification& verification);
void checkRows(Verification& verification);
void checkJournal(Verification& verification);
void checkScratch(Verification& verification);
void checkSqlFiles(Verification& verification);
void checkHistory(Verification& verification);

}  // namespace cairn
