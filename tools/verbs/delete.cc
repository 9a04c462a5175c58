// cairn delete, cairn delete-all: taking things away, which needs --yes.
#include <fmt/format.h>

#include "tools/cli/object_verb.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

class DestructiveVerb : public ObjectVerb {
 protected:
  void declareMore(Arguments& arguments) final {
    declareOwn(arguments);
    arguments.flag("--yes", yes_, "Do it; without this nothing happens");
  }

  ExitCode runOn(Context& context, const ObjectName& object) final {
    ObjectInfo info = context.existing(object);
    if (!yes_) {
      throw Failure(
          ExitCode::kRefused,
          fmt::format("{} has {} keys ({}) and {} of SQL; give --yes to {}", object.forPeople(),
                      grouped(info.size.kvKeys), byteCount(info.size.kvBytes),
                      byteCount(info.size.sqlBytes), what()));
    }
    Ticket ticket = act(context.engine(), object);
    ticket.wait();
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        out.member("lsn", ticket.lsn().value()).endObject();
      });
    }
    return ExitCode::kDone;
  }

  virtual void declareOwn(Arguments&) {}
  [[nodiscard]] virtual const char* what() const = 0;
  virtual Ticket act(Engine& engine, const ObjectName& object) = 0;

 private:
  bool yes_ = false;
};

class Delete final : public DestructiveVerb {
  [[nodiscard]] const char* what() const override { return "delete it"; }
  Ticket act(Engine& engine, const ObjectName& object) override {
    return engine.deleteObject(engine.object(object.className, object.name));
  }
};

class DeleteAll final : public DestructiveVerb {
  void declareOwn(Arguments& arguments) override {
    arguments.flag("--alarm", alarm_, "Delete its alarms in the same commit; else they stay");
  }
  [[nodiscard]] const char* what() const override { return "empty it"; }
  Ticket act(Engine& engine, const ObjectName& object) override {
    return engine.turn(engine.object(object.className, object.name),
                       [this](Storage& storage) { storage.deleteAll({.deleteAlarm = alarm_}); });
  }

  bool alarm_ = false;
};

}  // namespace

std::vector<VerbEntry> deleteVerbs() {
  return {
      {"delete",
       "Delete an object with everything in it, alarms included",
       "Without --yes it says what would go, and exits with 7. --json: "
       "{\"class\",\"object\",\"lsn\"}.",
       {"cairn delete Room/42 --yes"},
       makeVerb<Delete>},
      {"delete-all",
       "Empty an object, keys and SQL at once, as the platform's deleteAll",
       "The object stays, and so does its alarm unless --alarm is given. Without --yes it says "
       "what\n"
       "would go, and exits with 7. --json: {\"class\",\"object\",\"lsn\"}.",
       {"cairn delete-all Room/42 --yes", "cairn delete-all Room/42 --alarm --yes"},
       makeVerb<DeleteAll>},
  };
}

}  // namespace cairn::cli
