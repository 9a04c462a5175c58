// One Cairn object. Options as they ship: history of 30 days, rounds in the background.
#include <cairn/engine.h>
#include <charconv>

#include "bench/engines/store.h"

namespace bench {
namespace {

cairn::BytesView bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

class CairnReader final : public Reader {
 public:
  explicit CairnReader(cairn::SyncKv& kv) : kv_(kv) {}

  std::optional<std::string_view> get(std::string_view key) override {
    std::optional<cairn::BytesView> found = kv_.viewBytes(key);
    if (!found) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(found->data()), found->size());
  }

  std::uint64_t scan(std::string_view start, std::uint64_t limit, std::uint64_t& sum) override {
    cairn::ListOptions options;
    options.start = start;
    options.limit = static_cast<std::int64_t>(limit);
    std::uint64_t count = 0;
    for (cairn::KvCursor cursor = kv_.cursor(options); cursor.next(); ++count) {
      sum += cursor.key().size() + cursor.bytes().size() +
             static_cast<unsigned char>(cursor.bytes()[0]);
    }
    return count;
  }

 private:
  cairn::SyncKv& kv_;
};

class CairnStore final : public Store {
 public:
  CairnStore(const cairn::EngineOptions& options, bool overlap)
      : engine_(cairn::Engine::open(options)),
        object_(engine_->object("Bench", "store")),
        overlap_(overlap) {}

  void put(std::span<const Pair> pairs) override {
    engine_
        ->turn(object_,
               [&](cairn::Storage& storage) {
                 for (const Pair& pair : pairs)
                   storage.kv().putBytes(pair.key, bytesOf(pair.value));
               })
        .wait();
  }
  void putOne(const Pair& pair, Done done) override {
    answer(engine_->turn(object_,
                         [&](cairn::Storage& storage) {
                           storage.kv().putBytes(pair.key, bytesOf(pair.value));
                         }),
           done);
  }
  void increment(std::string_view key, Done done) override {
    answer(engine_->turn(object_,
                         [&](cairn::Storage& storage) {
                           auto& kv = storage.kv();
                           kv.put(key, kv.get<std::int64_t>(key).value_or(0) + 1);
                         }),
           done);
  }
  void read(const std::function<void(Reader&)>& work) override {
    engine_->turn(object_, [&](cairn::Storage& storage) {
      CairnReader reader(storage.kv());
      work(reader);
    });
  }
  void clear() override {
    engine_->turn(object_, [](cairn::Storage& storage) { storage.deleteAll(); }).wait();
  }
  void settle() override { engine_->checkpoint(); }
  [[nodiscard]] bool overlaps() const override { return overlap_; }

 private:
  void answer(const cairn::Ticket& ticket, Done done) {
    if (overlap_) {
      engine_->onDurable(ticket, done);
    } else {
      ticket.wait();
      done.now();
    }
  }

  std::unique_ptr<cairn::Engine> engine_;
  cairn::ObjectRef object_;
  bool overlap_;
};

}  // namespace

std::unique_ptr<Store> openCairnStore(const std::string& directory, bool overlap) {
  return std::make_unique<CairnStore>(cairn::EngineOptions{.root = directory + "/root"}, overlap);
}

std::unique_ptr<Store> openCairnStoreWithoutRounds(const std::string& directory) {
  cairn::EngineOptions options{.root = directory + "/root"};
  options.dirtyBytesSoft = options.dirtyBytesHard = std::uint64_t{8} << 30;
  options.journalBytesMax = std::uint64_t{8} << 30;
  options.idleCheckpointMs = 1'000'000'000;
  return std::make_unique<CairnStore>(options, false);
}

}  // namespace bench
