// Goal: whatever is wrong with a root or with what the command is given, it says what, where and
// how much, ends with the documented exit code, never by a signal, and loses nothing. Method: make
// a root, damage it in one way, run every kind of verb on it, compare the bytes before and after,
// take the damage back and look for everything that was there.
#include <cairn/engine.h>
#include <filesystem>
#include <map>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/session.h"
#include "tests/support/damage.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class HostileTest : public testing::Test {
 protected:
  // What each test starts from, and wants back.
  void SetUp() override {
    expect(0, "cairn kv put Room/42 visits 7");
    expect(0, "cairn sql Room/42 \"CREATE TABLE t(a); INSERT INTO t VALUES ('row')\"");
    expect(0, "cairn alarm set Room/42 2100-01-01T00:00:00Z");
  }

  Answer expect(int exit, const std::string& command) {
    Answer answer = shell.run(command);
    EXPECT_EQ(answer.exit, exit) << "$ " << command << "\n" << answer.output;
    return answer;
  }

  void expectAllThere() {
    EXPECT_EQ(expect(0, "cairn kv get Room/42 visits").output, "7\n");
    EXPECT_EQ(expect(0, "cairn sql Room/42 'SELECT a FROM t'").output, "a\nrow\n");
    EXPECT_EQ(expect(0, "cairn alarm get Room/42").output, "2100-01-01T00:00:00.000Z\n");
    EXPECT_THAT(expect(0, "cairn verify").output, HasSubstr("sound\n"));
  }

  // Each kind of verb on a root that cannot be opened: refused with the same code, the message
  // naming `where`, and not one byte changed.
  void expectRefused(int exit, const std::string& where) {
    std::map<std::string, std::string> before = bytesIn(shell.path("data"));
    for (const char* command :
         {"kv get Room/42 visits", "kv put Room/42 visits 8", "sql Room/42 'SELECT a FROM t'",
          "alarm get Room/42", "objects", "info", "export", "pitr info Room/42",
          "pitr restore Room/42 lsn:1 --in-place --yes"}) {
      Answer answer = expect(exit, std::string("cairn ") + command);
      EXPECT_THAT(answer.output, HasSubstr(where)) << command;
      Answer json = expect(exit, std::string("cairn --json ") + command);
      EXPECT_THAT(json.output, testing::StartsWith("{\"error\":{\"code\":\"")) << command;
    }
    EXPECT_EQ(bytesIn(shell.path("data")) == before, true) << "a refusal changed the root";
  }

  [[nodiscard]] std::string data(const std::string& name) const {
    return shell.path("data/" + name);
  }

  // Commits that are in the journal only, as after a crash.
  void commitAndDie(int commits) {
    workAndDie(shell.path("data"), [&](Engine& engine) {
      for (int i = 0; i < commits; ++i) {
        engine
            .turn(
                engine.object("Room", "42"),
                [&](Storage& storage) { storage.kv().put("late", "marker-" + std::to_string(i)); })
            .wait();
      }
    });
  }

  std::pair<std::string, std::size_t> findInJournal(const std::string& text) {
    return findInFiles(data("journal"), text);
  }

  Shell shell;
};

TEST_F(HostileTest, ARootThatIsMissingIsNamed) {
  for (const char* verb : {"kv get a b", "objects", "info", "verify", "export", "pitr info a"}) {
    Answer answer = expect(1, std::string("cairn --root nowhere ") + verb);
    EXPECT_EQ(answer.output, "cairn: there is no root in nowhere\n") << verb;
  }
  EXPECT_FALSE(fs::exists(shell.path("nowhere")));
}

TEST_F(HostileTest, ARootThatIsAFileIsRefused) {
  writeFile(shell.path("file"), "text");
  EXPECT_THAT(expect(2, "cairn --root file kv put a b 1").output, HasSubstr("not a directory"));
  EXPECT_EQ(readFile(shell.path("file")), "text");
}

TEST_F(HostileTest, ADirectoryOfOtherThingsIsNotTakenForARoot) {
  fs::create_directory(shell.path("other"));
  writeFile(shell.path("other/FORMAT"), "something else\n");
  Answer answer = expect(7, "cairn --root other kv get a b");
  EXPECT_THAT(answer.output, HasSubstr("other/FORMAT is not a Cairn root's"));
}

