#include "tools/cli/root_size.h"

#include <filesystem>

namespace cairn::cli {

namespace fs = std::filesystem;

namespace {

std::uint64_t bytesUnder(const fs::path& path) {
  std::error_code ignored;
  std::uint64_t bytes = 0;
  if (fs::is_regular_file(fs::symlink_status(path, ignored))) return fs::file_size(path, ignored);
  if (!fs::is_directory(fs::symlink_status(path, ignored))) return 0;
  for (fs::recursive_directory_iterator at(path, ignored), end; at != end; at.increment(ignored)) {
    if (!at->is_regular_file(ignored) || at->is_symlink(ignored)) continue;
    std::uintmax_t size = at->file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

}  // namespace

RootSize RootSize::of(const std::string& root) {
  RootSize size;
  for (const char* name : {"journal", "store", "sql", "changes", "scratch"})
    size.parts.push_back({name, bytesUnder(fs::path(root) / name)});
  return size;
}

std::uint64_t RootSize::total() const {
  std::uint64_t bytes = 0;
  for (const Part& part : parts) bytes += part.bytes;
  return bytes;
}

}  // namespace cairn::cli
