#include "sql_frontend/statement_cache.h"

#include <algorithm>

#include <sqlite3.h>

namespace cairn::sql {

namespace {

// A compiled statement takes kilobytes however short its text is.
constexpr std::size_t kTextsMax = 1'024;

}  // namespace

Prepared::Prepared(StatementHandle statement, const StatementTraits& traits)
    : statement_(std::move(statement)),
      traits_(traits),
      writes_(sqlite3_stmt_readonly(get()) == 0),
      explains_(sqlite3_stmt_isexplain(get()) != 0),
      parameters_(sqlite3_bind_parameter_count(get())) {}

const Batch* StatementCache::find(std::string_view text) {
  auto found = byText_.find(text);
  if (found == byText_.end()) return nullptr;
  const Batch& statements = found->second->statements;
  if (std::any_of(statements.begin(), statements.end(), [](const auto& s) { return s->busy; }))
    return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &statements;
}

void StatementCache::insert(std::string_view text, Batch statements) {
  if (text.size() > bytesMax_ || byText_.contains(text)) return;
  entries_.push_front({std::string(text), std::move(statements)});
  bytes_ += text.size();
  byText_[entries_.front().text] = entries_.begin();
  while (bytes_ > bytesMax_ || entries_.size() > kTextsMax) {
    bytes_ -= entries_.back().text.size();
    byText_.erase(entries_.back().text);
    entries_.pop_back();
  }
}

void StatementCache::clear() {
  byText_.clear();
  entries_.clear();
  bytes_ = 0;
}

}  // namespace cairn::sql
