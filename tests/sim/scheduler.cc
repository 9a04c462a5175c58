#include "tests/sim/scheduler.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <linux/futex.h>
#include <memory>
#include <pthread.h>
#include <random>
#include <sched.h>
#include <semaphore.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace cairn::test {

namespace {

constexpr std::int64_t kNever = INT64_MAX;
constexpr std::int64_t kRealtimeBaseNs = std::int64_t{1'700'000'000} * 1'000'000'000;

// The system's own calls.
template <typename Function>
Function* systemCall(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

struct Thread {
  enum class State { kReady, kWaiting, kEnded };
  unsigned number = 0;
  State state = State::kReady;
  const void* waitsFor = nullptr;
  const char* why = "";
  std::int64_t deadline = kNever;
  bool timedOut = false;
  pthread_t handle{};
  sem_t turn;
  void* (*start)(void*) = nullptr;
  void* argument = nullptr;
};

class Run;
Run* active = nullptr;
thread_local Thread* self = nullptr;

// Only the thread whose turn it is touches this; the semaphores hand it on.
class Run {
 public:
  explicit Run(const Scheduler::Options& options) : options_(options), random_(options.seed) {}

  Thread* add() {
    threads_.push_back(std::make_unique<Thread>());
    Thread* thread = threads_.back().get();
    thread->number = static_cast<unsigned>(threads_.size() - 1);
    ::sem_init(&thread->turn, 0, 0);
    return thread;
  }
  Thread* find(pthread_t handle) {
    for (auto& thread : threads_) {
      if (thread->number != 0 && ::pthread_equal(thread->handle, handle) != 0) return thread.get();
    }
    return nullptr;
  }

  std::uint64_t random(std::uint64_t below) { return random_() % below; }
  std::uint64_t anyNumber() { return random_(); }
  [[nodiscard]] std::int64_t now() const { return now_; }
  void pass(std::int64_t nanoseconds) { now_ += nanoseconds; }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

  void meet() {
    pass(static_cast<std::int64_t>(50 + random(500)));
    if (++steps_ > options_.stepsMax) stuck("livelock: too many steps");
    if (random(options_.switchEvery) == 0) handOver(pick());
  }

  // Returns whether the deadline passed.
  bool wait(const void* what, const char* why, std::int64_t deadline) {
    self->state = Thread::State::kWaiting;
    self->waitsFor = what;
    self->why = why;
    self->deadline = deadline;
    self->timedOut = false;
    handOver(pick());
    return self->timedOut;
  }

  void wakeAll(const void* what) {
    for (auto& thread : threads_) {
      if (thread->state == Thread::State::kWaiting && thread->waitsFor == what) ready(*thread);
    }
  }
  void wakeOne(const void* what) {
    std::vector<Thread*> waiting;
    for (auto& thread : threads_) {
      if (thread->state == Thread::State::kWaiting && thread->waitsFor == what)
        waiting.push_back(thread.get());
    }
    if (!waiting.empty()) ready(*waiting[random(waiting.size())]);
  }

  void end() {
    self->state = Thread::State::kEnded;
    wakeAll(self);
    Thread* next = pick();
    self = nullptr;
    ::sem_post(&next->turn);
  }

  static void awaitTurn(Thread& thread) {
    while (::sem_wait(&thread.turn) != 0) {
    }
  }

 private:
  static void ready(Thread& thread) {
    thread.state = Thread::State::kReady;
    thread.waitsFor = nullptr;
    thread.deadline = kNever;
  }

  Thread* pick() {
    for (;;) {
      std::vector<Thread*> candidates;
      std::int64_t earliest = kNever;
      for (auto& thread : threads_) {
        if (thread->state == Thread::State::kWaiting && thread->deadline <= now_) {
          ready(*thread);
          thread->timedOut = true;
        }
        if (thread->state == Thread::State::kReady) candidates.push_back(thread.get());
        if (thread->state == Thread::State::kWaiting)
          earliest = std::min(earliest, thread->deadline);
      }
      if (!candidates.empty()) {
        Thread* chosen = candidates[random(candidates.size())];
        fingerprint_ = (fingerprint_ ^ chosen->number) * 0x100000001b3ULL + steps_;
        return chosen;
      }
      if (earliest == kNever) stuck("deadlock: no thread can go on");
      now_ = earliest;
    }
  }

  static void handOver(Thread* next) {
    if (next == self) return;
    Thread* me = self;
    ::sem_post(&next->turn);
    awaitTurn(*me);
  }

  [[noreturn]] void stuck(const char* what) {
    std::printf("%s\n", what);
    for (auto& thread : threads_) {
      const char* state = thread->state == Thread::State::kReady   ? "ready"
                          : thread->state == Thread::State::kEnded ? "ended"
                                                                   : thread->why;
      if (thread->state != Thread::State::kEnded)
        std::printf("  thread %u: %s %p\n", thread->number, state, thread->waitsFor);
    }
    if (options_.onStuck) options_.onStuck(what);
    std::fflush(stdout);
    if (std::getenv("CAIRN_SIM_ABORT") != nullptr) std::abort();
    ::_exit(3);
  }

  const Scheduler::Options& options_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::int64_t now_ = 1'000'000;
  std::uint64_t steps_ = 0;
  std::uint64_t fingerprint_ = 0xcbf29ce484222325ULL;
};

// Whether the calling thread is one of the run's.
bool ours() { return self != nullptr; }

void* threadMain(void* argument) {
  auto* thread = static_cast<Thread*>(argument);
  Run::awaitTurn(*thread);
  self = thread;
  void* result = thread->start(thread->argument);
  active->end();
  return result;
}

std::int64_t toNanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Locks by trying, so that the lock itself is always as the system knows it.
template <typename Try>
int lockByTrying(const void* what, const char* why, Try attempt) {
  active->meet();
  for (;;) {
    int result = attempt();
    if (result != EBUSY) return result;
    active->wait(what, why, kNever);
  }
}

using MutexCall = int(pthread_mutex_t*);
using RwlockCall = int(pthread_rwlock_t*);

int tryMutex(pthread_mutex_t* mutex) {
  static auto* call = systemCall<MutexCall>("pthread_mutex_trylock");
  return call(mutex);
}
int unlockMutex(pthread_mutex_t* mutex) {
  static auto* call = systemCall<MutexCall>("pthread_mutex_unlock");
  return call(mutex);
}

int waitCondition(pthread_cond_t* condition, pthread_mutex_t* mutex, std::int64_t deadline) {
  unlockMutex(mutex);
  active->wakeAll(mutex);
  bool timedOut = false;
  if (active->random(50) == 0) {
    active->meet();  // Woken for no reason, as the standard allows.
  } else {
    timedOut = active->wait(condition, "waits for a condition", deadline);
  }
  lockByTrying(mutex, "waits for a mutex", [&] { return tryMutex(mutex); });
  return timedOut ? ETIMEDOUT : 0;
}

}  // namespace

void Scheduler::run(const Options& options, const std::function<void()>& work) {
  Run run(options);
  active = &run;
  Thread* first = run.add();
  self = first;
  try {
    work();
  } catch (...) {
    self = nullptr;
    active = nullptr;
    throw;
  }
  self = nullptr;
  active = nullptr;
}

void Scheduler::pause(std::uint64_t nanoseconds) {
  if (!ours()) return;
  active->wait(self, "the disk", active->now() + static_cast<std::int64_t>(nanoseconds));
}

bool Scheduler::running() { return ours(); }
std::int64_t Scheduler::now() { return active != nullptr ? active->now() : 0; }
std::uint64_t Scheduler::fingerprint() { return active != nullptr ? active->fingerprint() : 0; }

}  // namespace cairn::test

// ---- the calls themselves

using cairn::test::active;
using cairn::test::lockByTrying;
using cairn::test::ours;
using cairn::test::systemCall;

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static auto* call = systemCall<cairn::test::MutexCall>("pthread_mutex_lock");
  if (!ours()) return call(mutex);
  return lockByTrying(mutex, "waits for a mutex", [&] { return cairn::test::tryMutex(mutex); });
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  if (ours()) active->meet();
  return cairn::test::tryMutex(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  int result = cairn::test::unlockMutex(mutex);
  if (!ours()) return result;
  active->wakeAll(mutex);
  active->meet();
  return result;
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  static auto* call = systemCall<cairn::test::RwlockCall>("pthread_rwlock_rdlock");
  static auto* attempt = systemCall<cairn::test::RwlockCall>("pthread_rwlock_tryrdlock");
  if (!ours()) return call(lock);
  return lockByTrying(lock, "waits to read under a lock", [&] { return attempt(lock); });
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  static auto* call = systemCall<cairn::test::RwlockCall>("pthread_rwlock_wrlock");
  static auto* attempt = systemCall<cairn::test::RwlockCall>("pthread_rwlock_trywrlock");
  if (!ours()) return call(lock);
  return lockByTrying(lock, "waits to write under a lock", [&] { return attempt(lock); });
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
  static auto* call = systemCall<cairn::test::RwlockCall>("pthread_rwlock_unlock");
  int result = call(lock);
  if (!ours()) return result;
  active->wakeAll(lock);
  active->meet();
  return result;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static auto* call = systemCall<int(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait");
  if (!ours()) return call(condition, mutex);
  return cairn::test::waitCondition(condition, mutex, cairn::test::kNever);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  static auto* call =
      systemCall<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  if (!ours()) return call(condition, mutex, until);
  return cairn::test::waitCondition(
      condition, mutex, cairn::test::toNanoseconds(*until) - cairn::test::kRealtimeBaseNs);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  static auto* call =
      systemCall<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
          "pthread_cond_clockwait");
  if (!ours()) return call(condition, mutex, clock, until);
  std::int64_t base = clock == CLOCK_REALTIME ? cairn::test::kRealtimeBaseNs : 0;
  return cairn::test::waitCondition(condition, mutex, cairn::test::toNanoseconds(*until) - base);
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  static auto* call = systemCall<int(pthread_cond_t*)>("pthread_cond_signal");
  if (!ours()) return call(condition);
  active->wakeOne(condition);
  active->meet();
  return 0;
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  static auto* call = systemCall<int(pthread_cond_t*)>("pthread_cond_broadcast");
  if (!ours()) return call(condition);
  active->wakeAll(condition);
  active->meet();
  return 0;
}

// The waiting below std::atomic's and below the guard of a function's static variable: while *word
// is as expected, until somebody wakes its waiters.
long syscall(long number, ...) noexcept {
  static auto* call = systemCall<long(long, ...)>("syscall");
  std::va_list list;
  va_start(list, number);
  std::array<long, 6> arguments;
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  auto* word = reinterpret_cast<int*>(arguments[0]);
  int operation = static_cast<int>(arguments[1]) & FUTEX_CMD_MASK;
  if (number != SYS_futex || !ours()) {
    return call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
  }
  if (operation == FUTEX_WAKE) {
    active->wakeAll(word);
    active->meet();
    return 0;
  }
  if (operation != FUTEX_WAIT || arguments[3] != 0) std::abort();
  active->meet();
  if (std::atomic_ref<int>(*word).load() != static_cast<int>(arguments[2])) {
    errno = EAGAIN;
    return -1;
  }
  active->wait(word, "waits for a word of memory", cairn::test::kNever);
  return 0;
}

int pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  static auto* call =
      systemCall<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  if (!ours()) return call(handle, attributes, start, argument);
  cairn::test::Thread* thread = active->add();
  thread->start = start;
  thread->argument = argument;
  int result = call(handle, attributes, &cairn::test::threadMain, thread);
  if (result != 0) {
    thread->state = cairn::test::Thread::State::kEnded;
    return result;
  }
  thread->handle = *handle;
  active->meet();
  return 0;
}

