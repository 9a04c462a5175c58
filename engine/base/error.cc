#include <cairn/error.h>

namespace cairn {

std::string_view errorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kOutOfRange:
      return "out_of_range";
    case ErrorCode::kLimitExceeded:
      return "limit_exceeded";
    case ErrorCode::kTypeMismatch:
      return "type_mismatch";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kSql:
      return "sql";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kRolledBack:
      return "rolled_back";
    case ErrorCode::kBroken:
      return "broken";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kOverloaded:
      return "overloaded";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCanceled:
      return "canceled";
    case ErrorCode::kDamaged:
      return "damaged";
    case ErrorCode::kDigestMismatch:
      return "digest_mismatch";
    case ErrorCode::kForeign:
      return "foreign";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kNoSpace:
      return "no_space";
  }
  return "unknown";
}

}  // namespace cairn
