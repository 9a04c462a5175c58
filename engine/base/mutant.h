// Deliberately broken variants of the engine, so that the crash campaigns can prove that they would
// notice (tests/README.md has the table). Compiled into test builds only (CAIRN_MUTANTS); elsewhere
// `mutantActive` is the constant false.
#pragma once

#include <string_view>

#ifdef CAIRN_MUTANTS
#include <atomic>
#endif

namespace cairn {

enum class Mutant : int {
  kNone = 0,
  kJournalChainUnchecked,  ///< Recovery follows blocks without comparing their chain.
  kScratchUnsynced,  ///< A round overwrites SQLite pages before their saved images are durable.
};

#ifdef CAIRN_MUTANTS
inline std::atomic<Mutant> activeMutant{Mutant::kNone};
inline bool mutantActive(Mutant mutant) {
  return activeMutant.load(std::memory_order_relaxed) == mutant;
}
#else
constexpr bool mutantActive(Mutant) { return false; }
#endif

}  // namespace cairn
