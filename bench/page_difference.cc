// What a commit's page changes cost in the change log under different ways to write them down, on
// traffic of several kinds. The table in pitr/FORMAT.md comes from here.
//
//   page_difference [commits]
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <sqlite3.h>
#include <zstd.h>

#include "engine/base/buffer.h"
#include "engine/base/coding.h"
#include "pitr/page_undo.h"
#include "sql_frontend/page_delta.h"

namespace {

using cairn::Buffer;
using cairn::sql::kPageBytes;
using Pages = std::map<unsigned, std::string>;

struct Change {
  unsigned page;
  std::string before;
  std::string after;
};
using Commit = std::vector<Change>;

// The database as pages, as SQLite itself serializes it.
Pages pagesOf(sqlite3* db) {
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(db, "main", &size, 0);
  Pages pages;
  for (sqlite3_int64 at = 0; at < size; at += kPageBytes) {
    pages[static_cast<unsigned>(at / kPageBytes + 1)] =
        std::string(reinterpret_cast<char*>(bytes) + at, kPageBytes);
  }
  sqlite3_free(bytes);
  return pages;
}

struct Traffic {
  const char* name;
  std::function<void(sqlite3*)> prepare;
  std::function<void(sqlite3*, std::mt19937&)> commit;
};

void run(sqlite3* db, const std::string& sql) {
  char* error = nullptr;
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error) != SQLITE_OK) {
    std::fprintf(stderr, "%s: %s\n", sql.c_str(), error);
    std::exit(1);
  }
}

std::string word(std::mt19937& random) {
  static const char* const kWords[] = {"room",   "player", "score",   "hello",  "world",
                                       "cursor", "update", "message", "online", "green"};
  return kWords[random() % std::size(kWords)];
}
std::string json(std::mt19937& random, std::size_t size) {
  std::string text = "{\"user\":\"" + word(random) + std::to_string(random() % 1000) + "\"";
  while (text.size() < size)
    text += ",\"" + word(random) + "\":" + std::to_string(random() % 100'000);
  return text.substr(0, size) + "}";
}
std::string noise(std::mt19937& random, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i)
    text += "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[random() % 64];
  return text;
}

std::vector<Traffic> traffics() {
  auto table = [](bool isJson) {
    return [isJson](sqlite3* db) {
      std::mt19937 random(1);
      run(db,
          "CREATE TABLE t(k TEXT PRIMARY KEY, n INT, v TEXT) WITHOUT ROWID; CREATE INDEX i ON "
          "t(n); BEGIN");
      for (int i = 0; i < 20'000; ++i) {
        run(db, "INSERT OR IGNORE INTO t VALUES ('key-" + std::to_string(random() % 1'000'000) +
                    "'," + std::to_string(random() % 1'000'000) + ",'" +
                    (isJson ? json(random, 200) : noise(random, 200)) + "')");
      }
      run(db, "COMMIT");
    };
  };
  auto anyRow = [](std::mt19937& random) {
    return "(SELECT k FROM t WHERE k >= 'key-" + std::to_string(random() % 1'000'000) +
           "' LIMIT 1)";
  };
  std::vector<Traffic> all;
  for (bool isJson : {false, true}) {
    all.push_back({isJson ? "update indexed integer, JSON" : "update indexed integer, random",
                   table(isJson), [=](sqlite3* db, std::mt19937& r) {
                     run(db, "UPDATE t SET n=" + std::to_string(r() % 1'000'000) +
                                 " WHERE k=" + anyRow(r));
                   }});
    all.push_back({isJson ? "update 200-byte value, JSON" : "update 200-byte value, random",
                   table(isJson), [=](sqlite3* db, std::mt19937& r) {
                     run(db, "UPDATE t SET v='" + (isJson ? json(r, 200) : noise(r, 200)) +
                                 "' WHERE k=" + anyRow(r));
                   }});
    all.push_back({isJson ? "insert with index, JSON" : "insert with index, random", table(isJson),
                   [=](sqlite3* db, std::mt19937& r) {
                     run(db, "INSERT OR REPLACE INTO t VALUES ('key-" +
                                 std::to_string(r() % 1'000'000) + "'," +
                                 std::to_string(r() % 1'000'000) + ",'" +
                                 (isJson ? json(r, 200) : noise(r, 200)) + "')");
                   }});
  }
  all.push_back({"append row, rowid table",
                 [](sqlite3* db) { run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)"); },
                 [](sqlite3* db, std::mt19937& r) {
                   run(db, "INSERT INTO t(v) VALUES ('" + json(r, 120) + "')");
                 }});
  all.push_back({"delete row", table(true), [=](sqlite3* db, std::mt19937& r) {
                   run(db, "DELETE FROM t WHERE k=" + anyRow(r));
                 }});
  all.push_back({"FTS5 insert",
                 [](sqlite3* db) { run(db, "CREATE VIRTUAL TABLE t USING fts5(body)"); },
                 [](sqlite3* db, std::mt19937& r) {
                   std::string text;
                   for (int i = 0; i < 20; ++i) text += word(r) + std::to_string(r() % 50) + " ";
                   run(db, "INSERT INTO t VALUES ('" + text + "')");
                 }});
  return all;
}