TEST_F(HostileTest, ANewerFormatIsRefusedWithBothVersions) {
  std::string whole = readFile(data("FORMAT"));
  std::string newer = whole;
  newer.replace(newer.find("version: 1"), 10, "version: 2");
  writeFile(data("FORMAT"), newer);
  expectRefused(7, "format version 2, this build reads 1");
  EXPECT_THAT(expect(7, "cairn verify").output, HasSubstr("format version 2, this build reads 1"));
  writeFile(data("FORMAT"), whole);
  expectAllThere();
}

TEST_F(HostileTest, AMissingFormatFileIsDamageNotANewRoot) {
  std::string whole = readFile(data("FORMAT"));
  fs::remove(data("FORMAT"));
  expectRefused(4, "FORMAT is missing");
  EXPECT_THAT(expect(4, "cairn verify").output, HasSubstr("data/FORMAT"));
  writeFile(data("FORMAT"), whole);
  expectAllThere();
}

TEST_F(HostileTest, ABadBlockBeforeAGoodOneIsDamage) {
  commitAndDie(5);
  auto [segment, at] = findInJournal("marker-2");
  ASSERT_FALSE(segment.empty());
  flip(segment, at);
  std::string name = fs::path(segment).filename();
  expectRefused(4, name);
  Answer answer = expect(4, "cairn verify");
  EXPECT_THAT(answer.output, HasSubstr(name));
  EXPECT_THAT(answer.output, HasSubstr("offset"));
  flip(segment, at);
  EXPECT_EQ(expect(0, "cairn kv get Room/42 late").output, "\"marker-4\"\n");
  expectAllThere();
}

TEST_F(HostileTest, ABadLastBlockIsATornTail) {
  commitAndDie(5);
  auto [segment, at] = findInJournal("marker-4");
  ASSERT_FALSE(segment.empty());
  flip(segment, at);
  EXPECT_THAT(expect(0, "cairn verify").output, HasSubstr("was cut off while it was written"));
  EXPECT_THAT(expect(0, "cairn info").output, HasSubstr("commits replayed"));
  EXPECT_EQ(expect(0, "cairn kv get Room/42 late").output, "\"marker-3\"\n");
  expectAllThere();
}

TEST_F(HostileTest, AForeignRootsJournalIsRefused) {
  commitAndDie(3);
  auto [segment, at] = findInJournal("marker-1");
  ASSERT_FALSE(segment.empty());
  std::string own = readFile(segment);
  expect(0, "cairn --root foreign kv put Room/42 visits 1");
  std::string foreign;
  for (const auto& entry : fs::directory_iterator(shell.path("foreign/journal")))
    foreign = entry.path();
  fs::copy_file(foreign, segment, fs::copy_options::overwrite_existing);
  Answer answer = shell.run("cairn kv get Room/42 visits");
  EXPECT_THAT(answer.exit, testing::AnyOf(4, 7)) << answer.output;
  EXPECT_THAT(answer.output, HasSubstr(fs::path(segment).filename().string()));
  EXPECT_THAT(expect(4, "cairn verify").output, HasSubstr(fs::path(segment).filename().string()));
  writeFile(segment, own);
  EXPECT_EQ(expect(0, "cairn kv get Room/42 late").output, "\"marker-2\"\n");
  expectAllThere();
}

TEST_F(HostileTest, AMissingSegmentIsDamage) {
  commitAndDie(3);
  auto [segment, at] = findInJournal("marker-1");
  ASSERT_FALSE(segment.empty());
  std::string own = readFile(segment);
  fs::remove(segment);
  Answer answer = expect(4, "cairn kv get Room/42 visits");
  EXPECT_THAT(answer.output, HasSubstr(fs::path(segment).filename().string()));
  EXPECT_THAT(expect(4, "cairn verify").output, HasSubstr(fs::path(segment).filename().string()));
  writeFile(segment, own);
  EXPECT_EQ(expect(0, "cairn kv get Room/42 late").output, "\"marker-2\"\n");
  expectAllThere();
}

TEST_F(HostileTest, ATruncatedStoreIsDamageWhereverItIsCut) {
  std::string whole = readFile(data("store/data.mdb"));
  for (std::size_t bytes : {std::size_t{0}, std::size_t{100}, std::size_t{8192}, std::size_t{9000},
                            std::size_t{20480}, whole.size() / 2}) {
    SCOPED_TRACE(bytes);
    fs::resize_file(data("store/data.mdb"), bytes);
    expectRefused(4, "data.mdb");
    EXPECT_THAT(expect(4, "cairn verify").output, HasSubstr("data.mdb"));
    writeFile(data("store/data.mdb"), whole);
  }
  expectAllThere();
}

