// Splits SQL text as SQLite's own tokenizer does, so that nothing can be hidden from us that SQLite
// would see: comments, the four ways to quote a name, byte order marks.
#pragma once

#include <string>
#include <string_view>

namespace cairn::sql {

enum class TokenKind {
  kEnd,
  kWord,    ///< A keyword or a name without quotes.
  kQuoted,  ///< "name", [name], `name`.
  kString,  ///< 'text', which SQLite takes for a name where only a name can stand.
  kOther,   ///< A number, a parameter, an operator.
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  ///< As written.

  /// Whether it is this keyword; `keyword` is in upper case.
  [[nodiscard]] bool is(std::string_view keyword) const;
  [[nodiscard]] bool isName() const { return kind == TokenKind::kWord || isQuotedName(); }
  [[nodiscard]] bool isQuotedName() const {
    return kind == TokenKind::kQuoted || kind == TokenKind::kString;
  }
  /// The name without its quotes.
  [[nodiscard]] std::string name() const;
};

class Tokens {
 public:
  explicit Tokens(std::string_view text) : rest_(text) {}

  /// The next token that is neither white space nor a comment.
  Token next();
  /// What follows the last token.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  void skipBlank();

  std::string_view rest_;
};

/// Whether there is nothing but white space, comments and semicolons.
[[nodiscard]] bool isBlank(std::string_view text);

}  // namespace cairn::sql
