#include "engine/root.h"

#include <algorithm>
#include <cairn/error.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "engine/base/coding.h"
#include "kv/environment.h"

namespace cairn {

namespace {

constexpr std::string_view kFirstLine = "cairn root";

std::string readAll(FileSystem& fileSystem, const std::string& path) {
  std::unique_ptr<File> file = fileSystem.open(path, {});
  std::string bytes(std::min<std::uint64_t>(file->size(), 4096), '\0');
  bytes.resize(file->read(0, bytes));
  return bytes;
}

// The value behind "name: " on a line of its own.
std::string_view field(std::string_view text, std::string_view name, const std::string& path) {
  std::string start = fmt::format("\n{}: ", name);
  std::size_t at = text.find(start);
  std::size_t end = at == std::string_view::npos ? at : text.find('\n', at + 1);
  if (end == std::string_view::npos) {
    throw Error(ErrorCode::kDamaged, fmt::format("{}: no line \"{}\"", path, name));
  }
  return text.substr(at + start.size(), end - at - start.size());
}

RootId parseFormat(const std::string& text, const std::string& path) {
  if (!text.starts_with(kFirstLine))
    throw Error(ErrorCode::kForeign, fmt::format("{} is not a Cairn root's", path));
  std::string version(field(text, "version", path));
  if (version != std::to_string(kRootFormatVersion)) {
    throw Error(ErrorCode::kForeign, fmt::format("{}: format version {}, this build reads {}", path,
                                                 version, kRootFormatVersion));
  }
  try {
    return RootId::fromHex(field(text, "id", path));
  } catch (const DecodeError& error) {
    throw Error(ErrorCode::kDamaged, fmt::format("{}: {}", path, error.what()));
  }
}

std::string parentOf(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Who else could write into the root could make the engine read anything.
void refuseOpenToOthers(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{} may be written to by others (mode {:o}): a root belongs to one user", path,
                    status.st_mode & 0777));
  }
}

void refuseLink(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return;
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("{} is a symbolic link: what a root holds stands in it", path));
}

}  // namespace

Root Root::open(FileSystem& fileSystem, const std::string& path, UnixMillis now) {
  Root root(path);
  bool isNew = !fileSystem.exists(path);
  fileSystem.createDirectory(path);
  refuseOpenToOthers(path);
  if (isNew) fileSystem.syncDirectory(parentOf(path));
  root.lock_ = fileSystem.lock(path + "/LOCK");
  std::string format = path + "/FORMAT";
  if (fileSystem.exists(format)) {
    root.id_ = parseFormat(readAll(fileSystem, format), format);
    root.makeDirectories(fileSystem);
  } else {
    root.create(fileSystem, now);
  }
  root.refuseLinks(fileSystem);
  return root;
}

Root Root::look(FileSystem& fileSystem, const std::string& path) {
  Root root(path);
  root.id_ = identify(fileSystem, path);
  root.refuseLinks(fileSystem);
  return root;
}

RootId Root::identify(FileSystem& fileSystem, const std::string& path) {
  std::string format = path + "/FORMAT";
  return parseFormat(readAll(fileSystem, format), format);
}

// A link would have the engine read or write somewhere else. Files that the engine opens itself are
// never opened through one; these are LMDB's, and the directories on the way.
void Root::refuseLinks(FileSystem& fileSystem) const {
  for (const std::string& directory : {journal(), store(), sql(), changes()}) refuseLink(directory);
  for (const char* file : {"/data.mdb", "/lock.mdb"}) refuseLink(store() + file);
  for (const std::string& name : fileSystem.list(sql())) refuseLink(sql() + "/" + name);
}

void Root::makeDirectories(FileSystem& fileSystem) {
  for (const std::string& directory : {journal(), store(), sql(), changes()})
    fileSystem.createDirectory(directory);
  fileSystem.syncDirectory(path_);
}

void Root::create(FileSystem& fileSystem, UnixMillis now) {
  // The journal is begun only in a root that has its FORMAT.
  if (!fileSystem.list(journal()).empty()) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{}/FORMAT is missing, but there is data beside it", path_));
  }
  created_ = true;
  makeDirectories(fileSystem);
  kv::Environment::create(fileSystem, store());
  id_ = RootId::random();
  std::string text = fmt::format("{}\nversion: {}\nid: {}\ncreated: {} ms since 1970\n", kFirstLine,
                                 kRootFormatVersion, id_.hex(), now.value);
  std::string temporary = path_ + "/FORMAT.new";
  {
    std::unique_ptr<File> file = fileSystem.open(temporary, {.write = true, .create = true});
    file->truncate(0);
    file->write(0, text);
    file->syncData();
  }
  fileSystem.rename(temporary, path_ + "/FORMAT");
  fileSystem.syncDirectory(path_);
}

}  // namespace cairn
