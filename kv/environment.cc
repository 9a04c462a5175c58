#include "kv/environment.h"

#include <cairn/error.h>
#include <cairn/file_system.h>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <lmdb.h>

#include "engine/base/check.h"
#include "kv/store_check.h"

namespace cairn::kv {

namespace {

constexpr const char* kTableNames[kTableCount] = {
    "meta",    "classes",  "names",   "objects",  "spaces", "kv",     "alarms",  "alarm_queue",
    "changes", "timeline", "dropped", "segments", "times",  "labels", "receipts"};

thread_local unsigned snapshotsHeldHere = 0;

[[noreturn]] void fail(const char* call, int error) {
  ErrorCode code = ErrorCode::kIo;
  switch (error) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_BAD_TXN:
    case MDB_INCOMPATIBLE:
    case MDB_INVALID:
      code = ErrorCode::kDamaged;
      break;
    case MDB_PANIC:
      code = ErrorCode::kBroken;  // Writing the meta page failed: it has to be opened again.
      break;
    case MDB_VERSION_MISMATCH:
      code = ErrorCode::kForeign;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::kNoSpace;
      break;
    default:
      break;
  }
  throw Error(code, fmt::format("store (data.mdb): {}: {}", call, mdb_strerror(error)));
}

void check(const char* call, int result) {
  if (result != MDB_SUCCESS) fail(call, result);
}

// Thrown through the caller's work when the map is full, and caught in Environment::write.
struct MapFull {};

void checkWrite(const char* call, int result) {
  if (result == MDB_MAP_FULL) throw MapFull();
  check(call, result);
}

MDB_val toVal(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
std::string_view toView(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

}  // namespace

Cursor::Cursor(MDB_txn* transaction, unsigned dbi, std::size_t mapPageBytes)
    : mapPageBytes_(mapPageBytes) {
  check("cursor", mdb_cursor_open(transaction, dbi, &cursor_));
}

Cursor::Cursor(Cursor&& other) noexcept { *this = std::move(other); }

Cursor& Cursor::operator=(Cursor&& other) noexcept {
  std::swap(cursor_, other.cursor_);
  std::swap(valid_, other.valid_);
  std::swap(key_, other.key_);
  std::swap(value_, other.value_);
  std::swap(mapPageBytes_, other.mapPageBytes_);
  std::swap(leaf_, other.leaf_);
  std::swap(leafAt_, other.leafAt_);
  std::swap(behind_, other.behind_);
  return *this;
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

bool Cursor::move(int operation) {
  MDB_val key = toVal(key_);
  MDB_val value;
  int result = mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  valid_ = result == MDB_SUCCESS;
  if (valid_) {
    key_ = toView(key);
    value_ = toView(value);
  } else if (result != MDB_NOTFOUND) {
    fail("read", result);
  }
  return valid_;
}

bool Cursor::leap(int operation) {
  behind_ = false;
  leaf_ = {};
  return move(operation);
}

bool Cursor::step(int operation) {
  if (behind_) move(MDB_SET_KEY);
  behind_ = false;
  leaf_ = {};
  if (!move(operation) || mapPageBytes_ == 0) return valid_;
  leaf_ = lmdb::LeafPage::around(key_.data(), mapPageBytes_);
  if (!leaf_) return true;
  // What LMDB found must be what is read here.
  std::optional<std::size_t> at = leaf_.find(key_.data());
  std::optional<lmdb::LeafPage::Entry> entry = at ? leaf_.entry(*at) : std::nullopt;
  if (entry && entry->key.size() == key_.size() && entry->value.data() == value_.data() &&
      entry->value.size() == value_.size()) {
    leafAt_ = *at;
  } else {
    leaf_ = {};
  }
  return true;
}

bool Cursor::seek(std::string_view key) {
  if (key.empty()) return first();
  key_ = key;
  return leap(MDB_SET_RANGE);
}
bool Cursor::seekExact(std::string_view key) {
  key_ = key;
  return leap(MDB_SET_KEY);
}
bool Cursor::first() { return leap(MDB_FIRST); }
bool Cursor::last() { return leap(MDB_LAST); }
bool Cursor::stepNext() { return step(MDB_NEXT); }
bool Cursor::stepPrevious() { return step(MDB_PREV); }
bool Cursor::seekBefore(std::string_view key) { return seek(key) ? previous() : last(); }

void Cursor::put(std::string_view key, std::string_view value) {
  MDB_val k = toVal(key);
  MDB_val v = toVal(value);
  checkWrite("put", mdb_cursor_put(cursor_, &k, &v, 0));
}
void Cursor::append(std::string_view key, std::string_view value) {
  MDB_val k = toVal(key);
  MDB_val v = toVal(value);
  checkWrite("append", mdb_cursor_put(cursor_, &k, &v, MDB_APPEND));
}
void Cursor::eraseCurrent() { checkWrite("erase", mdb_cursor_del(cursor_, 0)); }

std::optional<std::string_view> ReadAccess::get(Table table, std::string_view key) const {
  MDB_val k = toVal(key);
  MDB_val v;
  int result = mdb_get(transaction_, (*tables_)[static_cast<unsigned>(table)], &k, &v);
  if (result == MDB_NOTFOUND) return std::nullopt;
  check("get", result);
  return toView(v);
}

Cursor ReadAccess::cursor(Table table) const {
  return {transaction_, (*tables_)[static_cast<unsigned>(table)], mapPageBytes_};
}

std::uint64_t ReadAccess::entries(Table table) const {
  MDB_stat status;
  check("stat", mdb_stat(transaction_, (*tables_)[static_cast<unsigned>(table)], &status));
  return status.ms_entries;
}

void WriteTransaction::put(Table table, std::string_view key, std::string_view value) {
  MDB_val k = toVal(key);
  MDB_val v = toVal(value);
  checkWrite("put", mdb_put(transaction_, (*tables_)[static_cast<unsigned>(table)], &k, &v, 0));
}

bool WriteTransaction::erase(Table table, std::string_view key) {
  MDB_val k = toVal(key);
  int result = mdb_del(transaction_, (*tables_)[static_cast<unsigned>(table)], &k, nullptr);
  if (result == MDB_NOTFOUND) return false;
  checkWrite("erase", result);
  return true;
}

Snapshot::Snapshot(Snapshot&& other) noexcept { *this = std::move(other); }

Snapshot& Snapshot::operator=(Snapshot&& other) noexcept {
  std::swap(transaction_, other.transaction_);
  std::swap(tables_, other.tables_);
  std::swap(environment_, other.environment_);
  std::swap(mapPageBytes_, other.mapPageBytes_);
  std::swap(owner_, other.owner_);
  std::swap(version_, other.version_);
  return *this;
}

Snapshot::~Snapshot() {
  if (owner_ != nullptr) owner_->release(*this);
}

void Environment::create(FileSystem& fileSystem, const std::string& directory) {
  std::string temporary = directory + "/data.mdb.new";
  fileSystem.unlink(temporary);
  Environment{temporary};
  fileSystem.unlink(temporary + "-lock");
  fileSystem.rename(temporary, directory + "/data.mdb");
  fileSystem.syncDirectory(directory);
}

// A fresh environment in one file: what `create` moves into place.
Environment::Environment(const std::string& newFile) : mapBytes_(1 << 20) {
  options_.directory = newFile;
  configure();
  try {
    check("create", mdb_env_open(environment_, newFile.c_str(), MDB_NOTLS | MDB_NOSUBDIR, 0600));
    openTables(true);
  } catch (...) {
    mdb_env_close(environment_);
    throw;
  }
}

Environment::Environment(const Options& options) : options_(options), mapBytes_(options.mapBytes) {
  std::string path = options_.directory + "/data.mdb";
  struct stat file {};
  // LMDB would take a missing or empty file for a new environment.
  if (::stat(path.c_str(), &file) != 0 || file.st_size == 0) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("store {} is {}", path, errno == ENOENT ? "missing" : "empty"));
  }
  configure();
  try {
    // NORDAHEAD: random reads of a store larger than memory gain nothing from neighbours.
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (options_.readOnly ? MDB_RDONLY : 0U);
    check("open", mdb_env_open(environment_, options_.directory.c_str(), flags, 0600));
    checkFileLength();
    if (options_.readOnly) widenMap();
    MDB_envinfo info;
    check("info", mdb_env_info(environment_, &info));
    mapBytes_ = info.me_mapsize;
    MDB_stat status;
    check("stat", mdb_env_stat(environment_, &status));
    if (status.ms_psize <= static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)))
      mapPageBytes_ = status.ms_psize;
    openTables(false);
  } catch (...) {
    mdb_env_close(environment_);
    throw;
  }
}