TEST_F(HostileTest, AStoreOfGarbageNeverKillsTheCommand) {
  std::string whole = readFile(data("store/data.mdb"));
  // Every page in turn is what a stranger made of it.
  for (std::size_t page = 0; page < whole.size() / 4096; ++page) {
    SCOPED_TRACE(page);
    std::string damaged = whole;
    for (std::size_t i = 0; i < 4096; ++i)
      damaged[page * 4096 + i] = static_cast<char>(i * 37 + page);
    writeFile(data("store/data.mdb"), damaged);
    for (const char* command :
         {"cairn verify", "cairn kv list Room/42", "cairn objects", "cairn info Room/42"}) {
      Answer answer = shell.run(command);
      EXPECT_THAT(answer.exit, testing::AnyOf(0, 1, 2, 4, 7, 8)) << command << "\n"
                                                                 << answer.output;
      EXPECT_NE(answer.output, "") << command;
    }
    // What was opened may have been written to: each page gets a fresh copy.
    writeFile(data("store/data.mdb"), whole);
  }
}

TEST_F(HostileTest, AnotherProcessThatHoldsTheRootIsNamed) {
  EngineOptions options;
  options.root = shell.path("data");
  auto engine = Engine::open(options);
  Answer answer = expect(6, "cairn kv put Room/42 visits 8");
  EXPECT_THAT(answer.output, HasSubstr(std::to_string(::getpid())));
  EXPECT_THAT(expect(6, "cairn --json kv put Room/42 visits 8").output,
              HasSubstr("\"code\":\"busy\""));
  expect(6, "cairn pitr restore Room/42 lsn:1 --in-place --yes");
  engine->checkpoint();
  EXPECT_EQ(expect(0, "cairn pitr get Room/42 visits").output, "7\n");
  EXPECT_EQ(expect(0, "cairn pitr sql Room/42 'SELECT a FROM t'").output, "a\nrow\n");
  EXPECT_EQ(expect(0, "cairn objects --count").output, "1\n");
  for (const char* verb : {"info", "info Room/42", "classes", "pitr info Room/42",
                           "pitr log Room/42", "pitr list Room/42", "pitr label Room/42",
                           "pitr receipts Room/42", "pitr diff Room/42 lsn:1", "pitr du Room/42",
                           "pitr export Room/42", "pitr restore Room/42 lsn:1 --to copy"})
    expect(0, std::string("cairn ") + verb);
  engine->close();
  engine.reset();
  expectAllThere();
}

TEST_F(HostileTest, ADirectoryThatCannotBeWrittenIsNamed) {
  // Root may write anywhere: then as somebody else.
  std::string as;
  if (::geteuid() == 0) {
    if (shell.run("setpriv --reuid 65534 --clear-groups true").exit != 0)
      GTEST_SKIP() << "root may write anywhere, and there is no setpriv to become somebody else";
    for (fs::path path = shell.path(""); path != path.root_path() && path.filename() != "shm";
         path = path.parent_path())
      ::chmod(path.c_str(), 0755);
    as = "setpriv --reuid 65534 --clear-groups ";
    if (shell.run(as + "cairn --version").exit != 0)
      GTEST_SKIP() << "the build stands in a directory that only root may enter, so nobody else "
                      "can run the command";
    expect(0, "chown -R 65534 data && chmod -R a-w data");
  } else {
    expect(0, "chmod -R a-w data");
  }
  for (const char* verb : {"kv put Room/42 visits 8", "kv get Room/42 visits"}) {
    Answer answer = expect(8, as + "cairn " + verb);
    EXPECT_THAT(answer.output, HasSubstr("data")) << verb;
    EXPECT_THAT(answer.output, HasSubstr("ermission denied")) << verb;
  }
  expect(0, "chmod -R u+w data");
  if (!as.empty()) expect(0, "chown -R 0 data");
  expectAllThere();
}

