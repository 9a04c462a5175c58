#include "bench/workloads/workloads.h"

#include <initializer_list>

namespace bench {
namespace {

using enum Engine;

const std::vector<Engine> kAll = {kCairn,         kSqliteFull,  kSqliteNormal,
                                  kLmdbSync,      kLmdbNosync,  kRocksdbSync,
                                  kRocksdbNosync, kLeveldbSync, kLeveldbNosync};
// Durability makes no difference to what only reads.
const std::vector<Engine> kReaders = {kCairn, kSqliteFull, kLmdbSync, kRocksdbSync, kLeveldbSync};
const std::vector<Engine> kSql = {kCairn, kSqliteFull, kSqliteNormal};
const std::vector<Engine> kSqlReaders = {kCairn, kSqliteFull};
const std::vector<Engine> kOnlyCairn = {kCairn};

std::vector<Engine> withFloor(std::vector<Engine> engines) {
  engines.push_back(kFloor);
  return engines;
}

class List {
 public:
  explicit List(Scale scale) : scale_(scale) {}

  // Parameters name the figure at the full scale, then at the tiny one where it is smaller.
  struct Parameter {
    const char* name;
    std::int64_t value;
    std::int64_t tiny = -1;
  };
  void add(const char* workload, void (*run)(Run&), const std::vector<Engine>& engines,
           std::initializer_list<Parameter> parameters) {
    Parameters actual;
    for (const Parameter& one : parameters) {
      bool small = scale_ == Scale::kTiny && one.tiny >= 0;
      actual.emplace_back(one.name, small ? one.tiny : one.value);
    }
    for (Engine engine : engines) {
      Case made{workload, engine, actual, run};
      bool known = false;
      for (const Case& other : cases_) known = known || other.name() == made.name();
      if (!known) cases_.push_back(std::move(made));
    }
  }
  void addFull(const char* workload, void (*run)(Run&), const std::vector<Engine>& engines,
               std::initializer_list<Parameter> parameters) {
    if (scale_ != Scale::kQuick) add(workload, run, engines, parameters);
  }
  std::vector<Case> take() { return std::move(cases_); }

