// Goal: no SQL text an application can send does more than fail: it throws an Error, leaves the
// object usable, and what it wrote is gone once its transaction is rolled back.
//
// The input is the text. The object has a table, an index, a view, a trigger and a full-text table.
#include <cairn/engine.h>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_check.h"
#include "tests/support/temporary_directory.h"

namespace {

using namespace cairn;

constexpr const char* kSchema =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b REAL, c BLOB);"
    "CREATE INDEX i ON t(b);"
    "CREATE VIEW v AS SELECT a, b * 2 AS d FROM t;"
    "CREATE TABLE log(m);"
    "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a); END;"
    "CREATE VIRTUAL TABLE f USING fts5(x);"
    "INSERT INTO t VALUES (1, 'one', 1.5, x'00ff'), (2, 'two', NULL, NULL);"
    "INSERT INTO f VALUES ('some words');";

/// One engine for all inputs: opening one costs more than any statement.
class Fixture {
 public:
  Fixture() {
    EngineOptions options;
    options.root = directory_ / "root";
    options.durability = Durability::kProcess;
    options.limits.cpuMs = 200;
    options.limits.sqlTempBytesMax = 8 << 20;
    options.historyMs = 0;
    engine_ = Engine::open(options);
    object_ = engine_->object("Fuzz", "one");
    engine_->turn(object_, [](Storage& storage) { storage.sql().exec(kSchema); });
    digest_ = digest();
  }
  ~Fixture() {
    object_ = {};
    engine_.reset();
  }

  void run(std::string_view text) {
    class Undo {};
    try {
      engine_->turn(object_, [&](Storage& storage) {
        storage.transactionSync([&] {
          execute(storage, text);
          throw Undo();
        });
      });
    } catch (const Undo&) {
    } catch (const Error&) {
      // The transaction itself was lost, which undoes just as well.
    }
    fuzz::require(digest() == digest_, "a rolled back statement leaves nothing");
  }

 private:
  static void execute(Storage& storage, std::string_view text) {
    try {
      SqlCursor cursor = storage.sql().exec(text);
      for (int rows = 0; rows < 1'000 && cursor.nextRaw(); ++rows) {
      }
    } catch (const Error&) {
    }
  }

  std::string digest() {
    return engine_
        ->turn(object_,
               [](Storage& storage) {
                 return storage.sql()
                     .exec(
                         "SELECT (SELECT group_concat(sql, ';') FROM sqlite_master) || (SELECT "
                         "group_concat(id || a || ifnull(b, '-') || hex(c)) FROM t) || (SELECT "
                         "count(*) FROM f) || (SELECT count(*) FROM log)")
                     .one()
                     .get<std::string>(std::size_t{0});
               })
        .value;
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<Engine> engine_;
  ObjectRef object_;
  std::string digest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Fixture fixture;
  if (size > 4'096) return 0;
  fixture.run({reinterpret_cast<const char*>(data), size});
  return 0;
}
