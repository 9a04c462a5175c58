// Goal: whatever a name or a planted link says, it is refused with word of what and where, or it is
// the name of one object of its own; no name becomes a path, and no link leads out of the root.
#include <cairn/engine.h>
#include <cairn/error.h>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/damage.h"
#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (int value : values) text += static_cast<char>(value);
  return text;
}

// Parts that no name may have, in every place of a name.
std::vector<std::string> refusedNames() {
  std::vector<std::string> names{""};
  for (const char* dots : {".", ".."}) {
    for (const char* around : {"%", "%/", "/%", "a/%", "%/a", "a/%/b", "//%", "%//", "日/%/本"}) {
      std::string name = around;
      names.push_back(name.replace(name.find('%'), 1, dots));
    }
  }
  const std::vector<std::string> malformed = {bytes({0x80}),
                                              bytes({0xbf}),
                                              bytes({0xc0, 0x80}),
                                              bytes({0xc0, 0xaf}),
                                              bytes({0xc1, 0xbf}),
                                              bytes({0xc3}),
                                              bytes({0xe0, 0x80, 0xaf}),
                                              bytes({0xe0, 0x9f, 0xbf}),
                                              bytes({0xe2, 0x82}),
                                              bytes({0xed, 0xa0, 0x80}),
                                              bytes({0xed, 0xbf, 0xbf}),
                                              bytes({0xf0, 0x80, 0x80, 0xaf}),
                                              bytes({0xf0, 0x8f, 0xbf, 0xbf}),
                                              bytes({0xf0, 0x9f, 0x98}),
                                              bytes({0xf4, 0x90, 0x80, 0x80}),
                                              bytes({0xf5, 0x80, 0x80, 0x80}),
                                              bytes({0xf8, 0x88, 0x80, 0x80, 0x80}),
                                              bytes({0xfe}),
                                              bytes({0xff}),
                                              bytes({0xff, 0xfe}),
                                              std::string(1, '\0'),
                                              std::string("\0\0", 2)};
  for (const std::string& bad : malformed) {
    for (const char* before : {"", "a", "room/", "日本"}) {
      names.push_back(before + bad);
      names.push_back(before + bad + "z");
    }
  }
  for (std::size_t size : {501, 502, 1'000, 4'096, 10'000, 100'000, 1'000'000})
    names.push_back(std::string(size, 'x'));
  return names;
}

// Names that look like others, like paths, or like commands.
std::vector<std::string> acceptedNames() {
  std::vector<std::string> names{"a/b",     "/",
                                 "//",      "/etc/passwd",
                                 "a//b",    "a/",
                                 "...",     "..a",
                                 "a..",     ".a",
                                 "a.",      "~",
                                 "~root",   "-",
                                 "--help",  "-rf",
                                 "*",       "?",
                                 "[a]",     "C:\\x",
                                 "..\\x",   "CON",
                                 "nul",     "aux.txt",
                                 "a:b",     "a;b",
                                 "$(id)",   "`id`",
                                 "'",       "\"",
                                 "a'--",    "%2e%2e%2f",
                                 "%00",     "&amp;",
                                 "<b>",     " ",
                                 "  ",      " a",
                                 "a ",      "\t",
                                 "\n",      "\r\n",
                                 "\x1b[2J", "\x7f",
                                 "\x01",    std::string(500, 'x'),
                                 "FORMAT",  "LOCK",
                                 "journal", "sqlite_master",
                                 "_cf_KV",  "00000001",
                                 "0x1",     "1e9",
                                 "-0",      "NaN"};
  // One look, several names: composed and decomposed, compatibility forms, letters of other
  // alphabets, joiners, marks of direction, what has no shape.
  for (const char* text : {"é",
                           "e\u0301",
                           "Å",
                           "\u212b",
                           "A\u030a",
                           "ﬁ",
                           "fi",
                           "ſ",
                           "s",
                           "K",
                           "\u212a",
                           "Ω",
                           "\u2126",
                           "а",
                           "a",
                           "е",
                           "e",
                           "о",
                           "o",
                           "ß",
                           "ẞ",
                           "ss",
                           "İ",
                           "i\u0307",
                           "ı",
                           "가",
                           "\u1100\u1161",
                           "\u200b",
                           "\u200d",
                           "a\u200d",
                           "\u202e",
                           "\u202eabc",
                           "\u2066x\u2069",
                           "\ufeff",
                           "\ufeffa",
                           "\u00ad",
                           "\u00a0",
                           "\u2028",
                           "\u2029",
                           "\ufffd",
                           "\ufffe",
                           "\U0001f600",
                           "\U0001f468\u200d\U0001f469\u200d\U0001f467",
                           "\U0010ffff",
                           "日本",
                           "日本\u3000",
                           "１",
                           "⁄",
                           "．．",
                           "․․",
                           "／"}) {
    names.emplace_back(text);
  }
  return names;
}

