// A root directory: its layout, its identity, its lock.
#pragma once

#include <cairn/file_system.h>
#include <cairn/types.h>
#include <memory>
#include <string>

#include "engine/root_identity.h"

namespace cairn {

inline constexpr std::uint32_t kRootFormatVersion = 1;

class Root {
 public:
  /// Takes the lock; creates what is missing if the directory holds no root yet.
  /// Throws: kBusy; kForeign for a newer format; kDamaged when FORMAT is gone but data is there;
  /// kInvalidArgument for a directory that others may write to.
  static Root open(FileSystem& fileSystem, const std::string& path, UnixMillis now);
  /// A root that another process may own: no lock, nothing is created.
  static Root look(FileSystem& fileSystem, const std::string& path);
  /// Reads the identity of a root without touching it.
  static RootId identify(FileSystem& fileSystem, const std::string& path);

  [[nodiscard]] const RootId& id() const { return id_; }
  [[nodiscard]] bool created() const { return created_; }

  [[nodiscard]] std::string journal() const { return path_ + "/journal"; }
  [[nodiscard]] std::string store() const { return path_ + "/store"; }
  [[nodiscard]] std::string sql() const { return path_ + "/sql"; }
  [[nodiscard]] std::string changes() const { return path_ + "/changes"; }
  [[nodiscard]] std::string scratch() const { return path_ + "/scratch"; }

 private:
  explicit Root(std::string path) : path_(std::move(path)) {}
  void create(FileSystem& fileSystem, UnixMillis now);
  void makeDirectories(FileSystem& fileSystem);
  void refuseLinks(FileSystem& fileSystem) const;

  std::string path_;
  RootId id_;
  bool created_ = false;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace cairn
