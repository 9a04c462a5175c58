#include "engine/object_names.h"

#include <cairn/error.h>
#include <optional>

#include <fmt/format.h>

#include "engine/rows.h"

namespace cairn {

namespace {

// Where the first byte stands that does not belong to well-formed UTF-8; nullopt if there is none.
std::optional<std::size_t> malformedUtf8At(std::string_view text) {
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (std::size_t at = 0; at < text.size();) {
    unsigned char lead = byte(at);
    std::size_t length = lead < 0x80                   ? 1
                         : lead >= 0xc2 && lead < 0xe0 ? 2
                         : lead >= 0xe0 && lead < 0xf0 ? 3
                         : lead >= 0xf0 && lead < 0xf5 ? 4
                                                       : 0;
    if (length == 0 || at + length > text.size()) return at;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return at;
    }
    // Overlong forms, surrogates, and what lies beyond the last code point.
    if (lead == 0xe0 && byte(at + 1) < 0xa0) return at;
    if (lead == 0xed && byte(at + 1) >= 0xa0) return at;
    if (lead == 0xf0 && byte(at + 1) < 0x90) return at;
    if (lead == 0xf4 && byte(at + 1) >= 0x90) return at;
    at += length;
  }
  return std::nullopt;
}

void checkName(const char* what, std::string_view name, std::size_t bytesMax) {
  auto refuse = [&](const std::string& problem) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("{} {}", what, problem));
  };
  if (name.empty()) refuse("is empty");
  if (name.size() > bytesMax)
    refuse(fmt::format("has {} bytes, {} are allowed", name.size(), bytesMax));
  if (std::size_t nul = name.find('\0'); nul != std::string_view::npos)
    refuse(fmt::format("has a NUL byte at offset {}", nul));
  if (std::optional<std::size_t> at = malformedUtf8At(name))
    refuse(fmt::format("is not UTF-8 at offset {}", *at));
}

}  // namespace

void checkObjectName(std::string_view name) {
  checkName("object name", name, kObjectNameBytesMax);
  // Names never become paths here, but they do in scripts around exports and logs.
  for (std::size_t begin = 0; begin <= name.size();) {
    std::size_t end = std::min(name.find('/', begin), name.size());
    std::string_view part = name.substr(begin, end - begin);
    if (part == "." || part == "..") {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("object name has a part \"{}\" at offset {}", part, begin));
    }
    begin = end + 1;
  }
}

void checkClassName(std::string_view name) {
  checkName("class name", name, kClassNameBytesMax);
  if (std::size_t slash = name.find('/'); slash != std::string_view::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("class name has a slash at offset {}", slash));
  }
}

}  // namespace cairn
