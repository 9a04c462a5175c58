// cairn sql: one object's database.
#include <cairn/sql.h>

#include <fmt/format.h>

#include "tools/cli/object_verb.h"
#include "tools/cli/sql_json.h"
#include "tools/cli/sql_output.h"
#include "tools/cli/standard_input.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

class Sql final : public ObjectVerb {
  void declareMore(Arguments& arguments) override {
    arguments.text("STATEMENTS", statements_,
                   "One or more SQL statements; - reads them from stdin");
    arguments.optionalTexts("JSON_PARAMETER", parameters_, "Bound to the last statement, in order");
    arguments.flag("--arrays", arrays_, "With --json: rows as arrays instead of objects");
  }

  ExitCode runOn(Context& context, const ObjectName& object) override {
    std::string text = statements_ == "-" ? readStandardInput() : statements_;
    std::vector<SqlValue> values;
    for (const std::string& parameter : parameters_) values.push_back(sqlFromJson(parameter));
    std::vector<SqlParameter> bound(values.begin(), values.end());

    Engine& engine = context.engine(Root::kMayBeNew);
    Ticket ticket =
        engine.turn(engine.object(object.className, object.name), [&](Storage& storage) {
          storage.transactionSync([&] {
            SqlCursor cursor = storage.sql().execute(text, bound);
            context.json() ? printSqlJson(context.out(), cursor, arrays_)
                           : printSqlTable(context.out(), cursor);
          });
        });
    ticket.wait();
    return ExitCode::kDone;
  }

  std::string statements_;
  std::vector<std::string> parameters_;
  bool arrays_ = false;
};

}  // namespace

std::vector<VerbEntry> sqlVerbs() {
  return {
      {"sql",
       "Run SQL in an object's database, all statements or none",
       "Prints the rows of the last statement as a table. When a statement fails, none has "
       "happened.\n"
       "JSON integers bind as INTEGER, other numbers as REAL, {\"$base64\":\"…\"} as BLOB.\n"
       "--json: {\"columns\":[…],\"rows\":[{…}],\"rowsRead\",\"rowsWritten\"}; INTEGER has every "
       "digit,\n"
       "REAL a point or an exponent, BLOB is {\"$base64\":…}.",
       {"cairn sql Room/42 'CREATE TABLE IF NOT EXISTS users(id INTEGER PRIMARY KEY, name TEXT)'",
        "cairn sql Room/42 'INSERT INTO users(name) VALUES (?) RETURNING id' '\"Ann\"'",
        "cairn --json sql Room/42 'SELECT * FROM users' | jq '.rows[]'",
        "cairn sql Room/42 - <schema.sql"},
       makeVerb<Sql>},
  };
}

}  // namespace cairn::cli
