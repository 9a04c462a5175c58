// Goal: a disk that is slow, or fails, makes callers wait, or tells them; it never leaves one
// without an answer. Method: a file system whose writes stop until the test lets them go on, or
// fail.
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>

#include "tests/support/fault_file_system.h"
#include "tests/unit/host/host_fixture.h"

namespace cairn::test {
namespace {

using testing::HasSubstr;

/// Stops writes to files of one part of the root.
class Barrier {
 public:
  explicit Barrier(std::string part) : part_(std::move(part)) {}

  void pass(Call call, const std::string& path) {
    if (call != Call::kWrite || path.find(part_) == std::string::npos) return;
    std::unique_lock lock(mutex_);
    if (closed_) ++held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !closed_; });
    if (failing_) throw Error(ErrorCode::kIo, "write " + path + ": injected");
  }
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  void open(bool failing = false) {
    std::lock_guard lock(mutex_);
    closed_ = false;
    failing_ = failing;
    changed_.notify_all();
  }
  /// Returns when somebody is held up.
  void awaitHeld() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_ > 0; });
  }

 private:
  const std::string part_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  bool failing_ = false;
  int held_ = 0;
};

class Plain : public DurableObject {
 public:
  using DurableObject::ctx;
  using DurableObject::DurableObject;
  using DurableObject::storage;

  void put(const std::string& key, std::size_t bytes) {
    storage().kv().put(key, std::string(bytes, 'x'));
  }
  std::size_t keys() { return storage().kv().count(""); }
  Task<> putAndSync() {
    storage().put("synced", 1);
    co_await storage().sync();
  }
  Task<> putAndTell(Stub<Plain> other) {
    storage().put("told", 1);
    co_await other.call(&Plain::put, std::string("heard"), std::size_t{1});
  }
  Task<> putLater() {
    storage().put("before", 1);
    co_await ctx().sleep(std::chrono::milliseconds(5));
    storage().put("after", 1);
  }
  Task<> putUnconfirmed() { co_await storage().put("unconfirmed", 1, {.allowUnconfirmed = true}); }
};

class Pressure : public HostTest {
 protected:
  static constexpr std::uint64_t kHardBytes = 256'000;
  static constexpr std::size_t kValueBytes = 20'000;

  void SetUp() override {
    files.setHook([this](Call call, const std::string& path) {
      rounds.pass(call, path);
      journal.pass(call, path);
    });
    reopen();
  }
  void reopen() {
    close();
    HostOptions tight = options();
    tight.engine.fileSystem = &files;
    tight.engine.journalSegmentBytes = 1 << 20;
    tight.engine.dirtyBytesSoft = 64'000;
    tight.engine.dirtyBytesHard = kHardBytes;
    open(std::move(tight));
    plain.emplace(host->define<Plain>("Plain"));
  }
  Stub<Plain> stub(int i) { return plain->getByName("object " + std::to_string(i)); }
  std::vector<Reply<void>> putMany(int count) {
    std::vector<Reply<void>> replies;
    for (int i = 0; i < count; ++i)
      replies.push_back(stub(i % 5).call(&Plain::put, "key " + std::to_string(i), kValueBytes));
    return replies;
  }
  /// What a call that cannot succeed says.
  template <typename T>
  std::string errorOf(Reply<T> reply) {
    try {
      (void)get(std::move(reply));
      return "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBroken);
      return error.what();
    }
  }

  Barrier rounds{"/changes/"};
  Barrier journal{"/journal/"};
  FaultFileSystem files{posixFileSystem()};
  std::optional<Namespace<Plain>> plain;
};

