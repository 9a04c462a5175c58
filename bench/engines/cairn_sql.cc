#include <cairn/engine.h>

#include "bench/engines/sql.h"
#include "bench/engines/sql_text.h"

namespace bench {
namespace {

class CairnSqlObject final : public SqlObject {
 public:
  CairnSqlObject(std::shared_ptr<cairn::Engine> engine, std::uint64_t number, bool overlap)
      : engine_(std::move(engine)),
        object_(engine_->object("Sql", "object-" + std::to_string(number))),
        overlap_(overlap) {}

  void populate(std::uint64_t rows, std::uint64_t docs) override {
    Values values;
    Random random(1);
    engine_->turn(object_, [&](cairn::Storage& storage) {
      cairn::SqlStorage& sql = storage.sql();
      for (const char* text : sql_text::kSchema) sql.exec(text);
      for (std::uint64_t id = 1; id <= rows; ++id) {
        sql.exec(sql_text::kInsert, static_cast<std::int64_t>(id),
                 static_cast<std::int64_t>(random.below(1'000'000)), values.of(id));
      }
      for (std::uint64_t i = 0; i < docs; ++i) sql.exec(sql_text::kInsertDoc, docText(random));
    });
    engine_->checkpoint();
  }
  void update(std::uint64_t id, std::int64_t score, Done done) override {
    answer(commitUpdate(id, score), done);
  }
  void updateUnwaited(std::uint64_t id, std::int64_t score) override { commitUpdate(id, score); }
  void turn(std::uint64_t number, Done done) override {
    answer(engine_->turn(object_,
                         [&](cairn::Storage& storage) {
                           auto n = static_cast<std::int64_t>(number);
                           storage.kv().put("last", n);
                           storage.sql().exec(sql_text::kUpdate, n, n % 100 + 1);
                           storage.setAlarm(cairn::UnixMillis{4'000'000'000'000 + n});
                         }),
           done);
  }
  std::int64_t points(std::uint64_t count, std::uint64_t rows, Random& random) override {
    std::int64_t sum = 0;
    engine_->turn(object_, [&](cairn::Storage& storage) {
      for (std::uint64_t i = 0; i < count; ++i) {
        auto [score, payload] =
            storage.sql()
                .exec(sql_text::kPoint, static_cast<std::int64_t>(random.below(rows) + 1))
                .one<std::int64_t, std::string>();
        sum += score + static_cast<std::int64_t>(payload.size());
      }
    });
    return sum;
  }
  std::int64_t range(std::uint64_t id, std::uint64_t count) override {
    std::int64_t sum = 0;
    engine_->turn(object_, [&](cairn::Storage& storage) {
      cairn::SqlCursor cursor = storage.sql().exec(sql_text::kRange, static_cast<std::int64_t>(id),
                                                   static_cast<std::int64_t>(count));
      while (auto row = cursor.next<std::int64_t, std::string>())
        sum += std::get<0>(*row) + static_cast<std::int64_t>(std::get<1>(*row).size());
    });
    return sum;
  }
  std::int64_t search(const std::string& word) override {
    return engine_
        ->turn(
            object_,
            [&](cairn::Storage& storage) {
              return std::get<0>(storage.sql().exec(sql_text::kSearch, word).one<std::int64_t>());
            })
        .value;
  }
  void flush() override {
    engine_->turn(object_, [](cairn::Storage&) {}).wait();
  }
  [[nodiscard]] bool overlaps() const override { return overlap_; }

 private:
  cairn::Ticket commitUpdate(std::uint64_t id, std::int64_t score) {
    return engine_->turn(object_, [&](cairn::Storage& storage) {
      storage.sql().exec(sql_text::kUpdate, score, static_cast<std::int64_t>(id));
    });
  }
  void answer(const cairn::Ticket& ticket, Done done) {
    if (overlap_) {
      engine_->onDurable(ticket, done);
    } else {
      ticket.wait();
      done.now();
    }
  }

  std::shared_ptr<cairn::Engine> engine_;
  cairn::ObjectRef object_;
  bool overlap_;
};

}  // namespace

std::vector<std::unique_ptr<SqlObject>> openCairnSqlObjects(const std::string& directory,
                                                            std::uint64_t count, bool overlap) {
  std::shared_ptr<cairn::Engine> engine = cairn::Engine::open({.root = directory + "/root"});
  std::vector<std::unique_ptr<SqlObject>> objects;
  for (std::uint64_t i = 0; i < count; ++i)
    objects.push_back(std::make_unique<CairnSqlObject>(engine, i, overlap));
  return objects;
}

}  // namespace bench
