// What a JavaScript host throws: an Error with a name, or any other value.
#pragma once

#include <cairn/error.h>
#include <cairn/value.h>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace cairn::conformance {

class JsError : public std::exception {
 public:
  JsError(std::string name, std::string message)
      : name_(std::move(name)), message_(std::move(message)) {}
  /// `throw value` of something that is no Error.
  explicit JsError(Value thrown) : thrown_(std::move(thrown)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const std::optional<Value>& thrown() const { return thrown_; }
  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string name_;
  std::string message_;
  std::optional<Value> thrown_;
};

/// An asynchronous method that throws where it is called instead of rejecting.
class ThrownAtCall : public JsError {
 public:
  using JsError::JsError;
};

/// The object was reset: its handlers run no further, whatever they catch.
class Terminated {};

/// What a reset says that gives no reason.
inline constexpr const char* kAbortMessage = "Application called abort() to reset Durable Object.";

inline JsError typeError(std::string message) { return {"TypeError", std::move(message)}; }

/// How a host presents an error of Cairn: the kinds of the platform, as <cairn/error.h> gives them.
inline std::string errorName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTypeMismatch:
      return "TypeError";
    case ErrorCode::kOutOfRange:
      return "RangeError";
    default:
      return "Error";
  }
}

}  // namespace cairn::conformance
