#include "sql_frontend/authorizer.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>

#include <fmt/format.h>
#include <sqlite3.h>

#include "sql_frontend/tokens.h"

namespace cairn::sql {

namespace {

// What SQLite computes with. Not here are functions that reach outside, tell about the library or
// change the connection: fts3_tokenizer, sqlite_log, sqlite_offset, sqlite_version, subtype, fts5.
// load_extension is here because it is on the platform: SQLite refuses it, as extensions are never
// enabled.
constexpr std::string_view kFunctions[] = {
    // Core.
    " abs changes char coalesce concat concat_ws format glob hex if ifnull iif instr "
    "last_insert_rowid length like likelihood likely load_extension lower ltrim match max min "
    "nullif octet_length printf quote random randomblob replace round rtrim sign soundex substr "
    "substring total_changes trim typeof unhex unicode unistr unistr_quote unlikely upper "
    "zeroblob ",
    // Date and time.
    " current_date current_time current_timestamp date datetime julianday strftime time timediff "
    "unixepoch ",
    // Aggregate and window.
    " avg count cume_dist dense_rank first_value group_concat lag last_value lead median nth_value "
    "ntile percent_rank percentile percentile_cont percentile_disc rank row_number string_agg sum "
    "total ",
    // Math.
    " acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 "
    "log2 mod pi pow power radians sin sinh sqrt tan tanh trunc ",
    // JSON.
    " -> ->> json json_array json_array_insert json_array_length json_error_position json_extract "
    "json_group_array json_group_object json_insert json_object json_patch json_pretty json_quote "
    "json_remove json_replace json_set json_type json_valid jsonb jsonb_array jsonb_array_insert "
    "jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch "
    "jsonb_remove jsonb_replace jsonb_set ",
    // FTS5 and R*Tree.
    " bm25 fts5_get_locale fts5_insttoken fts5_locale highlight rtreecheck snippet ",
};

// ALTER TABLE calls these from within. SQLite does not let a statement call them, except in a
// DEFAULT clause, which `judgeText` looks at.
constexpr std::string_view kAlterHelpers =
    " sqlite_add_constraint sqlite_drop_column sqlite_drop_constraint sqlite_fail "
    "sqlite_find_constraint sqlite_rename_column sqlite_rename_quotefix sqlite_rename_table "
    "sqlite_rename_test ";

// Keywords that may stand before a parenthesis in a DEFAULT clause without being called.
constexpr std::string_view kExpressionKeywords =
    " and between case cast collate distinct else escape exists from glob in is isnull like match "
    "not notnull null or regexp select then when ";

// What a pragma may be given.
enum class Argument : std::uint8_t {
  kNone,
  kFlag,            ///< Nothing, or a boolean.
  kName,            ///< The name of a table or index.
  kOptionalName,    ///< Nothing or such a name.
  kOptionalNumber,  ///< Nothing or an integer.
};

struct PragmaRule {
  std::string_view name;
  Argument argument;
};

constexpr PragmaRule kPragmas[] = {
    {"case_sensitive_like", Argument::kFlag},
    {"data_version", Argument::kNone},
    {"defer_foreign_keys", Argument::kFlag},
    {"foreign_key_check", Argument::kOptionalName},
    {"foreign_key_list", Argument::kName},
    {"foreign_keys", Argument::kFlag},
    {"ignore_check_constraints", Argument::kFlag},
    {"index_info", Argument::kName},
    {"index_list", Argument::kName},
    {"index_xinfo", Argument::kName},
    {"legacy_alter_table", Argument::kFlag},
    {"optimize", Argument::kOptionalNumber},
    {"page_size", Argument::kNone},
    {"quick_check", Argument::kOptionalName},  // A number is a name too.
    {"recursive_triggers", Argument::kFlag},
    {"reverse_unordered_selects", Argument::kFlag},
    {"table_info", Argument::kName},
    {"table_list", Argument::kOptionalName},
    {"table_xinfo", Argument::kName},
};

constexpr std::string_view kBooleans = " 0 1 false no off on true yes ";

std::string lowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Lists are words in lower case, each between two spaces.
bool listed(std::string_view list, std::string_view name) {
  if (name.find(' ') != std::string_view::npos) return false;
  return list.find(' ' + lowerCase(name) + ' ') != std::string_view::npos;
}

bool isAllowedFunction(std::string_view name) {
  return std::any_of(std::begin(kFunctions), std::end(kFunctions),
                     [&](std::string_view family) { return listed(family, name); });
}

bool isInteger(const char* text) {
  char* end = nullptr;
  (void)std::strtoll(text, &end, 0);
  return end != text && *end == '\0';
}

const PragmaRule* findPragma(std::string_view name) {
  std::string lower = lowerCase(name);
  const PragmaRule* rule = std::find_if(std::begin(kPragmas), std::end(kPragmas),
                                        [&](const PragmaRule& r) { return r.name == lower; });
  return rule == std::end(kPragmas) ? nullptr : rule;
}

bool isAllowedPragma(std::string_view name, const char* argument) {
  const PragmaRule* rule = findPragma(name);
  if (rule == nullptr) return false;
  switch (rule->argument) {
    case Argument::kNone:
      return argument == nullptr;
    case Argument::kFlag:
      return argument == nullptr || listed(kBooleans, argument);
    case Argument::kName:
      return argument != nullptr && !isReservedName(argument);
    case Argument::kOptionalName:
      return argument == nullptr || !isReservedName(argument);
    case Argument::kOptionalNumber:
      return argument == nullptr || isInteger(argument);
  }
  return false;
}

bool isAllowedModule(std::string_view name) {
  return listed(" fts5 fts5vocab rtree rtree_i32 ", name);
}

// Whether a name the authorizer was given, which may be null, is the application's to use.
bool isOwn(const char* name) { return name == nullptr || !isReservedName(name); }

bool isTemporary(const char* database) {
  return database != nullptr && sqlite3_stricmp(database, "temp") == 0;
}

bool isAllowed(int action, const char* first, const char* second, const char* database) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      return true;
    case SQLITE_READ:
      return isOwn(first);
    case SQLITE_FUNCTION:
      return second != nullptr && (isAllowedFunction(second) || listed(kAlterHelpers, second));
    case SQLITE_PRAGMA:
      return first != nullptr && !isTemporary(database) && isAllowedPragma(first, second);
    case SQLITE_ALTER_TABLE:
      return !isTemporary(first) && isOwn(second);
    case SQLITE_CREATE_VTABLE:
    case SQLITE_DROP_VTABLE:
      return !isTemporary(database) && isOwn(first) && second != nullptr && isAllowedModule(second);
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_DROP_INDEX:
    case SQLITE_DROP_TRIGGER:
      return !isTemporary(database) && isOwn(first) && isOwn(second);
    case SQLITE_UPDATE:
      // ALTER TABLE … RENAME also looks after the temporary schema, which has nothing in it.
      if (isTemporary(database)) return sqlite3_stricmp(first, "sqlite_temp_master") == 0;
      return isOwn(first);
    case SQLITE_ANALYZE:
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_DELETE:
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_VIEW:
    case SQLITE_INSERT:
    case SQLITE_REINDEX:
      return !isTemporary(database) && isOwn(first);
    default:
      return false;
  }
}

