// Goal: a single commit of a gigabyte, in KV or SQL, is acknowledged, survives SIGKILL, is
// checkpointed, and can be brought back; past the cap a turn fails with figures and leaves nothing.
// Method: a child commits and is killed once it has said so; the root is opened again.
#include <cairn/engine.h>
#include <cairn/error.h>
#include <cairn/history.h>
#include <csignal>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

constexpr std::size_t kValueBytes = std::size_t{1} << 20;
constexpr int kValues = 1'024;

class LargeTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> open() {
    EngineOptions options;
    options.root = directory_ / "root";
    return Engine::open(options);
  }

  // Runs one turn in a child, which is killed as soon as the turn was acknowledged.
  void commitAndDie(const std::function<void(Storage&)>& work) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    pid_t child = ::fork();
    if (child == 0) {
      auto engine = open();
      engine->turn(engine->object("Large", "a"), work).wait();
      if (::write(pipe[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    ::close(pipe[1]);
    char said = 0;
    EXPECT_EQ(::read(pipe[0], &said, 1), 1);
    ::close(pipe[0]);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }

  static Bytes value(int index, char generation) {
    Bytes bytes(kValueBytes, static_cast<std::byte>(generation));
    // Not all compresses away.
    std::uint64_t state =
        static_cast<std::uint64_t>(index) * 977 + static_cast<unsigned char>(generation);
    for (std::size_t at = 0; at < bytes.size(); at += 16) {
      state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
      bytes[at] = static_cast<std::byte>(state >> 56);
    }
    return bytes;
  }

  void expectKeys(Engine& engine, char generation) {
    engine.turn(engine.object("Large", "a"), [&](Storage& s) {
      for (int i = 0; i < kValues; i += 7)
        ASSERT_EQ(s.kv().getBytes("k" + std::to_string(i)) == value(i, generation), true) << i;
    });
  }

  test::TemporaryDirectory directory_;
};

TEST_F(LargeTest, GigabyteOfKeysInOneCommitSurvivesAKillAndComesBack) {
  auto putAll = [](char generation) {
    return [generation](Storage& s) {
      for (int i = 0; i < kValues; ++i)
        s.kv().putBytes("k" + std::to_string(i), value(i, generation));
    };
  };
  commitAndDie(putAll('a'));
  Lsn first;
  {
    auto engine = open();
    EXPECT_EQ(engine->recovery().commitsReplayed, 1U);
    expectKeys(*engine, 'a');
    first = engine->stats().storedLsn;
  }
  commitAndDie(putAll('b'));
  auto engine = open();
  expectKeys(*engine, 'b');
  RestoreReceipt receipt = engine->history(engine->object("Large", "a")).restore(first);
  EXPECT_EQ(receipt.keysChanged, static_cast<std::uint64_t>(kValues));
  expectKeys(*engine, 'a');
  engine->checkpoint();
  expectKeys(*engine, 'a');
}

TEST_F(LargeTest, GigabyteOfRowsInOneCommitSurvivesAKill) {
  commitAndDie([](Storage& s) {
    s.sql().exec("CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)");
    for (int i = 0; i < kValues; ++i) s.sql().exec("INSERT INTO t VALUES (?, ?)", i, value(i, 'a'));
  });
  for (int pass = 0; pass < 2; ++pass) {
    auto engine = open();
    engine->turn(engine->object("Large", "a"), [&](Storage& s) {
      EXPECT_EQ(std::get<0>(s.sql().exec("SELECT count(*) FROM t").one<int>()), kValues);
      for (int i = 0; i < kValues; i += 31) {
        auto [body] = s.sql().exec("SELECT body FROM t WHERE id = ?", i).one<Bytes>();
        ASSERT_EQ(body == value(i, 'a'), true) << i;
      }
    });
  }
}

TEST_F(LargeTest, CommitPastTheCapFailsWithFiguresAndLeavesNothing) {
  auto engine = open();
  ObjectRef object = engine->object("Large", "a");
  engine->turn(object, [](Storage& s) { s.kv().put("before", 1); });
  try {
    engine->turn(object, [](Storage& s) {
      for (int i = 0; i < 3 * kValues; ++i) s.kv().putBytes("k" + std::to_string(i), value(i, 'c'));
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("2097152000")) << error.what();
  }
  engine->turn(object, [](Storage& s) {
    EXPECT_EQ(s.kv().get<int>("before"), 1);
    EXPECT_FALSE(s.kv().getBytes("k0"));
    s.kv().put("after", 2);
  });
}

}  // namespace
}  // namespace cairn
