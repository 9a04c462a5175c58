#include "sql_frontend/tokens.h"

#include <algorithm>

namespace cairn::sql {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool isNamePart(char c) { return isNameStart(c) || isDigit(c) || c == '$'; }

std::size_t namePartsFrom(std::string_view text, std::size_t from) {
  while (from < text.size() && isNamePart(text[from])) ++from;
  return from;
}

// The length of a quoted token whose quote is doubled to stand for itself. An unclosed one takes
// the rest.
std::size_t quotedLength(std::string_view text) {
  char quote = text[0];
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] != quote) continue;
    if (i + 1 < text.size() && text[i + 1] == quote) {
      ++i;
    } else {
      return i + 1;
    }
  }
  return text.size();
}

}  // namespace

bool Token::is(std::string_view keyword) const {
  return kind == TokenKind::kWord && text.size() == keyword.size() &&
         std::equal(text.begin(), text.end(), keyword.begin(), [](char have, char want) {
           return have == want || (have >= 'a' && have <= 'z' && have - 'a' + 'A' == want);
         });
}

std::string Token::name() const {
  if (!isQuotedName() || text.empty()) return std::string(text);
  char quote = text[0] == '[' ? ']' : text[0];
  std::string result;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      if (quote == ']' || i + 1 >= text.size() || text[i + 1] != quote) break;
      ++i;
    }
    result.push_back(text[i]);
  }
  return result;
}

void Tokens::skipBlank() {
  for (;;) {
    std::size_t skip = 0;
    if (rest_.starts_with(kByteOrderMark)) {
      skip = kByteOrderMark.size();
    } else if (rest_.starts_with("--")) {
      skip = std::min(rest_.find('\n'), rest_.size());
    } else if (rest_.starts_with("/*") && rest_.size() > 2) {
      std::size_t close = rest_.find("*/", 2);
      skip = close == std::string_view::npos ? rest_.size() : close + 2;
    } else {
      while (skip < rest_.size() && isSpace(rest_[skip])) ++skip;
    }
    if (skip == 0) return;
    rest_.remove_prefix(skip);
  }
}

Token Tokens::next() {
  skipBlank();
  if (rest_.empty()) return {};
  Token token{TokenKind::kOther, {}};
  std::size_t length = 1;
  char first = rest_[0];
  if ((first == 'x' || first == 'X') && rest_.size() > 1 && rest_[1] == '\'') {
    // A quote inside a blob is not doubled.
    std::size_t close = rest_.find('\'', 2);
    length = close == std::string_view::npos ? rest_.size() : close + 1;
  } else if (isNameStart(first)) {
    token.kind = TokenKind::kWord;
    length = namePartsFrom(rest_, 1);
  } else if (first == '\'' || first == '"' || first == '`') {
    token.kind = first == '\'' ? TokenKind::kString : TokenKind::kQuoted;
    length = quotedLength(rest_);
  } else if (first == '[') {
    token.kind = TokenKind::kQuoted;
    std::size_t close = rest_.find(']');
    length = close == std::string_view::npos ? rest_.size() : close + 1;
  } else if (isDigit(first) || first == '?' || first == '$' || first == '@' || first == ':' ||
             first == '#') {
    length = namePartsFrom(rest_, 1);
  }
  token.text = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return token;
}

bool isBlank(std::string_view text) {
  Tokens tokens(text);
  for (;;) {
    Token token = tokens.next();
    if (token.kind == TokenKind::kEnd) return true;
    if (token.text != ";") return false;
  }
}

}  // namespace cairn::sql
