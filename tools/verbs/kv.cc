// cairn kv: one object's keys.
#include <cairn/kv.h>

#include <fmt/format.h>

#include "tools/cli/object_verb.h"
#include "tools/cli/standard_input.h"
#include "tools/cli/text.h"
#include "tools/cli/value_json.h"

namespace cairn::cli {

namespace {

// What the four verbs share: keys that may be given in base64.
class KvVerb : public ObjectVerb {
 protected:
  void declareMore(Arguments& arguments) final {
    declareOwn(arguments);
    arguments.flag("--base64", base64_, "Keys on the command line are base64, for any bytes");
  }
  virtual void declareOwn(Arguments& arguments) = 0;

  [[nodiscard]] std::string keyFrom(const std::string& argument) const {
    return base64_ ? fromBase64(argument) : argument;
  }

 private:
  bool base64_ = false;
};

class KvPut final : public KvVerb {
  void declareOwn(Arguments& arguments) override {
    arguments.text("KEY", key_, "Any text, the empty one included");
    arguments.text("JSON", value_, "The value; - reads it from stdin");
  }
  ExitCode runOn(Context& context, const ObjectName& object) override {
    std::string key = keyFrom(key_);
    std::string stored = storedFromJson(value_ == "-" ? readStandardInput() : value_);
    Engine& engine = context.engine(Root::kMayBeNew);
    Ticket ticket =
        engine.turn(engine.object(object.className, object.name),
                    [&](Storage& storage) { storage.kv().putBytes(key, asBytes(stored)); });
    ticket.wait();
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        out.key("key").bytesOrText(key).member("lsn", ticket.lsn().value()).endObject();
      });
    }
    return ExitCode::kDone;
  }

  std::string key_;
  std::string value_;
};

class KvGet final : public KvVerb {
  void declareOwn(Arguments& arguments) override { arguments.text("KEY", key_, "The key"); }
  ExitCode runOn(Context& context, const ObjectName& object) override {
    std::string key = keyFrom(key_);
    context.existing(object);
    Engine& engine = context.engine();
    std::optional<Bytes> stored =
        engine
            .turn(engine.object(object.className, object.name),
                  [&](Storage& storage) { return storage.kv().getBytes(key); })
            .value;
    if (!stored) {
      throw Failure(ExitCode::kNotFound,
                    fmt::format("object {} has no key {}", object.forPeople(), keyForPeople(key)));
    }
    context.out().json([&](JsonWriter& out) {
      if (!context.json()) return appendValueJson(out, asText(*stored));
      out.beginObject();
      writeObjectMembers(out, object);
      out.key("key").bytesOrText(key).key("value");
      appendValueJson(out, asText(*stored));
      out.endObject();
    });
    return ExitCode::kDone;
  }

  std::string key_;
};

class KvErase final : public KvVerb {
  void declareOwn(Arguments& arguments) override {
    arguments.texts("KEY", keys_, "The keys, erased in one commit");
  }
  ExitCode runOn(Context& context, const ObjectName& object) override {
    context.existing(object);
    std::uint64_t erased = 0;
    Engine& engine = context.engine();
    Ticket ticket =
        engine.turn(engine.object(object.className, object.name), [&](Storage& storage) {
          for (const std::string& key : keys_) erased += storage.kv().erase(keyFrom(key)) ? 1 : 0;
        });
    ticket.wait();
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        out.member("erased", erased).member("lsn", ticket.lsn().value()).endObject();
      });
    } else {
      context.out().line(fmt::format("{} erased", erased));
    }
    return erased > 0 ? ExitCode::kDone : ExitCode::kNotFound;
  }

  std::vector<std::string> keys_;
};

class KvList final : public KvVerb {
  void declareOwn(Arguments& arguments) override {
    arguments.optionalText("--prefix", prefix_, "Only keys that begin with this");
    arguments.optionalText("--start", start_, "First key, inclusive");
    arguments.optionalText("--start-after", startAfter_, "First key, exclusive");
    arguments.optionalText("--end", end_, "Last key, exclusive");
    arguments.flag("--reverse", reverse_, "Descending; --limit then takes from the high end");
    arguments.count("--limit", limit_, "At most so many");
    arguments.flag("--keys", keysOnly_, "Without the values");
  }

  ExitCode runOn(Context& context, const ObjectName& object) override {
    for (std::optional<std::string>* bound : {&prefix_, &start_, &startAfter_, &end_}) {
      if (*bound) **bound = keyFrom(**bound);
    }
    ListOptions options{.start = start_,
                        .startAfter = startAfter_,
                        .end = end_,
                        .prefix = prefix_,
                        .reverse = reverse_};
    if (limit_) {
      options.limit = static_cast<std::int64_t>(std::min<std::uint64_t>(*limit_, INT64_MAX));
    }
    context.existing(object);
    Engine& engine = context.engine();
    engine.turn(engine.object(object.className, object.name), [&](Storage& storage) {
      KvCursor cursor = storage.kv().cursor(options);
      while (cursor.next()) print(context, object, cursor);
    });
    return ExitCode::kDone;
  }

  void print(Context& context, const ObjectName& object, const KvCursor& cursor) const {
    if (!context.json()) {
      context.out().write(keyForPeople(cursor.key()));
      if (keysOnly_) {
        context.out().write("\n");
      } else {
        context.out().write("  ").json(
            [&](JsonWriter& out) { appendValueJson(out, cursor.bytes()); });
      }
      return;
    }
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      out.key("key").bytesOrText(cursor.key());
      if (!keysOnly_) {
        out.key("value");
        appendValueJson(out, cursor.bytes());
      }
      out.endObject();
    });
  }

  std::optional<std::string> prefix_;
  std::optional<std::string> start_;
  std::optional<std::string> startAfter_;
  std::optional<std::string> end_;
  bool reverse_ = false;
  std::optional<std::uint64_t> limit_;
  bool keysOnly_ = false;
};

}  // namespace

std::vector<VerbEntry> kvVerbs() {
  return {
      {"kv put",
       "Store a value under a key, durably",
       "Prints nothing. Makes the root and the object if they are new.\n"
       "--json: {\"class\",\"object\",\"key\",\"lsn\"}. `cairn help values` has the forms of JSON.",
       {"cairn kv put Room/42 visits 1", "cairn kv put Room/42 'user:ann' '{\"name\":\"Ann\"}'",
        "cairn kv put Room/42 picture - <picture.json"},
       makeVerb<KvPut>},
      {"kv get",
       "Print the value of a key",
       "As JSON on one line. --json: {\"class\",\"object\",\"key\",\"value\"}.\n"
       "A key that is no UTF-8 is {\"$base64\":…} there, as in all JSON of this command.",
       {"cairn kv get Room/42 visits", "cairn --json kv get Room/42 visits | jq .value"},
       makeVerb<KvGet>},
      {"kv erase",
       "Erase keys, all in one commit",
       "Prints how many were there; exit code 1 when none was.\n"
       "--json: {\"class\",\"object\",\"erased\",\"lsn\"}.",
       {"cairn kv erase Room/42 visits user:ann"},
       makeVerb<KvErase>},
      {"kv list",
       "List keys and values in the order of their bytes",
       "A key and its value a line. --json: lines of {\"class\",\"object\",\"key\",\"value\"}, "
       "which\n"
       "`cairn import` takes.",
       {"cairn kv list Room/42", "cairn kv list Room/42 --prefix user: --limit 10 --reverse",
        "cairn kv list Room/42 --start b --end d --keys"},
       makeVerb<KvList>},
  };
}

}  // namespace cairn::cli
