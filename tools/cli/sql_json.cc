#include "tools/cli/sql_json.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

using Json = nlohmann::json;

Bytes bytesOf(const std::string& text) {
  BytesView view = asBytes(text);
  return {view.begin(), view.end()};
}

[[noreturn]] void refuse() {
  throw Failure(ExitCode::kUsage,
                "an SQL parameter is a JSON number, text in double quotes, true, false, null, "
                "{\"$base64\":\"…\"}, {\"$type\":\"bigint\",\"v\":\"…\"}, "
                "{\"$type\":\"number\",\"v\":\"Infinity\"} or {\"$type\":\"text\",\"hex\":\"…\"}");
}

std::string textMember(const Json& json, const char* name) {
  if (!json.contains(name) || !json[name].is_string()) refuse();
  return json[name].get<std::string>();
}

std::int64_t integerFrom(std::string_view digits) {
  std::int64_t value = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size())
    throw Failure(ExitCode::kUsage, "an SQL INTEGER has 64 bits; this number does not fit");
  return value;
}

SqlValue tagged(const Json& json) {
  if (json.size() == 1 && json.contains("$base64"))
    return bytesOf(fromBase64(textMember(json, "$base64")));
  std::string type = textMember(json, "$type");
  if (type == "text") return fromHex(textMember(json, "hex"));
  if (type == "bigint") return integerFrom(textMember(json, "v"));
  if (type != "number") refuse();
  std::string name = textMember(json, "v");
  if (name == "Infinity") return HUGE_VAL;
  if (name == "-Infinity") return -HUGE_VAL;
  if (name == "-0") return -0.0;
  refuse();
}

}  // namespace

void appendSqlJson(JsonWriter& out, const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out.integer(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) {
      out.real(*real);
    } else {
      out.beginObject().member("$type", "number");
      out.member("v", *real > 0 ? "Infinity" : "-Infinity").endObject();
    }
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    if (isUtf8(*text)) {
      out.text(*text);
    } else {
      out.beginObject().member("$type", "text").member("hex", toHex(*text)).endObject();
    }
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    out.base64(asText(*bytes));
  } else {
    out.null();
  }
}

std::string sqlForPeople(const SqlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return printable(*text);
  if (const auto* bytes = std::get_if<Bytes>(&value)) return "x'" + toHex(asText(*bytes)) + "'";
  if (std::holds_alternative<std::monostate>(value)) return "NULL";
  std::string json;
  JsonWriter out(json);
  appendSqlJson(out, value);
  return json;
}

SqlValue sqlFromJson(std::string_view json) {
  Json parsed = Json::parse(json.begin(), json.end(), nullptr, false);
  if (parsed.is_null()) return std::monostate{};
  if (parsed.is_boolean()) return std::int64_t{parsed.get<bool>() ? 1 : 0};
  if (parsed.is_string()) return parsed.get<std::string>();
  if (parsed.is_number_integer()) return integerFrom(parsed.dump());
  if (parsed.is_number_float()) {
    // An integer of more than 64 bits arrives as a float; SQL would round it in silence.
    if (json.find_first_of(".eE") == std::string_view::npos) return integerFrom(json);
    return parsed.get<double>();
  }
  if (parsed.is_object()) return tagged(parsed);
  refuse();
}

}  // namespace cairn::cli
