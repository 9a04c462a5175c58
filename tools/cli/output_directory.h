// A directory that is there whole or not at all: filled under a temporary name beside its target,
// renamed when it is done, and the rename synced.
#pragma once

#include <string>

namespace cairn::cli {

class OutputDirectory {
 public:
  enum class Existing { kRefuse, kReplaceRoot };
  /// Throws: Failure(kRefused) when something has the name already; with kReplaceRoot a root may
  /// have it, and nothing else. Failure(kIo).
  OutputDirectory(std::string path, Existing existing);
  /// Without `commit` nothing is left behind.
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& temporaryPath() const { return temporary_; }

  /// What is in it is synced by whoever wrote it. Throws: Failure(kIo), Failure(kRefused) when the
  /// name was taken meanwhile.
  void commit();

 private:
  void replace();

  std::string path_;
  std::string temporary_;
  Existing existing_;
  bool done_ = false;
};

}  // namespace cairn::cli
