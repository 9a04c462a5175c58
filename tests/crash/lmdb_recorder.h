// LMDB has no seam for files. Programs that record disks link liblmdb.a with its system calls
// wrapped
// (-Wl,--wrap=pwrite,…), and what they do to a data.mdb below a watched root goes into that root's
// log.
#pragma once

#include <functional>
#include <string>

#include "tests/support/disk_log.h"

namespace cairn::test {

/// Records LMDB's writes below `root` while it lives.
class WatchLmdb {
 public:
  WatchLmdb(std::string root, DiskLog& log);
  ~WatchLmdb();
  WatchLmdb(const WatchLmdb&) = delete;
  WatchLmdb& operator=(const WatchLmdb&) = delete;

 private:
  std::string root_;
};

/// Called before each call that changes or syncs a watched LMDB file; what it returns, unless it is
/// zero, is the errno with which the call fails. Set it while nothing is being written.
enum class LmdbCall { kWrite, kSync, kTruncate };
void setLmdbHook(std::function<int(LmdbCall)> hook);

}  // namespace cairn::test
