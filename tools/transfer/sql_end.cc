#include "tools/transfer/sql_end.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

// Of rows that wait for their commit.
constexpr std::size_t kPartBytes = std::size_t{32} << 20;

std::vector<SqlParameter> bound(std::span<const SqlValue> values) {
  return {values.begin(), values.end()};
}

std::size_t bytesOf(std::span<const SqlValue> values) {
  std::size_t bytes = values.size() * sizeof(SqlValue);
  for (const SqlValue& value : values) {
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    if (const auto* blob = std::get_if<Bytes>(&value)) bytes += blob->size();
  }
  return bytes;
}

int bindValue(sqlite3_stmt* statement, int index, const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return sqlite3_bind_int64(statement, index, *integer);
  if (const auto* real = std::get_if<double>(&value))
    return sqlite3_bind_double(statement, index, *real);
  if (const auto* text = std::get_if<std::string>(&value)) {
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  if (const auto* blob = std::get_if<Bytes>(&value)) {
    // Without a pointer SQLite would bind NULL.
    const void* bytes = blob->empty() ? static_cast<const void*>("") : blob->data();
    return sqlite3_bind_blob64(statement, index, bytes, blob->size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

SqlValue columnValue(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement, column));
      return Bytes(bytes, bytes + sqlite3_column_bytes(statement, column));
    }
    default:
      return std::monostate{};
  }
}

ExitCode exitCodeOfSqlite(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
      return ExitCode::kDamage;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return ExitCode::kIo;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ExitCode::kBusy;
    default:
      return ExitCode::kUsage;
  }
}

}  // namespace

SqlValue SqlEnd::one(const std::string& text) {
  SqlValue value;
  query(text, [&](const std::vector<SqlValue>& row) { value = row.at(0); });
  return value;
}

void ObjectEnd::query(const std::string& text, const TakeRow& take) {
  SqlCursor cursor = sql_.exec(text);
  while (std::optional<std::vector<SqlValue>> row = cursor.nextRaw()) take(*row);
}

void ObjectEnd::run(const std::string& text, std::span<const SqlValue> parameters) {
  sql_.execute(text, bound(parameters));
}

void ObjectInPartsEnd::query(const std::string& text, const TakeRow& take) {
  flush();
  engine_.turn(object_, [&](Storage& storage) { ObjectEnd(storage.sql()).query(text, take); });
}

void ObjectInPartsEnd::run(const std::string& text, std::span<const SqlValue> parameters) {
  pending_.push_back(
      {&texts_.try_emplace(text).first->first, {parameters.begin(), parameters.end()}});
  pendingBytes_ += bytesOf(parameters);
  // What has no parameters may decide how those that follow compile.
  if (parameters.empty() || pendingBytes_ >= kPartBytes) flush();
}

void ObjectInPartsEnd::flush() {
  if (pending_.empty()) return;
  last_ = engine_.turn(object_, [&](Storage& storage) {
    ObjectEnd end(storage.sql());
    storage.transactionSync([&] {
      for (const Pending& statement : pending_) end.run(*statement.text, statement.parameters);
    });
  });
  pending_.clear();
  pendingBytes_ = 0;
}

Ticket ObjectInPartsEnd::finish() {
  flush();
  return last_;
}

FileEnd::FileEnd(FileEnd&& other) noexcept
    : path_(std::move(other.path_)),
      db_(std::exchange(other.db_, nullptr)),
      lastText_(std::move(other.lastText_)),
      last_(std::exchange(other.last_, nullptr)) {}

FileEnd::~FileEnd() {
  sqlite3_finalize(last_);
  sqlite3_close_v2(db_);
}

void FileEnd::fail(int code) {
  throw Failure(exitCodeOfSqlite(code), "sql",
                fmt::format("{}: {}", printable(path_), sqlite3_errmsg(db_)));
}

void FileEnd::open(int flags) {
  int result = sqlite3_open_v2(path_.c_str(), &db_,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
  if (result != SQLITE_OK) fail(result);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, 0, nullptr);
}

FileEnd FileEnd::reading(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw Failure(errno == ENOENT ? ExitCode::kNotFound : ExitCode::kIo,
                  fmt::format("{}: {}", printable(path), std::strerror(errno)));
  }
  FileEnd end(path);
  end.open(SQLITE_OPEN_READONLY);
  sqlite3_db_config(end.db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(end.db_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  // One state of the file from beginning to end.
  end.execute("PRAGMA cell_size_check=ON; BEGIN; SELECT count(*) FROM sqlite_schema");
  return end;
}

FileEnd FileEnd::writing(const std::string& path) {
  FileEnd end(path);
  end.open(SQLITE_OPEN_READWRITE);
  sqlite3_db_config(end.db_, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  end.execute("PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN");
  return end;
}

void FileEnd::execute(const char* text) {
  int result = sqlite3_exec(db_, text, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) fail(result);
}

sqlite3_stmt* FileEnd::prepare(const std::string& text) {
  sqlite3_stmt* statement = nullptr;
  int result =
      sqlite3_prepare_v2(db_, text.c_str(), static_cast<int>(text.size()), &statement, nullptr);
  if (result != SQLITE_OK) fail(result);
  return statement;
}

void FileEnd::query(const std::string& text, const TakeRow& take) {
  struct Finalize {
    sqlite3_stmt* statement;
    ~Finalize() { sqlite3_finalize(statement); }
  } guard{prepare(text)};
  std::vector<SqlValue> row;
  int result = SQLITE_ROW;
  while ((result = sqlite3_step(guard.statement)) == SQLITE_ROW) {
    row.clear();
    for (int i = 0; i < sqlite3_column_count(guard.statement); ++i)
      row.push_back(columnValue(guard.statement, i));
    take(row);
  }
  if (result != SQLITE_DONE) fail(result);
}

void FileEnd::run(const std::string& text, std::span<const SqlValue> parameters) {
  if (last_ == nullptr || lastText_ != text) {
    sqlite3_finalize(std::exchange(last_, nullptr));
    last_ = prepare(text);
    lastText_ = text;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    int result = bindValue(last_, static_cast<int>(i + 1), parameters[i]);
    if (result != SQLITE_OK) fail(result);
  }
  int result = SQLITE_ROW;
  while (result == SQLITE_ROW) result = sqlite3_step(last_);
  sqlite3_reset(last_);
  if (result != SQLITE_DONE) fail(result);
}

std::uint64_t FileEnd::bytes() {
  SqlValue pages = one("PRAGMA page_count");
  SqlValue size = one("PRAGMA page_size");
  return static_cast<std::uint64_t>(std::get<std::int64_t>(pages) * std::get<std::int64_t>(size));
}

}  // namespace cairn::cli
