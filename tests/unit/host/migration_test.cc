// Migrations of classes, from C++ and from the platform's configuration files.
#include <fstream>

#include <gmock/gmock.h>

#include "tests/unit/host/host_fixture.h"

namespace cairn {
namespace {

using test::codeOf;
using testing::ElementsAre;

class Note : public DurableObject {
 public:
  using DurableObject::DurableObject;
  void write(std::int64_t value) { storage().put("value", value); }
  Task<std::int64_t> read() {
    co_return (co_await storage().get<std::int64_t>("value")).value_or(0);
  }
  Task<> wake(std::int64_t time) { co_await storage().setAlarm(UnixMillis{time}); }
  Task<> alarm(AlarmInvocation) override {
    ++alarms;
    co_return;
  }
  static inline int alarms = 0;
};

class MigrationTest : public test::HostTest {
 protected:
  void SetUp() override { open(); }
  void reopen() {
    close();
    open();
  }
  void apply(const std::vector<Migration>& migrations) { host->applyMigrations(migrations); }
  std::vector<std::string> classes() {
    std::vector<std::string> names;
    for (const ClassInfo& info : host->engine().classes()) names.push_back(info.name);
    return names;
  }
  std::int64_t valueOf(const std::string& className) {
    auto notes = host->define<Note>(className);
    return get(notes.getByName("a").call(&Note::read));
  }
  void write(const std::string& className) {
    auto notes = host->define<Note>(className);
    get(notes.getByName("a").call(&Note::write, 7));
  }
};

TEST_F(MigrationTest, EachIsAppliedOnceAndInOrder) {
  std::vector<Migration> steps{{.tag = "v1", .newSqliteClasses = {"A"}, .newClasses = {"Old"}}};
  apply(steps);
  EXPECT_THAT(classes(), ElementsAre("A", "Old"));
  EXPECT_EQ(host->engine().classes()[1].backend, Backend::kKeyValue);
  steps.push_back({.tag = "v2", .renamedClasses = {{"A", "B"}}});
  apply(steps);
  apply(steps);
  EXPECT_THAT(classes(), ElementsAre("B", "Old"));
  reopen();
  apply(steps);
  EXPECT_THAT(classes(), ElementsAre("B", "Old"));
}

TEST_F(MigrationTest, ARenamedClassKeepsItsObjects) {
  apply({{.tag = "v1", .newSqliteClasses = {"A"}}});
  write("A");
  reopen();
  apply({{.tag = "v2", .renamedClasses = {{"A", "B"}}}});
  EXPECT_EQ(valueOf("B"), 7);
  EXPECT_EQ(valueOf("A"), 0);
}

TEST_F(MigrationTest, ADeletedClassLosesItsObjectsAndTheirAlarms) {
  apply({{.tag = "v1", .newSqliteClasses = {"A"}}});
  write("A");
  reopen();
  auto notes = host->define<Note>("A");
  get(notes.getByName("a").call(&Note::wake, clock.now().value + 100));
  reopen();
  apply({{.tag = "v2", .deletedClasses = {"A"}}});
  apply({{.tag = "v3", .newSqliteClasses = {"A"}}});
  EXPECT_EQ(host->engine().objects("A").size(), 0U);
  EXPECT_EQ(valueOf("A"), 0);
  advance(200);
  EXPECT_EQ(Note::alarms, 0);
  reopen();
  EXPECT_EQ(valueOf("A"), 0);
}

TEST_F(MigrationTest, OneThatDoesNotFitChangesNothing) {
  apply({{.tag = "v1", .newSqliteClasses = {"A", "B"}}});
  Migration wrong{.tag = "v2", .newSqliteClasses = {"C"}, .renamedClasses = {{"A", "B"}}};
  EXPECT_EQ(codeOf([&] { apply({wrong}); }), ErrorCode::kConflict);
  EXPECT_EQ(codeOf([&] { apply({{.tag = "v3", .deletedClasses = {"Nobody"}}}); }),
            ErrorCode::kConflict);
  EXPECT_EQ(codeOf([&] { apply({{.tag = "v4", .newClasses = {"A"}}}); }), ErrorCode::kConflict);
  EXPECT_EQ(codeOf([&] { apply({{.tag = "x"}, {.tag = "x"}}); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(classes(), ElementsAre("A", "B"));
  host->define<Note>("A");
  EXPECT_EQ(codeOf([&] { apply({{.tag = "v5", .deletedClasses = {"A"}}}); }), ErrorCode::kConflict);
}

TEST_F(MigrationTest, RootsOfJurisdictionsAreMigratedToo) {
  apply({{.tag = "v1", .newSqliteClasses = {"A"}}});
  EXPECT_EQ(host->engine(Jurisdiction::kEu).classes().size(), 1U);
}

TEST_F(MigrationTest, FilesOfBothKindsAreRead) {
  WranglerConfig json = WranglerConfig::parseJsonc(R"({
    // comment
    "name": "x", "vars": {"a": [1, 2.5e3, true, null,],},
    "limits": {"cpu_ms": 300000},
    "migrations": [
      {"tag": "v1", "new_sqlite_classes": ["MyDurableObject"]}, /* and */
      {"tag": "v2", "renamed_classes": [{"from": "MyDurableObject", "to": "Room"}],
       "deleted_classes": ["Old"], "new_classes": ["Kv"],},
    ],
  })");
  WranglerConfig toml = WranglerConfig::parseToml(R"(
name = "x"   # comment
compatibility_date = 2026-11-17
[vars]
a = [1, 2.5e3,
     true]
"quoted key" = 'C:\path'
text = """
several
lines"""
[[migrations]]
tag = "v1"
new_sqlite_classes = ["MyDurableObject"]
[[migrations]]
tag = "v2"
renamed_classes = [{from = "MyDurableObject", to = "Room"}]
deleted_classes = ["Old"]
new_classes = [
  "Kv", # trailing comma and comment
]
[limits]
cpu_ms = 300_000
)");
  for (const WranglerConfig& config : {json, toml}) {
    EXPECT_EQ(config.cpuMs, 300'000U);
    ASSERT_EQ(config.migrations.size(), 2U);
    EXPECT_THAT(config.migrations[0].newSqliteClasses, ElementsAre("MyDurableObject"));
    EXPECT_EQ(config.migrations[1].tag, "v2");
    EXPECT_EQ(config.migrations[1].renamedClasses.at(0).to, "Room");
    EXPECT_THAT(config.migrations[1].deletedClasses, ElementsAre("Old"));
    EXPECT_THAT(config.migrations[1].newClasses, ElementsAre("Kv"));
  }
}

TEST_F(MigrationTest, WrongFilesAreRefusedWithTheLine) {
  auto problem = [](const std::string& text, bool toml) -> std::string {
    try {
      if (toml) {
        WranglerConfig::parseToml(text);
      } else {
        WranglerConfig::parseJsonc(text);
      }
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_THAT(problem("{\n\"migrations\": [{}]}", false), testing::HasSubstr("line 2"));
  EXPECT_THAT(problem("{\"a\": \"x", false), testing::HasSubstr("line 1"));
  EXPECT_THAT(problem("{\"a\" 1}", false), testing::HasSubstr("':'"));
  EXPECT_THAT(problem("a = 1\na = 2\n", true), testing::HasSubstr("line 2"));
  EXPECT_THAT(problem("[limits]\ncpu_ms = \"many\"\n", true), testing::HasSubstr("line 2"));
  EXPECT_THAT(problem(std::string(100'000, '['), false), testing::HasSubstr("too deeply"));
}

TEST_F(MigrationTest, AHostTakesItsFileAtOpen) {
  std::string path = directory.path() + "/wrangler.jsonc";
  std::ofstream(path) << R"({"migrations": [{"tag": "v1", "new_sqlite_classes": ["A"]}],
                             "limits": {"cpu_ms": 1234}})";
  close();
  HostOptions with = options();
  with.wrangler = path;
  open(with);
  EXPECT_THAT(classes(), ElementsAre("A"));
  EXPECT_EQ(host->engine().options().limits.cpuMs, 1234U);
}

}  // namespace
}  // namespace cairn
