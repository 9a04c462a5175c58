// The disk's own rate: overwrites of a page in the middle of a file that is preallocated and
// already written, each made durable with fdatasync. No engine that syncs its commits can be faster
// with one in flight.
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
#include <vector>

#include "bench/engines/store.h"

namespace bench {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 4096;

class Floor final : public Store {
 public:
  explicit Floor(const std::string& directory)
      : file_(::open((directory + "/floor").c_str(), O_RDWR | O_CREAT, 0600)), page_(kPage, 'x') {
    require(file_ >= 0, "floor: cannot make the file");
    for (std::size_t i = 0; i < kPages; ++i) write(i);
    require(::fsync(file_) == 0, "floor: fsync");
  }
  ~Floor() override { ::close(file_); }

  void put(std::span<const Pair>) override {
    write(next_++ % kPages);
    require(::fdatasync(file_) == 0, "floor: fdatasync");
  }
  void increment(std::string_view, Done done) override {
    put(std::span<const Pair>());
    done.now();
  }
  void read(const std::function<void(Reader&)>&) override {
    throw std::logic_error("the floor holds nothing");
  }
  void clear() override { put(std::span<const Pair>()); }

 private:
  void write(std::size_t page) {
    require(::pwrite(file_, page_.data(), kPage, static_cast<off_t>(page * kPage)) ==
                static_cast<ssize_t>(kPage),
            "floor: pwrite");
  }

  int file_;
  std::vector<char> page_;
  std::size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Store> openFloor(const std::string& directory) {
  return std::make_unique<Floor>(directory);
}

}  // namespace bench
