// What concerns a whole object, or a whole root, at once.
#include <cairn/engine.h>
#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/engines/store.h"
#include "bench/workloads/workloads.h"

namespace bench {

void deleteAll(Run& run) {
  std::uint64_t keys = run.parameter("keys");
  std::unique_ptr<Store> store;
  if (run.parameter("overlay", 0) != 0) {
    store = openCairnStoreWithoutRounds(run.directory());
    loadKeys(*store, keys, 10'000);
  } else {
    store = openStore(run.engine(), run.directory());
    loadKeys(*store, keys, 10'000);
    store->settle();
  }
  run.begin();
  std::int64_t begun = nowNs();
  store->clear();
  double seconds = static_cast<double>(nowNs() - begun) / 1e9;
  run.end({.items = 1, .commits = 1, .seconds = seconds});
  run.report("milliseconds", seconds * 1e3);
  store->read([&](Reader& reader) {
    std::uint64_t sum = 0;
    require(reader.scan(Key(0), 1, sum) == 0, "a key is left");
  });
}

namespace {

// Commits until the journal holds so much that no round has taken, then ends as a crash would.
[[noreturn]] void fillJournalAndDie(const std::string& root, std::uint64_t bytes) {
  try {
    cairn::EngineOptions options{.root = root};
    options.dirtyBytesSoft = options.dirtyBytesHard = std::uint64_t{8} << 30;
    options.journalBytesMax = std::uint64_t{8} << 30;
    options.idleCheckpointMs = 1'000'000'000;
    auto engine = cairn::Engine::open(options);
    cairn::ObjectRef object = engine->object("Bench", "store");
    Values values;
    Random random(1);
    cairn::Ticket last;
    std::uint64_t commits = 0;
    while (engine->stats().journalRawBytes < bytes) {
      for (int i = 0; i < 1'000; ++i, ++commits) {
        Key key(random.below(1'000'000));
        std::string_view value = values.of(commits);
        last = engine->turn(object, [&](cairn::Storage& storage) {
          storage.kv().putBytes(key.view(),
                                {reinterpret_cast<const std::byte*>(value.data()), value.size()});
        });
      }
      last.wait();
    }
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "recover: %s\n", error.what());
    ::_exit(1);
  }
}

}  // namespace

void recover(Run& run) {
  std::uint64_t bytes = run.parameter("journal_mb") << 20;
  std::string root = run.directory() + "/root";
  if (bytes == 0) {
    auto engine = cairn::Engine::open({.root = root});
    engine->turn(engine->object("Bench", "store"),
                 [](cairn::Storage& storage) { storage.kv().put("key", 1); });
  } else {
    pid_t child = ::fork();
    if (child == 0) fillJournalAndDie(root, bytes);
    int status = 0;
    require(child > 0 && ::waitpid(child, &status, 0) == child && status == 0,
            "the process that fills the journal failed");
  }
  run.begin();
  std::int64_t begun = nowNs();
  auto engine = cairn::Engine::open({.root = root});
  double seconds = static_cast<double>(nowNs() - begun) / 1e9;
  const cairn::RecoveryReport& report = engine->recovery();
  run.end({.items = std::max<std::uint64_t>(1, report.commitsReplayed), .seconds = seconds});
  run.report("milliseconds", seconds * 1e3);
  run.report("commits_replayed", static_cast<double>(report.commitsReplayed));
  require((bytes == 0) == report.cleanlyClosed, "the root was not left as it should have been");
}

}  // namespace bench
