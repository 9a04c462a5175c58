// Roots for tests that damage them: made by a workload, changed byte by byte, compared.
#pragma once

#include <cairn/engine.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "engine/base/check.h"

namespace cairn::test {

inline std::string readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

inline void writeFile(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
}

inline void flip(const std::string& path, std::size_t at) {
  std::string bytes = readFile(path);
  CAIRN_CHECK(at < bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
  writeFile(path, bytes);
}

/// Every file of a tree with its bytes, except what says who was there last.
inline std::map<std::string, std::string> bytesIn(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    std::string name = entry.path().filename();
    if (entry.is_regular_file() && name != "LOCK" && name != "lock.mdb")
      files[entry.path()] = readFile(entry.path());
  }
  return files;
}

/// The file of a directory in which `text` stands, and where.
inline std::pair<std::string, std::size_t> findInFiles(const std::string& directory,
                                                       const std::string& text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::size_t at = readFile(entry.path()).find(text);
    if (at != std::string::npos) return {entry.path(), at};
  }
  return {};
}

/// Runs `work` on an engine of another process, which then dies without closing it: its commits are
/// in the journal only.
inline void workAndDie(const std::string& root, const std::function<void(Engine&)>& work) {
  pid_t child = ::fork();
  if (child == 0) {
    EngineOptions options;
    options.root = root;
    options.journalSegmentBytes = std::uint64_t{1} << 20;
    options.idleCheckpointMs = 3'600'000;
    auto engine = Engine::open(options);
    work(*engine);
    ::_exit(0);
  }
  int status = 0;
  CAIRN_CHECK(::waitpid(child, &status, 0) == child && status == 0);
}

}  // namespace cairn::test
