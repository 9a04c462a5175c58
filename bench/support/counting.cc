#include "bench/support/counting.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace bench {
namespace {

// One line per few threads, so that counting does not make them wait for each other.
struct alignas(64) Line {
  std::atomic<std::uint64_t> writtenBytes{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> allocations{0};
};
std::array<Line, 64> lines;
std::atomic<unsigned> nextLine{0};
constinit thread_local unsigned mine = 0;
constinit thread_local std::uint64_t allocationsHere = 0;

Line& line() {
  if (mine == 0) mine = nextLine.fetch_add(1, std::memory_order_relaxed) % lines.size() + 1;
  return lines[mine - 1];
}

void allocated() {
  ++allocationsHere;
  line().allocations.fetch_add(1, std::memory_order_relaxed);
}

// 0: not known, 1: every write is synced, 2: not.
std::array<std::atomic<unsigned char>, 65536> kinds;

bool writesAreSynced(int descriptor) {
  auto index = static_cast<std::size_t>(descriptor);
  unsigned char kind = index < kinds.size() ? kinds[index].load(std::memory_order_relaxed) : 0;
  if (kind == 0) {
    int flags = ::fcntl(descriptor, F_GETFL);
    kind = flags >= 0 && (flags & O_DSYNC) != 0 ? 1 : 2;
    if (index < kinds.size()) kinds[index].store(kind, std::memory_order_relaxed);
  }
  return kind == 1;
}

ssize_t wrote(int descriptor, ssize_t result) {
  if (result <= 0) return result;
  int before = errno;
  line().writtenBytes.fetch_add(static_cast<std::uint64_t>(result), std::memory_order_relaxed);
  if (writesAreSynced(descriptor)) line().syncs.fetch_add(1, std::memory_order_relaxed);
  errno = before;
  return result;
}

int synced(long result) {
  line().syncs.fetch_add(1, std::memory_order_relaxed);
  return static_cast<int>(result);
}

}  // namespace

Counts countsNow() {
  Counts counts;
  for (const Line& one : lines) {
    counts.writtenBytes += one.writtenBytes.load(std::memory_order_relaxed);
    counts.syncs += one.syncs.load(std::memory_order_relaxed);
    counts.allocations += one.allocations.load(std::memory_order_relaxed);
  }
  return counts;
}

std::uint64_t allocationsOfThisThread() { return allocationsHere; }

}  // namespace bench

using bench::allocated;
using bench::synced;
using bench::wrote;

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);

void* malloc(std::size_t size) {
  allocated();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  allocated();
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  allocated();
  return __libc_realloc(old, size);
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) {
  return wrote(descriptor, ::syscall(SYS_write, descriptor, bytes, size));
}
ssize_t pwrite(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  return wrote(descriptor, ::syscall(SYS_pwrite64, descriptor, bytes, size, offset));
}
ssize_t pwrite64(int descriptor, const void* bytes, std::size_t size, off64_t offset) {
  return wrote(descriptor, ::syscall(SYS_pwrite64, descriptor, bytes, size, offset));
}
ssize_t writev(int descriptor, const struct iovec* pieces, int count) {
  return wrote(descriptor, ::syscall(SYS_writev, descriptor, pieces, count));
}
ssize_t pwritev(int descriptor, const struct iovec* pieces, int count, off_t offset) {
  return wrote(descriptor, ::syscall(SYS_pwritev, descriptor, pieces, count, offset, 0));
}
int fsync(int descriptor) { return synced(::syscall(SYS_fsync, descriptor)); }
int fdatasync(int descriptor) { return synced(::syscall(SYS_fdatasync, descriptor)); }
int msync(void* address, std::size_t size, int flags) {
  return synced(::syscall(SYS_msync, address, size, flags));
}
int close(int descriptor) {
  if (descriptor >= 0 && static_cast<std::size_t>(descriptor) < bench::kinds.size())
    bench::kinds[static_cast<std::size_t>(descriptor)].store(0, std::memory_order_relaxed);
  return static_cast<int>(::syscall(SYS_close, descriptor));
}

}  // extern "C"
