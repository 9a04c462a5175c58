// SQLite files: there, as long as their row says, with a header of ours, and sound inside.
#include <cairn/error.h>
#include <cstring>
#include <set>
#include <time.h>

#include <fmt/format.h>
#include <sqlite3.h>

#include "engine/verification.h"
#include "kv/keys.h"
#include "sql_frontend/page_delta.h"
#include "sql_frontend/page_files.h"

namespace cairn {

using kv::Table;

namespace {

constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr int kProblemsMax = 20;
constexpr int kProgressInterval = 10'000;
constexpr int kPageCacheKib = 2'048;

std::uint64_t threadCpuMs() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
}

std::uint32_t bigEndian32(const char* bytes) { return loadBigEndian32(bytes); }

// Opens a database as a file that nobody writes, without any of what its schema could set off.
class ReadOnlyDatabase {
 public:
  explicit ReadOnlyDatabase(const std::string& path) {
    std::string uri = "file:";
    for (char c : path) {
      bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '/' || c == '.' || c == '-' || c == '_';
      uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    uri += "?mode=ro&immutable=1";
    result_ = sqlite3_open_v2(
        uri.c_str(), &db_,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
        nullptr);
    if (result_ != SQLITE_OK) return;
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    std::string settings = fmt::format(
        "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-{}", kPageCacheKib);
    result_ = sqlite3_exec(db_, settings.c_str(), nullptr, nullptr, nullptr);
  }
  ~ReadOnlyDatabase() { sqlite3_close_v2(db_); }
  ReadOnlyDatabase(const ReadOnlyDatabase&) = delete;
  ReadOnlyDatabase& operator=(const ReadOnlyDatabase&) = delete;

  [[nodiscard]] sqlite3* get() const { return db_; }
  [[nodiscard]] bool isOpen() const { return result_ == SQLITE_OK; }

 private:
  sqlite3* db_ = nullptr;
  int result_ = SQLITE_OK;
};

class SqlFilesCheck {
 public:
  SqlFilesCheck(Verification& verification, const kv::ReadAccess& store)
      : verification_(verification),
        store_(store),
        files_(verification.fileSystem(), verification.path("sql")) {}

  void run() {
    std::uint64_t total = store_.entries(Table::kSpaces);
    std::uint64_t done = 0;
    kv::Cursor cursor = store_.cursor(Table::kSpaces);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      verification_.progress(++done, total);
      if (cursor.key().size() != 8) continue;
      SpaceId space(loadBigEndian64(cursor.key().data()));
      known_.insert(files_.path(space));
      try {
        checkSpace(space, SpaceRow::decode(cursor.value()));
      } catch (const Error& error) {
        verification_.damage(whereOf(space), error.what());
      }
    }
    findStrays();
    verification_.count("sqlFiles", checked_);
    verification_.count("sqlPages", pages_);
  }

 private:
  // People know objects by name, so the name is looked up where something is wrong.
  std::string whereOf(SpaceId space) const {
    std::string where = files_.path(space);
    try {
      std::optional<std::string_view> row = store_.get(Table::kSpaces, kv::numberKey(space));
      if (!row) return where;
      ObjectNumber number = SpaceRow::decode(*row).object;
      std::optional<std::string_view> object = store_.get(Table::kObjects, kv::numberKey(number));
      if (!object) return where;
      ObjectRow named = ObjectRow::decode(*object);
      std::optional<std::string_view> classRow =
          store_.get(Table::kClasses, kv::numberKey(named.classNumber));
      std::string className = classRow ? ClassRow::decode(*classRow).name : "?";
      return fmt::format("{} (object {}/{})", where, className, named.name);
    } catch (const Error&) {
      return where;
    }
  }

  void checkSpace(SpaceId space, const SpaceRow& row) {
    std::string path = files_.path(space);
    if (row.sqlPages == 0) return;
    // Of a dropped space the file goes first.
    if (!verification_.fileSystem().exists(path)) {
      if (row.dropped.isZero()) verification_.damage(whereOf(space), "the file is missing");
      return;
    }
    ++checked_;
    pages_ += row.sqlPages;
    bool sound = checkHeader(space, row);
    if (sound && verification_.options().depth != VerifyDepth::kQuick) checkInside(space);
  }

