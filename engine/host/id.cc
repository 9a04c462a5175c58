#include <cairn/error.h>
#include <cairn/id.h>
#include <random>

#include <fmt/format.h>

#include "engine/base/checksum.h"
#include "engine/object_names.h"

namespace cairn {

namespace {

// Names of unique ids in their root begin with this, names that begin with it are marked.
constexpr char kMark = '#';
constexpr std::string_view kUniquePrefix = "#u";
constexpr std::size_t kCheckDigits = 32;
constexpr std::size_t kUniqueDigits = 64;

bool isHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What ties an id to its class and jurisdiction.
std::string check(std::string_view className, Jurisdiction jurisdiction,
                  std::string_view objectName) {
  std::string bytes;
  bytes.append(className).push_back('\0');
  bytes.push_back(static_cast<char>(jurisdiction));
  bytes.append(objectName);
  Hash128 hash = hash128(bytes);
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

std::string objectNameOf(std::string_view name) {
  return name.starts_with(kMark) ? kMark + std::string(name) : std::string(name);
}

}  // namespace

std::string_view jurisdictionName(Jurisdiction jurisdiction) {
  switch (jurisdiction) {
    case Jurisdiction::kEu:
      return "eu";
    case Jurisdiction::kFedramp:
      return "fedramp";
    case Jurisdiction::kNone:
      break;
  }
  return "";
}

Jurisdiction jurisdictionOf(std::string_view name) {
  for (Jurisdiction each : {Jurisdiction::kNone, Jurisdiction::kEu, Jurisdiction::kFedramp}) {
    if (jurisdictionName(each) == name) return each;
  }
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("no jurisdiction is named \"{}\": there are \"eu\" and \"fedramp\"", name));
}

DurableObjectId DurableObjectId::fromName(std::string_view className, Jurisdiction jurisdiction,
                                          std::string_view name) {
  std::string objectName = objectNameOf(name);
  checkObjectName(objectName);
  return {className, jurisdiction, std::move(objectName)};
}

DurableObjectId DurableObjectId::unique(std::string_view className, Jurisdiction jurisdiction) {
  std::random_device random;
  std::string digits;
  while (digits.size() < kCheckDigits) digits += fmt::format("{:08x}", random());
  return {className, jurisdiction, std::string(kUniquePrefix) + digits};
}

DurableObjectId DurableObjectId::fromObjectName(std::string_view className,
                                                Jurisdiction jurisdiction,
                                                std::string_view objectName) {
  return {className, jurisdiction, std::string(objectName)};
}

DurableObjectId DurableObjectId::fromString(std::string_view className, Jurisdiction jurisdiction,
                                            std::string_view text) {
  auto refuse = [&](std::string_view problem) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" {} class {} in jurisdiction \"{}\"", text, problem, className,
                            jurisdictionName(jurisdiction)));
  };
  std::string objectName;
  std::string_view itsCheck;
  if (text.size() == kUniqueDigits && isHex(text)) {
    objectName = std::string(kUniquePrefix).append(text.substr(0, kCheckDigits));
    itsCheck = text.substr(kCheckDigits);
  } else if (text.size() > kCheckDigits + 1 && text[kCheckDigits] == ':' &&
             isHex(text.substr(0, kCheckDigits))) {
    objectName = objectNameOf(text.substr(kCheckDigits + 1));
    itsCheck = text.substr(0, kCheckDigits);
  } else {
    refuse("is not the id of an object of");
  }
  if (itsCheck != check(className, jurisdiction, objectName)) refuse("is not an id of");
  checkObjectName(objectName);
  return {className, jurisdiction, std::move(objectName)};
}

std::string DurableObjectId::toString() const {
  std::string digits = check(className_, jurisdiction_, objectName_);
  if (objectName_.starts_with(kUniquePrefix))
    return objectName_.substr(kUniquePrefix.size()) + digits;
  return digits + ":" + std::string(name());
}

std::string_view DurableObjectId::name() const {
  std::string_view name = objectName_;
  if (name.starts_with(kUniquePrefix)) return {};
  if (name.starts_with(kMark)) name.remove_prefix(1);
  return name;
}

}  // namespace cairn
