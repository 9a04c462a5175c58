// The examples run, and do what they say.
#include <mutex>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <gmock/gmock.h>

#include "tests/unit/host/host_fixture.h"
#include "tools/examples/batch_processor.h"
#include "tools/examples/chat_room.h"
#include "tools/examples/counter.h"
#include "tools/examples/http_counter.h"
#include "tools/examples/rate_limiter.h"
#include "tools/examples/schema_migration.h"
#include "tools/examples/user_cache.h"

namespace examples {
namespace {

using testing::ElementsAre;

class ExamplesTest : public cairn::test::HostTest {
 protected:
  void SetUp() override { open(); }
};

TEST_F(ExamplesTest, Counter) {
  auto counters = host->define<Counter>("Counter");
  auto loaded = host->define<LoadedCounter>("LoadedCounter");
  EXPECT_EQ(get(counters.getByName("a").call(&Counter::increment)), 1);
  EXPECT_EQ(get(counters.getByName("a").call(&Counter::increment)), 2);
  EXPECT_EQ(get(loaded.getByName("a").call(&LoadedCounter::increment)), 1);
  host->evictIdle();
  run();
  EXPECT_EQ(get(loaded.getByName("a").call(&LoadedCounter::increment)), 2);
}

TEST_F(ExamplesTest, UserCache) {
  auto caches = host->define<UserCache>("UserCache");
  auto stub = caches.getByName("a");
  EXPECT_EQ(get(stub.call(&UserCache::getUser, "1")), std::nullopt);
  get(stub.call(&UserCache::updateUser, "1", "Ann"));
  EXPECT_EQ(get(stub.call(&UserCache::getUser, "1")), "Ann");
  EXPECT_EQ(get(stub.call(&UserCache::hits)), 1);
  host->evictIdle();
  run();
  EXPECT_EQ(get(stub.call(&UserCache::getUser, "1")), "Ann");
  EXPECT_EQ(get(stub.call(&UserCache::hits)), 0);
}

TEST_F(ExamplesTest, SchemaMigration) {
  std::int64_t newest = 1;
  auto make = [&](cairn::DurableObjectState& state) {
    return std::make_unique<Directory>(state, newest);
  };
  auto directories = host->define<Directory>("Directory", {.make = make});
  auto stub = directories.getByName("a");
  get(stub.call(&Directory::addUser, "Ann"));
  EXPECT_EQ(get(stub.call(&Directory::columns)), 2U);
  newest = 2;
  host->evictIdle();
  run();
  EXPECT_EQ(get(stub.call(&Directory::version)), 2);
  EXPECT_EQ(get(stub.call(&Directory::columns)), 3U);
  EXPECT_EQ(get(stub.call(&Directory::users)), 1);
}

TEST_F(ExamplesTest, BatchProcessor) {
  using Counts = std::pair<std::int64_t, std::int64_t>;
  auto processors = host->define<BatchProcessor>("BatchProcessor");
  auto stub = processors.getByName("a");
  for (const char* item : {"one", "two", "three"}) get(stub.call(&BatchProcessor::addItem, item));
  advance(4'999);
  EXPECT_EQ(get(stub.call(&BatchProcessor::counts)), Counts(3, 0));
  advance(1);
  EXPECT_EQ(get(stub.call(&BatchProcessor::counts)), Counts(0, 3));
}

TEST_F(ExamplesTest, RateLimiter) {
  auto limiters = host->define<RateLimiter>("RateLimiter");
  auto check = [&] {
    return get(limiters.getByName("a").call(&RateLimiter::checkLimit, "k", 2, 1'000));
  };
  EXPECT_TRUE(check());
  advance(500);
  EXPECT_TRUE(check());
  EXPECT_FALSE(check());
  advance(500);
  EXPECT_TRUE(check());
  EXPECT_FALSE(check());
}

TEST_F(ExamplesTest, ChatRoom) {
  auto rooms = host->define<ChatRoom>("ChatRoom");
  auto stub = rooms.getByName("lobby");
  std::mutex mutex;
  std::vector<std::string> heard;
  std::size_t durableWhenHeard = 0;
  ChatRoom::Listener listener = [&](const ChatMessage& message) {
    std::lock_guard lock(mutex);
    heard.push_back(message.author + ": " + message.text);
    if (host->engine().stats().durableLsn == host->engine().stats().lastLsn) ++durableWhenHeard;
  };
  get(stub.call(&ChatRoom::say, "Ann", "hello"));
  get(stub.call(&ChatRoom::join, listener, 0));
  get(stub.call(&ChatRoom::say, "Bob", "hi"));
  get(stub.call(&ChatRoom::say, "Ann", "bye"));
  EXPECT_THAT(heard, ElementsAre("Ann: hello", "Bob: hi", "Ann: bye"));
  EXPECT_EQ(durableWhenHeard, 3U);
}

TEST(HttpCounterTest, AnswersRequestsOfOneConnectionInOrder) {
  cairn::test::TemporaryDirectory directory;
  cairn::Host host({.root = directory.path() + "/root", .threads = 2});
  auto counters = host.define<Counter>("Counter");
  HttpCounter server(host, counters, 0);
  server.start();
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), server.port()});
  std::string input;
  auto ask = [&](const std::string& request) {
    asio::write(socket, asio::buffer(request + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    std::size_t head = asio::read_until(socket, asio::dynamic_buffer(input), "\r\n\r\n");
    std::size_t length = std::stoul(input.substr(input.find("Content-Length: ") + 16));
    if (input.size() < head + length) {
      asio::read(socket, asio::dynamic_buffer(input),
                 asio::transfer_exactly(head + length - input.size()));
    }
    std::string answer = input.substr(0, input.find("\r\n")) + " " + input.substr(head, length);
    input.erase(0, head + length);
    return answer;
  };
  EXPECT_EQ(ask("POST /a"), "HTTP/1.1 200 OK 1\n");
  EXPECT_EQ(ask("POST /a"), "HTTP/1.1 200 OK 2\n");
  EXPECT_EQ(ask("GET /a"), "HTTP/1.1 200 OK 2\n");
  EXPECT_EQ(ask("GET /b"), "HTTP/1.1 200 OK 0\n");
  EXPECT_THAT(ask("GET /"), testing::HasSubstr("400"));
  server.stop();
}

}  // namespace
}  // namespace examples