 private:
  Scale scale_;
  std::vector<Case> cases_;
};

constexpr std::int64_t kMillion = 1'000'000;

void addObjects(List& list) {
  list.add("counter", counter, withFloor(kAll), {{"objects", 1}, {"inflight", 1}});
  list.add("counter", counter, kAll, {{"objects", 1}, {"inflight", 64}});
  list.add("counter", counter, kAll, {{"objects", 1'000, 10}, {"inflight", 64}});
  list.add("counter", counter, kOnlyCairn, {{"objects", 1'000, 10}, {"inflight", 1'024, 128}});
  list.add("counter", counter, {kCairn, kSqliteFull},
           {{"objects", 100'000, 100}, {"inflight", 64}});
  list.addFull("counter", counter, kAll, {{"objects", 1}, {"inflight", 16}});
  for (std::int64_t inflight : {1, 16})
    list.addFull("counter", counter, kAll, {{"objects", 1'000, 10}, {"inflight", inflight}});
  list.addFull("counter", counter, kAll, {{"objects", 100'000, 100}, {"inflight", 64}});
  for (std::int64_t inflight : {1, 16}) {
    list.addFull("counter", counter, {kCairn, kSqliteFull},
                 {{"objects", 100'000, 100}, {"inflight", inflight}});
  }
  list.add("sustained", sustained, kOnlyCairn,
           {{"objects", 1'000, 10}, {"inflight", 64}, {"seconds", 20, 1}});
  list.addFull("sustained", sustained, kOnlyCairn,
               {{"objects", 1'000, 10}, {"inflight", 1'024, 128}, {"seconds", 60, 1}});
  list.add("create", create, {kCairn, kSqliteFull, kSqliteNormal}, {{"inflight", 64}});
  list.addFull("create", create, {kCairn, kSqliteFull}, {{"inflight", 1}});
  list.add("open", open, {kCairn, kSqliteFull}, {{"objects", 1'000, 20}});
  list.add("resident", resident, {kCairn, kSqliteFull}, {{"objects", 2'000, 50}});
  list.add("resident", resident, kOnlyCairn, {{"objects", 100'000, 500}});
  list.addFull("resident", resident, kOnlyCairn, {{"objects", kMillion, 1'000}});
}

void addKeys(List& list) {
  list.add("get", get, kReaders, {{"keys", kMillion, 1'000}, {"per_turn", 1'000, 100}});
  list.add("get", get, {kCairn, kLmdbSync}, {{"keys", kMillion, 1'000}, {"per_turn", 1}});
  list.add("get", get, kOnlyCairn,
           {{"keys", 10'000, 1'000}, {"per_turn", 1'000, 100}, {"overlay", 1}});
  list.add("get_missing", getMissing, kReaders,
           {{"keys", kMillion, 1'000}, {"per_turn", 1'000, 100}});
  list.add("scan", scan, kReaders, {{"keys", kMillion, 1'000}});
  list.add("put", put, withFloor(kAll), {{"keys", kMillion, 1'000}, {"inflight", 1}});
  list.add("put", put, {kCairn, kRocksdbSync, kLeveldbSync},
           {{"keys", kMillion, 1'000}, {"inflight", 64}});
  list.add("put", put, kOnlyCairn, {{"keys", kMillion, 1'000}, {"inflight", 1'024, 128}});
  list.add("put_batch", putBatch, kAll, {{"keys", kMillion, 1'000}, {"batch", 100}});
  list.add("delete_all", deleteAll, {kCairn, kSqliteFull, kLmdbSync, kRocksdbSync, kLeveldbSync},
           {{"keys", kMillion, 1'000}});
  list.add("delete_all", deleteAll, kOnlyCairn, {{"keys", kMillion, 1'000}, {"overlay", 1}});
}

void addMixes(List& list) {
  list.add("bulk_load", bulkLoad, kAll,
           {{"keys", kMillion, 1'000}, {"batch", 10'000, 100}, {"sorted", 1}});
  list.addFull("bulk_load", bulkLoad, kAll,
               {{"keys", kMillion, 1'000}, {"batch", 1'000, 100}, {"sorted", 0}});
  struct Ycsb {
    const char* name;
    void (*run)(Run&);
  };
  for (Ycsb one : {Ycsb{"ycsb_a", ycsbA}, Ycsb{"ycsb_b", ycsbB}, Ycsb{"ycsb_c", ycsbC},
                   Ycsb{"ycsb_d", ycsbD}, Ycsb{"ycsb_e", ycsbE}, Ycsb{"ycsb_f", ycsbF}}) {
    list.add(one.name, one.run, {kCairn, kSqliteFull, kLmdbSync, kRocksdbSync, kLeveldbSync},
             {{"keys", 100'000, 1'000}, {"inflight", 16}});
    list.addFull(one.name, one.run, kAll, {{"keys", kMillion, 1'000}, {"inflight", 16}});
  }
}

void addSql(List& list) {
  list.add("sql_commit", sqlCommit, kSql, {{"rows", 20'000, 500}, {"inflight", 1}});
  list.add("sql_commit", sqlCommit, {kCairn, kSqliteNormal},
           {{"rows", 20'000, 500}, {"waited", 0}});
  list.add("sql_point", sqlPoint, kSqlReaders, {{"rows", 100'000, 500}});
  list.add("sql_range", sqlRange, kSqlReaders, {{"rows", 100'000, 500}, {"count", 100}});
  list.add("sql_fts", sqlSearch, kSqlReaders, {{"docs", 10'000, 200}});
  list.add("kv_sql_alarm_turn", kvSqlAlarmTurn, kSql, {{"objects", 1}, {"inflight", 1}});
  list.add("kv_sql_alarm_turn", kvSqlAlarmTurn, kSql, {{"objects", 100, 4}, {"inflight", 64, 4}});
#if CAIRN_BENCH_HOST
  list.add("alarms", alarms, kOnlyCairn, {{"objects", 10'000, 50}, {"inflight", 64}});
#endif
}

void addPast(List& list) {
  list.add("recover", recover, kOnlyCairn, {{"journal_mb", 0}});
  list.add("recover", recover, kOnlyCairn, {{"journal_mb", 64, 1}});
  list.addFull("recover", recover, kOnlyCairn, {{"journal_mb", 256, 2}});
  for (std::int64_t changed : {100, 10'000})
    list.add("restore", restore, kOnlyCairn, {{"keys", kMillion, 1'000}, {"changed", changed, 50}});
  list.add("restore", restore, kOnlyCairn, {{"keys", 100'000, 500}, {"changed", 10'000, 50}});
  list.add("restore", restore, kOnlyCairn, {{"pages", 25'000, 100}, {"changed", 2'500, 20}});
  for (std::int64_t keys : {100'000, 1'000'000, 10'000'000}) {
    list.addFull("restore", restore, kOnlyCairn,
                 {{"keys", keys, 500}, {"changed", 10'000, 50}, {"value_bytes", 1'000}});
  }
  for (std::int64_t pages : {250'000, 2'500'000})
    list.addFull("restore", restore, kOnlyCairn, {{"pages", pages, 200}, {"changed", 2'500, 20}});
  for (const char* kind : {"indexed_integer", "value_200", "insert_with_index", "kv_put_100"})
    list.add("changelog", changelog, kOnlyCairn, {{kind, 1}, {"commits", 20'000, 200}});
  list.add("history", history, kOnlyCairn,
           {{"objects", 1'000, 10}, {"inflight", 64}, {"rounds", 2, 1}});
  list.add("history", history, kOnlyCairn,
           {{"rows", 20'000, 500}, {"inflight", 64}, {"rounds", 2, 1}});
  list.addFull("day", day, kOnlyCairn,
               {{"objects", 100'000, 100}, {"hours", 24, 1}, {"per_minute", 2'000, 20}});
  for (std::int64_t objects : {1'000, 10'000, 100'000, 1'000'000})
    list.addFull("scale", scale, kOnlyCairn, {{"objects", objects, 50}, {"active", 1'000, 20}});
  list.addFull("scale", scale, kOnlyCairn, {{"objects", kMillion, 50}, {"active", 100'000, 20}});
  list.addFull("scale", scale, kOnlyCairn,
               {{"objects", kMillion, 50}, {"active", 100'000, 20}, {"megabytes", 30'000, 1}});
}

}  // namespace

std::string Case::name() const {
  std::string name = workload + "/" + std::string(engineName(engine));
  for (const auto& [key, value] : parameters) name += "/" + key + ":" + std::to_string(value);
  return name;
}

std::vector<Case> casesAt(Scale scale) {
  List list(scale);
  addObjects(list);
  addKeys(list);
  addSql(list);
  addPast(list);
  addMixes(list);  // Last: the longest, and no goal is measured by them.
  return list.take();
}

}  // namespace bench
