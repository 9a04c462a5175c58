#include <algorithm>
#include <cairn/value.h>
#include <cairn/value_objects.h>
#include <chrono>
#include <cmath>
#include <ostream>

#include "kv/value_internals.h"
#include "kv/value_number.h"

namespace cairn {

namespace {

using Type = Value::Type;

std::string twoDigits(std::uint64_t number, std::size_t width = 2) {
  std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

/// ISO 8601 as JavaScript's toISOString, for the years 0 to 9999; else the milliseconds.
std::string dateText(double ms) {
  constexpr double kYear0 = -62167219200000;
  constexpr double kYear10000 = 253402300800000;
  if (std::isnan(ms)) return "Date(invalid)";
  if (ms < kYear0 || ms >= kYear10000) return "Date(" + numberToString(ms) + " ms)";
  using namespace std::chrono;
  sys_time<milliseconds> time(milliseconds(static_cast<std::int64_t>(ms)));
  sys_days day = floor<days>(time);
  year_month_day date(day);
  hh_mm_ss clock(time - day);
  return "Date(" + twoDigits(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4) + "-" +
         twoDigits(static_cast<unsigned>(date.month())) + "-" +
         twoDigits(static_cast<unsigned>(date.day())) + "T" +
         twoDigits(static_cast<std::uint64_t>(clock.hours().count())) + ":" +
         twoDigits(static_cast<std::uint64_t>(clock.minutes().count())) + ":" +
         twoDigits(static_cast<std::uint64_t>(clock.seconds().count())) + "." +
         twoDigits(static_cast<std::uint64_t>(clock.subseconds().count()), 3) + "Z)";
}

class Printer {
 public:
  explicit Printer(const ValuePrintOptions& options)
      : depthMax_(std::min(options.depthMax, 64)), lengthMax_(options.lengthMax) {}

  std::string print(const Value& value) {
    put(value, 0);
    return isFull() ? cut() : std::move(out_);
  }

 private:
  [[nodiscard]] bool isFull() const { return out_.size() > lengthMax_; }

  std::string cut() {
    std::size_t end = lengthMax_;
    while (end > 0 && (static_cast<unsigned char>(out_[end]) & 0xc0) == 0x80) --end;
    return out_.substr(0, end) + "…";
  }

  void put(const Value& value, int depth) {
    switch (value.type()) {
      case Type::kUndefined:
        out_ += "undefined";
        break;
      case Type::kNull:
        out_ += "null";
        break;
      case Type::kBoolean:
        out_ += value.asBoolean() ? "true" : "false";
        break;
      case Type::kNumber:
        putNumber(value.asNumber());
        break;
      case Type::kBigInt:
        putBigInt(value.asBigInt());
        break;
      case Type::kString:
        putString(value.asString());
        break;
      default:
        putObject(value, depth);
        break;
    }
  }

  void putNumber(double number) {
    out_ += number == 0 && std::signbit(number) ? "-0" : numberToString(number);
  }

  void putBigInt(const BigInt& integer) {
    constexpr std::size_t kWordsShown =
        64;  // Digits of longer ones take quadratic time, and nobody reads them.
    std::size_t words = integer.words().size();
    out_ += words <= kWordsShown ? integer.toString() + "n"
                                 : "<BigInt of " + std::to_string(words * 64) + " bits>";
  }

  /// No more of the text than will be shown.
  [[nodiscard]] std::string_view shown(std::string_view text) const {
    return text.substr(0, lengthMax_ + 1);
  }

  void putString(std::string_view text) {
    out_.push_back('"');
    for (char c : shown(text)) {
      if (c == '"' || c == '\\') out_.push_back('\\');
      if (static_cast<unsigned char>(c) < 0x20) {
        putEscaped(c);
      } else {
        out_.push_back(c);
      }
    }
    out_.push_back('"');
  }

  void putEscaped(char c) {
    constexpr char kDigits[] = "0123456789abcdef";
    if (c == '\n') {
      out_ += "\\n";
    } else {
      out_ += {'\\', 'x', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15]};
    }
  }

  void putObject(const Value& value, int depth) {
    if (value.isWeak()) {
      out_ += "[Circular]";
      return;
    }
    switch (value.type()) {
      case Type::kDate:
        out_ += dateText(value.asDateMs());
        return;
      case Type::kRegExp:
        out_.append("/")
            .append(shown(value.asRegExp().source()))
            .append("/")
            .append(value.asRegExp().flags());
        return;
      case Type::kBoxed:
        out_ += "[" + std::string(valueTypeName(value.asBoxed().primitive())) + ": ";
        put(value.asBoxed().primitive(), depth);
        out_ += "]";
        return;
      case Type::kArrayBuffer:
        putBytes("ArrayBuffer", value.asArrayBuffer().byteLength(), value.asArrayBuffer().bytes());
        return;
      case Type::kView:
        putBytes(valueTypeName(value), value.asView().length(), value.asView().bytes());
        return;
      case Type::kHostObject:
        putBytes("HostObject", value.asHostObject().bytes().size(), value.asHostObject().bytes());
        return;
      default:
        break;
    }
    if (depth >= depthMax_) {
      out_ += "[" + std::string(valueTypeName(value)) + "]";
      return;
    }
    putContainer(value, depth + 1);
  }

  void putBytes(std::string_view name, std::size_t length, BytesView bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out_.append(name).append("(").append(std::to_string(length)).append(") <");
    for (std::size_t i = 0; i < bytes.size() && !isFull(); ++i) {
      std::byte byte = bytes[i];
      if (i != 0) out_.push_back(' ');
      out_.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
      out_.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
    }
    out_.push_back('>');
  }

  void putContainer(const Value& value, int depth) {
    switch (value.type()) {
      case Type::kArray:
        putArray(value.asArray(), depth);
        break;
      case Type::kObject:
        putProperties(value.asObject(), depth);
        break;
      case Type::kMap:
        putMap(value.asMap(), depth);
        break;
      case Type::kSet:
        putSet(value.asSet(), depth);
        break;
      default:
        putError(value, depth);
        break;
    }
  }

  /// Goes before every part but the first; false when there is no room for more.
  bool separate(bool& isFirst) {
    if (!isFirst) out_ += ", ";
    isFirst = false;
    return !isFull();
  }

  void putName(std::string_view name) {
    bool isPlain = !name.empty() && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '$';
    });
    if (isPlain) {
      out_ += name;
    } else {
      putString(name);
    }
    out_ += ": ";
  }

