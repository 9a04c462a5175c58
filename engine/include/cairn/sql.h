// SQL storage of one object: a private SQLite database.
//
//   auto& sql = storage.sql();
//   sql.exec("CREATE TABLE IF NOT EXISTS users(id INTEGER PRIMARY KEY, name TEXT)");
//   sql.exec("INSERT INTO users(name) VALUES (?)", "Ann");
//   auto [id] = sql.exec("SELECT id FROM users WHERE name = ?", "Ann").one<std::int64_t>();
//   cairn::SqlCursor users = sql.exec("SELECT * FROM users");
//   for (const cairn::SqlRow& row : users) use(row["name"]);
//
// Writes join the turn's transaction: they are atomic with its other writes, KV and alarms
// included, and durable with it. A statement that fails changes nothing and leaves the transaction
// as it was. Some failures end the whole transaction (a full database, a failed read, an
// interrupted or half-done write, ON CONFLICT ROLLBACK, RAISE(ROLLBACK)): the turn can then write
// nothing more, its commit fails with kRolledBack, and what was committed before is untouched.
//
// The dialect is that of the SQLite that is linked, with FTS5, JSON, math functions and R*Tree.
// What reaches outside the object is refused with SQLITE_AUTH: transaction statements (use
// `transactionSync`), ATTACH, VACUUM, temporary tables, other virtual tables, functions and pragmas
// than the platform's, writing to the schema, names that begin with `_cf_`. Foreign keys are
// enforced.
//
// One thread at a time, the one that runs the turn.
#pragma once

#include <cairn/error.h>
#include <cairn/types.h>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cairn {

/// A column of a result: NULL, INTEGER, REAL, TEXT or BLOB. Integers come back whole.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

/// A bound parameter: a view, for the length of the call. Text and bytes have to live until `exec`
/// returns, no longer. Integers and booleans bind as INTEGER, floating point as REAL, text as TEXT
/// with any NUL bytes it has, bytes as BLOB, empty ones too; NaN and absent optionals as NULL.
class SqlParameter {
 public:
  using Held = std::variant<std::monostate, std::int64_t, double, std::string_view, BytesView>;

  SqlParameter(std::monostate = {}) {}
  SqlParameter(std::nullptr_t) {}
  SqlParameter(std::nullopt_t) {}
  template <std::integral T>
  requires(sizeof(T) < 8 || std::signed_integral<T>) SqlParameter(T value)
      : held_(static_cast<std::int64_t>(value)) {}
  template <std::floating_point T>
  SqlParameter(T value) : held_(static_cast<double>(value)) {}
  template <typename T>
  requires std::convertible_to<const T&, std::string_view> SqlParameter(const T& text)
      : held_(std::string_view(text)) {}
  SqlParameter(BytesView bytes) : held_(bytes) {}
  SqlParameter(const Bytes& bytes) : held_(BytesView(bytes)) {}
  SqlParameter(const SqlValue& value);
  template <typename T>
  SqlParameter(const std::optional<T>& value) {
    if (value) held_ = SqlParameter(*value).held();
  }

  [[nodiscard]] const Held& held() const { return held_; }

 private:
  Held held_;
};

/// One row, copied out of the database: safe to keep, and independent of its cursor.
class SqlRow {
 public:
  SqlRow(std::shared_ptr<const std::vector<std::string>> names, std::vector<SqlValue> values)
      : names_(std::move(names)), values_(std::move(values)) {}

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] const SqlValue& operator[](std::size_t column) const { return values_.at(column); }
  /// Of several columns with one name, the last. Throws: kNotFound.
  [[nodiscard]] const SqlValue& operator[](std::string_view name) const;
  /// `T` is one of SqlValue's types, or an optional of one for a column that may be NULL. Throws:
  /// kTypeMismatch unless the column holds exactly that type; kNotFound.
  template <typename T>
  [[nodiscard]] T get(std::string_view name) const;
  template <typename T>
  [[nodiscard]] T get(std::size_t column) const;

  [[nodiscard]] const std::vector<std::string>& names() const { return *names_; }
  [[nodiscard]] const std::vector<SqlValue>& values() const { return values_; }

 private:
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<SqlValue> values_;
};

namespace sql {
class CursorState;
class Context;
}  // namespace sql

