#include "engine/host/config_tree.h"

#include <cairn/error.h>

#include <fmt/format.h>

namespace cairn::host {

namespace {

constexpr unsigned kDepthMax = 64;

/// A position in the text, and what both notations share.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

 protected:
  using Kind = ConfigNode::Kind;

  [[noreturn]] void fail(std::string_view problem) const {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("line {}: {}", line_, problem));
  }
  [[nodiscard]] bool atEnd() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  char take() {
    if (atEnd()) fail("the text ends too early");
    if (text_[at_] == '\n') ++line_;
    return text_[at_++];
  }
  bool accept(char wanted) {
    if (atEnd() || peek() != wanted) return false;
    take();
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail(fmt::format("'{}' is missing", wanted));
  }
  [[nodiscard]] bool startsWith(std::string_view what) const {
    return text_.substr(at_).starts_with(what);
  }
  void skip(std::size_t count) {
    while (count-- > 0) take();
  }
  void skipLine() {
    while (!atEnd() && peek() != '\n') take();
  }
  ConfigNode node(Kind kind) const {
    ConfigNode made;
    made.kind = kind;
    made.line = line_;
    return made;
  }

  void appendUtf8(std::string& out, unsigned code) {
    if (code < 0x80) {
      out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      out.push_back(static_cast<char>(0xc0 | (code >> 6)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
      out.push_back(static_cast<char>(0xe0 | (code >> 12)));
      out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    } else {
      out.push_back(static_cast<char>(0xf0 | (code >> 18)));
      out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3f)));
      out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
      out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
  }
  unsigned hexDigits(int count) {
    unsigned code = 0;
    for (int i = 0; i < count; ++i) {
      char digit = take();
      if (digit >= '0' && digit <= '9') {
        code = code * 16 + static_cast<unsigned>(digit - '0');
      } else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f') {
        code = code * 16 + static_cast<unsigned>((digit | 0x20) - 'a' + 10);
      } else {
        fail("a hexadecimal digit is missing");
      }
    }
    return code;
  }
  /// After the backslash.
  void escape(std::string& out) {
    char escaped = take();
    switch (escaped) {
      case 'b':
        out.push_back('\b');
        return;
      case 'f':
        out.push_back('\f');
        return;
      case 'n':
        out.push_back('\n');
        return;
      case 'r':
        out.push_back('\r');
        return;
      case 't':
        out.push_back('\t');
        return;
      case 'U':
        appendUtf8(out, hexDigits(8));
        return;
      case 'u': {
        unsigned code = hexDigits(4);
        if (code >= 0xd800 && code < 0xdc00 && startsWith("\\u")) {
          skip(2);
          code = 0x10000 + ((code - 0xd800) << 10) + (hexDigits(4) - 0xdc00);
        }
        appendUtf8(out, code);
        return;
      }
      case '"':
      case '\\':
      case '/':
        out.push_back(escaped);
        return;
      default:
        fail(fmt::format("'\\{}' is not an escape", escaped));
    }
  }
  /// Numbers, booleans, dates: up to what ends a value.
  ConfigNode bare(std::string_view ends) {
    ConfigNode made = node(Kind::kNumber);
    while (!atEnd() && ends.find(peek()) == std::string_view::npos) made.text.push_back(take());
    while (!made.text.empty() && (made.text.back() == ' ' || made.text.back() == '\t'))
      made.text.pop_back();
    if (made.text.empty()) fail("a value is missing");
    if (made.text == "true" || made.text == "false") made.kind = Kind::kBool;
    if (made.text == "null") made.kind = Kind::kNull;
    return made;
  }
  void enter() {
    if (++depth_ > kDepthMax) fail("nested too deeply");
  }
  void leave() { --depth_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  unsigned depth_ = 0;
};

class JsoncReader : private Reader {
 public:
  using Reader::Reader;

  ConfigNode parse() {
    blank();
    ConfigNode tree = value();
    blank();
    if (!atEnd()) fail("something follows the value");
    return tree;
  }

 private:
  void blank() {
    for (;;) {
      if (startsWith("//")) {
        skipLine();
      } else if (startsWith("/*")) {
        skip(2);
        while (!startsWith("*/")) take();
        skip(2);
      } else if (!atEnd() &&
                 std::string_view(" \t\r\n\xef\xbb\xbf").find(peek()) != std::string_view::npos) {
        take();
      } else {
        return;
      }
    }
  }

  std::string string() {
    std::string out;
    expect('"');
    while (!accept('"')) {
      char next = take();
      if (next == '\n') fail("a string is not closed");
      if (next == '\\') {
        escape(out);
      } else {
        out.push_back(next);
      }
    }
    return out;
  }