std::vector<Commit> record(const Traffic& traffic, int count) {
  sqlite3* db = nullptr;
  sqlite3_open(":memory:", &db);
  run(db, "PRAGMA secure_delete=OFF");
  traffic.prepare(db);
  Pages before = pagesOf(db);
  std::mt19937 random(7);
  std::vector<Commit> commits;
  for (int i = 0; i < count; ++i) {
    traffic.commit(db, random);
    Pages after = pagesOf(db);
    Commit commit;
    for (auto& [number, bytes] : after) {
      std::string& old = before[number];
      if (old.empty()) old.assign(kPageBytes, '\0');
      // SQLite's in-memory databases do not count their changes as files do.
      if (number == 1) {
        std::string counted = bytes;
        cairn::storeBigEndian32(counted.data() + 24, static_cast<std::uint32_t>(1'000 + i + 1));
        cairn::storeBigEndian32(counted.data() + 92, static_cast<std::uint32_t>(1'000 + i + 1));
        bytes = counted;
      }
      if (old != bytes) commit.push_back({number, old, bytes});
    }
    before = std::move(after);
    commits.push_back(std::move(commit));
  }
  sqlite3_close(db);
  return commits;
}

struct Result {
  double bytes;
  double microseconds;
};

using Encode = std::function<void(const Change&, Buffer&)>;

Result measure(const std::vector<Commit>& commits, const Encode& encode, int level) {
  auto begin = std::chrono::steady_clock::now();
  Buffer all;
  for (const Commit& commit : commits) {
    cairn::putVarint(all, commit.size());
    for (const Change& change : commit) {
      cairn::putVarint(all, change.page);
      Buffer one;
      encode(change, one);
      cairn::putString(all, one.view());
    }
  }
  std::string packed(ZSTD_compressBound(all.size()), '\0');
  std::size_t size =
      level == 0 ? all.size()
                 : ZSTD_compress(packed.data(), packed.size(), all.data(), all.size(), level);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return {static_cast<double>(size) / static_cast<double>(commits.size()),
          seconds * 1e6 / static_cast<double>(commits.size())};
}

}  // namespace

int main(int argc, char** argv) {
  int count = argc > 1 ? std::atoi(argv[1]) : 300;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  struct Way {
    const char* name;
    Encode encode;
    int level;
  };
  Encode wholePage = [](const Change& change, Buffer& out) { out.append(change.before); };
  Encode xored = [](const Change& change, Buffer& out) {
    cairn::sql::encodeDelta(change.before.data(), change.after.data(), out);
  };
  Encode undo = [](const Change& change, Buffer& out) {
    cairn::pitr::encodePageUndo(change.before.data(), change.after.data(), out);
    std::string page = change.after;
    cairn::pitr::applyPageUndo(out.view(), page.data());
    if (page != change.before) std::abort();
  };
  Encode prefix = [&](const Change& change, Buffer& out) {
    ZSTD_CCtx_refPrefix(context, change.after.data(), change.after.size());
    char* begin = out.extend(ZSTD_compressBound(kPageBytes));
    std::size_t size = ZSTD_compress2(context, begin, ZSTD_compressBound(kPageBytes),
                                      change.before.data(), kPageBytes);
    out.truncate(size);
  };
  const Way ways[] = {{"whole page, zstd-3", wholePage, 3},
                      {"XOR, zstd-1", xored, 1},
                      {"XOR, zstd-3", xored, 3},
                      {"undo, plain", undo, 0},
                      {"undo, zstd-1", undo, 1},
                      {"undo, zstd-3", undo, 3},
                      {"page as prefix", prefix, 0}};
  std::printf("| traffic |");
  for (const Way& way : ways) std::printf(" %s |", way.name);
  std::printf("\n| --- |");
  for (std::size_t i = 0; i < std::size(ways); ++i) std::printf(" ---: |");
  std::printf("\n");
  for (const Traffic& traffic : traffics()) {
    std::vector<Commit> commits = record(traffic, count);
    std::printf("| %s |", traffic.name);
    for (const Way& way : ways) {
      Result result = measure(commits, way.encode, way.level);
      std::printf(" %.0f B, %.1f us |", result.bytes, result.microseconds);
    }
    std::printf("\n");
  }
  ZSTD_freeCCtx(context);
}
