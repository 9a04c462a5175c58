#include "tools/transfer/sqlite_import.h"

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

// A commit is in memory until it is in the stores, a page as its image and as its difference.
constexpr std::uint64_t kOneCommitBytes = std::uint64_t{256} << 20;

[[noreturn]] void refuse(const std::string& why) { throw Failure(ExitCode::kRefused, why); }

std::int64_t tablesOf(Storage& storage) {
  if (storage.sql().databaseSize() == 0) return 0;
  return std::get<0>(storage.sql().exec("SELECT count(*) FROM sqlite_master").one<std::int64_t>());
}

}  // namespace

void SqliteImport::run(Engine& engine, const ObjectName& object,
                       const std::function<void(std::uint64_t)>& onRows) {
  ObjectRef reference = engine.object(object.className, object.name);
  bool inParts = file_.bytes() > kOneCommitBytes;
  engine.turn(reference, [&](Storage& storage) {
    if (std::int64_t tables = tablesOf(storage); tables > 0)
      refuse(fmt::format("{} has {} tables and indexes already", object.forPeople(), tables));
    StorageSize size = storage.size();
    if (inParts && (size.kvKeys > 0 || !storage.alarmNames().empty())) {
      refuse(fmt::format("a database of {} comes in several commits, for which {} must be empty",
                         byteCount(file_.bytes()), object.forPeople()));
    }
  });
  inParts ? runInParts(engine, reference, onRows) : runInOneCommit(engine, reference, onRows);
}

void SqliteImport::copy(SqlEnd& to, const std::function<void(std::uint64_t)>& onRows) {
  SqlCopy copy(file_, to, SqlCopy::Into::kObject, onRows);
  if (std::vector<std::string> obstacles = copy.obstacles(); !obstacles.empty())
    refuse(fmt::format("cannot be copied: {}", fmt::join(obstacles, "; ")));
  copy.run();
  counts_ = copy.counts();
  notes_ = copy.notes();
  noteSettings();
}

// Objects have no such settings.
void SqliteImport::noteSettings() {
  for (const char* setting : {"user_version", "application_id"}) {
    SqlValue value = file_.one(fmt::format("PRAGMA {}", setting));
    const auto* number = std::get_if<std::int64_t>(&value);
    if (number != nullptr && *number != 0)
      notes_.push_back(fmt::format("{} {} stays behind", setting, *number));
  }
}

void SqliteImport::runInOneCommit(Engine& engine, const ObjectRef& object,
                                  const std::function<void(std::uint64_t)>& onRows) {
  Ticket ticket = engine.turn(object, [&](Storage& storage) {
    storage.transactionSync([&] {
      ObjectEnd to(storage.sql());
      copy(to, onRows);
    });
  });
  ticket.wait();
}

// The object was empty, so emptying it undoes whatever was committed.
void SqliteImport::runInParts(Engine& engine, const ObjectRef& object,
                              const std::function<void(std::uint64_t)>& onRows) {
  ObjectInPartsEnd to(engine, object);
  try {
    copy(to, onRows);
    to.finish().wait();
  } catch (...) {
    engine.turn(object, [](Storage& storage) { storage.deleteAll(); }).wait();
    throw;
  }
}

}  // namespace cairn::cli