  ConfigNode value() {
    enter();
    ConfigNode made;
    if (peek() == '"') {
      made = node(Kind::kString);
      made.text = string();
    } else if (accept('[')) {
      made = node(Kind::kArray);
      for (blank(); !accept(']'); blank()) {
        made.items.push_back(value());
        blank();
        if (!accept(',') && peek() != ']') fail("',' or ']' is missing");
      }
    } else if (accept('{')) {
      made = node(Kind::kTable);
      for (blank(); !accept('}'); blank()) {
        std::string key = string();
        blank();
        expect(':');
        blank();
        made.entries.insert_or_assign(std::move(key), value());
        blank();
        if (!accept(',') && peek() != '}') fail("',' or '}' is missing");
      }
    } else {
      made = bare(" \t\r\n,]}/");
    }
    leave();
    return made;
  }
};

class TomlReader : private Reader {
 public:
  using Reader::Reader;

  ConfigNode parse() {
    ConfigNode root = node(Kind::kTable);
    ConfigNode* table = &root;
    for (blankLines(); !atEnd(); blankLines()) {
      if (startsWith("[[")) {
        skip(2);
        table = &header(root, true);
        expect(']');
        expect(']');
      } else if (accept('[')) {
        table = &header(root, false);
        expect(']');
      } else {
        entry(*table);
      }
      blank();
      if (peek() == '#') skipLine();
      if (!atEnd() && peek() != '\n' && peek() != '\r') fail("something follows the value");
    }
    return root;
  }

 private:
  void blank() {
    while (peek() == ' ' || peek() == '\t') take();
  }
  void blankLines() {
    for (;;) {
      if (peek() == '#') {
        skipLine();
      } else if (!atEnd() && std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
        take();
      } else {
        return;
      }
    }
  }

  std::vector<std::string> key() {
    std::vector<std::string> parts;
    do {
      blank();
      std::string part;
      if (peek() == '"' || peek() == '\'') {
        part = string();
      } else {
        while (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '_' ||
               peek() == '-')
          part.push_back(take());
        if (part.empty()) fail("a key is missing");
      }
      parts.push_back(std::move(part));
      blank();
    } while (accept('.'));
    return parts;
  }

  /// The table that is meant where a table or the last of an array of tables stands.
  ConfigNode& step(ConfigNode& table, const std::string& part) {
    ConfigNode& next = table.entries.try_emplace(part, node(Kind::kTable)).first->second;
    if (next.kind == Kind::kArray && !next.items.empty()) return next.items.back();
    if (next.kind != Kind::kTable) fail(fmt::format("{} is not a table", part));
    return next;
  }

  ConfigNode& header(ConfigNode& root, bool array) {
    std::vector<std::string> parts = key();
    ConfigNode* table = &root;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) table = &step(*table, parts[i]);
    if (!array) return step(*table, parts.back());
    ConfigNode& list = table->entries.try_emplace(parts.back(), node(Kind::kArray)).first->second;
    if (list.kind != Kind::kArray) fail(fmt::format("{} is not an array of tables", parts.back()));
    list.items.push_back(node(Kind::kTable));
    return list.items.back();
  }

  void entry(ConfigNode& table) {
    std::vector<std::string> parts = key();
    expect('=');
    blank();
    ConfigNode* place = &table;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) place = &step(*place, parts[i]);
    if (!place->entries.try_emplace(parts.back(), value()).second)
      fail(fmt::format("{} is given twice", parts.back()));
  }

  std::string string() {
    char quote = take();
    bool multiline = peek() == quote && peek(1) == quote;
    if (multiline) {
      skip(2);
      accept('\r');
      accept('\n');
    }
    std::string out;
    for (;;) {
      if (multiline && peek() == quote && peek(1) == quote && peek(2) == quote) {
        skip(3);
        return out;
      }
      char next = take();
      if (!multiline && next == quote) return out;
      if (!multiline && next == '\n') fail("a string is not closed");
      if (next == '\\' && quote == '"') {
        if (multiline && (peek() == '\n' || peek() == '\r')) {
          while (!atEnd() && std::string_view(" \t\r\n").find(peek()) != std::string_view::npos)
            take();
        } else {
          escape(out);
        }
      } else {
        out.push_back(next);
      }
    }
  }

  ConfigNode value() {
    enter();
    ConfigNode made;
    if (peek() == '"' || peek() == '\'') {
      made = node(Kind::kString);
      made.text = string();
    } else if (accept('[')) {
      made = node(Kind::kArray);
      for (blankLines(); !accept(']'); blankLines()) {
        made.items.push_back(value());
        blankLines();
        if (!accept(',') && peek() != ']') fail("',' or ']' is missing");
      }
    } else if (accept('{')) {
      made = node(Kind::kTable);
      for (blank(); !accept('}'); blank()) {
        entry(made);
        blank();
        if (!accept(',') && peek() != '}') fail("',' or '}' is missing");
      }
    } else {
      made = bare("\r\n,]}#");
    }
    leave();
    return made;
  }
};

}  // namespace

ConfigNode parseJsoncTree(std::string_view text) { return JsoncReader(text).parse(); }
ConfigNode parseTomlTree(std::string_view text) { return TomlReader(text).parse(); }

}  // namespace cairn::host
