// cairn pitr info, list, label, receipts: the points of a history that have a name.
#include <algorithm>

#include <fmt/format.h>

#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/pitr/pitr_verb.h"

namespace cairn::cli {

namespace {

void writeBound(JsonWriter& out, std::string_view name, Lsn lsn, UnixMillis time) {
  out.key(name).beginObject();
  writeTimeMembers(out, lsn, time);
  out.endObject();
}

// How much later than the commit found the time asked for is.
bool hasDistance(const Target& target) {
  return target.asked.has_value() && !target.point.lsn.isZero();
}
std::int64_t distanceMs(const Target& target) {
  return target.asked->value - target.point.time.value;
}

class PitrInfo final : public PitrVerb {
  void declareMore(Arguments& arguments) override { declareAt(arguments); }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    Target target = at(history, object);
    HistoryBounds bounds = history.bounds();
    std::size_t labels = history.labels().size();
    std::size_t restores = history.receipts().size();
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        writePointMembers(out, target.point);
        out.key("distanceMs");
        hasDistance(target) ? out.integer(distanceMs(target)) : out.null();
        writeBound(out, "oldest", bounds.oldest, bounds.oldestTime);
        writeBound(out, "newest", bounds.newest, bounds.newestTime);
        out.member("labels", labels).member("restores", restores).endObject();
      });
      return ExitCode::kDone;
    }
    Output& out = context.out();
    out.line(fmt::format("bookmark     {}", target.point.bookmark.toString()));
    out.line(fmt::format("commit       {}", pointForPeople(target.point)));
    if (hasDistance(target)) {
      out.line(fmt::format("asked for    {}, {} later", formatTime(*target.asked),
                           duration(static_cast<double>(distanceMs(target)) / 1'000)));
    }
    out.line(fmt::format("history      {}", boundsForPeople(bounds)));
    out.line(fmt::format("labels       {}", labels));
    out.line(fmt::format("restores     {}", restores));
    return ExitCode::kDone;
  }
};

// One line of `list`.
struct NamedPoint {
  std::string what;
  std::string name;
  Resolved point;
};

class PitrList final : public PitrVerb {
  void declareMore(Arguments&) override {}

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    std::vector<NamedPoint> points = pointsOf(history);
    if (context.json()) {
      for (const NamedPoint& point : points) {
        context.out().json([&](JsonWriter& out) {
          out.beginObject();
          writeObjectMembers(out, object);
          out.member("what", point.what).key("name").bytesOrText(point.name);
          writePointMembers(out, point.point);
          out.endObject();
        });
      }
      return ExitCode::kDone;
    }
    TextTable table({{"LSN", TextTable::Align::kRight}, {"time"}, {"bookmark"}, {"what"}});
    for (const NamedPoint& point : points) {
      table.row({std::to_string(point.point.lsn.value()),
                 point.point.lsn.isZero() ? "" : formatTime(point.point.time),
                 point.point.bookmark.toString(),
                 point.what + (point.name.empty() ? "" : " " + printable(point.name))});
    }
    table.print(context.out());
    return ExitCode::kDone;
  }

  static std::vector<NamedPoint> pointsOf(History& history) {
    HistoryBounds bounds = history.bounds();
    std::vector<NamedPoint> points{{"oldest", "", history.resolve(bounds.oldest)}};
    for (const LabelInfo& label : history.labels()) {
      if (label.lsn >= bounds.oldest)
        points.push_back({"label", label.label, history.resolve(label.lsn)});
    }
    for (const RestoreReceipt& receipt : history.receipts()) {
      if (receipt.lsn < bounds.oldest) continue;
      points.push_back({"restore", fmt::format("to LSN {}", receipt.target.value()),
                        history.resolve(receipt.lsn)});
    }
    std::ranges::stable_sort(points, {}, [](const NamedPoint& p) { return p.point.lsn; });
    points.push_back({"newest", "", history.resolve(bounds.newest)});
    return points;
  }
};

class PitrLabel final : public PitrVerb {
  [[nodiscard]] bool writes() const override { return label_.has_value(); }

  void declareMore(Arguments& arguments) override {
    arguments.optionalText("LABEL", label_, "1 to 128 bytes; without it the labels are listed");
    arguments.optionalText("TARGET", target_, "What it names (default now)");
    arguments.flag("--remove", remove_, "Remove the label; the history stays");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    if (!label_) return list(context, object, history);
    if (remove_) return remove(context, object, history);
    Target target = resolveTarget(history, object, target_.value_or("now"));
    history.setLabel(*label_, target.point.lsn);
    if (!context.json()) {
      context.out().line(
          fmt::format("@{} is {}", printable(*label_), pointForPeople(target.point)));
      return ExitCode::kDone;
    }
    context.out().json([&](JsonWriter& out) {
      out.beginObject();
      writeObjectMembers(out, object);
      out.key("label").bytesOrText(*label_);
      writePointMembers(out, target.point);
      out.endObject();
    });
    return ExitCode::kDone;
  }

