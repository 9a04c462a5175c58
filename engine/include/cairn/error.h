// Everything Cairn throws. An error says what went wrong, where, and the numbers involved; a code
// exists only where some caller reacts differently to it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace cairn {

enum class ErrorCode {
  kInvalidArgument,  ///< No state would accept this argument (the platform's TypeError).
  kOutOfRange,       ///< A number, time or size outside its bounds (the platform's RangeError).
  kLimitExceeded,    ///< A limit of `Limits` was passed; the message names it with both figures.
  kTypeMismatch,     ///< A stored value is of another type than the caller asked for.
  kNotFound,         ///< The named thing does not exist.
  kUnsupported,      ///< This class or backend does not offer the call.
  kSql,              ///< SQLite rejected the statement (see SqlError).
  kConflict,    ///< The state of things forbids the call now (nesting, misuse of a transaction).
  kRolledBack,  ///< The turn's writes were undone; the message holds the cause.
  kBroken,      ///< The object or the engine failed earlier; the message holds the first cause.
  kBusy,        ///< Another process holds the root.
  kOverloaded,  ///< Too much is waiting; try again later.
  kTimeout,     ///< A deadline or budget ran out.
  kCanceled,    ///< The caller or a shutdown withdrew the work.
  kDamaged,     ///< Bytes on disk are not what was written; nothing was changed.
  kDigestMismatch,  ///< A restored state would not be the one recorded; nothing was changed.
  kForeign,         ///< A file of another root, or of a format this version does not know.
  kIo,              ///< The operating system refused a read, write or sync.
  kNoSpace,         ///< The disk or a quota is full; says bytes needed and free where known.
};

/// The code's name as it appears in JSON output and logs, e.g. "kLimitExceeded" ->
/// "limit_exceeded".
[[nodiscard]] std::string_view errorCodeName(ErrorCode code);

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// An error reported by SQLite. `what()` reads `<message>[ at offset N]: <PRIMARY>[ (extended:
/// <EXTENDED>)]`, the shape the platform uses.
class SqlError : public Error {
 public:
  SqlError(const std::string& message, int extendedCode)
      : Error(ErrorCode::kSql, message), extendedCode_(extendedCode) {}
  /// SQLite's extended result code, e.g. 1555 for SQLITE_CONSTRAINT_PRIMARYKEY.
  [[nodiscard]] int extendedCode() const { return extendedCode_; }
  [[nodiscard]] int primaryCode() const { return extendedCode_ & 0xff; }

 private:
  int extendedCode_;
};

}  // namespace cairn