EngineOptions optionsOf(const std::string& root) {
  EngineOptions options;
  options.root = root;
  return options;
}

TEST(Names, ThoseThatWouldMisleadAreRefusedWithWordOfWhatAndWhere) {
  test::TemporaryDirectory directory;
  auto engine = Engine::open(optionsOf(directory / "root"));
  std::vector<std::string> names = refusedNames();
  EXPECT_GE(names.size(), 200U);
  for (const std::string& name : names) {
    try {
      (void)engine->object("Test", name);
      ADD_FAILURE() << "accepted: " << testing::PrintToString(name.substr(0, 80));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.what(), testing::StartsWith("object name "));
      EXPECT_LT(std::string(error.what()).size(), 200U) << "a message is no dump";
    }
    if (name.size() > 100) continue;
    EXPECT_THROW((void)engine->object(name.empty() ? name : name + "/", "a"), Error);
  }
  EXPECT_THROW((void)engine->objects("Test"), Error) << "not even the class was made";
}

TEST(Names, AllOthersAreObjectsOfTheirOwn) {
  test::TemporaryDirectory directory;
  std::string root = directory / "root";
  std::vector<std::string> names = acceptedNames();
  std::set<std::string> different(names.begin(), names.end());
  EXPECT_GE(different.size(), 100U);
  {
    auto engine = Engine::open(optionsOf(root));
    for (const std::string& name : different) {
      engine->turn(engine->object("Test", name), [&](Storage& storage) {
        EXPECT_FALSE(storage.kv().get<std::string>("name")) << testing::PrintToString(name);
        storage.kv().put("name", name);
        storage.sql().exec("CREATE TABLE t(name TEXT)");
        storage.sql().exec("INSERT INTO t VALUES (?)", name);
      });
    }
    engine->checkpoint();
  }
  auto engine = Engine::open(optionsOf(root));
  EXPECT_EQ(engine->objects("Test").size(), different.size());
  for (const std::string& name : different) {
    engine->turn(engine->object("Test", name), [&](Storage& storage) {
      EXPECT_EQ(storage.kv().get<std::string>("name"), name);
      EXPECT_EQ(std::get<0>(storage.sql().exec("SELECT name FROM t").one<std::string>()), name);
    });
  }
  // Files are named by numbers.
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::string file = entry.path().filename();
    EXPECT_EQ(file.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.FORMATLCK-"),
              std::string::npos)
        << file;
  }
}

// Every file and directory of a root, one after another, is moved away and a link put in its place.
TEST(Names, LinksPlantedInARootLeadNowhere) {
  test::TemporaryDirectory directory;
  std::string root = directory / "root";
  {
    auto engine = Engine::open(optionsOf(root));
    for (int i = 0; i < 20; ++i) {
      engine->turn(engine->object("Test", "a"), [&](Storage& storage) {
        storage.kv().put("n", i);
        storage.sql().exec("CREATE TABLE IF NOT EXISTS t(v)");
        storage.sql().exec("INSERT INTO t VALUES (?)", i);
      });
    }
    engine->checkpoint();
    engine->close();
  }
  std::vector<fs::path> places;
  for (const auto& entry : fs::recursive_directory_iterator(root)) places.push_back(entry.path());
  ASSERT_GE(places.size(), 8U);
  fs::path kept = directory / "kept";
  fs::copy(root, kept, fs::copy_options::recursive);
  for (const fs::path& place : places) {
    fs::remove_all(root);
    fs::copy(kept, root, fs::copy_options::recursive);
    fs::permissions(root, fs::perms::owner_all);
    fs::path outside = directory / "outside";
    fs::create_directory(outside);
    fs::rename(place, outside / "moved");
    fs::create_symlink(outside / "moved", place);
    std::map<std::string, std::string> before = test::bytesIn(outside);
    std::string refused;
    try {
      auto engine = Engine::open(optionsOf(root));
      engine->turn(engine->object("Test", "a"), [&](Storage& storage) {
        storage.kv().put("n", 100);
        storage.sql().exec("INSERT INTO t VALUES (100)");
      });
      engine->checkpoint();
    } catch (const Error& error) {
      refused = error.what();
    }
    EXPECT_FALSE(refused.empty()) << place;
    EXPECT_EQ(test::bytesIn(outside) == before, true) << place << " was written through a link";
    fs::remove_all(outside);
  }
}

}  // namespace
}  // namespace cairn