  ExitCode remove(Context& context, const ObjectName& object, History& history) {
    std::vector<LabelInfo> labels = history.labels();
    if (std::ranges::find(labels, *label_, &LabelInfo::label) == labels.end()) {
      throw Failure(ExitCode::kNotFound, fmt::format("object {} has no label {}",
                                                     object.forPeople(), printable(*label_)));
    }
    history.removeLabel(*label_);
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        out.key("removed").bytesOrText(*label_).endObject();
      });
    }
    return ExitCode::kDone;
  }

  static ExitCode list(Context& context, const ObjectName& object, History& history) {
    TextTable table({{"label"}, {"LSN", TextTable::Align::kRight}, {"made"}});
    for (const LabelInfo& label : history.labels()) {
      if (!context.json()) {
        table.row(
            {printable(label.label), std::to_string(label.lsn.value()), formatTime(label.made)});
        continue;
      }
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        out.key("label").bytesOrText(label.label).member("lsn", label.lsn.value());
        out.member("made", formatTime(label.made)).endObject();
      });
    }
    if (!context.json()) table.print(context.out());
    return ExitCode::kDone;
  }

  std::optional<std::string> label_;
  std::optional<std::string> target_;
  bool remove_ = false;
};

class PitrReceipts final : public PitrVerb {
  void declareMore(Arguments&) override {}

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    TextTable table({{"LSN", TextTable::Align::kRight},
                     {"time"},
                     {"restored"},
                     {"to LSN", TextTable::Align::kRight},
                     {"undo bookmark"}});
    for (const RestoreReceipt& receipt : history.receipts()) {
      if (!context.json()) {
        table.row({std::to_string(receipt.lsn.value()), formatTime(receipt.time),
                   printable(receipt.what), std::to_string(receipt.target.value()),
                   receipt.undo.toString()});
        continue;
      }
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        out.member("lsn", receipt.lsn.value()).member("time", formatTime(receipt.time));
        out.key("what").bytesOrText(receipt.what).member("targetLsn", receipt.target.value());
        out.member("undoBookmark", receipt.undo.toString()).endObject();
      });
    }
    if (!context.json()) table.print(context.out());
    return ExitCode::kDone;
  }
};

}  // namespace

std::vector<VerbEntry> pitrPointVerbs() {
  return {
      {"pitr info",
       "Print the bookmark of a point, and how far the history reaches",
       "With a time, the last commit at or before it, never a later one.\n"
       "--json: "
       "{\"class\",\"object\",\"lsn\",\"time\",\"ms\",\"bookmark\",\"distanceMs\",\"oldest\":"
       "{\"lsn\",\"time\",\"ms\"},\n"
       "\"newest\":{…},\"labels\",\"restores\"}; distanceMs is how much later the time asked for "
       "is.\n" +
           std::string(kTargetHelp),
       {"cairn pitr info Room/42", "cairn --json pitr info Room/42 --at now | jq -r .bookmark"},
       makeVerb<PitrInfo>},
      {"pitr list",
       "List the points of a history that have a name: its ends, labels, restores",
       "Oldest first. --json: lines of "
       "{\"class\",\"object\",\"what\",\"name\",\"lsn\",\"time\",\"ms\",\"bookmark\"};\n"
       "what is oldest, label, restore or newest.",
       {"cairn pitr list Room/42"},
       makeVerb<PitrList>},
      {"pitr label",
       "Name a point, move or remove a name, or list them",
       "A label that exists is moved. --json: "
       "{\"class\",\"object\",\"label\",\"lsn\",\"time\",\"ms\",\"bookmark\"};\n"
       "listing: lines of {\"class\",\"object\",\"label\",\"lsn\",\"made\"}; with --remove "
       "{\"class\",\"object\",\"removed\"}.\n" +
           std::string(kTargetHelp),
       {"cairn pitr label Room/42 before-launch", "cairn pitr label Room/42 before-launch lsn:2",
        "cairn pitr label Room/42", "cairn pitr label Room/42 before-launch --remove"},
       makeVerb<PitrLabel>},
      {"pitr receipts",
       "List past restores, newest first, with the bookmark that undoes each",
       "--json: lines of "
       "{\"class\",\"object\",\"lsn\",\"time\",\"what\",\"targetLsn\",\"undoBookmark\"}.",
       {"cairn pitr receipts Room/42"},
       makeVerb<PitrReceipts>},
  };
}

}  // namespace cairn::cli