/// The rows of one statement. The statement's first step has already run when `exec` returns, and
/// the cursor stays one row ahead of what was taken; a statement that writes has run to its end,
/// and its rows (RETURNING) are copies. Every way of taking rows shares one position, and so do
/// copies of a cursor.
///
/// Rows come from the live database, without a snapshot: a cursor held across turns may show later
/// writes, also uncommitted ones. It may be kept, or forgotten, for any time: what would have to
/// wait for it (DROP, closing the object's connection) makes it copy its remaining rows, at most 16
/// MiB of them; with more it is canceled. Its columns' names and counts stay readable when it has
/// ended.
///
/// Taking a row throws: SqlError when the statement fails on the way to the next row, also
/// SQLITE_ABORT when a schema change since was rolled back, and SQLITE_INTERRUPT when the event's
/// SQL took more CPU time than `Limits::cpuMs`; kCanceled when the database was deleted or the
/// rows could not be kept. The rows of `toArray` are the caller's memory; nothing bounds them but
/// the budget of time.
class SqlCursor {
 public:
  explicit SqlCursor(std::shared_ptr<sql::CursorState> state) : state_(std::move(state)) {}

  /// The next row, or nothing at the end.
  std::optional<SqlRow> next();
  /// The remaining rows.
  std::vector<SqlRow> toArray();
  /// The one remaining row. Throws: kNotFound when there is none; kOutOfRange when there are more,
  /// and the cursor is then at its end.
  SqlRow one();

  /// The next row's columns without their names.
  std::optional<std::vector<SqlValue>> nextRaw();
  std::vector<std::vector<SqlValue>> toRawArray();

  /// Typed access, without a copy in between: one type for each column, std::optional for what may
  /// be NULL. Integers of any width, floating point (also from INTEGER), bool, std::string, Bytes,
  /// SqlValue. Throws: kTypeMismatch naming the column, also for an integer that does not fit.
  template <typename... T>
  requires(sizeof...(T) > 0) std::tuple<T...> one();
  template <typename... T>
  requires(sizeof...(T) > 0) std::optional<std::tuple<T...>> next();
  template <typename... T>
  requires(sizeof...(T) > 0) std::vector<std::tuple<T...>> toArray();

  /// Empty for statements without result columns. Valid as long as the cursor.
  [[nodiscard]] const std::vector<std::string>& columnNames() const;

  /// The platform's billing units, of the last statement of the text, so far: one read for each row
  /// a loop came to, each lookup and each sort pass, one written for each row of a table and each
  /// entry of an index. SQLite does not count them; they follow from its program and its totals
  /// when somebody asks (tens of microseconds the first time for a text, nothing before). Exact
  /// where the second pair says so, else what they would be had every lookup found something.
  [[nodiscard]] std::uint64_t rowsRead() const;
  [[nodiscard]] std::uint64_t rowsWritten() const;
  [[nodiscard]] bool rowsReadExact() const;
  [[nodiscard]] bool rowsWrittenExact() const;

  class Iterator {
   public:
    using value_type = SqlRow;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(SqlCursor* cursor) : cursor_(cursor) { ++*this; }
    const SqlRow& operator*() const { return *row_; }
    const SqlRow* operator->() const { return &*row_; }
    Iterator& operator++() {
      row_ = cursor_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& iterator, std::default_sentinel_t) {
      return !iterator.row_;
    }

   private:
    SqlCursor* cursor_ = nullptr;
    std::optional<SqlRow> row_;
  };
  Iterator begin() { return Iterator(this); }
  std::default_sentinel_t end() { return {}; }

 private:
  template <typename T>
  T take(int column) const;
  [[nodiscard]] bool hasRow() const;
  void advance();
  void expectOne() const;
  void endAfterSurplus();
  void checkColumns(std::size_t asked) const;
  // Typed reads of the row the cursor stands on.
  [[nodiscard]] bool isNull(int column) const;
  [[nodiscard]] std::int64_t integerAt(int column) const;
  [[nodiscard]] double realAt(int column) const;
  [[nodiscard]] std::string_view textAt(int column) const;
  [[nodiscard]] BytesView blobAt(int column) const;
  [[nodiscard]] SqlValue valueAt(int column) const;
  [[noreturn]] void outOfRange(int column, std::int64_t value) const;

  std::shared_ptr<sql::CursorState> state_;
};

/// SQL of one object, `ctx.storage.sql` on the platform. Lives as long as the Storage it came from.
class SqlStorage {
 public:
  explicit SqlStorage(sql::Context& context) : context_(&context) {}

