// Objects of one Cairn root, one turn per request. With several requests in flight they are begun
// from one thread and answered by the engine when they are durable.
#include <cairn/engine.h>
#include <mutex>
#include <vector>

#include "bench/engines/objects.h"

namespace bench {
namespace {

std::string nameOf(std::uint64_t object) { return "object-" + std::to_string(object); }

class CairnObjects final : public Objects {
 public:
  CairnObjects(const std::string& directory, bool overlap)
      : engine_(cairn::Engine::open({.root = directory + "/root"})), overlap_(overlap) {}

  void populate(std::uint64_t count) override {
    cairn::Ticket last;
    for (std::uint64_t i = 0; i < count; ++i) {
      open_.push_back(engine_->object("Counter", nameOf(i)));
      last = engine_->turn(open_.back(), [](cairn::Storage& storage) {
        storage.kv().put("value", std::int64_t{0});
      });
    }
    last.wait();
  }
  void create(std::uint64_t object, Done done) override {
    answer(
        engine_->turn(engine_->object("Counter", nameOf(object)),
                      [](cairn::Storage& storage) { storage.kv().put("value", std::int64_t{0}); }),
        done);
  }
  void increment(std::uint64_t object, Done done) override {
    answer(engine_->turn(open_[object],
                         [](cairn::Storage& storage) {
                           auto& kv = storage.kv();
                           kv.put("value", kv.get<std::int64_t>("value").value_or(0) + 1);
                         }),
           done);
  }
  [[nodiscard]] std::int64_t value(std::uint64_t object) override {
    return engine_
        ->turn(engine_->object("Counter", nameOf(object)),
               [](cairn::Storage& storage) { return storage.kv().get<std::int64_t>("value"); })
        .value.value_or(-1);
  }
  void closeAll() override {
    engine_->checkpoint();
    open_.clear();
    open_.shrink_to_fit();
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
  bool overlap_;
  std::vector<cairn::ObjectRef> open_;
};

}  // namespace

std::unique_ptr<Objects> openCairnObjects(const std::string& directory, bool overlap) {
  return std::make_unique<CairnObjects>(directory, overlap);
}

}  // namespace bench
