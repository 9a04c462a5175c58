// cairn info: one object, or the root as a whole.
#include <cairn/history.h>
#include <filesystem>

#include <fmt/format.h>

#include "tools/cli/context.h"
#include "tools/cli/object_json.h"
#include "tools/cli/root_size.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/cli/verb.h"

namespace cairn::cli {

namespace {

struct NamedAlarm {
  std::string name;
  UnixMillis time;
};

class Info final : public Verb {
 public:
  void declare(Arguments& arguments) override {
    arguments.optionalText("OBJECT", object_, "Class/name, or name for class default");
  }
  ExitCode run(Context& context) override {
    context.engineForReading();
    object_ ? describeObject(context, ObjectName::parse(*object_)) : describeRoot(context);
    return ExitCode::kDone;
  }

 private:
  static void describeObject(Context& context, const ObjectName& object) {
    ObjectInfo info = context.existing(object);
    std::vector<NamedAlarm> alarms = alarmsOf(context.engine(), info);
    context.json() ? printObjectJson(context.out(), info, alarms)
                   : printObject(context.out(), object, info, alarms);
  }

  static std::vector<NamedAlarm> alarmsOf(Engine& engine, const ObjectInfo& info) {
    std::vector<NamedAlarm> alarms;
    ObjectRef object = engine.object(info.className, info.name);
    try {
      engine.turn(object, [&](Storage& storage) {
        for (const std::string& name : storage.alarmNames())
          alarms.push_back({name, *storage.getAlarm(name)});
      });
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      // Beside another process there are no turns; the past can be seen, and now is the end of it.
      History history = engine.history(object);
      std::unique_ptr<PastView> now = history.view(history.bounds().newest);
      for (const std::string& name : now->alarmNames())
        alarms.push_back({name, *now->getAlarm(name)});
    }
    return alarms;
  }

  static void printObjectJson(Output& to, const ObjectInfo& info,
                              const std::vector<NamedAlarm>& alarms) {
    to.json([&](JsonWriter& out) {
      out.beginObject();
      appendObjectMembers(out, info);
      out.key("alarms").beginArray();
      for (const NamedAlarm& alarm : alarms) {
        out.beginObject().key("name").bytesOrText(alarm.name);
        out.member("time", formatTime(alarm.time)).member("ms", alarm.time.value).endObject();
      }
      out.endArray().endObject();
    });
  }

  static void printObject(Output& out, const ObjectName& object, const ObjectInfo& info,
                          const std::vector<NamedAlarm>& alarms) {
    out.line(fmt::format("object       {}", object.forPeople()));
    out.line(fmt::format("number       {}, space {}", info.number.value(), info.space.value()));
    out.line(fmt::format("commits      created at LSN {}, last at {}", info.created.value(),
                         info.lastCommit.value()));
    out.line(fmt::format("key-value    {} keys, {}", grouped(info.size.kvKeys),
                         byteCount(info.size.kvBytes)));
    out.line(fmt::format("SQL          {}", byteCount(info.size.sqlBytes)));
    for (const NamedAlarm& alarm : alarms) {
      out.line(fmt::format("alarm        {}{}", formatTime(alarm.time),
                           alarm.name.empty() ? "" : " (" + printable(alarm.name) + ")"));
    }
  }

  static void describeRoot(Context& context) {
    Engine& engine = context.engine();
    RootSize size = RootSize::of(context.root());
    std::vector<ClassInfo> classes = engine.classes();
    context.json() ? printRootJson(context, engine, classes, size)
                   : printRoot(context, engine, classes, size);
  }

  static void printRootJson(Context& context, Engine& engine, const std::vector<ClassInfo>& classes,
                            const RootSize& size) {
    EngineStats stats = engine.stats();
    const RecoveryReport& recovery = engine.recovery();
    context.out().json([&](JsonWriter& out) {
      out.beginObject().key("root").bytesOrText(context.root());
      out.member("classes", classes.size()).member("objects", objectsOf(classes));
      out.member("lastLsn", stats.lastLsn.value()).member("durableLsn", stats.durableLsn.value());
      out.member("storedLsn", stats.storedLsn.value()).key("bytes").beginObject();
      for (const RootSize::Part& part : size.parts) out.member(part.name, part.bytes);
      out.member("total", size.total()).endObject().key("recovery").beginObject();
      out.member("cleanlyClosed", recovery.cleanlyClosed);
      out.member("commitsReplayed", recovery.commitsReplayed);
      out.member("scratchApplied", recovery.scratchApplied).key("tornTail");
      recovery.tornTail ? out.text(*recovery.tornTail) : out.null();
      out.endObject().endObject();
    });
  }

  static void printRoot(Context& context, Engine& engine, const std::vector<ClassInfo>& classes,
                        const RootSize& size) {
    EngineStats stats = engine.stats();
    Output& out = context.out();
    out.line(fmt::format("root         {}", printable(context.root())));
    out.line(
        fmt::format("objects      {} in {} classes", grouped(objectsOf(classes)), classes.size()));
    out.line(fmt::format("LSN          {}, in the stores up to {}", stats.lastLsn.value(),
                         stats.storedLsn.value()));
    for (const RootSize::Part& part : size.parts)
      out.line(fmt::format("{:12} {}", part.name, byteCount(part.bytes)));
    out.line(fmt::format("in all       {}", byteCount(size.total())));
    out.line(fmt::format("this open    {}", recoveryLine(engine.recovery())));
  }

  static std::uint64_t objectsOf(const std::vector<ClassInfo>& classes) {
    std::uint64_t objects = 0;
    for (const ClassInfo& info : classes) objects += info.objects;
    return objects;
  }

  static std::string recoveryLine(const RecoveryReport& recovery) {
    std::string line = recovery.cleanlyClosed ? "after an orderly close" : "after a crash";
    line += fmt::format("; {} commits replayed", grouped(recovery.commitsReplayed));
    if (recovery.scratchApplied) line += "; a checkpoint that was cut off was finished";
    if (recovery.tornTail) line += "; " + *recovery.tornTail;
    return line;
  }

  std::optional<std::string> object_;
};

}  // namespace

std::vector<VerbEntry> infoVerbs() {
  return {
      {"info",
       "Describe an object, or the root",
       "Of an object: sizes, commits, alarms. --json: "
       "{\"class\",\"object\",\"number\",\"space\",\"created\",\n"
       "\"lastCommit\",\"kvKeys\",\"kvBytes\",\"sqlBytes\",\"alarm\",\"alarms\":[{\"name\","
       "\"time\",\"ms\"}]}.\n"
       "Of the root: objects, LSNs, bytes by part, what opening it found. --json: "
       "{\"root\",\"classes\",\n"
       "\"objects\",\"lastLsn\",\"durableLsn\",\"storedLsn\",\"bytes\":{…,\"total\"},\"recovery\":{"
       "\"cleanlyClosed\",\n"
       "\"commitsReplayed\",\"scratchApplied\",\"tornTail\"}}.",
       {"cairn info Room/42", "cairn --json info | jq .bytes"},
       makeVerb<Info>},
  };
}

}  // namespace cairn::cli