// Functions called in a DEFAULT clause; SQLite asks nobody about them, not even whether they are
// internal ones that trust their arguments.
std::optional<Refusal> judgeDefaults(Tokens& tokens) {
  for (Token token = tokens.next(); token.kind != TokenKind::kEnd; token = tokens.next()) {
    if (!token.is("DEFAULT")) continue;
    token = tokens.next();
    if (token.text != "(") continue;
    Token before;
    for (int depth = 1; depth > 0 && token.kind != TokenKind::kEnd;) {
      before = token;
      token = tokens.next();
      if (token.text == ")") --depth;
      if (token.text != "(") continue;
      ++depth;
      bool keyword = before.kind == TokenKind::kWord && listed(kExpressionKeywords, before.text);
      if (before.isName() && !keyword && !isAllowedFunction(before.name()))
        return Refusal{fmt::format("not authorized to use function: {}", before.name())};
    }
  }
  return std::nullopt;
}

std::optional<Refusal> judgeAlter(Tokens& tokens) {
  if (!tokens.next().is("TABLE")) return std::nullopt;
  tokens.next();
  Tokens afterName = tokens;
  if (tokens.next().text == ".") {
    tokens.next();
  } else {
    tokens = afterName;
  }
  if (!tokens.next().is("RENAME")) return judgeDefaults(tokens);
  Token token = tokens.next();
  if (!token.is("TO")) return std::nullopt;  // RENAME COLUMN a TO b: columns may have any name.
  std::string target = tokens.next().name();
  // A virtual table's own tables are named after it: _cf would give _cf_data.
  if (isReservedName(target) || lowerCase(target) == "_cf") return Refusal{};
  return std::nullopt;
}

}  // namespace

bool isReservedName(std::string_view name) {
  constexpr std::string_view kReserved = "_cf_";
  return name.size() >= kReserved.size() &&
         sqlite3_strnicmp(name.data(), kReserved.data(), static_cast<int>(kReserved.size())) == 0;
}

const char** allowedModules() {
  static const char* modules[] = {"fts5",      "fts5vocab", "rtree", "rtree_i32",
                                  "json_each", "json_tree", nullptr};
  return modules;
}

std::optional<Refusal> judgeAction(int action, const char* first, const char* second,
                                   const char* database) {
  if (action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT) {
    return Refusal{
        "use transaction() or transactionSync() instead of BEGIN, COMMIT, ROLLBACK, SAVEPOINT and "
        "RELEASE: they roll back when an exception passes, and know what belongs to one commit"};
  }
  if (isAllowed(action, first, second, database)) return std::nullopt;
  return Refusal{};
}

bool changesSettings(std::string_view pragma, const char* argument) {
  const PragmaRule* rule = findPragma(pragma);
  if (rule == nullptr) return false;
  return rule->argument == Argument::kOptionalNumber ||
         (rule->argument == Argument::kFlag && argument != nullptr);
}

std::optional<Refusal> judgeText(std::string_view statement) {
  Tokens tokens(statement);
  Token token = tokens.next();
  while (token.is("EXPLAIN") || token.is("QUERY") || token.is("PLAN")) token = tokens.next();
  if (token.is("VACUUM")) {
    return Refusal{
        "VACUUM is not allowed: pages are kept by the engine and free ones are used again"};
  }
  if (token.is("ALTER")) return judgeAlter(tokens);
  if (token.is("CREATE")) return judgeDefaults(tokens);
  return std::nullopt;
}

}  // namespace cairn::sql
