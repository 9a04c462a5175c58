// How a command ended, as the shell sees it. One table for the code, `--help` and the README.
#pragma once

#include <cairn/error.h>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cairn::cli {

enum class ExitCode : int {
  kDone = 0,
  kNotFound = 1,
  kUsage = 2,
  kOutsideWindow = 3,
  kDamage = 4,
  kDoneWithLoss = 5,
  kBusy = 6,
  kRefused = 7,
  kIo = 8,
  kDigest = 9,
  kInterrupted = 130,
};

struct ExitMeaning {
  ExitCode code;
  std::string_view name;  ///< As `error.code` of `--json` for failures the command itself finds.
  std::string_view meaning;
};
[[nodiscard]] std::span<const ExitMeaning> exitMeanings();

/// What the command throws when it cannot do what was asked. Errors of the library are mapped by
/// `failureOf`.
class Failure : public std::runtime_error {
 public:
  Failure(ExitCode exit, const std::string& message);
  Failure(ExitCode exit, std::string code, const std::string& message)
      : std::runtime_error(message), exit_(exit), code_(std::move(code)) {}

  [[nodiscard]] ExitCode exit() const { return exit_; }
  /// Stable, for programs: `error.code` of `--json`.
  [[nodiscard]] const std::string& code() const { return code_; }

 private:
  ExitCode exit_;
  std::string code_;
};

[[nodiscard]] ExitCode exitCodeOf(ErrorCode code);
/// Any exception as a Failure.
[[nodiscard]] Failure failureOf(const std::exception& error);

}  // namespace cairn::cli
