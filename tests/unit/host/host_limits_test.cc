// What an event, and an object, may take: CPU time of SQL over all of an event's turns, and storage
// of key-value pairs and SQL together.
#include <gmock/gmock.h>

#include "tests/unit/host/host_fixture.h"

namespace cairn::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Plain : public DurableObject {
 public:
  using DurableObject::ctx;
  using DurableObject::DurableObject;
  using DurableObject::storage;
  Task<> alarm(AlarmInvocation) override { co_return; }
};

class HostLimits : public HostTest {
 protected:
  void start(const Limits& limits) {
    HostOptions limited = options();
    limited.engine.limits = limits;
    open(std::move(limited));
    plain.emplace(host->define<Plain>("Plain"));
  }
  template <typename Work>
  auto event(Work work) {
    return get(plain->getByName("a").run(std::move(work)));
  }
  /// What an event that fails says.
  template <typename Work>
  std::string errorOf(Work work) {
    try {
      event(std::move(work));
      return "no error";
    } catch (const Error& error) {
      return error.what();
    }
  }

  std::optional<Namespace<Plain>> plain;
};

// ---- CPU time

constexpr std::uint64_t kCpuMs = 60;

Limits withCpu() {
  Limits limits;
  limits.cpuMs = kCpuMs;
  return limits;
}

/// Takes a few milliseconds.
void work(Plain& self) {
  self.storage().sql().exec(
      "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < 10000) "
      "SELECT count(*) FROM r");
}

/// How often an event can do it before it is stopped; `limit` at most.
int countWork(Plain& self, int limit) {
  for (int i = 0; i < limit; ++i) {
    try {
      work(self);
    } catch (const SqlError& error) {
      EXPECT_THAT(error.what(), HasSubstr("SQLITE_INTERRUPT"));
      EXPECT_THAT(error.what(), HasSubstr("60 ms of CPU time, which is what one event may take"));
      return i;
    }
  }
  return limit;
}

constexpr int kFar = 20'000;

TEST_F(HostLimits, StatementsOfAnEventShareItsCpuTime) {
  start(withCpu());
  int done = event([](Plain& self) { return countWork(self, kFar); });
  EXPECT_GT(done, 1) << "one of them takes a part of it only";
  EXPECT_LT(done, kFar);
  // The next event has its own, and the object was not reset.
  EXPECT_GT(event([](Plain& self) { return countWork(self, 1); }), 0);
  EXPECT_EQ(host->metrics().objectsReset, 0U);
}

TEST_F(HostLimits, AnEventHasOneCpuTimeOverAllOfItsTurns) {
  start(withCpu());
  int done = 0;
  auto slow = [&](Plain& self) -> Task<> {
    for (; done < kFar; ++done) {
      if (countWork(self, 1) == 0) break;
      switch (done % 4) {
        case 0:
          co_await self.ctx().sleep(std::chrono::milliseconds(0));
          break;
        case 1:
          co_await self.ctx().external([]() -> Task<> { co_return; }());
          break;
        case 2:
          co_await self.storage().sync();
          break;
        default: {
          auto body = [&]() -> Task<> {
            countWork(self, 1);
            co_return;
          };
          co_await self.storage().transaction(body);
        }
      }
    }
  };
  Reply<void> reply = plain->getByName("a").run(slow);
  while (!reply.ready()) {
    advance(1);
    // Events in between spend their own.
    EXPECT_EQ(event([](Plain& self) { return countWork(self, 1); }), 1);
  }
  get(std::move(reply));
  EXPECT_GT(done, 1);
  EXPECT_LT(done, kFar);
}

TEST_F(HostLimits, WithoutAnEventATurnIsWhatSharesCpuTime) {
  start(withCpu());
  Engine& engine = host->engine();
  for (int round = 0; round < 3; ++round) {
    int done = 0;
    auto turn = [&](Storage& storage) {
      for (; done < kFar; ++done) {
        storage.sql().exec(
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < 10000) "
            "SELECT count(*) FROM r");
      }
    };
    EXPECT_THROW(engine.turn(engine.object("Plain", "b"), turn), SqlError);
    EXPECT_GT(done, 1);
    EXPECT_LT(done, kFar);
  }
}

// ---- storage

constexpr std::uint64_t kObjectBytes = 200'000;

Limits withStorage() {
  Limits limits;
  limits.objectBytesMax = kObjectBytes;
  return limits;
}

void insert(Plain& self, int bytes) {
  self.storage().sql().exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, b BLOB)");
  self.storage().sql().exec("INSERT INTO t(b) VALUES (zeroblob(?))", bytes);
}

std::int64_t rows(Plain& self) {
  return self.storage().sql().exec("SELECT count(*) FROM t").one().get<std::int64_t>(0);
}

std::uint64_t bytes(Plain& self) {
  StorageSize size = self.storage().size();
  return size.kvBytes + size.sqlBytes;
}

TEST_F(HostLimits, SqlGrowsOnlyAsFarAsKeysLeaveRoom) {
  start(withStorage());
  event([](Plain& self) { self.storage().kv().put("a", std::string(100'000, 'x')); });
  int fitted = 0;
  std::string refusal;
  for (; fitted < 100 && refusal.empty(); ++fitted) {
    try {
      event([](Plain& self) { insert(self, 10'000); });
    } catch (const ObjectReset& reset) {
      refusal = reset.what();
      break;
    }
  }
  EXPECT_GT(fitted, 3);
  EXPECT_LT(fitted, 10);
  EXPECT_THAT(refusal, AllOf(HasSubstr("object a would take 100"), HasSubstr("of SQL"),
                             HasSubstr("200000 are allowed")));
  EXPECT_EQ(event(rows), fitted);
  EXPECT_LE(event(bytes), kObjectBytes);
  // The same from the stores.
  host->engine().checkpoint();
  host->evictIdle();
  run();
  EXPECT_THAT(errorOf([](Plain& self) { insert(self, 60'000); }), HasSubstr("200000 are allowed"));
  EXPECT_THAT(errorOf([](Plain& self) { self.storage().kv().put("b", std::string(60'000, 'x')); }),
              HasSubstr("200000 are allowed"));
  // What frees room works, and the room can be used.
  event([](Plain& self) { self.storage().sql().exec("DELETE FROM t WHERE id = 1"); });
  event([](Plain& self) { self.storage().kv().erase("a"); });
  event([](Plain& self) { insert(self, 60'000); });
  EXPECT_EQ(event(rows), fitted);
  EXPECT_LE(event(bytes), kObjectBytes);
}

TEST_F(HostLimits, AFullDatabaseRefusesTheStatementAndCanBeEmptied) {
  start(withStorage());
  event([](Plain& self) { insert(self, 150'000); });
  EXPECT_THAT(errorOf([](Plain& self) { insert(self, 100'000); }),
              HasSubstr("the database would take more than the 200000 bytes that are allowed"));
  EXPECT_EQ(event(rows), 1);
  event([](Plain& self) {
    self.storage().kv().put("b", "x");
    self.storage().deleteAll();
  });
  event([](Plain& self) { insert(self, 150'000); });
  EXPECT_EQ(event(rows), 1);
}

}  // namespace
}  // namespace cairn::test