TEST_F(Pressure, CallsWaitWhileTheEngineIsOverItsMemoryLimit) {
  Reply<void> later = stub(9).call(&Plain::putLater);
  run();
  rounds.close();
  std::vector<Reply<void>> replies = putMany(100);
  run();
  rounds.awaitHeld();
  HostMetrics full = host->metrics();
  EXPECT_GT(full.memoryWaits, 0U);
  EXPECT_GT(full.queueLength, 80U);
  EXPECT_GT(full.engines[0].stats.dirtyBytes, kHardBytes);
  EXPECT_LT(full.engines[0].stats.dirtyBytes, kHardBytes + 4 * kValueBytes);
  // A handler under way waits with its next turn, and reads wait as writes do.
  advance(5);
  Reply<std::size_t> read = stub(0).call(&Plain::keys);
  run();
  EXPECT_FALSE(later.ready());
  EXPECT_FALSE(read.ready());
  EXPECT_EQ(host->metrics().turns, full.turns);

  rounds.open();
  for (Reply<void>& reply : replies) get(std::move(reply));
  get(std::move(later));
  EXPECT_EQ(get(std::move(read)), 20U);
  EXPECT_EQ(host->metrics().queueLength, 0U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(stub(i).call(&Plain::keys)), 20U) << i;
}

TEST_F(Pressure, CallsThatWaitForMemoryAreToldWhenTheEngineBreaks) {
  rounds.close();
  std::vector<Reply<void>> replies = putMany(100);
  run();
  rounds.awaitHeld();
  EXPECT_GT(host->metrics().queueLength, 80U);
  rounds.open(true);
  std::size_t broken = 0;
  for (Reply<void>& reply : replies) {
    try {
      get(std::move(reply));
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("injected"));
      ++broken;
    }
  }
  EXPECT_GT(broken, 80U);
  EXPECT_THAT(errorOf(stub(0).call(&Plain::keys)), HasSubstr("injected"));
  EXPECT_THROW(host->close(std::chrono::milliseconds(0)), Error);
}

TEST_F(Pressure, EveryCallIsToldWhenTheJournalFails) {
  for (int i = 0; i < 8; ++i) get(stub(i).call(&Plain::put, std::string("kept"), std::size_t{1}));
  journal.close();
  bool sent = false;
  std::vector<Reply<void>> replies;
  for (int i = 0; i < 20; ++i)
    replies.push_back(stub(i % 5).call(&Plain::put, "lost " + std::to_string(i), std::size_t{1}));
  replies.push_back(stub(5).call(&Plain::putAndSync));
  replies.push_back(stub(6).call(&Plain::putAndTell, stub(7)));
  replies.push_back(stub(7).run([&](Plain& self) {
    self.put("lost", 1);
    self.ctx().output([&] { sent = true; });
  }));
  Reply<std::size_t> read = stub(0).call(&Plain::keys);
  run();
  journal.awaitHeld();
  // Whoever does not ask for durability has an answer, and learns of it afterwards.
  get(stub(8).call(&Plain::putUnconfirmed));
  for (const Reply<void>& reply : replies) EXPECT_FALSE(reply.ready());
  EXPECT_FALSE(read.ready()) << "it saw what is not durable";

  journal.open(true);
  for (Reply<void>& reply : replies) EXPECT_THAT(errorOf(std::move(reply)), HasSubstr("injected"));
  EXPECT_THAT(errorOf(std::move(read)), HasSubstr("injected"));
  EXPECT_FALSE(sent);
  EXPECT_GE(host->metrics().objectsReset, 8U);
  // Later calls of the same objects and of others, reading and writing.
  for (int i = 0; i < 12; ++i) {
    EXPECT_THAT(errorOf(stub(i).call(&Plain::keys)), HasSubstr("injected")) << i;
    EXPECT_THAT(errorOf(stub(i).call(&Plain::put, std::string("more"), std::size_t{1})),
                HasSubstr("injected"))
        << i;
  }
  EXPECT_THROW(host->close(std::chrono::milliseconds(0)), Error);
  host.reset();
  journal.open();
  reopen();
  for (int i = 0; i < 8; ++i) EXPECT_GE(get(stub(i).call(&Plain::keys)), 1U) << i;
}

}  // namespace
}  // namespace cairn::test