  bool checkHeader(SpaceId space, const SpaceRow& row) {
    std::unique_ptr<File> file = files_.openForReading(space);
    auto damaged = [&](std::string what) {
      verification_.damage(whereOf(space), std::move(what));
      return false;
    };
    std::uint64_t bytes = file->size();
    std::uint64_t expected = std::uint64_t{row.sqlPages} * sql::kPageBytes;
    if (bytes < expected)
      return damaged(fmt::format("{} bytes, its row says {} pages, which are {}", bytes,
                                 row.sqlPages, expected));
    char header[kHeaderBytes];
    if (file->read(0, header) < kHeaderBytes || std::memcmp(header, kMagic.data(), 16) != 0)
      return damaged("the header is not SQLite's");
    std::uint32_t pageBytes = static_cast<std::uint32_t>(static_cast<unsigned char>(header[16]))
                                  << 8 |
                              static_cast<unsigned char>(header[17]);
    if (pageBytes != sql::kPageBytes)
      return damaged(
          fmt::format("the header says pages of {} bytes, not {}", pageBytes, sql::kPageBytes));
    if (bigEndian32(header + 28) != row.sqlPages)
      return damaged(fmt::format("the header says {} pages, its row {}", bigEndian32(header + 28),
                                 row.sqlPages));
    return true;
  }

  struct Budget {
    const Verification& verification;
    std::uint64_t deadlineMs;
    std::exception_ptr stopped;  ///< What the caller's progress function threw.
  };
  static int onProgress(void* context) noexcept {
    auto& budget = *static_cast<Budget*>(context);
    try {
      budget.verification.progress(0, 0);
    } catch (...) {
      budget.stopped = std::current_exception();
      return 1;
    }
    return threadCpuMs() > budget.deadlineMs ? 1 : 0;
  }

  void checkInside(SpaceId space) {
    ReadOnlyDatabase database(files_.path(space));
    if (!database.isOpen())
      return verification_.damage(whereOf(space), sqlite3_errmsg(database.get()));
    Budget budget{verification_, threadCpuMs() + verification_.options().cpuMsPerFile, nullptr};
    sqlite3_progress_handler(database.get(), kProgressInterval, onProgress, &budget);
    std::string text = fmt::format("PRAGMA quick_check({})", kProblemsMax);
    sqlite3_stmt* statement = nullptr;
    int result = sqlite3_prepare_v2(database.get(), text.c_str(), -1, &statement, nullptr);
    while (result == SQLITE_OK || result == SQLITE_ROW) {
      result = sqlite3_step(statement);
      if (result != SQLITE_ROW) break;
      const auto* found = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
      if (found != nullptr && std::strcmp(found, "ok") != 0)
        verification_.damage(whereOf(space), found);
    }
    sqlite3_finalize(statement);
    if (budget.stopped) std::rethrow_exception(budget.stopped);
    if (result == SQLITE_INTERRUPT) {
      verification_.unreadable(whereOf(space),
                               fmt::format("not all of it was checked within {} ms of CPU time",
                                           verification_.options().cpuMsPerFile));
    } else if (result != SQLITE_DONE) {
      verification_.damage(whereOf(space), sqlite3_errmsg(database.get()));
    }
  }

  // A file that was removed may come back after a power loss; the next open does not mind it.
  void findStrays() {
    FileSystem& fileSystem = verification_.fileSystem();
    for (const std::string& directory : fileSystem.list(verification_.path("sql"))) {
      std::string path = verification_.path("sql/" + directory);
      for (const std::string& name : fileSystem.list(path)) {
        if (!known_.contains(path + "/" + name))
          verification_.warning(path + "/" + name, "the file of no space");
      }
    }
  }

  Verification& verification_;
  const kv::ReadAccess& store_;
  sql::PageFiles files_;
  std::set<std::string> known_;
  std::uint64_t checked_ = 0;
  std::uint64_t pages_ = 0;
};

}  // namespace

void checkSqlFiles(Verification& verification) {
  if (!verification.lmdb) return;
  // Pages of a round that was cut off may be torn; the scratch mends them at the next open.
  if (verification.roundInterrupted) {
    verification.unreadable(verification.path("sql"),
                            "SQLite files are checked after the next open has finished the "
                            "checkpoint that was cut off");
    return;
  }
  kv::Snapshot snapshot = verification.lmdb->snapshot();
  SqlFilesCheck(verification, snapshot).run();
}

}  // namespace cairn
