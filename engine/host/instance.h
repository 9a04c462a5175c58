// One life of an object in memory: the user's object, its gates, and the engine's turn that the
// strand's turn opens with the first use of storage.
//
// The strand's turn: from the moment a worker begins to run something of the object until that
// returns. Awaiting storage does not return; awaiting anything else does. At its end what was
// written is committed, and what leaves the object is held until the commit is durable.
//
// Everything here is for the strand, except where it says otherwise.
#pragma once

#include <cairn/durable_object.h>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <asio/cancellation_signal.hpp>

#include "alarms/alarm_table.h"
#include "engine/host/actor.h"
#include "engine/host/gate.h"
#include "engine/open_turn.h"

namespace cairn::host {

/// Unwinds what runs when `abort` is called. Not an exception of the standard's, so that handlers
/// do not catch it by accident.
struct AbortSignal {};

/// A critical section and whoever waits for its end.
class SectionResult {
 public:
  bool over = false;
  std::exception_ptr error;
  std::shared_ptr<Scope> scope;
  std::uint64_t timer = 0;
  std::shared_ptr<Scope> waiterScope;
  UniqueFunction<void()> waiter;
};

/// Whether a failed alarm attempt counts towards giving up.
enum class Blame { kHandler, kStorage };

class Instance : public std::enable_shared_from_this<Instance> {
 public:
  explicit Instance(std::shared_ptr<Actor> actor);
  ~Instance();

  /// Opens the gate for good; to be called once the instance is owned.
  void start();

  [[nodiscard]] Actor& actor() const { return *actor_; }
  [[nodiscard]] Core& core() const { return actor_->core(); }
  [[nodiscard]] DurableObjectState& state() { return *state_; }
  [[nodiscard]] InputGate& gate() { return *gate_; }
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] bool hasTurn() const { return turn_.has_value(); }
  [[nodiscard]] bool idle() const { return active_.empty() && sections_ == 0 && gate_->empty(); }

  /// The instance whose turn this thread is in; null outside of turns.
  static Instance* running();
  [[nodiscard]] static const std::shared_ptr<Scope>& runningScope();

  /// Runs one thing as a turn.
  void runTurn(InputGate::Next next);
  void begin(const std::shared_ptr<Event>& event);
  void beginAlarm(const std::shared_ptr<AlarmDelivery>& delivery);

  // Storage.
  /// The engine's turn, opened on first use. Throws: kConflict off the strand; kBroken.
  Session& session();
  [[nodiscard]] const std::string& locationHint();
  /// A write is about to be made.
  void wrote() { confirmedWrites_ = confirmedWrites_ || unconfirmed_ == 0; }
  void unconfirmed(int change) { unconfirmed_ += change; }
  std::optional<UnixMillis> readAlarm(std::string_view name);
  void writeAlarm(std::string_view name, UnixMillis time);
  void clearAlarm(std::string_view name);
  std::shared_ptr<SectionResult> openSection(SectionBody body);
  std::shared_ptr<SectionResult> openTransaction(SectionBody body);
  void rollback(Transaction& transaction);
  [[nodiscard]] unsigned transactions() const { return transactions_; }
  /// Commits what the turn wrote so far, if no transaction is open. Returns the object's last
  /// commit.
  Lsn commitNow();
  /// The session committed by itself.
  void noteCommit();

  // What leaves and what waits.
  /// Calls `send` once everything written so far is durable; with `afterAll`, unconfirmed writes
  /// too.
  void output(UniqueFunction<void()> send, bool afterAll = false);
  /// The same, to be awaited.
  Operation<> outputOpen(bool afterAll);
  /// Suspends; `arm` gets what resumes. It may be called in any thread, once.
  Task<> suspend(UniqueFunction<void(UniqueFunction<void()>)> arm);
  Task<> whenOver(std::shared_ptr<SectionResult> section);
  void waitUntil(Task<> work);

  /// Resets the object. Every later use of storage fails with the cause; what is suspended is
  /// dropped when it comes back.
  void breakWith(const std::exception_ptr& cause, Blame blame);
  [[noreturn]] void abort(const std::string& reason, const AbortOptions& options);
  /// Leaves without harm: the object has nothing to do.
  void retire();