void Environment::configure() {
  check("create", mdb_env_create(&environment_));
  check("set tables", mdb_env_set_maxdbs(environment_, kTableCount));
  check("set readers", mdb_env_set_maxreaders(environment_, options_.readersMax));
  check("set map size", mdb_env_set_mapsize(environment_, mapBytes_));
}

// Room for what the owner may add while it is being read.
void Environment::widenMap() {
  MDB_envinfo info;
  check("info", mdb_env_info(environment_, &info));
  mapBytes_ = info.me_mapsize * 4;
  check("set map size", mdb_env_set_mapsize(environment_, mapBytes_));
}

Environment::~Environment() {
  CAIRN_CHECK(out_ == 0);
  for (Idle& idle : idle_) mdb_txn_abort(idle.transaction);
  mdb_env_close(environment_);
}

// LMDB reads through its map and would die of a page beyond the end of the file. Pages that a
// transaction allocated and gave back are never written, so a whole file may be somewhat shorter
// than its header says: then it is checked page by page.
void Environment::checkFileLength() {
  Size bytes = measure();
  if (bytes.fileBytes >= bytes.usedBytes) return;
  std::string path = options_.directory + "/data.mdb";
  StoreCheck found = checkStore(posixFileSystem(), path);
  if (!found.problems.empty()) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("store {} is cut short: {} bytes, {} in use; {}", path, bytes.fileBytes,
                            bytes.usedBytes, found.problems.front()));
  }
  if (!options_.readOnly) posixFileSystem().open(path, {.write = true})->truncate(bytes.usedBytes);
}

