#include "bench/support/memory.h"

#include <fstream>
#include <malloc.h>
#include <stdexcept>
#include <string>

namespace bench {

std::uint64_t residentBytes() {
  ::malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "RssAnon:") {
      std::uint64_t kib = 0;
      status >> kib;
      return kib * 1024;
    }
  }
  throw std::runtime_error("/proc/self/status has no RssAnon");
}

}  // namespace bench
