#include "sql_frontend/vfs.h"

#include <atomic>
#include <cairn/error.h>
#include <cstring>
#include <new>

#include <fmt/format.h>
#include <sqlite3.h>

#include "engine/base/check.h"
#include "sql_frontend/temp_space.h"

namespace cairn::sql {

namespace {

thread_local std::exception_ptr vfsError;

// An open file is either the pages of a database or a temporary file.
struct OpenFile {
  sqlite3_file base;  // First, as SQLite demands.
  PageSpace* pages;
  TempFile* temp;
};

OpenFile& openFileOf(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }
PageSpace& pagesOf(sqlite3_file* file) { return *openFileOf(file).pages; }
TempFile& tempOf(sqlite3_file* file) { return *openFileOf(file).temp; }

// Runs `work`, turning an exception into SQLite's code for it; the cause waits in takeVfsError.
// Passing a limit has a code of its own.
template <typename Work>
int guarded(int code, int limitCode, Work&& work) noexcept {
  try {
    return work();
  } catch (const Error& error) {
    vfsError = std::current_exception();
    return error.code() == ErrorCode::kLimitExceeded ? limitCode : code;
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  } catch (...) {
    vfsError = std::current_exception();
    return code;
  }
}

int closeFile(sqlite3_file* file) noexcept {
  pagesOf(file).closeFile();
  return SQLITE_OK;
}

int readFile(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) noexcept {
  return guarded(SQLITE_IOERR_READ, SQLITE_IOERR_READ, [&] {
    PageSpace& pages = pagesOf(file);
    auto* bytes = static_cast<char*>(out);
    auto number = static_cast<std::uint32_t>(offset / static_cast<sqlite3_int64>(kPageBytes) + 1);
    auto within = static_cast<std::size_t>(offset % static_cast<sqlite3_int64>(kPageBytes));
    auto count = static_cast<std::size_t>(amount);
    CAIRN_CHECK(within + count <= kPageBytes);
    if (number > pages.pageCount()) {
      std::memset(out, 0, count);
      return SQLITE_IOERR_SHORT_READ;
    }
    if (count == kPageBytes) {
      pages.read(number, bytes);
    } else {
      char page[kPageBytes];
      pages.read(number, page);
      std::memcpy(bytes, page + within, count);
    }
    return SQLITE_OK;
  });
}

int writeFile(sqlite3_file* file, const void* in, int amount, sqlite3_int64 offset) noexcept {
  return guarded(SQLITE_IOERR_WRITE, SQLITE_FULL, [&] {
    CAIRN_CHECK(amount == static_cast<int>(kPageBytes) &&
                offset % static_cast<sqlite3_int64>(kPageBytes) == 0);
    auto number = static_cast<std::uint32_t>(offset / static_cast<sqlite3_int64>(kPageBytes) + 1);
    pagesOf(file).write(number, static_cast<const char*>(in));
    return SQLITE_OK;
  });
}

int truncateFile(sqlite3_file* file, sqlite3_int64 size) noexcept {
  return guarded(SQLITE_IOERR_TRUNCATE, SQLITE_FULL, [&] {
    pagesOf(file).resize(static_cast<std::uint32_t>(size / static_cast<sqlite3_int64>(kPageBytes)));
    return SQLITE_OK;
  });
}

int syncFile(sqlite3_file*, int) noexcept { return SQLITE_OK; }

int fileSize(sqlite3_file* file, sqlite3_int64* size) noexcept {
  *size = sqlite3_int64{pagesOf(file).pageCount()} * static_cast<sqlite3_int64>(kPageBytes);
  return SQLITE_OK;
}

// One connection per space, so nobody to lock out.
int lockFile(sqlite3_file*, int) noexcept { return SQLITE_OK; }
int checkReservedLock(sqlite3_file*, int* reserved) noexcept {
  *reserved = 0;
  return SQLITE_OK;
}
int fileControl(sqlite3_file*, int, void*) noexcept { return SQLITE_NOTFOUND; }
int sectorSize(sqlite3_file*) noexcept { return static_cast<int>(kPageBytes); }
int deviceCharacteristics(sqlite3_file*) noexcept {
  return SQLITE_IOCAP_ATOMIC4K | SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

const sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = closeFile,
    .xRead = readFile,
    .xWrite = writeFile,
    .xTruncate = truncateFile,
    .xSync = syncFile,
    .xFileSize = fileSize,
    .xLock = lockFile,
    .xUnlock = lockFile,
    .xCheckReservedLock = checkReservedLock,
    .xFileControl = fileControl,
    .xSectorSize = sectorSize,
    .xDeviceCharacteristics = deviceCharacteristics,
};

// ---- temporary files

int closeTemp(sqlite3_file* file) noexcept {
  delete openFileOf(file).temp;
  return SQLITE_OK;
}

int readTemp(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) noexcept {
  auto count = static_cast<std::size_t>(amount);
  auto* bytes = static_cast<char*>(out);
  std::size_t got = tempOf(file).read(static_cast<std::uint64_t>(offset), bytes, count);
  if (got == count) return SQLITE_OK;
  std::memset(bytes + got, 0, count - got);
  return SQLITE_IOERR_SHORT_READ;
}

int writeTemp(sqlite3_file* file, const void* in, int amount, sqlite3_int64 offset) noexcept {
  // Of the codes for "too much" this one fails the statement alone: for SQLITE_FULL, SQLite gives
  // the whole transaction up.
  return guarded(SQLITE_IOERR_WRITE, SQLITE_TOOBIG, [&] {
    tempOf(file).write(static_cast<std::uint64_t>(offset), static_cast<const char*>(in),
                       static_cast<std::size_t>(amount));
    return SQLITE_OK;
  });
}

int truncateTemp(sqlite3_file* file, sqlite3_int64 size) noexcept {
  tempOf(file).truncate(static_cast<std::uint64_t>(size));
  return SQLITE_OK;
}

int tempSize(sqlite3_file* file, sqlite3_int64* size) noexcept {
  *size = static_cast<sqlite3_int64>(tempOf(file).size());
  return SQLITE_OK;
}

const sqlite3_io_methods kTempMethods = {
    .iVersion = 1,
    .xClose = closeTemp,
    .xRead = readTemp,
    .xWrite = writeTemp,
    .xTruncate = truncateTemp,
    .xSync = syncFile,
    .xFileSize = tempSize,
    .xLock = lockFile,
    .xUnlock = lockFile,
    .xCheckReservedLock = checkReservedLock,
    .xFileControl = fileControl,
    .xSectorSize = sectorSize,
    .xDeviceCharacteristics = deviceCharacteristics,
};

Vfs& self(sqlite3_vfs* vfs) { return *static_cast<Vfs*>(vfs->pAppData); }

int openFile(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
             int* outFlags) noexcept {
  file->pMethods = nullptr;
  return guarded(SQLITE_CANTOPEN, SQLITE_CANTOPEN, [&] {
    OpenFile& open = openFileOf(file);
    open.pages = nullptr;
    open.temp = nullptr;
    if (name == nullptr) {
      TempSpace* space = TempSpace::current();
      if (space == nullptr) return SQLITE_CANTOPEN;
      open.temp = new TempFile(*space);
      file->pMethods = &kTempMethods;
    } else {
      // Journals stay in memory; a request for one is refused, not redirected.
      if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;
      open.pages = self(vfs).find(name);
      if (open.pages == nullptr) return SQLITE_CANTOPEN;
      file->pMethods = &kMethods;
    }
    if (outFlags != nullptr) *outFlags = flags;
    return SQLITE_OK;
  });
}

int deleteFile(sqlite3_vfs*, const char*, int) noexcept { return SQLITE_OK; }
int accessFile(sqlite3_vfs*, const char*, int, int* result) noexcept {
  *result = 0;  // There is never a journal to roll back.
  return SQLITE_OK;
}
int fullPathname(sqlite3_vfs*, const char* name, int size, char* out) noexcept {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}
int randomness(sqlite3_vfs*, int size, char* out) noexcept {
  sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
  return system->xRandomness(system, size, out);
}
int sleepFor(sqlite3_vfs*, int microseconds) noexcept { return microseconds; }
int currentTimeMillis(sqlite3_vfs* vfs, sqlite3_int64* out) noexcept {
  constexpr sqlite3_int64 kUnixEpochInJulianMillis = 210866760000000;
  *out = self(vfs).clock().now().value + kUnixEpochInJulianMillis;
  return SQLITE_OK;
}
int currentTime(sqlite3_vfs* vfs, double* out) noexcept {
  sqlite3_int64 milliseconds = 0;
  currentTimeMillis(vfs, &milliseconds);
  *out = static_cast<double>(milliseconds) / 86'400'000.0;
  return SQLITE_OK;
}
int lastError(sqlite3_vfs*, int, char*) noexcept { return 0; }

}  // namespace

std::exception_ptr takeVfsError() { return std::exchange(vfsError, nullptr); }

Vfs::Vfs(const Clock& clock) : clock_(clock), vfs_(std::make_unique<sqlite3_vfs>()) {
  static std::atomic<unsigned> count{0};
  name_ = fmt::format("cairn-{}", ++count);
  vfs_->iVersion = 2;
  vfs_->szOsFile = sizeof(OpenFile);
  vfs_->mxPathname = 64;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = openFile;
  vfs_->xDelete = deleteFile;
  vfs_->xAccess = accessFile;
  vfs_->xFullPathname = fullPathname;
  vfs_->xRandomness = randomness;
  vfs_->xSleep = sleepFor;
  vfs_->xCurrentTime = currentTime;
  vfs_->xCurrentTimeInt64 = currentTimeMillis;
  vfs_->xGetLastError = lastError;
  CAIRN_CHECK(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

Vfs::~Vfs() {
  CAIRN_CHECK(mounted_.empty());
  sqlite3_vfs_unregister(vfs_.get());
}

PageSpace* Vfs::find(const std::string& fileName) {
  std::lock_guard lock(mutex_);
  auto found = mounted_.find(fileName);
  return found == mounted_.end() ? nullptr : found->second;
}

Vfs::Mount::Mount(Vfs& vfs, PageSpace& pages)
    : vfs_(vfs),
      fileName_(fmt::format("{:x}-{}", pages.space().value(), static_cast<const void*>(&pages))) {
  std::lock_guard lock(vfs_.mutex_);
  vfs_.mounted_[fileName_] = &pages;
}

Vfs::Mount::~Mount() {
  std::lock_guard lock(vfs_.mutex_);
  vfs_.mounted_.erase(fileName_);
}

}  // namespace cairn::sql
