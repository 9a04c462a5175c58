// Ids of durable objects. A text form goes to and fro; it carries a check over class and
// jurisdiction, so that an id opens nothing where it does not belong.
//
// An object that was named has that name in the root as well: `cairn kv DATA Room room-42 ...` and
// Engine::object("Room", "room-42") find it.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

namespace cairn {

/// Where objects must be kept. Each jurisdiction has a root directory of its own.
enum class Jurisdiction : unsigned char {
  kNone,
  kEu,
  kFedramp,
};
/// "", "eu", "fedramp".
[[nodiscard]] std::string_view jurisdictionName(Jurisdiction jurisdiction);
/// Throws: kInvalidArgument.
[[nodiscard]] Jurisdiction jurisdictionOf(std::string_view name);

class DurableObjectId {
 public:
  /// The id of that name. Throws: kInvalidArgument for a name an object cannot have; see
  /// Engine::object.
  static DurableObjectId fromName(std::string_view className, Jurisdiction jurisdiction,
                                  std::string_view name);
  /// An id nobody has, not to be guessed.
  static DurableObjectId unique(std::string_view className, Jurisdiction jurisdiction);
  /// What `toString` gave. Throws: kInvalidArgument when it is not an id, or one of another class
  /// or jurisdiction.
  static DurableObjectId fromString(std::string_view className, Jurisdiction jurisdiction,
                                    std::string_view text);
  /// The object's name in its root, as Engine::object knows it.
  static DurableObjectId fromObjectName(std::string_view className, Jurisdiction jurisdiction,
                                        std::string_view objectName);

  /// 64 hexadecimal digits for a unique id; 32 of them, a colon and the name for a named one.
  [[nodiscard]] std::string toString() const;
  /// The name it was made from; empty for a unique id.
  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] Jurisdiction jurisdiction() const { return jurisdiction_; }
  [[nodiscard]] const std::string& className() const { return className_; }
  [[nodiscard]] const std::string& objectName() const { return objectName_; }

  friend bool operator==(const DurableObjectId&, const DurableObjectId&) = default;

 private:
  DurableObjectId(std::string_view className, Jurisdiction jurisdiction, std::string objectName)
      : className_(className), jurisdiction_(jurisdiction), objectName_(std::move(objectName)) {}

  std::string className_;
  Jurisdiction jurisdiction_;
  std::string objectName_;
};

}  // namespace cairn
