// What the tour found, for people and as JSON.
#pragma once

#include <cairn/engine.h>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/cli/output.h"
#include "tools/cli/root_size.h"
#include "tools/tour/tour_kill.h"
#include "tools/tour/tour_work.h"

namespace cairn::cli {

struct TourAccount {
  std::string directory;
  double bareSyncs = 0;  ///< A second.
  TourWitness witness;
  double openSeconds = 0;
  RecoveryReport recovery;
  std::uint64_t found = 0;        ///< Whole commits.
  std::vector<std::string> lost;  ///< What is missing or not whole.
  bool sound = false;             ///< `verify` found nothing and could check everything.
  RootSize size;
};

void printTourText(Output& out, const TourPlan& plan, const TourAccount& account);
void printTourJson(Output& out, const TourPlan& plan, const TourAccount& account);
/// Commands to try, in the root that was kept, or in a new one.
void printTourNext(Output& out, const std::string& keptRoot);

}  // namespace cairn::cli
