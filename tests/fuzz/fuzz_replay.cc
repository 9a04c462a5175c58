// replay CORPUS_DIRECTORY [--inputs N] [--seed S]: runs a fuzz target without libFuzzer: every file
// of the corpus, then N inputs that are made of them by a fixed sequence of mutations. A broken
// promise aborts; the input that broke it is then in fuzz-failure in the working directory.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kInputBytesMax = 1 << 16;

std::string current;

void keepInput(int signal) {
  int file = ::open("fuzz-failure", O_CREAT | O_WRONLY | O_TRUNC, 0644);
  if (file >= 0) {
    bool isWritten = ::write(file, current.data(), current.size()) >= 0;
    static_cast<void>(isWritten);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(std::string input) {
  current = std::move(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
}

class Mutator {
 public:
  Mutator(std::vector<std::string> corpus, std::uint64_t seed)
      : corpus_(std::move(corpus)), random_(seed) {}

  std::string next() {
    std::string input = corpus_[below(corpus_.size())];
    for (std::size_t changes = 1 + below(6); changes > 0; --changes) change(input);
    if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
    return input;
  }

 private:
  // Not std::uniform_int_distribution: its numbers differ from library to library.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change(std::string& input) {
    std::size_t at = below(input.size() + 1);
    std::size_t length = std::min(below(16) + 1, input.size() - at);
    const std::string& other = corpus_[below(corpus_.size())];
    switch (below(7)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = kTelling[below(sizeof(kTelling))];
        break;
      case 2:
        input.erase(at, length);
        break;
      case 3:
        input.insert(at, input.substr(at, length));
        break;
      case 4:
        input.insert(at, other.substr(below(other.size() + 1), below(64) + 1));
        break;
      case 5:
        input.insert(at, 1, static_cast<char>(random_()));
        break;
      default:
        input.resize(at);
    }
  }

  static constexpr char kTelling[] = {0, 1, 2, 0x7f, '\x80', '\xff', '\xfe', 0x10, 0x40};

  std::vector<std::string> corpus_;
  std::mt19937_64 random_;
};

std::vector<std::string> readCorpus(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const std::filesystem::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory;
  std::uint64_t inputs = 0;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--inputs" && i + 1 < argc) {
      inputs = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--seed" && i + 1 < argc) {
      seed = std::strtoull(argv[++i], nullptr, 10);
    } else {
      directory = word;
    }
  }
  if (directory.empty()) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY [--inputs N] [--seed S]\n", argv[0]);
    return 2;
  }
  for (int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, keepInput);
  std::vector<std::string> corpus = readCorpus(directory);
  if (corpus.empty()) {
    std::fprintf(stderr, "there is nothing in %s\n", directory.c_str());
    return 2;
  }
  for (const std::string& input : corpus) run(input);
  Mutator mutator(corpus, seed);
  for (std::uint64_t i = 0; i < inputs; ++i) run(mutator.next());
  std::printf("%zu files and %llu mutated inputs\n", corpus.size(),
              static_cast<unsigned long long>(inputs));
  return 0;
}
