#include "tools/cli/exit_code.h"

#include <algorithm>
#include <new>

namespace cairn::cli {

namespace {

constexpr ExitMeaning kMeanings[] = {
    {ExitCode::kDone, "done", "done"},
    {ExitCode::kNotFound, "not_found", "not found: the key, object, alarm or root does not exist"},
    {ExitCode::kUsage, "usage",
     "usage: arguments, JSON, SQL or a size that no state of the root would accept"},
    {ExitCode::kOutsideWindow, "outside_window",
     "point in time unknown or outside the retention window"},
    {ExitCode::kDamage, "damaged", "damage found"},
    {ExitCode::kDoneWithLoss, "done_with_loss", "done, with the loss that was stated"},
    {ExitCode::kBusy, "busy", "the root is in use by another process"},
    {ExitCode::kRefused, "refused",
     "refused: needs --yes or --force, the target exists, or the root is of a newer format"},
    {ExitCode::kIo, "io", "input, output or no space; nothing acknowledged is lost"},
    {ExitCode::kDigest, "digest_mismatch", "the data is not what its digest says"},
    {ExitCode::kInterrupted, "interrupted", "interrupted; what was acknowledged is kept"},
};

std::string nameOf(ExitCode code) {
  return std::string(std::ranges::find(kMeanings, code, &ExitMeaning::code)->name);
}

}  // namespace

std::span<const ExitMeaning> exitMeanings() { return kMeanings; }

Failure::Failure(ExitCode exit, const std::string& message)
    : Failure(exit, nameOf(exit), message) {}

ExitCode exitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return ExitCode::kNotFound;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kLimitExceeded:
    case ErrorCode::kTypeMismatch:
    case ErrorCode::kUnsupported:
    case ErrorCode::kSql:
      return ExitCode::kUsage;
    case ErrorCode::kConflict:
    case ErrorCode::kRolledBack:
    case ErrorCode::kForeign:
      return ExitCode::kRefused;
    case ErrorCode::kBusy:
    case ErrorCode::kOverloaded:
      return ExitCode::kBusy;
    case ErrorCode::kCanceled:
      return ExitCode::kInterrupted;
    case ErrorCode::kDamaged:
      return ExitCode::kDamage;
    case ErrorCode::kDigestMismatch:
      return ExitCode::kDigest;
    case ErrorCode::kTimeout:
    case ErrorCode::kBroken:
    case ErrorCode::kIo:
    case ErrorCode::kNoSpace:
      return ExitCode::kIo;
  }
  return ExitCode::kIo;
}

Failure failureOf(const std::exception& error) {
  if (const auto* failure = dynamic_cast<const Failure*>(&error)) return *failure;
  if (const auto* ours = dynamic_cast<const Error*>(&error)) {
    return {exitCodeOf(ours->code()), std::string(errorCodeName(ours->code())), ours->what()};
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return {ExitCode::kIo, "no_memory", "out of memory"};
  return {ExitCode::kIo, "internal", error.what()};
}

}  // namespace cairn::cli