  /// Runs one or more statements. Parameters bind to the last, in order (a named one counts once),
  /// and have to be exactly as many as it takes; the cursor is the last one's. Each statement runs
  /// before the next is compiled, rows of all but the last are discarded, and what ran stays when a
  /// later one fails: the text is not atomic, the turn is. Compiled statements are kept by their
  /// text, up to `Limits::statementCacheBytes` of it (1 MiB, as workerd).
  ///
  /// Durable: with the turn. Limits (the platform's documented ones unless said otherwise): 100 KB
  /// of text, 100 parameters, 100 columns, 2 MB for a string, BLOB or row, 32 function arguments,
  /// 50 bytes of a LIKE or GLOB pattern, and as workerd has them: 100 levels of an expression, 5
  /// terms of a compound SELECT, 25,000 instructions, 10 levels of triggers. 10 GB of storage:
  /// SQLITE_FULL for a database that alone would take more, and a turn that would make the object
  /// larger than that with its key-value pairs is rolled back at its commit with kNoSpace.
  /// Cairn's own: `Limits::cpuMs`; `sqlTempBytesMax` for sorting and temporary tables;
  /// `transactionBytesMax`.
  ///
  /// Throws: SqlError with SQLite's extended code for what SQLite or a limit refuses;
  /// kInvalidArgument for a text without a statement or with a NUL byte, a wrong number of
  /// parameters, or parameters in any statement but the last; kRolledBack when the turn's
  /// transaction was lost before; kUnsupported for a legacy class; kBroken.
  template <typename... P>
  SqlCursor exec(std::string_view text, const P&... parameters) {
    if constexpr (sizeof...(P) == 0) {
      return execute(text, {});
    } else {
      const SqlParameter bound[] = {SqlParameter(parameters)...};
      return execute(text, bound);
    }
  }
  SqlCursor execute(std::string_view text, std::span<const SqlParameter> parameters);

  /// Bytes of the database's pages in use, free ones not counted, with the transaction in progress;
  /// KV is not in it. 0 for an object that never used SQL. Throws: kUnsupported for a legacy class;
  /// kRolledBack; kBroken.
  [[nodiscard]] std::uint64_t databaseSize();

 private:
  sql::Context* context_;
};

// ---- implementation of the templates

namespace sql {
[[noreturn]] void throwColumnType(const SqlValue& found, const char* asked,
                                  const std::string& column);

template <typename T>
struct OptionalOf {
  static constexpr bool kIs = false;
};
template <typename T>
struct OptionalOf<std::optional<T>> {
  static constexpr bool kIs = true;
  using Inner = T;
};
}  // namespace sql

template <typename T>
T SqlRow::get(std::size_t column) const {
  const SqlValue& value = values_.at(column);
  if constexpr (sql::OptionalOf<T>::kIs) {
    if (std::holds_alternative<std::monostate>(value)) return std::nullopt;
    return get<typename sql::OptionalOf<T>::Inner>(column);
  } else {
    if (const T* held = std::get_if<T>(&value)) return *held;
    sql::throwColumnType(value, "another type", names_->at(column));
  }
}

template <typename T>
T SqlRow::get(std::string_view name) const {
  for (std::size_t i = names_->size(); i-- > 0;) {
    if ((*names_)[i] == name) return get<T>(i);
  }
  throw Error(ErrorCode::kNotFound, "no column is named " + std::string(name));
}

template <typename T>
T SqlCursor::take(int column) const {
  if constexpr (sql::OptionalOf<T>::kIs) {
    if (isNull(column)) return std::nullopt;
    return take<typename sql::OptionalOf<T>::Inner>(column);
  } else if constexpr (std::same_as<T, bool>) {
    return integerAt(column) != 0;
  } else if constexpr (std::integral<T>) {
    std::int64_t value = integerAt(column);
    if (!std::in_range<T>(value)) outOfRange(column, value);
    return static_cast<T>(value);
  } else if constexpr (std::floating_point<T>) {
    return static_cast<T>(realAt(column));
  } else if constexpr (std::same_as<T, std::string>) {
    return std::string(textAt(column));
  } else if constexpr (std::same_as<T, Bytes>) {
    BytesView bytes = blobAt(column);
    return Bytes(bytes.begin(), bytes.end());
  } else {
    static_assert(std::same_as<T, SqlValue>,
                  "columns are integers, floating point, std::string, Bytes or SqlValue");
    return valueAt(column);
  }
}

template <typename... T>
requires(sizeof...(T) > 0) std::optional<std::tuple<T...>> SqlCursor::next() {
  if (!hasRow()) return std::nullopt;
  checkColumns(sizeof...(T));
  std::optional<std::tuple<T...>> row;
  [&]<int... I>(std::integer_sequence<int, I...>) { row.emplace(take<T>(I)...); }
  (std::make_integer_sequence<int, static_cast<int>(sizeof...(T))>{});
  advance();
  return row;
}

template <typename... T>
requires(sizeof...(T) > 0) std::tuple<T...> SqlCursor::one() {
  expectOne();
  std::tuple<T...> row = *next<T...>();
  endAfterSurplus();
  return row;
}

template <typename... T>
requires(sizeof...(T) > 0) std::vector<std::tuple<T...>> SqlCursor::toArray() {
  std::vector<std::tuple<T...>> rows;
  while (std::optional<std::tuple<T...>> row = next<T...>()) rows.push_back(std::move(*row));
  return rows;
}

}  // namespace cairn
