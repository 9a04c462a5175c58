// cairn alarm: when an object is due.
#include <fmt/format.h>

#include "tools/cli/object_verb.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"

namespace cairn::cli {

namespace {

class AlarmVerb : public ObjectVerb {
 protected:
  void declareMore(Arguments& arguments) final {
    declareOwn(arguments);
    arguments.text("--name", name_,
                   "One of the object's named alarms; the platform has one without");
  }
  virtual void declareOwn(Arguments&) {}

  [[nodiscard]] const std::string& name() const { return name_; }

  void print(Context& context, const ObjectName& object, std::optional<UnixMillis> time,
             std::optional<Lsn> lsn) const {
    if (!context.json()) {
      if (time) context.out().line(formatTime(*time));
      return;
    }
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      out.key("name").bytesOrText(name_);
      if (time) out.member("time", formatTime(*time)).member("ms", time->value);
      if (lsn) out.member("lsn", lsn->value());
      out.endObject();
    });
  }

 private:
  std::string name_;
};

class AlarmGet final : public AlarmVerb {
  ExitCode runOn(Context& context, const ObjectName& object) override {
    context.existing(object);
    Engine& engine = context.engine();
    std::optional<UnixMillis> time =
        engine
            .turn(engine.object(object.className, object.name),
                  [&](Storage& storage) { return storage.getAlarm(name()); })
            .value;
    if (!time) {
      throw Failure(ExitCode::kNotFound,
                    fmt::format("object {} has no such alarm", object.forPeople()));
    }
    print(context, object, time, std::nullopt);
    return ExitCode::kDone;
  }
};

class AlarmSet final : public AlarmVerb {
  void declareOwn(Arguments& arguments) override {
    arguments.text("TIME", time_, "When it is due; see below");
  }
  ExitCode runOn(Context& context, const ObjectName& object) override {
    UnixMillis time = parseTime(time_, systemClock().now());
    Engine& engine = context.engine(Root::kMayBeNew);
    std::optional<UnixMillis> set;
    Ticket ticket =
        engine.turn(engine.object(object.className, object.name), [&](Storage& storage) {
          storage.setAlarm(time, name());
          set = storage.getAlarm(name());
        });
    ticket.wait();
    print(context, object, set, ticket.lsn());
    return ExitCode::kDone;
  }

  std::string time_;
};

class AlarmDelete final : public AlarmVerb {
  ExitCode runOn(Context& context, const ObjectName& object) override {
    context.existing(object);
    Engine& engine = context.engine();
    Ticket ticket = engine.turn(engine.object(object.className, object.name),
                                [&](Storage& storage) { storage.deleteAlarm(name()); });
    ticket.wait();
    print(context, object, std::nullopt, ticket.lsn());
    return ExitCode::kDone;
  }
};

}  // namespace

std::vector<VerbEntry> alarmVerbs() {
  return {
      {"alarm get",
       "Print when an object's alarm is due",
       "In UTC; exit code 1 when none is set. --json: "
       "{\"class\",\"object\",\"name\",\"time\",\"ms\"}.",
       {"cairn alarm get Room/42", "cairn alarm get Room/42 --name billing"},
       makeVerb<AlarmGet>},
      {"alarm set",
       "Set an object's alarm, durably",
       "Prints the time that was set: one in the past becomes now.\n"
       "--json: {\"class\",\"object\",\"name\",\"time\",\"ms\",\"lsn\"}.\n" +
           std::string(kTimeHelp),
       {"cairn alarm set Room/42 +15m", "cairn alarm set Room/42 2030-01-01T00:00:00Z"},
       makeVerb<AlarmSet>},
      {"alarm delete",
       "Delete an object's alarm",
       "Fine when none is set. --json: {\"class\",\"object\",\"name\",\"lsn\"}.",
       {"cairn alarm delete Room/42"},
       makeVerb<AlarmDelete>},
  };
}

}  // namespace cairn::cli
