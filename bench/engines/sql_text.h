// The statements of the SQL workloads, one text for every engine.
#pragma once

namespace bench::sql_text {

inline constexpr const char* kSchema[] = {
    "CREATE TABLE t(id INTEGER PRIMARY KEY, score INT, payload TEXT)",
    "CREATE INDEX t_score ON t(score)",
    "CREATE VIRTUAL TABLE docs USING fts5(body)",
};
inline constexpr const char* kInsert = "INSERT INTO t VALUES (?,?,?)";
inline constexpr const char* kInsertDoc = "INSERT INTO docs VALUES (?)";
inline constexpr const char* kUpdate = "UPDATE t SET score=? WHERE id=?";
inline constexpr const char* kPoint = "SELECT score, payload FROM t WHERE id=?";
inline constexpr const char* kRange =
    "SELECT score, payload FROM t WHERE id>=? ORDER BY id LIMIT ?";
inline constexpr const char* kSearch = "SELECT count(*) FROM docs WHERE docs MATCH ?";

}  // namespace bench::sql_text
