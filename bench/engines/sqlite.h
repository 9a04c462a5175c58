// Thin over SQLite's C interface: what the SQLite adapters share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

struct sqlite3;
struct sqlite3_stmt;

namespace bench {

class SqliteStatement {
 public:
  SqliteStatement(sqlite3* database, std::string_view text);
  ~SqliteStatement();
  SqliteStatement(SqliteStatement&& other) noexcept : statement_(other.statement_) {
    other.statement_ = nullptr;
  }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& bind(int index, std::int64_t value);
  /// The bytes must live until `reset`.
  SqliteStatement& bind(int index, std::string_view text);
  SqliteStatement& bindBlob(int index, std::string_view bytes);
  /// Whether there is a row.
  bool step();
  void reset();
  /// One statement without rows, from beginning to end.
  void run() {
    while (step()) {
    }
    reset();
  }
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
};

/// A connection in WAL mode. Debian builds SQLite with SECURE_DELETE: off here as in Cairn.
class SqliteDatabase {
 public:
  SqliteDatabase(const std::string& path, bool full, int cacheKiB = 0);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  void run(const std::string& text);
  [[nodiscard]] sqlite3* get() const { return database_; }
  [[nodiscard]] SqliteStatement prepare(std::string_view text) const { return {database_, text}; }

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace bench
