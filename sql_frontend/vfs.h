// The SQLite VFS through which every connection of an engine reads and writes: pages come from and
// go to a PageSpace, temporary files to the connection's TempSpace, time comes from the engine's
// clock, and nothing else of the file system can be reached.
//
// SQLite's own durability is switched off (journal in memory, no syncs): a transaction's pages are
// collected when it commits and become durable with the commit record that carries them.
#pragma once

#include <cairn/clock.h>
#include <cairn/types.h>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "sql_frontend/page_space.h"

struct sqlite3_vfs;

namespace cairn::sql {

class Vfs {
 public:
  explicit Vfs(const Clock& clock);
  ~Vfs();
  Vfs(const Vfs&) = delete;
  Vfs& operator=(const Vfs&) = delete;

  /// For sqlite3_open_v2.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// While this lives, opening `fileName()` through the VFS gives the pages of `pages`.
  class Mount {
   public:
    Mount(Vfs& vfs, PageSpace& pages);
    ~Mount();
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    [[nodiscard]] const std::string& fileName() const { return fileName_; }

   private:
    Vfs& vfs_;
    std::string fileName_;
  };

  // For the VFS's callbacks.
  PageSpace* find(const std::string& fileName);
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  const Clock& clock_;
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::mutex mutex_;
  std::unordered_map<std::string, PageSpace*> mounted_;
};

/// What a page read or write of this thread failed with, beneath the SQLITE_IOERR that SQLite
/// reports; null if nothing did. Taking it clears it.
[[nodiscard]] std::exception_ptr takeVfsError();

}  // namespace cairn::sql