 private:
  struct Active {
    std::shared_ptr<Event> event;
    std::string what;
    asio::cancellation_signal cancel;
    std::size_t index = 0;
  };
  struct RunningAlarm {
    std::shared_ptr<AlarmDelivery> delivery;
    alarms::Alarm row;
    bool replaced = false;  ///< It was set anew since.
    std::uint64_t timer = 0;
  };
  struct Send {
    UniqueFunction<void()> run;
    bool afterAll;  ///< After unconfirmed writes, too.
  };
  struct Ending {
    std::shared_ptr<Event> event;
    std::exception_ptr error;
  };

  void construct();
  void endTurn();
  void letOut();
  void hold(Ending ending);
  void dispatch(Send send);
  /// What whoever waits is told when `cause` resets the object.
  static std::exception_ptr resetBy(const std::exception_ptr& cause);
  static void breakLater(const std::weak_ptr<Instance>& weak, const std::exception_ptr& cause);
  void watchGate();
  std::shared_ptr<Active> addActive(std::shared_ptr<Event> event, std::string what);
  void dropActive(const std::shared_ptr<Active>& active);
  void finish(const std::shared_ptr<Active>& active, std::exception_ptr error);
  void spawn(const std::shared_ptr<Active>& active, Task<> task);
  void spawn(const std::shared_ptr<Scope>& scope, Task<> task);
  Task<> runEvent(std::shared_ptr<Instance> self, std::shared_ptr<Active> active, Task<> task);
  Task<> runAlarm(std::shared_ptr<Instance> self, std::shared_ptr<Active> active, std::string name);
  Task<> runSection(std::shared_ptr<Instance> self, std::shared_ptr<SectionResult> section,
                    SectionBody body, bool transactional);
  Task<> runBackground(std::shared_ptr<Instance> self, std::shared_ptr<Active> active, Task<> task);
  std::shared_ptr<SectionResult> openScope(SectionBody body, bool transactional);
  void beginSection(const std::shared_ptr<SectionResult>& section, SectionBody body,
                    bool transactional);
  void finishSection(const std::shared_ptr<SectionResult>& section, std::exception_ptr error);
  std::unique_ptr<Transaction> beginTransaction();
  /// Returns the error the transaction ends with.
  std::exception_ptr endTransaction(Transaction& transaction, std::exception_ptr error);
  void alarmEnded(const std::string& name, const std::exception_ptr& error);
  void settleAlarm(const std::string& name, RunningAlarm& running);
  /// What becomes of an alarm's row after a failed attempt; nothing: it is given up.
  std::optional<alarms::Alarm> afterFailure(const std::string& name, const alarms::Alarm& row,
                                            Blame blame);

  const std::shared_ptr<Actor> actor_;
  std::unique_ptr<InputGate> gate_;
  std::unique_ptr<DurableObjectState> state_;
  std::unique_ptr<DurableObject> object_;
  bool constructing_ = false;

  std::optional<OpenTurn> turn_;
  std::string locationHint_;
  bool inTurn_ = false;
  unsigned transactions_ = 0;
  int unconfirmed_ = 0;
  bool confirmedWrites_ = false;  ///< Since the last commit.
  Lsn confirmed_;                 ///< The last commit that replies wait for.
  Lsn last_;                      ///< The last commit.

  std::vector<std::shared_ptr<Active>> active_;
  std::vector<Ending> ending_;  ///< Finished in this turn.
  std::vector<Send> sends_;     ///< Given to `output` in this turn.
  std::shared_ptr<std::atomic<std::uint64_t>> sendsHeld_;
  struct Held {
    std::shared_ptr<Event> event;
    std::int64_t sinceNs;
  };
  std::deque<Held> held_;  ///< Replies that wait for the disk.
  bool gateWatched_ = false;
  std::map<std::string, RunningAlarm, std::less<>> alarms_;
  std::vector<std::string> alarmsEnding_;  ///< Succeeded in this turn.
  std::size_t sections_ = 0;
  std::vector<std::shared_ptr<SectionResult>> awaited_;  ///< Whose end a coroutine waits for.

  bool broken_ = false;
  std::exception_ptr cause_;
  Blame blame_ = Blame::kHandler;
  bool retryAlarm_ = true;
  std::shared_ptr<std::atomic<bool>> open_;  ///< Cleared by a reset: nothing more leaves.
};

}  // namespace cairn::host