  bool putHoles(std::uint64_t count, bool& isFirst) {
    if (count == 0) return true;
    if (!separate(isFirst)) return false;
    out_ += "<" + std::to_string(count) + (count == 1 ? " hole>" : " holes>");
    return true;
  }

  void putArray(const Value::Array& array, int depth) {
    out_ += "[";
    bool isFirst = true;
    std::uint64_t next = 0;
    for (auto [index, element] : array.elements()) {
      if (!putHoles(index - next, isFirst) || !separate(isFirst)) return;
      put(element, depth);
      next = std::uint64_t{index} + 1;
    }
    if (!putHoles(array.length() - next, isFirst)) return;
    for (const auto& [name, value] : array.properties()) {
      if (!separate(isFirst)) return;
      putName(name.asString());
      put(value, depth);
    }
    out_ += "]";
  }

  void putProperties(const Value::Object& object, int depth) {
    out_ += "{";
    bool isFirst = true;
    for (auto [name, value] : object) {
      if (!separate(isFirst)) return;
      putName(name);
      put(value, depth);
    }
    out_ += "}";
  }

  void putMap(const Value::Map& map, int depth) {
    out_ += "Map(" + std::to_string(map.size()) + ") {";
    bool isFirst = true;
    for (const auto& [key, value] : map) {
      if (!separate(isFirst)) return;
      put(key, depth);
      out_ += " => ";
      put(value, depth);
    }
    out_ += "}";
  }

  void putSet(const Value::Set& set, int depth) {
    out_ += "Set(" + std::to_string(set.size()) + ") {";
    bool isFirst = true;
    for (const Value& member : set) {
      if (!separate(isFirst)) return;
      put(member, depth);
    }
    out_ += "}";
  }

  void putError(const Value& value, int depth) {
    const Value::ErrorObject& error = value.asError();
    out_ += "[" + std::string(errorKindName(error.kind()));
    if (error.message()) out_.append(": ").append(shown(*error.message()));
    if (error.cause() != nullptr) {
      out_ += ", cause: ";
      put(*error.cause(), depth);
    }
    out_ += "]";
  }

  int depthMax_;
  std::size_t lengthMax_;
  std::string out_;
};

}  // namespace

std::string Value::toString(const ValuePrintOptions& options) const {
  return Printer(options).print(*this);
}

std::ostream& operator<<(std::ostream& out, const Value& value) { return out << value.toString(); }

}  // namespace cairn
