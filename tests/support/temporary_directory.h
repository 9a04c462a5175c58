// A directory that goes away with the test. In memory-backed /dev/shm when there is one: syncs cost
// nothing there.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "engine/base/check.h"

namespace cairn::test {

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& parent = defaultParent()) {
    std::string pattern = parent + "/cairn-test-XXXXXX";
    CAIRN_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  static std::string defaultParent() {
    std::error_code ignored;
    return std::filesystem::is_directory("/dev/shm", ignored)
               ? "/dev/shm"
               : std::filesystem::temp_directory_path().string();
  }

 private:
  std::string path_;
};

}  // namespace cairn::test
