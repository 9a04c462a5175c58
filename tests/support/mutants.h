// The mutants by name, for the campaigns' `--mutant` and for the program that lets each of them
// loose.
#pragma once

#include <span>
#include <string_view>

#include "engine/base/mutant.h"

namespace CLI {
class App;
}

namespace cairn::test {

struct MutantInfo {
  Mutant mutant;
  const char* name;
  const char* what;      ///< What is wrong with it.
  const char* campaign;  ///< The program that is known to notice.
};

[[nodiscard]] std::span<const MutantInfo> mutants();

/// Adds `--mutant NAME`. The option acts at once; without CAIRN_MUTANTS there is none.
void addMutantOption(CLI::App& app);

}  // namespace cairn::test
