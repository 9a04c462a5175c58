// cairn objects, cairn classes: what a root holds.
#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/object_json.h"
#include "tools/cli/object_walk.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/cli/verb.h"

namespace cairn::cli {

namespace {

constexpr std::size_t kRowsMeasured = 1'000;

const char* backendName(Backend backend) {
  return backend == Backend::kSqlite ? "sqlite" : "key-value";
}

class Objects final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.optionalText("CLASS", class_, "Only objects of this class");
    arguments.optionalText("--prefix", prefix_, "Only names that begin with this");
    arguments.count("--limit", limit_, "At most so many");
    arguments.flag("--count", countOnly_, "Print how many there are, and nothing else");
  }

  ExitCode run(Context& context) override {
    ObjectWalk walk(context.engineForReading(), class_, prefix_.value_or(""));
    if (countOnly_) return printCount(context, walk);
    TextTable table({{"class"},
                     {"object"},
                     {"keys", TextTable::Align::kRight},
                     {"kv", TextTable::Align::kRight},
                     {"sql", TextTable::Align::kRight},
                     {"alarm"}});
    std::uint64_t left = limit_.value_or(UINT64_MAX);
    for (std::optional<ObjectInfo> info; left > 0 && (info = walk.next()); --left) {
      if (context.json()) {
        context.out().json([&](JsonWriter& out) { appendObjectJson(out, *info); });
        continue;
      }
      table.row({printable(info->className), printable(info->name), grouped(info->size.kvKeys),
                 byteCount(info->size.kvBytes), byteCount(info->size.sqlBytes),
                 info->alarm ? formatTime(*info->alarm) : ""});
      if (table.rows() == kRowsMeasured) table.print(context.out());
    }
    if (!context.json()) table.print(context.out());
    return ExitCode::kDone;
  }

 private:
  ExitCode printCount(Context& context, ObjectWalk& walk) const {
    std::uint64_t count = 0;
    while (count < limit_.value_or(UINT64_MAX) && walk.next()) ++count;
    if (context.json()) {
      context.out().json(
          [&](JsonWriter& out) { out.beginObject().member("count", count).endObject(); });
    } else {
      context.out().line(std::to_string(count));
    }
    return ExitCode::kDone;
  }

  std::optional<std::string> class_;
  std::optional<std::string> prefix_;
  std::optional<std::uint64_t> limit_;
  bool countOnly_ = false;
};

class Classes final : public Verb {
 public:
  void declare(Arguments&) override {}

  ExitCode run(Context& context) override {
    TextTable table({{"class"}, {"backend"}, {"objects", TextTable::Align::kRight}});
    for (const ClassInfo& info : context.engineForReading().classes()) {
      if (context.json()) {
        context.out().json([&](JsonWriter& out) {
          out.beginObject().member("class", info.name);
          out.member("backend", backendName(info.backend)).member("objects", info.objects);
          out.endObject();
        });
      } else {
        table.row({printable(info.name), backendName(info.backend), grouped(info.objects)});
      }
    }
    if (!context.json()) table.print(context.out());
    return ExitCode::kDone;
  }
};

}  // namespace

std::vector<VerbEntry> objectVerbs() {
  return {
      {"objects",
       "List objects with their sizes and alarms",
       "By class, then by name. --json: a line each, as `cairn info OBJECT` has it; with --count\n"
       "{\"count\"}.",
       {"cairn objects", "cairn objects Room --prefix room- --limit 20", "cairn objects --count"},
       makeVerb<Objects>},
      {"classes",
       "List classes and how many objects each has",
       "--json: lines of {\"class\",\"backend\",\"objects\"}; backend is sqlite or key-value.",
       {"cairn classes"},
       makeVerb<Classes>},
  };
}

}  // namespace cairn::cli
