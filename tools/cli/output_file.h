// A file that is there whole or not at all: written under a temporary name beside its target,
// synced, renamed, and the rename synced.
#pragma once

#include <string>
#include <string_view>

namespace cairn::cli {

class OutputFile {
 public:
  enum class Existing { kRefuse, kReplace };
  /// Throws: Failure(kRefused) when something has the name already: anything with kRefuse (a
  /// symbolic link is not looked behind), a directory always. Failure(kIo).
  OutputFile(std::string path, Existing existing);
  /// Without `commit` nothing is left behind.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Where to write, for a library that opens files itself.
  [[nodiscard]] const std::string& temporaryPath() const { return temporary_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

  /// Throws: Failure(kIo), Failure(kRefused) when the name was taken meanwhile.
  void commit();

 private:
  [[noreturn]] void fail(const char* call) const;
  void moveIntoPlace();

  std::string path_;
  std::string temporary_;
  Existing existing_;
  int descriptor_ = -1;
};

}  // namespace cairn::cli
