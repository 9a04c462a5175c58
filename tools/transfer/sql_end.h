// Either end of a copy between databases: an object's, reached through its Storage, or a SQLite
// file.
#pragma once

#include <cairn/engine.h>
#include <cairn/sql.h>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace cairn::cli {

class SqlEnd {
 public:
  virtual ~SqlEnd() = default;

  using TakeRow = std::function<void(const std::vector<SqlValue>&)>;
  /// Throws: what reading throws, and what `take` throws.
  virtual void query(const std::string& text, const TakeRow& take) = 0;
  /// Runs one statement for what it does.
  virtual void run(const std::string& text, std::span<const SqlValue> parameters = {}) = 0;

  /// The single value of a query; NULL when it gives no row.
  SqlValue one(const std::string& text);
};

/// An object's database, as a turn has it, where everything is part of the turn's commit, or as it
/// was in the past.
class ObjectEnd final : public SqlEnd {
 public:
  explicit ObjectEnd(SqlStorage& sql) : sql_(sql) {}
  void query(const std::string& text, const TakeRow& take) override;
  void run(const std::string& text, std::span<const SqlValue> parameters) override;

 private:
  SqlStorage& sql_;
};

/// An object's database, written in a commit for every so many bytes: for what is too large for
/// one. `finish` makes the last of it.
class ObjectInPartsEnd final : public SqlEnd {
 public:
  ObjectInPartsEnd(Engine& engine, ObjectRef object)
      : engine_(engine), object_(std::move(object)) {}
  void query(const std::string& text, const TakeRow& take) override;
  void run(const std::string& text, std::span<const SqlValue> parameters) override;
  Ticket finish();

 private:
  struct Pending {
    const std::string* text;
    std::vector<SqlValue> parameters;
  };
  void flush();

  Engine& engine_;
  ObjectRef object_;
  std::map<std::string, int> texts_;  ///< The few texts that many rows share.
  std::vector<Pending> pending_;
  std::size_t pendingBytes_ = 0;
  Ticket last_;
};

/// A SQLite file of the user's.
class FileEnd final : public SqlEnd {
 public:
  /// Nothing in the file is run: no triggers, views or functions from its schema. Throws:
  /// Failure(kNotFound), Failure(kUsage) when it is no database, Failure(kIo).
  [[nodiscard]] static FileEnd reading(const std::string& path);
  /// A new database in an empty file that nobody else sees before it is done: without a journal or
  /// syncs of its own.
  [[nodiscard]] static FileEnd writing(const std::string& path);
  FileEnd(FileEnd&& other) noexcept;
  FileEnd& operator=(FileEnd&&) = delete;
  ~FileEnd() override;

  void query(const std::string& text, const TakeRow& take) override;
  void run(const std::string& text, std::span<const SqlValue> parameters = {}) override;
  /// Of a file that is written.
  void commit() { execute("COMMIT"); }
  /// Bytes of the database as of now.
  [[nodiscard]] std::uint64_t bytes();

 private:
  explicit FileEnd(std::string path) : path_(std::move(path)) {}
  void open(int flags);
  sqlite3_stmt* prepare(const std::string& text);
  void execute(const char* text);
  [[noreturn]] void fail(int code);

  std::string path_;
  sqlite3* db_ = nullptr;
  std::string lastText_;
  sqlite3_stmt* last_ = nullptr;  ///< Kept: a table's rows come in with one text.
};

}  // namespace cairn::cli
