// Goal: what people write is understood or refused with an error of ours, and what is understood
// keeps its meaning when it is written out and read again.
//
// The first byte chooses: 0 bookmark, 1 time, 2 object, 3 JSON of a value, 4 wrangler.jsonc,
// 5 wrangler.toml, 6 arguments of a command, one a line.
#include <cairn/bookmark.h>
#include <cairn/error.h>
#include <cairn/migrations.h>
#include <cairn/value_codec.h>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_check.h"
#include "tools/cli/arguments.h"
#include "tools/cli/exit_code.h"
#include "tools/cli/object_name.h"
#include "tools/cli/time_text.h"
#include "tools/cli/value_json.h"

namespace {

using namespace cairn;

constexpr UnixMillis kNow{1'700'000'000'000};

void checkBookmark(std::string_view text) {
  fuzz::require(Bookmark::parse(text).toString() == text, "a bookmark has one text");
}

void checkTime(std::string_view text) {
  UnixMillis time = cli::parseTime(text, kNow);
  fuzz::require(cli::parseTime(cli::formatTime(time), kNow) == time, "a time is read as written");
}

void checkObject(std::string_view text) {
  cli::ObjectName object = cli::ObjectName::parse(text);
  std::string whole = object.className + "/" + object.name;
  fuzz::require(whole == text || whole == std::string(cli::kDefaultClass) + "/" + std::string(text),
                "an object's name holds what was written");
  for (char shown : object.forPeople())
    fuzz::require(static_cast<unsigned char>(shown) >= 0x20 && shown != 0x7f,
                  "it is safe to print");
}

// Stored bytes may be of an older version of the format; written again they are of ours.
bool sameValue(std::string_view bytes, std::string_view others) {
  try {
    return decodeTree(bytes).strictlyEquals(decodeTree(others));
  } catch (const Error&) {
    return false;
  }
}

void checkJson(std::string_view text) {
  std::string stored = cli::storedFromJson(text);
  std::string json;
  cli::JsonWriter writer(json);
  cli::appendValueJson(writer, stored);
  std::string again = cli::storedFromJson(json);
  fuzz::require(again == stored || sameValue(again, stored), "a value's JSON gives the same value");
}

void checkArguments(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  for (std::size_t word : cli::verbWords(words))
    fuzz::require(word < words.size(), "a verb's word is one of the arguments");
  static_cast<void>(cli::asksForJson(words));

  std::string object;
  std::optional<std::uint64_t> limit;
  std::optional<std::string> prefix;
  std::vector<std::string> keys;
  bool reverse = false;
  cli::GlobalOptions globals;
  cli::Arguments arguments("kv list");
  arguments.text("OBJECT", object, "of which object");
  arguments.count("--limit", limit, "how many");
  arguments.optionalText("--prefix", prefix, "with which beginning");
  arguments.flag("--reverse", reverse, "backwards");
  arguments.optionalTexts("KEY", keys, "which ones");
  arguments.globals(globals);
  try {
    arguments.parse(words);
  } catch (const CLI::CallForHelp&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy without spare room, so that reading past its end is seen.
  std::vector<char> exact(data + 1, data + size);
  std::string_view text(exact.data(), exact.size());
  try {
    switch (data[0] % 7) {
      case 0:
        checkBookmark(text);
        break;
      case 1:
        checkTime(text);
        break;
      case 2:
        checkObject(text);
        break;
      case 3:
        checkJson(text);
        break;
      case 4:
        static_cast<void>(WranglerConfig::parseJsonc(text));
        break;
      case 5:
        static_cast<void>(WranglerConfig::parseToml(text));
        break;
      default:
        checkArguments(text);
    }
  } catch (const cli::Failure&) {
  } catch (const Error&) {
  }
  return 0;
}
