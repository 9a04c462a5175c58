#include "bench/engines/sql.h"

namespace bench {

std::string someWord(Random& random) {
  static constexpr const char* kSyllables[] = {"ka", "lo", "mi", "ren", "su", "ta", "vor", "ze"};
  std::string word;
  for (int i = 0; i < 4; ++i) word += kSyllables[random.below(std::size(kSyllables))];
  return word;
}

std::string docText(Random& random) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += someWord(random) + " ";
  return text;
}

std::vector<std::unique_ptr<SqlObject>> openSqlObjects(const Run& run, std::uint64_t count,
                                                       bool overlap) {
  if (run.engine() == Engine::kCairn) return openCairnSqlObjects(run.directory(), count, overlap);
  return openSqliteSqlObjects(run.directory(), count, run.engine() == Engine::kSqliteFull);
}

}  // namespace bench