TEST_F(HostileTest, ObjectNamesThatAreNoneAreRefused) {
  std::map<std::string, std::string> before = bytesIn(shell.path("data"));
  std::string long10k(10'000, 'x');
  for (const std::string& name :
       {std::string(".."), std::string("Room/.."), std::string("Room/../../etc"),
        std::string("Room/a/./b"), std::string("Room/"), std::string("/x"), "Room/" + long10k,
        long10k + "/x", std::string("Room/\xff\xfe")}) {
    Answer answer = expect(2, "cairn kv put '" + name + "' k 1");
    EXPECT_THAT(answer.output, testing::StartsWith("cairn: ")) << name.substr(0, 40);
    EXPECT_LT(answer.output.size(), 400u) << "a message is no dump of what it is about";
  }
  EXPECT_THAT(expect(2, "cairn kv put 'Room/" + long10k + "' k 1").output,
              HasSubstr("10000 bytes, 500 are allowed"));
  EXPECT_THAT(expect(2,
                     "printf '{\"object\":\"Room/a\\\\u0000b\",\"key\":\"k\",\"value\":1}\\n' | "
                     "cairn import -")
                  .output,
              HasSubstr("line 1"));
  EXPECT_EQ(expect(0, "cairn objects --count").output, "1\n");
  expectAllThere();
}

TEST_F(HostileTest, ASizeOverTheLimitIsRefusedWithBothFigures) {
  writeFile(shell.path("long.json"), "\"" + std::string(2'200'000, 'v') + "\"");
  Answer value = expect(2, "sh -c 'cairn kv put Room/42 big - <long.json'");
  EXPECT_THAT(value.output, HasSubstr("2097152"));
  EXPECT_THAT(value.output, HasSubstr("2200"));
  writeFile(shell.path("long.ndjson"), "{\"object\":\"Room/42\",\"key\":\"" +
                                           std::string(2'200'000, 'k') + "\",\"value\":1}\n");
  Answer key = expect(2, "cairn import long.ndjson");
  EXPECT_THAT(key.output, HasSubstr("line 1"));
  EXPECT_THAT(key.output, HasSubstr("2097152"));
  writeFile(shell.path("long.sql"), "SELECT '" + std::string(100'000, 's') + "'");
  Answer sql = expect(2, "sh -c 'cairn sql Room/42 - <long.sql'");
  EXPECT_THAT(sql.output, HasSubstr("100009 bytes where 100000 are allowed"));
  writeFile(shell.path("deep.json"), std::string(100'000, '[') + std::string(100'000, ']'));
  expect(2, "sh -c 'cairn kv put Room/42 deep - <deep.json'");
  expectAllThere();
}

TEST_F(HostileTest, RepairSaysFirstAndActsOnYes) {
  commitAndDie(5);
  auto [segment, at] = findInJournal("marker-2");
  ASSERT_FALSE(segment.empty());
  flip(segment, at);
  std::map<std::string, std::string> before = bytesIn(shell.path(""));
  Answer plan = expect(7, "cairn repair");
  EXPECT_THAT(plan.output, HasSubstr("nothing was changed; --yes does it"));
  EXPECT_THAT(plan.output, HasSubstr("loses       commits after LSN"));
  EXPECT_THAT(expect(7, "cairn --json repair").output, HasSubstr("\"kind\":\"possible\""));
  EXPECT_EQ(bytesIn(shell.path("")) == before, true) << "a plan changed something";
  Answer done = expect(5, "cairn repair --yes");
  EXPECT_THAT(done.output, HasSubstr("what was replaced is in data.repair-1"));
  EXPECT_EQ(expect(0, "cairn kv get Room/42 late").output, "\"marker-1\"\n");
  EXPECT_EQ(expect(0, "cairn repair").output, "nothing to repair\n");
  expectAllThere();
}

TEST_F(HostileTest, ALimitOnFilesIsAnErrorAndNoDeath) {
  Answer answer = expect(8, "ulimit -f 64; cairn --root other kv put Room/42 visits 1");
  EXPECT_THAT(answer.output, HasSubstr("File too large"));
  expectAllThere();
}

TEST_F(HostileTest, ALinkInTheRootIsNotFollowed) {
  fs::rename(data("store"), shell.path("elsewhere"));
  fs::create_directory_symlink(shell.path("elsewhere"), data("store"));
  EXPECT_THAT(expect(4, "cairn verify").output, HasSubstr("symbolic link"));
  fs::remove(data("store"));
  fs::rename(shell.path("elsewhere"), data("store"));
  expectAllThere();
}

TEST_F(HostileTest, AFileThatDoesNotFitOnTheDiskLeavesNothingBehind) {
  if (!fs::exists("/dev/full"))
    GTEST_SKIP() << "only /dev/full is full for certain, and this system has none";
  EXPECT_THAT(expect(8, "cairn export >/dev/full").output, HasSubstr("No space left"));
  expectAllThere();
}

}  // namespace
}  // namespace cairn::test
