#include "tools/pitr/side_copy.h"

#include <cairn/engine.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/transfer/sql_end.h"

namespace cairn::cli {

namespace {

// Of one commit of keys.
constexpr std::size_t kPartBytes = std::size_t{16} << 20;

class Copier {
 public:
  Copier(PastView& view, Engine& engine, const ObjectName& object,
         const std::function<void(std::uint64_t)>& onStep)
      : view_(view),
        engine_(engine),
        object_(engine.object(object.className, object.name)),
        onStep_(onStep) {}

  SideCopy run() {
    copySql();
    copyKeys();
    copyAlarms();
    return std::move(copy_);
  }

 private:
  void copySql() {
    if (view_.sql().databaseSize() == 0) return;
    ObjectEnd from(view_.sql());
    ObjectInPartsEnd to(engine_, object_);
    SqlCopy copy(from, to, SqlCopy::Into::kObject, onStep_);
    if (std::vector<std::string> obstacles = copy.obstacles(); !obstacles.empty()) {
      throw Failure(ExitCode::kRefused,
                    fmt::format("the database cannot be copied: {}; restore in place, or export it "
                                "as a SQLite file",
                                fmt::join(obstacles, "; ")));
    }
    copy.run();
    to.finish();
    copy_.sql = copy.counts();
    copy_.notes = copy.notes();
  }

  void copyKeys() {
    view_.kv().list({}, [&](std::string_view key, std::string_view bytes) {
      part_.emplace_back(key, bytes);
      partBytes_ += key.size() + bytes.size();
      if (partBytes_ >= kPartBytes) flush();
      onStep_(++copy_.keys);
      return true;
    });
    flush();
  }

  void flush() {
    if (part_.empty()) return;
    engine_.turn(object_, [&](Storage& storage) {
      for (const auto& [key, bytes] : part_) storage.kv().putBytes(key, asBytes(bytes));
    });
    part_.clear();
    partBytes_ = 0;
  }

  void copyAlarms() {
    std::vector<std::string> names = view_.alarmNames();
    if (names.empty()) return;
    engine_.turn(object_, [&](Storage& storage) {
      for (const std::string& name : names) {
        UnixMillis then = *view_.getAlarm(name);
        storage.setAlarm(then, name);
        ++copy_.alarms;
        if (storage.getAlarm(name) != then)
          copy_.notes.push_back(fmt::format("the alarm of {} is due now", formatTime(then)));
      }
    });
  }

  PastView& view_;
  Engine& engine_;
  ObjectRef object_;
  const std::function<void(std::uint64_t)>& onStep_;
  SideCopy copy_;
  std::vector<std::pair<std::string, std::string>> part_;
  std::size_t partBytes_ = 0;
};

}  // namespace

SideCopy copyToRoot(PastView& view, const ObjectName& object, const std::string& root,
                    const std::function<void(std::uint64_t)>& onStep) {
  EngineOptions options;
  options.root = root;
  options.limits = Limits::relaxed();
  auto engine = Engine::open(options);
  SideCopy copy = Copier(view, *engine, object, onStep).run();
  engine->close();
  return copy;
}

}  // namespace cairn::cli