void Environment::openTables(bool create) {
  MDB_txn* transaction = nullptr;
  check("begin", mdb_txn_begin(environment_, nullptr, create ? 0 : MDB_RDONLY, &transaction));
  for (unsigned i = 0; i < kTableCount; ++i) {
    int result = mdb_dbi_open(transaction, kTableNames[i], create ? MDB_CREATE : 0, &tables_[i]);
    if (result != MDB_SUCCESS) {
      mdb_txn_abort(transaction);
      fail(fmt::format("table {}", kTableNames[i]).c_str(), result);
    }
  }
  check("commit", mdb_txn_commit(transaction));
}

Snapshot Environment::snapshot() {
  forkGuard_.refuseFork();
  Idle taken{nullptr, 0};
  {
    std::unique_lock lock(mutex_);
    if (growing_ && snapshotsHeldHere == 0) idleChanged_.wait(lock, [this] { return !growing_; });
    if (!idle_.empty()) {
      taken = idle_.back();
      idle_.pop_back();
    } else if (idle_.capacity() <= out_) {
      idle_.reserve(2 * out_ + 4);  // Giving one back must not need memory.
    }
    ++out_;
  }
  // The version is read first: a write that completes in between makes the snapshot newer than it
  // claims, never older.
  std::uint64_t version = version_.load(std::memory_order_acquire);
  int result = MDB_SUCCESS;
  if (taken.transaction == nullptr) {
    result = mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &taken.transaction);
  } else if (taken.version != version) {
    if (taken.version != 0) mdb_txn_reset(taken.transaction);
    result = mdb_txn_renew(taken.transaction);
    if (result != MDB_SUCCESS) mdb_txn_abort(taken.transaction);
  }
  if (result != MDB_SUCCESS) {
    std::lock_guard lock(mutex_);
    --out_;
    fail("snapshot", result);
  }
  ++snapshotsHeldHere;
  Snapshot snapshot;
  snapshot.transaction_ = taken.transaction;
  snapshot.tables_ = &tables_;
  snapshot.environment_ = this;
  snapshot.mapPageBytes_ = mapPageBytes_;
  snapshot.owner_ = this;
  snapshot.version_ = version;
  return snapshot;
}

