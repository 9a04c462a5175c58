// A schema that grows with the program: each start brings the database to the newest version, in
// the commit of the constructor's turn.
#pragma once

#include <cairn/host.h>
#include <cstdint>
#include <string>
#include <vector>

namespace examples {

class Directory : public cairn::DurableObject {
 public:
  explicit Directory(cairn::DurableObjectState& state, std::int64_t newest = 2)
      : DurableObject(state) {
    sql().exec("CREATE TABLE IF NOT EXISTS _meta(key TEXT PRIMARY KEY, value INTEGER)");
    if (version() < 1 && newest >= 1) {
      sql().exec(
          "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);"
          "INSERT OR REPLACE INTO _meta VALUES ('schema_version', 1)");
    }
    if (version() < 2 && newest >= 2) {
      sql().exec(
          "ALTER TABLE users ADD COLUMN email TEXT;"
          "UPDATE _meta SET value = 2 WHERE key = 'schema_version'");
    }
  }

  std::int64_t version() {
    auto rows = sql().exec("SELECT value FROM _meta WHERE key = 'schema_version'").toRawArray();
    return rows.empty() ? 0 : std::get<std::int64_t>(rows[0][0]);
  }
  void addUser(const std::string& name) { sql().exec("INSERT INTO users(name) VALUES (?)", name); }
  std::int64_t users() {
    return std::get<std::int64_t>(sql().exec("SELECT count(*) FROM users").toRawArray()[0][0]);
  }
  std::size_t columns() { return sql().exec("SELECT * FROM users").columnNames().size(); }

 private:
  cairn::SqlStorage& sql() { return storage().sql(); }
};

}  // namespace examples
