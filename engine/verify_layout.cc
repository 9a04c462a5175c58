// The root's directories and files: of the right kind, where they belong, nobody else's to write.
#include <algorithm>
#include <cairn/error.h>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include <fmt/format.h>

#include "engine/verification.h"

namespace cairn {

namespace {

enum class Kind { kFile, kDirectory };

struct Expected {
  const char* name;
  Kind kind;
  bool needed;
};

constexpr Expected kInRoot[] = {
    {"FORMAT", Kind::kFile, true},        {"FORMAT.new", Kind::kFile, false},
    {"LOCK", Kind::kFile, false},         {"journal", Kind::kDirectory, true},
    {"store", Kind::kDirectory, true},    {"sql", Kind::kDirectory, true},
    {"changes", Kind::kDirectory, false}, {"scratch", Kind::kFile, false},
};

class LayoutCheck {
 public:
  explicit LayoutCheck(Verification& verification) : verification_(verification) {}

  void run() {
    checkPermissions();
    for (const std::string& name : verification_.fileSystem().list(verification_.root())) {
      const Expected* expected = find(name);
      if (expected == nullptr) {
        verification_.warning(verification_.path(name), "nothing of a root has this name");
      } else {
        checkKind(verification_.path(name), expected->kind);
      }
    }
    for (const Expected& expected : kInRoot) {
      if (expected.needed && !verification_.fileSystem().exists(verification_.path(expected.name)))
        verification_.damage(verification_.path(expected.name), "missing");
    }
    checkFilesIn("journal");
    checkFilesIn("store");
    checkFilesIn("changes");
    checkSqlDirectories();
  }

 private:
  static const Expected* find(const std::string& name) {
    for (const Expected& expected : kInRoot) {
      if (expected.name == name) return &expected;
    }
    return nullptr;
  }

  void checkPermissions() {
    struct stat status {};
    if (::stat(verification_.root().c_str(), &status) != 0) return;
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
    verification_.warning(verification_.root(),
                          fmt::format("others may write to it (mode {:o}); an engine refuses to "
                                      "open it",
                                      status.st_mode & 0777));
  }

  // A link would have the engine read or write somewhere else.
  bool checkKind(const std::string& path, Kind kind) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
      verification_.unreadable(path, std::strerror(errno));
      return false;
    }
    bool right = kind == Kind::kFile ? S_ISREG(status.st_mode) : S_ISDIR(status.st_mode);
    if (right) return true;
    verification_.layoutTrusted = false;
    verification_.damage(path,
                         fmt::format("{}, where {} belongs",
                                     S_ISLNK(status.st_mode) ? "a symbolic link" : "something else",
                                     kind == Kind::kFile ? "a file" : "a directory"));
    return false;
  }

  void checkFilesIn(const std::string& directory) {
    std::string path = verification_.path(directory);
    if (!verification_.fileSystem().exists(path)) return;
    for (const std::string& name : verification_.fileSystem().list(path))
      checkKind(path + "/" + name, Kind::kFile);
  }

  void checkSqlDirectories() {
    std::string sql = verification_.path("sql");
    if (!verification_.fileSystem().exists(sql)) return;
    for (const std::string& name : verification_.fileSystem().list(sql)) {
      if (checkKind(sql + "/" + name, Kind::kDirectory)) checkFilesIn("sql/" + name);
    }
  }

  Verification& verification_;
};

}  // namespace

bool isNameInRoot(const std::string& name) {
  return std::ranges::any_of(kInRoot,
                             [&](const Expected& expected) { return name == expected.name; });
}

void checkLayout(Verification& verification) { LayoutCheck(verification).run(); }

}  // namespace cairn