int pthread_join(pthread_t handle, void** result) {
  static auto* call = systemCall<int(pthread_t, void**)>("pthread_join");
  if (!ours()) return call(handle, result);
  cairn::test::Thread* thread = active->find(handle);
  while (thread != nullptr && thread->state != cairn::test::Thread::State::kEnded)
    active->wait(thread, "joins a thread", cairn::test::kNever);
  // Handles are used again once joined.
  if (thread != nullptr) thread->handle = {};
  return call(handle, result);
}

int sched_yield() noexcept {
  static auto* call = systemCall<int()>("sched_yield");
  if (!ours()) return call();
  // Whoever yields waits for somebody else: it is let go on again only after a while.
  active->wait(nullptr, "yields", active->now() + 2'000);
  return 0;
}

int nanosleep(const timespec* length, timespec* left) {
  static auto* call = systemCall<int(const timespec*, timespec*)>("nanosleep");
  if (!ours()) return call(length, left);
  active->wait(nullptr, "sleeps", active->now() + cairn::test::toNanoseconds(*length));
  return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* length, timespec* left) {
  static auto* call =
      systemCall<int(clockid_t, int, const timespec*, timespec*)>("clock_nanosleep");
  if (!ours()) return call(clock, flags, length, left);
  std::int64_t until = cairn::test::toNanoseconds(*length);
  if (flags != TIMER_ABSTIME) until += active->now();
  if (flags == TIMER_ABSTIME && clock == CLOCK_REALTIME) until -= cairn::test::kRealtimeBaseNs;
  active->wait(nullptr, "sleeps", until);
  return 0;
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static auto* call = systemCall<int(clockid_t, timespec*)>("clock_gettime");
  if (!ours()) return call(clock, time);
  active->pass(100);
  std::int64_t now = active->now() + (clock == CLOCK_REALTIME ? cairn::test::kRealtimeBaseNs : 0);
  time->tv_sec = now / 1'000'000'000;
  time->tv_nsec = now % 1'000'000'000;
  return 0;
}

ssize_t getrandom(void* bytes, size_t size, unsigned flags) {
  static auto* call = systemCall<ssize_t(void*, size_t, unsigned)>("getrandom");
  if (!ours()) return call(bytes, size, flags);
  auto* out = static_cast<unsigned char*>(bytes);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(active->anyNumber());
  return static_cast<ssize_t>(size);
}

}  // extern "C"
