// cairn pitr bisect: which commit changed the answer of a query.
#include <algorithm>
#include <cairn/sql.h>

#include <fmt/format.h>

#include "tools/cli/interrupt.h"
#include "tools/cli/sql_json.h"
#include "tools/cli/text.h"
#include "tools/cli/time_text.h"
#include "tools/pitr/pitr_verb.h"

namespace cairn::cli {

namespace {

// An answer is compared, not kept: more than this of it is no answer to look for.
constexpr std::size_t kAnswerBytesMax = std::size_t{1} << 20;

class PitrBisect final : public PitrVerb {
  void declareMore(Arguments& arguments) override {
    arguments.text("QUERY", query_, "SQL whose answer changed; an error counts as an answer");
    arguments.text("--from", from_, "Where the answer was another one (default the oldest)");
    arguments.text("--to", to_, "Where it is the one to be explained (default now)");
  }

  ExitCode runOnHistory(Context& context, const ObjectName& object, History& history) override {
    catchInterrupts();
    Lsn low =
        from_.empty() ? history.bounds().oldest : resolveTarget(history, object, from_).point.lsn;
    Lsn high = resolveTarget(history, object, to_).point.lsn;
    std::vector<CommitInfo> states = commitsBetween(history, low, high);
    states.insert(states.begin(), CommitInfo{.lsn = low});
    Progress progress = context.progress("bisect", "states", 0);
    std::uint64_t looked = 0;
    std::string now = answerAt(history, states.back().lsn);
    auto isOld = [&](std::size_t i) {
      checkInterrupt();
      progress.at(++looked);
      return answerAt(history, states[i].lsn) != now;
    };
    // Backwards in growing steps, so that of several changes the latest is likely the one found.
    std::size_t isNow = states.size() - 1;
    std::size_t step = 1;
    for (; isNow > 0; step *= 2) {
      std::size_t next = isNow > step ? isNow - step : 0;
      if (isOld(next)) {
        print(context, object, history, states[boundary(next, isNow, isOld)], now);
        return ExitCode::kDone;
      }
      isNow = next;
    }
    throw Failure(ExitCode::kNotFound,
                  fmt::format("the answer is the same at LSN {} and at LSN {}: {}", low.value(),
                              high.value(), printable(now)));
  }

  // The first state of the new answer, between one of an old and one of the new.
  template <typename IsOld>
  static std::size_t boundary(std::size_t old, std::size_t now, IsOld&& isOld) {
    while (now - old > 1) {
      std::size_t middle = old + (now - old) / 2;
      isOld(middle) ? old = middle : now = middle;
    }
    return now;
  }

  static std::vector<CommitInfo> commitsBetween(History& history, Lsn low, Lsn high) {
    std::vector<CommitInfo> commits;
    history.log(low, high, [&](const CommitInfo& commit) {
      commits.push_back(commit);
      return true;
    });
    std::reverse(commits.begin(), commits.end());
    return commits;
  }

  // Rows as JSON, or what SQLite says.
  std::string answerAt(History& history, Lsn lsn) const {
    std::unique_ptr<PastView> view = history.view(lsn);
    if (!view->exists()) return "no object";
    std::string text;
    JsonWriter out(text);
    try {
      SqlCursor cursor = view->sql().exec(query_);
      out.beginArray();
      while (std::optional<std::vector<SqlValue>> row = cursor.nextRaw()) {
        out.beginArray();
        for (const SqlValue& value : *row) appendSqlJson(out, value);
        out.endArray();
        if (text.size() > kAnswerBytesMax)
          throw Failure(ExitCode::kUsage, "the answer is longer than 1 MiB; count, or sum up");
      }
      out.endArray();
    } catch (const SqlError& error) {
      return error.what();
    }
    return text;
  }

  void print(Context& context, const ObjectName& object, History& history, const CommitInfo& commit,
             const std::string& now) const {
    Resolved point{commit.lsn, commit.time, history.bookmarkOf(commit.lsn)};
    Resolved before = history.resolve(Lsn(commit.lsn.value() - 1));
    std::string old = answerAt(history, before.lsn);
    if (context.json()) {
      context.out().json([&](JsonWriter& out) {
        out.beginObject();
        writeObjectMembers(out, object);
        writePointMembers(out, point);
        out.member("beforeBookmark", before.bookmark.toString()).member("before", old);
        out.member("after", now).endObject();
      });
      return;
    }
    Output& out = context.out();
    out.line(fmt::format("changed by   {}", pointForPeople(point)));
    out.line(fmt::format("from         {}", printable(old)));
    out.line(fmt::format("to           {}", printable(now)));
    out.line(fmt::format("just before  {}", before.bookmark.toString()));
  }

  std::string query_;
  std::string from_;
  std::string to_ = "now";
};

}  // namespace

std::vector<VerbEntry> pitrBisectVerbs() {
  return {
      {"pitr bisect",
       "Find the commit that changed the answer of a query",
       "Looks back from the second point in growing steps until the answer is another, and then "
       "for the\n"
       "commit in between. --json: "
       "{\"class\",\"object\",\"lsn\",\"time\",\"ms\",\"bookmark\",\"beforeBookmark\",\"before\",\n"
       "\"after\"}.\n" +
           std::string(kTargetHelp),
       {"cairn pitr bisect Room/42 'SELECT count(*) FROM users'"},
       makeVerb<PitrBisect>},
  };
}

}  // namespace cairn::cli
