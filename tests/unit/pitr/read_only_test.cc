// Goal: another process looks at a root, past included, while its owner goes on writing, sees only
// whole states, and changes nothing. Method: an owner and a reader with an environment of its own,
// the owner's rounds put between and into the reader's steps.
#include <cairn/history.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/support/workload.h"
#include "tests/unit/pitr/history_fixture.h"

namespace cairn {
namespace {

using test::ObjectModel;
using test::Workload;

// LMDB does not let one process open an environment twice: the reader is a child. Returns whether
// `look` returned true in it.
bool inReader(const EngineOptions& options, const std::function<bool(Engine&)>& look) {
  pid_t child = ::fork();
  if (child == 0) {
    int result = 1;
    try {
      auto reader = Engine::openReadOnly(options);
      result = look(*reader) ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "reader: %s\n", error.what());
    }
    ::_exit(result);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class ReadOnlyTest : public test::HistoryFixture {};

TEST_F(ReadOnlyTest, ReaderSeesEveryPastStateAndCannotWrite) {
  Workload workload({.seed = 5, .objects = 2, .turns = 80});
  auto engine = open();
  while (workload.step(*engine)) clock_.advance(7);
  engine->checkpoint();
  EXPECT_TRUE(inReader(options(), [&](Engine& reader) {
    for (std::size_t i = 0; i < workload.commits().size(); i += 5) {
      const Workload::Commit& commit = workload.commits()[i];
      History history = reader.history(workload.object(reader, commit.object));
      if (Workload::read(*history.view(commit.lsn)) != commit.after) return false;
    }
    ObjectRef object = workload.object(reader, 0);
    bool refused = false;
    try {
      reader.turn(object, [](Storage& s) { s.kv().put("k", 1); });
    } catch (const Error& error) {
      refused = error.code() == ErrorCode::kUnsupported;
    }
    return refused && reader.recovery().commitsNotSeen == 0 && !reader.classes().empty();
  }));
}

// The owner is the child here, and runs rounds as fast as it can while views read.
TEST_F(ReadOnlyTest, ViewsStayTheSameWhileTheOwnerWritesRoundAfterRound) {
  Workload workload({.seed = 6, .objects = 2, .turns = 400});
  int toOwner[2];
  int toReader[2];
  ASSERT_EQ(::pipe(toOwner), 0);
  ASSERT_EQ(::pipe(toReader), 0);
  auto tell = [](int pipe) { ASSERT_EQ(::write(pipe, "x", 1), 1); };
  auto hear = [](int pipe) {
    char c = 0;
    return ::read(pipe, &c, 1) == 1;
  };
  pid_t owner = ::fork();
  if (owner == 0) {
    auto engine = open();
    for (int i = 0; i < 100; ++i) workload.step(*engine);
    engine->checkpoint();
    tell(toReader[1]);
    hear(toOwner[0]);
    while (workload.step(*engine)) engine->checkpoint();
    tell(toReader[1]);
    hear(toOwner[0]);
    engine.reset();
    ::_exit(0);
  }
  // The same steps in memory say what the reader must see.
  Workload model({.seed = 6, .objects = 2, .turns = 100});
  {
    auto shadow = open("shadow");
    while (model.step(*shadow)) {
    }
  }
  ASSERT_TRUE(hear(toReader[0]));
  auto reader = Engine::openReadOnly(options());
  std::vector<std::unique_ptr<PastView>> views;
  for (std::size_t i = 0; i < model.commits().size(); i += 9) {
    const Workload::Commit& commit = model.commits()[i];
    views.push_back(reader->history(model.object(*reader, commit.object)).view(commit.lsn));
  }
  tell(toOwner[1]);
  for (int pass = 0; pass < 3; ++pass) {
    for (std::size_t i = 0; i < views.size(); ++i)
      EXPECT_EQ(Workload::read(*views[i]), model.commits()[i * 9].after) << "pass " << pass;
    if (pass == 1) ASSERT_TRUE(hear(toReader[0]));
  }
  views.clear();
  tell(toOwner[1]);
  int status = 0;
  ::waitpid(owner, &status, 0);
  EXPECT_EQ(status, 0);
}

// An owner in a child of its own, which does one step after the other as it is told.
class Owner {
 public:
  using Step = std::function<void(Engine&)>;
  Owner(const EngineOptions& options, const std::vector<Step>& steps) {
    if (::pipe(toOwner_) != 0 || ::pipe(toReader_) != 0) std::abort();
    child_ = ::fork();
    if (child_ != 0) return;
    int result = 1;
    try {
      auto engine = Engine::open(options);
      for (const Step& step : steps) {
        char c = 0;
        if (::read(toOwner_[0], &c, 1) != 1) break;
        step(*engine);
        if (::write(toReader_[1], "x", 1) != 1) break;
      }
      engine.reset();
      result = 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "owner: %s\n", error.what());
    }
    ::_exit(result);
  }
  ~Owner() {
    for (int end : {toOwner_[0], toOwner_[1], toReader_[0], toReader_[1]}) ::close(end);
    int status = 0;
    ::waitpid(child_, &status, 0);
    EXPECT_EQ(status, 0);
  }
  void begin() { ASSERT_EQ(::write(toOwner_[1], "x", 1), 1); }
  void await() {
    char c = 0;
    ASSERT_EQ(::read(toReader_[0], &c, 1), 1);
  }
  void step() {
    begin();
    await();
  }

 private:
  int toOwner_[2];
  int toReader_[2];
  pid_t child_;
};

constexpr std::int64_t kDayMs = 86'400'000;
constexpr int kManyKeys = 90'000;  // More than one sweep takes away.

class DroppedUnderReaderTest : public test::HistoryFixture {
 protected:
  // What falls out of the window while it is being looked at, and how.
  std::vector<Owner::Step> steps() {
    auto object = [](Engine& engine) { return engine.object("Test", "a"); };
    auto fill = [object](Engine& engine) {
      engine.turn(object(engine), [](Storage& s) {
        for (int i = 0; i < kManyKeys; ++i) s.kv().put(std::to_string(1'000'000 + i), i);
        s.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
        s.sql().exec(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
            "INSERT INTO t SELECT i, 'row ' || i FROM n");
        s.setAlarm(UnixMillis{4'000'000'000'000});
      });
      engine.checkpoint();
    };
    auto empty = [this, object](Engine& engine) {
      clock_.advance(2 * kDayMs);
      engine.turn(object(engine), [](Storage& s) { s.kv().put("1000005", -1); });
      engine.checkpoint();
      engine.turn(object(engine), [](Storage& s) { s.deleteAll(); });
      engine.checkpoint();
    };
    auto age = [this, object](Engine& engine) {
      for (int day = 0; day < 40; ++day) {
        clock_.advance(kDayMs);
        engine.turn(object(engine), [&](Storage& s) { s.kv().put("day", day); });
        engine.checkpoint();
      }
    };
    return {fill, empty, age};
  }

