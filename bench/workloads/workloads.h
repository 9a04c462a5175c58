// Every workload by name, with the engines it runs on and its parameters at each scale. The list is
// in workloads.cc; bench/README.md says what each one does.
#pragma once

#include <string>
#include <vector>

#include "bench/support/run.h"

namespace bench {

struct Case {
  std::string workload;
  Engine engine;
  Parameters parameters;
  void (*run)(Run&);

  /// `workload/engine/parameter:value/…`
  [[nodiscard]] std::string name() const;
};

[[nodiscard]] std::vector<Case> casesAt(Scale scale);

// keys.cc
void put(Run& run);
void putBatch(Run& run);
void get(Run& run);
void getMissing(Run& run);
void scan(Run& run);
void bulkLoad(Run& run);
// ycsb.cc
void ycsbA(Run& run);
void ycsbB(Run& run);
void ycsbC(Run& run);
void ycsbD(Run& run);
void ycsbE(Run& run);
void ycsbF(Run& run);
// objects.cc
void counter(Run& run);
void create(Run& run);
void open(Run& run);
void resident(Run& run);
void sustained(Run& run);
// sql.cc
void sqlCommit(Run& run);
void sqlPoint(Run& run);
void sqlRange(Run& run);
void sqlSearch(Run& run);
void kvSqlAlarmTurn(Run& run);
// whole.cc
void deleteAll(Run& run);
void recover(Run& run);
// alarms.cc
void alarms(Run& run);
// past.cc
void restore(Run& run);
void changelog(Run& run);
void history(Run& run);
// scale.cc
void scale(Run& run);
// day.cc
void day(Run& run);

}  // namespace bench