void Environment::release(Snapshot& snapshot) {
  --snapshotsHeldHere;
  std::lock_guard lock(mutex_);
  // An idle snapshot of an old state would keep LMDB from reusing pages.
  // Beside the owner there is no telling whether it still is the newest.
  if (snapshot.version_ != version_.load(std::memory_order_acquire) || growing_ ||
      options_.readOnly) {
    mdb_txn_reset(snapshot.transaction_);
    snapshot.version_ = 0;
  }
  idle_.push_back({snapshot.transaction_, snapshot.version_});
  --out_;
  if (growing_) idleChanged_.notify_all();
}

void Environment::refreshIdle() {
  std::lock_guard lock(mutex_);
  version_.fetch_add(1, std::memory_order_acq_rel);
  for (Idle& idle : idle_) {
    if (idle.version != 0) mdb_txn_reset(idle.transaction);
    idle.version = 0;
  }
}

void Environment::write(const std::function<void(WriteTransaction&)>& work) {
  while (!attempt(work)) grow();
  refreshIdle();
}

// False when the map is full; nothing has happened then.
bool Environment::attempt(const std::function<void(WriteTransaction&)>& work) {
  // Readers of other processes that died would keep pages from being reused.
  int dead = 0;
  check("reader check", mdb_reader_check(environment_, &dead));
  WriteTransaction transaction;
  transaction.tables_ = &tables_;
  transaction.environment_ = this;
  int result = mdb_txn_begin(environment_, nullptr, 0, &transaction.transaction_);
  if (result == MDB_MAP_RESIZED) return false;
  check("begin", result);
  try {
    work(transaction);
  } catch (const MapFull&) {
    mdb_txn_abort(transaction.transaction_);
    return false;
  } catch (...) {
    mdb_txn_abort(transaction.transaction_);
    throw;
  }
  result = mdb_txn_commit(transaction.transaction_);
  if (result == MDB_MAP_FULL) return false;
  check("commit", result);
  return true;
}

void Environment::makeDurable() { check("sync", mdb_env_sync(environment_, 1)); }

void Environment::reserve(std::uint64_t bytes) {
  while (measure().usedBytes + bytes > mapBytes_) grow();
}

bool Environment::growing() {
  std::lock_guard lock(mutex_);
  return growing_;
}

bool Environment::heldHere() { return snapshotsHeldHere > 0; }

void Environment::grow() {
  std::unique_lock lock(mutex_);
  growing_ = true;
  idleChanged_.wait(lock, [this] { return out_ == 0; });
  for (Idle& idle : idle_) {
    if (idle.version != 0) mdb_txn_reset(idle.transaction);
    idle.version = 0;
  }
  mapBytes_ = 2 * mapBytes_;
  int result = mdb_env_set_mapsize(environment_, mapBytes_);
  growing_ = false;
  lock.unlock();
  idleChanged_.notify_all();
  check("grow the map", result);
}

Environment::Size Environment::size() {
  Snapshot held = snapshot();  // Keeps the map where it is.
  return measure();
}

Environment::Size Environment::measure() const {
  int fd = -1;
  check("descriptor", mdb_env_get_fd(environment_, &fd));
  struct stat file {};
  if (::fstat(fd, &file) != 0) fail("fstat", errno);
  MDB_envinfo info;
  check("info", mdb_env_info(environment_, &info));
  MDB_stat status;
  check("stat", mdb_env_stat(environment_, &status));
  Size size;
  size.fileBytes = static_cast<std::uint64_t>(file.st_size);
  size.usedBytes = (static_cast<std::uint64_t>(info.me_last_pgno) + 1) * status.ms_psize;
  size.mapBytes = mapBytes_;
  return size;
}

}  // namespace cairn::kv