  // Whether the view still shows all of what it stands for. Throws what it throws.
  static bool keysAreRight(PastView& view) {
    int next = 0;
    bool right = true;
    view.kv().list({}, [&](std::string_view key, std::string_view bytes) {
      right = right && key == std::to_string(1'000'000 + next) && decodeValue<int>(bytes) == next;
      ++next;
      return true;
    });
    return right && next == kManyKeys;
  }
  static bool rowsAreRight(PastView& view) {
    auto [count, sum] =
        view.sql().exec("SELECT count(*), sum(id) FROM t").one<std::int64_t, std::int64_t>();
    return count == 20'000 && sum == std::int64_t{20'000} * 20'001 / 2;
  }
};

TEST_F(DroppedUnderReaderTest, KeysAreAllThereOrRefused) {
  Owner owner(options(), steps());
  owner.step();
  auto reader = Engine::openReadOnly(options());
  History history = reader->history(reader->object("Test", "a"));
  Lsn first = history.bounds().newest;
  auto view = history.view(first);
  EXPECT_TRUE(keysAreRight(*view));
  owner.step();
  EXPECT_TRUE(keysAreRight(*view));
  EXPECT_TRUE(keysAreRight(*history.view(first)));
  owner.begin();
  // While history is dropped and the space is swept, portion by portion.
  std::optional<ErrorCode> refused;
  while (!refused) {
    try {
      ASSERT_TRUE(keysAreRight(*view));
    } catch (const Error& error) {
      refused = error.code();
    }
  }
  EXPECT_EQ(*refused, ErrorCode::kOutOfRange);
  owner.await();
  EXPECT_EQ(codeOf([&] { (void)history.view(first); }), ErrorCode::kOutOfRange);
  EXPECT_EQ(codeOf([&] { (void)view->kv().getRaw("1000007"); }), ErrorCode::kOutOfRange);
}

TEST_F(DroppedUnderReaderTest, RowsAreAllThereOrRefused) {
  Owner owner(options(), steps());
  owner.step();
  auto reader = Engine::openReadOnly(options());
  History history = reader->history(reader->object("Test", "a"));
  Lsn first = history.bounds().newest;
  auto view = history.view(first);
  owner.step();
  owner.begin();
  bool refused = false;
  while (!refused) {
    try {
      // A new view each time, so that nothing comes from a page cache.
      ASSERT_TRUE(rowsAreRight(*history.view(first)));
    } catch (const Error& error) {
      // SQLite's own error when a page of an open view is asked for; it says why all the same.
      bool isSql = error.code() == ErrorCode::kSql &&
                   std::string(error.what()).find("outside what") != std::string::npos;
      EXPECT_TRUE(error.code() == ErrorCode::kOutOfRange || isSql) << error.what();
      refused = true;
    }
  }
  owner.await();
  // The older view has not read a page yet.
  std::string said;
  try {
    EXPECT_TRUE(rowsAreRight(*view));
  } catch (const Error& error) {
    said = error.what();
  }
  EXPECT_NE(said.find("outside what can be brought back"), std::string::npos) << said;
}

TEST_F(DroppedUnderReaderTest, LogThatIsBeingReadEndsWithAClearError) {
  Owner owner(options(), steps());
  owner.step();
  owner.step();
  auto reader = Engine::openReadOnly(options());
  History history = reader->history(reader->object("Test", "a"));
  int visited = 0;
  EXPECT_EQ(codeOf([&] {
              history.log(Lsn(), Lsn(UINT64_MAX), [&](const CommitInfo&) {
                if (++visited == 2) owner.step();
                return true;
              });
            }),
            ErrorCode::kOutOfRange);
  EXPECT_EQ(visited, 2);
  // Beginning anew shows what is kept, and nothing else.
  std::vector<Lsn> found;
  History again = reader->history(reader->object("Test", "a"));
  again.log(Lsn(), Lsn(UINT64_MAX), [&](const CommitInfo& commit) {
    found.push_back(commit.lsn);
    return true;
  });
  EXPECT_GT(found.size(), 25U);
  EXPECT_LT(found.size(), 35U);
}

}  // namespace
}  // namespace cairn
