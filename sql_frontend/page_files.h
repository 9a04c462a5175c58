// The SQLite files of a root: one ordinary database file per space that uses SQL, written by
// checkpoint rounds only.
#pragma once

#include <cairn/file_system.h>
#include <cairn/types.h>
#include <memory>
#include <set>
#include <string>

namespace cairn::sql {

class PageFiles {
 public:
  /// `directory` exists. Thread-safe.
  PageFiles(FileSystem& fileSystem, std::string directory)
      : fileSystem_(fileSystem), directory_(std::move(directory)) {}

  /// directory/2a/000000000000002a.sqlite: a space's number, never an object's name, becomes a
  /// path.
  [[nodiscard]] std::string path(SpaceId space) const;

  /// Null when the space has no file.
  std::unique_ptr<File> openForReading(SpaceId space);

  /// A batch of changes to many files, made durable together by `sync`.
  class Writer {
   public:
    explicit Writer(PageFiles& files) : files_(files) {}
    /// The file of a space, created if it is missing. Stays open until another space's is asked
    /// for.
    File& file(SpaceId space);
    /// Makes every file touched, and its directory entry, durable.
    void sync();

   private:
    PageFiles& files_;
    SpaceId current_;
    std::unique_ptr<File> file_;
    std::set<SpaceId> touched_;
  };

  /// Fine if there is none. Not durable by itself: a file that comes back belongs to no object and
  /// is removed again.
  void remove(SpaceId space);

 private:
  [[nodiscard]] std::string directoryOf(SpaceId space) const;

  FileSystem& fileSystem_;
  std::string directory_;
  // The writer's: directories with entries that may not be durable, which includes those of a
  // batch that failed and is repeated. What a process that died has left is in the first batch.
  std::set<std::string> unsynced_;
  bool firstBatch_ = true;
};

}  // namespace cairn::sql
