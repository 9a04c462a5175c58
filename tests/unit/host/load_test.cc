// A host with threads of its own under load from several others: for the sanitizers, and for what
// must hold however things interleave.
#include <atomic>
#include <cairn/host.h>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace cairn {
namespace {

class Busy : public DurableObject {
 public:
  using DurableObject::ctx;
  using DurableObject::DurableObject;

  Task<std::int64_t> next() {
    std::int64_t value = (co_await storage().get<std::int64_t>("n")).value_or(0);
    co_await storage().put("n", value + 1);
    co_return value;
  }
  /// Awaits another object inside a transaction.
  Task<std::int64_t> transfer(Stub<Busy> other) {
    auto body = [&]() -> Task<std::int64_t> {
      std::int64_t theirs = co_await other.call(&Busy::next);
      std::int64_t mine = (co_await storage().get<std::int64_t>("n")).value_or(0);
      co_await storage().put("n", mine + 1);
      co_return theirs;
    };
    co_return co_await storage().transaction(body);
  }
  void fall() { ctx().abort("on purpose"); }
  std::int64_t read() { return storage().kv().get<std::int64_t>("n").value_or(0); }
  Task<> remind() { co_await storage().setAlarm(ctx().now()); }
  Task<> alarm(AlarmInvocation) override {
    alarms.fetch_add(1);
    co_await storage().put("alarm", 1);
  }

  static inline std::atomic<int> alarms{0};
};

TEST(LoadTest, NumbersAreGivenOutOnceHoweverManyAsk) {
  test::TemporaryDirectory directory;
  HostOptions options{.root = directory.path() + "/root", .threads = 3};
  options.engine.storeMapBytes = 256 << 20;
  options.liveObjectsMax = 6;
  constexpr int kObjects = 8;
  constexpr int kClients = 4;
  constexpr int kCalls = 200;
  std::vector<std::set<std::int64_t>> seen(kObjects);
  std::atomic<int> transfers{0};
  {
    Host host(options);
    auto objects = host.define<Busy>("Busy");
    auto stub = [&](int i) { return objects.getByName("object " + std::to_string(i % kObjects)); };
    std::mutex mutex;
    std::vector<std::jthread> clients;
    for (int client = 0; client < kClients; ++client) {
      clients.emplace_back([&, client] {
        std::vector<std::pair<int, Reply<std::int64_t>>> replies;
        for (int i = 0; i < kCalls; ++i) {
          int object = (i + client) % kObjects;
          replies.emplace_back(object, stub(object).call(&Busy::next));
          // In one direction only: two that await each other in transactions would wait for good.
          if (i % 50 == 7 && object + 1 < kObjects) {
            replies.emplace_back(object + 1, stub(object).call(&Busy::transfer, stub(object + 1)));
          }
          if (i % 60 == 9) (void)stub(object).call(&Busy::remind);
          if (replies.size() < 16) continue;
          for (auto& [from, reply] : replies) {
            try {
              std::int64_t number = reply.get();
              std::lock_guard lock(mutex);
              EXPECT_TRUE(seen[static_cast<std::size_t>(from)].insert(number).second)
                  << "object " << from << " gave " << number << " twice";
            } catch (const Error& error) {
              EXPECT_EQ(error.code(), ErrorCode::kOverloaded) << error.what();
            }
          }
          replies.clear();
        }
      });
    }
    clients.clear();
    // Resets of one object do not touch what others do, nor what is committed.
    for (int i = 0; i < 20; ++i) {
      EXPECT_THROW(stub(0).call(&Busy::fall).get(), ObjectReset);
      std::int64_t number = stub(0).call(&Busy::read).get();
      EXPECT_GE(number, static_cast<std::int64_t>(seen[0].size()));
    }
    host.close();
  }
  EXPECT_GT(Busy::alarms.load(), 0);
  Host host(options);
  auto objects = host.define<Busy>("Busy");
  for (int i = 0; i < kObjects; ++i) {
    std::int64_t number = objects.getByName("object " + std::to_string(i)).call(&Busy::read).get();
    EXPECT_GE(number, static_cast<std::int64_t>(seen[static_cast<std::size_t>(i)].size()));
  }
}

}  // namespace
}  // namespace cairn
