// cairn pitr prune: less history than the window has, for space.
#include <cairn/engine.h>

#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/cli/verb.h"

namespace cairn::cli {

namespace {

class PitrPrune final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.optionalText("--older-than", age_, "Drop what is older than this, e.g. 7d", "AGE");
    arguments.count("--max-bytes", bytesMax_, "Drop the oldest until the rest is no larger");
    arguments.flag("--yes", yes_, "Do it; without this nothing happens");
  }

  ExitCode run(Context& context) override {
    if (age_.has_value() == bytesMax_.has_value())
      throw Failure(ExitCode::kUsage, "--older-than or --max-bytes, one of them");
    context.requireRoot();
    EngineOptions options = context.engineOptions(Work::kSmall);
    if (age_) options.historyMs = ageMs();
    if (bytesMax_) options.historyBytesMax = std::max<std::uint64_t>(*bytesMax_, 1);
    if (!yes_) {
      throw Failure(ExitCode::kRefused,
                    "states that are dropped cannot be brought back, of any object; give --yes");
    }
    auto engine = Engine::open(options);
    engine->checkpoint();
    EngineStats stats = engine->stats();
    engine->close();
    print(context, stats);
    return ExitCode::kDone;
  }

 private:
  [[nodiscard]] std::int64_t ageMs() const {
    UnixMillis zero{0};
    std::int64_t age = -parseTime("-" + *age_, zero).value;
    if (age <= 0) throw Failure(ExitCode::kUsage, "an age of nothing would be all of the history");
    return age;
  }

  static void print(Context& context, const EngineStats& stats) {
    std::uint64_t dropped = stats.historyExpiredBytes + stats.historyCutBytes;
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject().member("droppedBytes", dropped);
        out.member("keptBytes", stats.historyStoredBytes).key("oldest").beginObject();
        out.member("lsn", stats.historyFrom.value()).key("time");
        stats.historyFrom.isZero() ? out.null() : out.text(formatTime(stats.historyFromTime));
        out.endObject().endObject();
      });
      return;
    }
    context.out().line(fmt::format("dropped      {}", byteCount(dropped)));
    context.out().line(fmt::format("kept         {}", byteCount(stats.historyStoredBytes)));
    if (!stats.historyFrom.isZero()) {
      context.out().line(fmt::format("history      from LSN {} at {}", stats.historyFrom.value(),
                                     formatTime(stats.historyFromTime)));
    }
  }

  std::optional<std::string> age_;
  std::optional<std::uint64_t> bytesMax_;
  bool yes_ = false;
};

}  // namespace

std::vector<VerbEntry> pitrPruneVerbs() {
  return {
      {"pitr prune",
       "Drop old history of the whole root, for space",
       "History is dropped in whole segments of the change log, so a little more than asked for "
       "stays.\n"
       "What expires by itself after 30 days needs no pruning. --json: "
       "{\"droppedBytes\",\"keptBytes\",\n"
       "\"oldest\":{\"lsn\",\"time\"}}.",
       {"cairn pitr prune --older-than 7d --yes", "cairn pitr prune --max-bytes 1000000000 --yes"},
       makeVerb<PitrPrune>},
  };
}

}  // namespace cairn::cli
