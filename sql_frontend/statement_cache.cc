#include "sql_frontend/statement_cache.h"

#include <sqlite3.h>

namespace cairn::sql {

Prepared::Prepared(sqlite3_stmt* statement)
    : statement_(statement),
      writes_(sqlite3_stmt_readonly(statement) == 0),
      parameters_(sqlite3_bind_parameter_count(statement)) {}

Prepared::~Prepared() { sqlite3_finalize(statement_); }

std::shared_ptr<Prepared> StatementCache::find(std::string_view text) {
  auto found = byText_.find(text);
  if (found == byText_.end() || found->second->statement->busy) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->statement;
}

void StatementCache::insert(std::string_view text, std::shared_ptr<Prepared> statement) {
  if (text.size() > bytesMax_ || byText_.contains(text)) return;
  entries_.push_front({std::string(text), std::move(statement)});
  byText_[entries_.front().text] = entries_.begin();
  bytes_ += text.size();
  while (bytes_ > bytesMax_) {
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
