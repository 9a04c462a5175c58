#include "sql_frontend/row_counts.h"

#include <algorithm>
#include <map>

#include <sqlite3.h>

namespace cairn::sql {

namespace {

// From SQLite's vdbe.h and sqliteInt.h: what the p5 of Insert and IdxInsert, the p2 of Delete and
// the p5 of OpenRead say, and what the p2 of Halt is for RAISE(IGNORE).
constexpr int kCountsAsChange = 0x01;
constexpr int kSeeksEqual = 0x02;
constexpr int kIsUpdate = 0x04;
constexpr int kNoOperation = 0x40;
constexpr int kIgnore = 4;

// With more unknowns than this, solving would take too long.
constexpr int kUnknownsMax = 1'500;

LinearForm measured(Counter counter) {
  return LinearForm::of(LinearForm::measured(static_cast<int>(counter)));
}

LinearForm difference(const LinearForm& a, const LinearForm& b) {
  LinearForm result = a;
  result.add(b, -1);
  return result;
}

// What is known of a lookup's key.
enum class Key { kInteger, kParameter, kAnything };

}  // namespace

// Turns a program into equations.
class RuleBuilder {
 public:
  RuleBuilder(RowCountRule& rule, const Bytecode& code, bool finished)
      : rule_(rule), code_(code), finished_(finished) {}

  bool build();

 private:
  using Term = LinearForm::Term;
  struct Jump {
    int target;
    Term taken;
  };
  /// How often an instruction jumped; never, when it has nowhere to.
  static LinearForm jumped(const std::vector<Jump>& jumps) {
    return jumps.empty() ? LinearForm() : LinearForm::of(jumps.front().taken);
  }
  // One program while its equations are made.
  struct Section {
    int index;
    const std::vector<Instruction>& code;
    std::vector<std::vector<Jump>> jumps;  // By instruction.
    std::vector<LinearForm> arriving;      // By instruction: jumps to it.
    std::map<int, bool> own;               // By cursor: its table is the statement's own.
    std::map<int, bool> indexes;           // By cursor: an index, not a table.
    std::map<int, bool> equal;             // By cursor: only looks for equal keys.
    struct Coroutine {
      int entry = 0;
      int end = 0;
      LinearForm entered;  // Its first instruction, from whoever called first.
      LinearForm given;    // Its yields,
      LinearForm resumed;  // and how often it went on after one.
      LinearForm ended;
      LinearForm called;    // Its callers' yields,
      LinearForm answered;  // how often they went on,
      LinearForm told;      // and how often they were told that it had ended.
    };
    std::map<int, Coroutine> coroutines;  // By register.
    struct Subroutine {
      LinearForm back, returned;
    };
    std::map<int, Subroutine> subroutines;  // By register.
  };

  Term unknown() { return unknowns_++; }
  void require(const LinearForm& zero) { system_.addEquation(zero); }
  void requireEqual(const LinearForm& a, const LinearForm& b) { require(difference(a, b)); }

  void addSection(int index);
  void findCursors(Section& section);
  void findCoroutines(Section& section);
  void layJumps(Section& section);
  LinearForm follow(Section& section, int at, const LinearForm& reached);
  LinearForm followYield(Section& section, int at, const LinearForm& reached);
  LinearForm followHalt(const Section& section, const Instruction& op, const LinearForm& reached);
  void closeSection(Section& section);
  void count(const Section& section, int at, const LinearForm& reached);
  void countWrite(const Section& section, const Instruction& op, const LinearForm& reached);
  void countChange(const Section& section, int flags, const LinearForm& reached);
  void countEvent(const Section& section, const std::string& table, int action,
                  const LinearForm& reached);
  Key keyOf(const Section& section, int reg, int depth) const;
  void findCounted();
  void settleOnces();
  void measureTotals();
  void guess();

  RowCountRule& rule_;
  const Bytecode& code_;
  const bool finished_;
  LinearSystem system_;
  int unknowns_ = 0;
  bool known_ = true;

  std::vector<LinearForm> calls_;    // By program: how often it is entered.
  std::vector<LinearForm> ignored_;  // By program: how often it ended by RAISE(IGNORE).
  std::vector<std::pair<LinearForm, Term>> onces_;  // Reached, and not the first time.
  std::map<std::pair<std::string, std::pair<int, bool>>, LinearForm> events_;
  LinearForm steps_, loops_, scans_, autoIndex_, sorts_, hits_, misses_, results_, changes_;
  LinearForm standing_;               // On a row.
  std::vector<LinearForm> unlikely_;  // Jumps that mean that nothing was found.
  LinearForm read_, written_, doubtful_, strange_, toEnd_;
  bool countsChanges_ = false;
  bool readKnown_ = true;
};

bool RuleBuilder::build() {
  if (!code_.understood) return false;
  calls_.resize(code_.programs.size());
  ignored_.resize(code_.programs.size());
  for (std::size_t i = 1; i < calls_.size(); ++i) {
    calls_[i] = LinearForm::of(unknown());
    ignored_[i] = LinearForm::of(unknown());
  }
  calls_[0] = measured(Counter::kOne);
  findCounted();
  for (int i = 0; i < static_cast<int>(code_.programs.size()) && known_; ++i) addSection(i);
  if (!known_ || unknowns_ > kUnknownsMax) return false;
  measureTotals();
  settleOnces();
  if (readKnown_) rule_.read_ = system_.determine(read_);
  rule_.written_ = system_.determine(written_);
  rule_.doubtfulLookups_ = system_.determine(doubtful_);
  rule_.strangeLookups_ = system_.determine(strange_);
  rule_.seeksToEnd_ = system_.determine(toEnd_);
  rule_.conditions_ = system_.conditions();
  if (!rule_.read_ || !rule_.written_) guess();
  return true;
}

// What the counts would be had everything been found that was looked for.
void RuleBuilder::guess() {
  for (const LinearForm& jumps : unlikely_) system_.assume(jumps);
  if (readKnown_) rule_.likelyRead_ = system_.determine(read_);
  rule_.likelyWritten_ = system_.determine(written_);
  rule_.likelySeeksToEnd_ = system_.determine(toEnd_);
}

void RuleBuilder::addSection(int index) {
  Section section{.index = index, .code = code_.programs[static_cast<std::size_t>(index)]};
  std::size_t size = section.code.size();
  section.jumps.resize(size);
  section.arriving.resize(size + 1);
  findCursors(section);
  findCoroutines(section);
  layJumps(section);
  if (!known_ || unknowns_ > kUnknownsMax) return;
  section.arriving[0].add(calls_[static_cast<std::size_t>(index)]);
  LinearForm ignoredHere;
  LinearForm reached;
  for (std::size_t i = 0; i <= size; ++i) {
    if (!section.arriving[i].empty()) {
      // Short forms stay short: where ways meet, their sum gets a name.
      reached.add(section.arriving[i]);
      Term met = unknown();
      requireEqual(LinearForm::of(met), reached);
      reached = LinearForm::of(met);
    }
    if (i == size) break;  // Past the end is a Halt.
    if (reached.empty()) {
      // No way leads here.
      for (const Jump& jump : section.jumps[i]) require(LinearForm::of(jump.taken));
    }
    steps_.add(reached);
    count(section, static_cast<int>(i), reached);
    if (section.code[i].op == Op::kHalt && section.code[i].p1 == 0 && section.code[i].p2 == kIgnore)
      ignoredHere.add(reached);
    reached = follow(section, static_cast<int>(i), reached);
  }
  closeSection(section);
  if (index > 0) requireEqual(ignored_[static_cast<std::size_t>(index)], ignoredHere);
}

void RuleBuilder::findCursors(Section& section) {
  for (const Instruction& op : section.code) {
    if (op.op == Op::kOpenOwn) section.own[op.p1] = true;
    if (op.op != Op::kOpen) continue;
    bool index = op.p4.starts_with("k(");
    bool equal = index && (op.p5 & kSeeksEqual) != 0;
    auto [place, added] = section.equal.try_emplace(op.p1, equal);
    // Opened in two ways, a cursor's lookups could end in either.
    if (!added && place->second != equal) known_ = false;
    section.indexes[op.p1] = index;
  }
}

void RuleBuilder::findCoroutines(Section& section) {
  for (std::size_t i = 0; i < section.code.size(); ++i) {
    const Instruction& op = section.code[i];
    if (op.op != Op::kInitCoroutine) continue;
    auto [place, added] = section.coroutines.try_emplace(op.p1);
    Section::Coroutine& coroutine = place->second;
    if (!added) {
      // Named again where it is first called.
      if (coroutine.entry == op.p3) continue;
      known_ = false;
      return;
    }
    coroutine.entry = op.p3;
    auto end = std::find_if(section.code.begin() + op.p3, section.code.end(),
                            [&](const Instruction& candidate) {
                              return candidate.op == Op::kEndCoroutine && candidate.p1 == op.p1;
                            });
    if (end == section.code.end()) {
      known_ = false;
      return;
    }
    coroutine.end = static_cast<int>(end - section.code.begin());
    coroutine.entered = LinearForm::of(unknown());
    section.arriving[static_cast<std::size_t>(op.p3)].add(coroutine.entered);
  }
}

// Names every jump, so that it is known where it arrives before the place is reached.
void RuleBuilder::layJumps(Section& section) {
  auto lay = [&](std::size_t from, int target) {
    if (target < 0 || target > static_cast<int>(section.code.size())) {
      known_ = false;
      return;
    }
    Term taken = unknown();
    section.jumps[from].push_back({target, taken});
    section.arriving[static_cast<std::size_t>(target)].add(taken, 1);
  };
  for (std::size_t i = 0; i < section.code.size(); ++i) {
    const Instruction& op = section.code[i];
    switch (op.op) {
      case Op::kGoto:
      case Op::kGosub:
        lay(i, op.p2);
        break;
      case Op::kCompareJump:
        lay(i, op.p1);
        lay(i, op.p2);
        lay(i, op.p3);
        break;
      case Op::kSeekScan:
        lay(i, op.p2);
        if (i + 1 < section.code.size()) lay(i, section.code[i + 1].p2);
        break;
      case Op::kSeek:
        lay(i, op.p2);
        // A hit of a lookup for an equal key skips the comparison that follows.
        if (section.equal[op.p1]) lay(i, static_cast<int>(i) + 2);
        break;
      case Op::kBranch:
      case Op::kIsNull:
      case Op::kOnce:
      case Op::kNext:
      case Op::kVNext:
      case Op::kRewind:
      case Op::kSort:
      case Op::kSeekRowid:
      case Op::kNotExists:
      case Op::kFilter:
      case Op::kInitCoroutine:
      case Op::kProgram:
        if (op.p2 > 0) lay(i, op.p2);
        break;
      case Op::kYield:
        if (op.p2 > 0) lay(i, op.p2);
        break;
      case Op::kUnknown:
        known_ = false;
        break;
      default:
        break;
    }
  }
}

// What goes on from an instruction to the next one.
LinearForm RuleBuilder::follow(Section& section, int at, const LinearForm& reached) {
  const Instruction& op = section.code[static_cast<std::size_t>(at)];
  const std::vector<Jump>& jumps = section.jumps[static_cast<std::size_t>(at)];
  LinearForm onward = reached;
  for (const Jump& jump : jumps) onward.add(jump.taken, -1);
  switch (op.op) {
    case Op::kGoto:
    case Op::kCompareJump:
      require(onward);
      return {};
    case Op::kSeek:
      if (!section.equal[op.p1]) return onward;
      require(onward);
      return {};
    case Op::kInitCoroutine:
      if (jumps.empty()) return onward;
      require(onward);
      return {};
    case Op::kHalt:
      return followHalt(section, op, reached);
    case Op::kGosub: {
      require(onward);
      LinearForm back = LinearForm::of(unknown());
      section.subroutines[op.p1].back.add(back);
      if (finished_) requireEqual(back, reached);
      return back;
    }
    case Op::kReturn: {
      LinearForm inlined;
      if (op.p3 != 0) inlined = LinearForm::of(unknown());
      section.subroutines[op.p1].returned.add(difference(reached, inlined));
      return inlined;
    }
    case Op::kEndCoroutine:
      section.coroutines[op.p1].ended.add(reached);
      return {};
    case Op::kYield:
      return followYield(section, at, reached);
    case Op::kProgram: {
      LinearForm entered = reached;
      // A trigger does not call itself again unless recursion was asked for.
      if (op.p5 != 0 && section.index > 0) entered.add(unknown(), -1);
      requireEqual(calls_[static_cast<std::size_t>(op.callee)], entered);
      LinearForm ignored;
      for (const Jump& jump : jumps) ignored.add(jump.taken, 1);
      requireEqual(ignored, ignored_[static_cast<std::size_t>(op.callee)]);
      return onward;
    }
    case Op::kOnce:
      if (section.index == 0 && !jumps.empty()) onces_.emplace_back(reached, jumps.front().taken);
      return onward;
    case Op::kResultRow: {
      results_.add(reached);
      if (finished_) return reached;
      Term standing = unknown();
      standing_.add(standing, 1);
      onward.add(standing, -1);
      return onward;
    }
    default:
      return onward;
  }
}

LinearForm RuleBuilder::followHalt(const Section& section, const Instruction& op,
                                   const LinearForm& reached) {
  // A statement that failed has no counts, and one that stands on a row has not ended.
  if (op.p1 != 0 || (section.index == 0 && !finished_)) require(reached);
  return {};
}

LinearForm RuleBuilder::followYield(Section& section, int at, const LinearForm& reached) {
  const Instruction& op = section.code[static_cast<std::size_t>(at)];
  auto found = section.coroutines.find(op.p1);
  if (found == section.coroutines.end()) {
    known_ = false;
    return {};
  }
  Section::Coroutine& coroutine = found->second;
  LinearForm onward = LinearForm::of(unknown());
  if (at >= coroutine.entry && at <= coroutine.end) {
    coroutine.given.add(reached);
    coroutine.resumed.add(onward);
    return onward;
  }
  LinearForm told;
  for (const Jump& jump : section.jumps[static_cast<std::size_t>(at)]) told.add(jump.taken, 1);
  coroutine.called.add(reached);
  coroutine.answered.add(onward);
  coroutine.told.add(told);
  told.add(onward);
  requireEqual(reached, told);
  return onward;
}

// A subroutine goes back to whoever called it, and so does a coroutine with each of its rows.
void RuleBuilder::closeSection(Section& section) {
  for (const auto& [reg, coroutine] : section.coroutines) {
    requireEqual(coroutine.answered, coroutine.given);
    requireEqual(coroutine.told, coroutine.ended);
    LinearForm run = coroutine.entered;
    run.add(coroutine.resumed);
    requireEqual(coroutine.called, run);
  }
  for (const auto& [reg, subroutine] : section.subroutines)
    requireEqual(subroutine.back, subroutine.returned);
}

void RuleBuilder::count(const Section& section, int at, const LinearForm& reached) {
  const Instruction& op = section.code[static_cast<std::size_t>(at)];
  const std::vector<Jump>& jumps = section.jumps[static_cast<std::size_t>(at)];
  auto lookup = [&](LinearForm missed) {
    Key key = keyOf(section, op.p3, 0);
    if (key == Key::kParameter) strange_.add(missed);
    if (key == Key::kAnything) doubtful_.add(missed);
  };
  switch (op.op) {
    case Op::kNext: {
      LinearForm taken = jumped(jumps);
      read_.add(taken);
      if (op.p5 == 0) {
        loops_.add(taken);
      } else if (op.p5 == SQLITE_STMTSTATUS_FULLSCAN_STEP) {
        scans_.add(taken);
      } else if (op.p5 == SQLITE_STMTSTATUS_AUTOINDEX) {
        autoIndex_.add(taken);
      } else {
        known_ = false;
      }
      break;
    }
    case Op::kSort:
      sorts_.add(reached);
      read_.add(reached);
      unlikely_.push_back(jumped(jumps));
      break;
    case Op::kIsNull:
      unlikely_.push_back(jumped(jumps));
      break;
    case Op::kRewind:
      read_.add(reached);
      unlikely_.push_back(jumped(jumps));
      break;
    case Op::kVNext:
    case Op::kNotExists:
      read_.add(reached);
      break;
    case Op::kOnce:
      unlikely_.push_back(difference(difference(reached, jumped(jumps)), measured(Counter::kOne)));
      break;
    case Op::kSeekEnd:
      toEnd_.add(reached);
      break;
    case Op::kSeek: {
      unlikely_.push_back(jumped(jumps));
      auto equal = section.equal.find(op.p1);
      if (equal != section.equal.end() && equal->second) {
        if (!jumps.empty()) read_.add(jumps.back().taken, 1);
        break;
      }
      read_.add(reached);
      auto index = section.indexes.find(op.p1);
      if (index != section.indexes.end() && !index->second) lookup(jumped(jumps));
      break;
    }
    case Op::kSeekRowid:
      read_.add(reached);
      lookup(jumped(jumps));
      break;
    case Op::kFilter:
      hits_.add(jumped(jumps));
      misses_.add(difference(reached, jumped(jumps)));
      break;
    case Op::kCount:
      if (op.p3 != 0) break;  // An estimate, which reads nothing.
      if (section.index == 0 && rule_.countedColumn_ >= 0) {
        read_.add(measured(Counter::kCounted));
      } else {
        readKnown_ = false;
      }
      break;
    default:
      countWrite(section, op, reached);
  }
}

void RuleBuilder::countWrite(const Section& section, const Instruction& op,
                             const LinearForm& reached) {
  bool own = section.own.contains(op.p1);
  switch (op.op) {
    case Op::kInsert:
      if (own) break;
      if (!op.p4.empty() && (op.p5 & kIsUpdate) == 0)
        countEvent(section, op.p4, SQLITE_INSERT, reached);
      if ((op.p5 & kNoOperation) != 0) break;
      written_.add(reached);
      countChange(section, op.p5, reached);
      break;
    case Op::kIdxInsert:
      if (own) break;
      written_.add(reached);
      countChange(section, op.p5, reached);
      break;
    case Op::kDelete:
      if (own) break;
      if (!op.p4.empty()) {
        countEvent(section, op.p4, (op.p2 & kIsUpdate) != 0 ? SQLITE_UPDATE : SQLITE_DELETE,
                   reached);
      }
      if ((op.p2 & kNoOperation) != 0 || (op.p2 & kCountsAsChange) == 0) break;
      written_.add(reached);
      countChange(section, op.p2, reached);
      break;
    case Op::kVUpdate: {
      LinearForm done = reached;
      if (op.p5 == kIgnore) done = LinearForm::of(unknown());
      written_.add(done);
      countChange(section, kCountsAsChange, done);
      countsChanges_ = countsChanges_ || section.index == 0;
      break;
    }
    case Op::kClear: {
      if (op.p3 == 0) break;
      LinearForm rows = LinearForm::of(unknown());
      written_.add(rows);
      countChange(section, kCountsAsChange, rows);
      countsChanges_ = countsChanges_ || section.index == 0;
      break;
    }
    default:
      break;
  }
}

void RuleBuilder::countChange(const Section& section, int flags, const LinearForm& reached) {
  if (section.index == 0 && (flags & kCountsAsChange) != 0) changes_.add(reached);
}

void RuleBuilder::countEvent(const Section& section, const std::string& table, int action,
                             const LinearForm& reached) {
  events_[{table, {action, section.index > 0}}].add(reached);
}

// Which kind of value a register can hold, from every instruction that may write it.
Key RuleBuilder::keyOf(const Section& section, int reg, int depth) const {
  constexpr int kDepthMax = 4;
  if (depth > kDepthMax) return Key::kAnything;
  Key key = Key::kInteger;
  auto meet = [&](Key other) { key = std::max(key, other); };
  for (const Instruction& op : section.code) {
    switch (op.op) {
      case Op::kVariable:
        if (op.p2 == reg) meet(Key::kParameter);
        break;
      case Op::kCopy:
        if (reg >= op.p2 && reg <= op.p2 + op.p3)
          meet(keyOf(section, op.p1 + reg - op.p2, depth + 1));
        break;
      case Op::kColumn: {
        if (op.p3 != reg) break;
        if (!section.own.contains(op.p1)) {
          meet(Key::kAnything);
          break;
        }
        // The statement filled this table itself, as it does for IN (1, 2, 3).
        for (const Instruction& filler : section.code) {
          if (filler.op == Op::kInsert && filler.p1 == op.p1) meet(Key::kAnything);
          if (filler.op != Op::kIdxInsert || filler.p1 != op.p1) continue;
          for (const Instruction& record : section.code) {
            if (record.op != Op::kMakeRecord || record.p3 != filler.p2) continue;
            for (int i = 0; i < record.p2; ++i) meet(keyOf(section, record.p1 + i, depth + 1));
          }
        }
        break;
      }
      case Op::kCompute:
      case Op::kMakeRecord:
        if (op.p2 == reg || op.p3 == reg) meet(Key::kAnything);
        break;
      default:
        break;
    }
    if (key == Key::kAnything) break;
  }
  return key;
}

// Whether a result column shows what count(*) came to, as it does in SELECT count(*) FROM t.
void RuleBuilder::findCounted() {
  const Instruction* counter = nullptr;
  const Instruction* result = nullptr;
  for (const Instruction& op : code_.programs[0]) {
    if (op.op == Op::kCount && op.p3 == 0) {
      if (counter != nullptr) return;
      counter = &op;
    }
    if (op.op == Op::kResultRow) {
      if (result != nullptr) return;
      result = &op;
    }
  }
  if (counter == nullptr || result == nullptr) return;
  int reg = counter->p2;
  for (const Instruction& op : code_.programs[0]) {
    if (op.op == Op::kCopy && reg >= op.p1 && reg <= op.p1 + op.p3 && op.p2 >= result->p1)
      reg += op.p2 - op.p1;
  }
  int column = reg - result->p1;
  constexpr int kFirstRowColumns = 4;
  if (column >= 0 && column < result->p2 && column < kFirstRowColumns)
    rule_.countedColumn_ = column;
}

void RuleBuilder::measureTotals() {
  requireEqual(steps_, measured(Counter::kSteps));
  requireEqual(loops_, measured(Counter::kLoops));
  requireEqual(scans_, measured(Counter::kScans));
  requireEqual(autoIndex_, measured(Counter::kAutoIndex));
  requireEqual(sorts_, measured(Counter::kSorts));
  requireEqual(hits_, measured(Counter::kFilterHits));
  requireEqual(misses_, measured(Counter::kFilterMisses));
  requireEqual(results_, measured(Counter::kResults));
  if (!finished_) requireEqual(standing_, measured(Counter::kOne));
  LinearForm programs;
  for (const LinearForm& calls : calls_) programs.add(calls);
  requireEqual(programs, measured(Counter::kPrograms));
  if (countsChanges_) requireEqual(changes_, measured(Counter::kChanges));
  for (const auto& [event, rows] : events_) {
    int measurement = static_cast<int>(Counter::kCount_) + static_cast<int>(rule_.events_.size());
    rule_.events_.push_back({event.first, event.second.first, event.second.second});
    requireEqual(rows, LinearForm::of(LinearForm::measured(measurement)));
  }
}

// What is reached exactly once is reached for the first time.
void RuleBuilder::settleOnces() {
  for (const auto& [reached, again] : onces_) {
    if (system_.determinesZero(difference(reached, measured(Counter::kOne))))
      require(LinearForm::of(again));
  }
}

RowCountRule::RowCountRule(const Bytecode& code, bool finished) {
  understood_ = RuleBuilder(*this, code, finished).build();
}

std::vector<std::uint64_t> RowCountRule::measure(const RunCounters& counters) const {
  std::vector<std::uint64_t> measured(counters.values.begin(), counters.values.end());
  if (countedColumn_ >= 0) {
    measured[static_cast<std::size_t>(Counter::kCounted)] =
        static_cast<std::uint64_t>(counters.firstRow[static_cast<std::size_t>(countedColumn_)]);
  }
  for (const Event& event : events_) {
    std::uint64_t rows = 0;
    for (const TableChanges& change : counters.changes) {
      if (*change.table == event.table && change.action == event.action &&
          change.nested == event.nested)
        rows += change.rows;
    }
    measured.push_back(rows);
  }
  return measured;
}

RowCounts RowCountRule::apply(const RunCounters& counters) const {
  RowCounts counts;
  counts.read =
      counters[Counter::kLoops] + counters[Counter::kScans] + counters[Counter::kAutoIndex];
  for (const TableChanges& change : counters.changes) counts.written += change.rows;
  if (!understood_ || counters.recompiled) return counts;
  std::vector<std::uint64_t> measured = measure(counters);
  bool consistent = std::all_of(conditions_.begin(), conditions_.end(),
                                [&](const Formula& zero) { return zero.value(measured) == 0; });
  if (!consistent) return counts;
  auto valueOf = [&](const std::optional<Formula>& formula) {
    return formula ? formula->value(measured) : std::nullopt;
  };
  // Nothing is read or written without an instruction: a guess beyond that was wrong.
  auto guessOf = [&](const std::optional<Formula>& formula) {
    std::optional<std::uint64_t> guess = valueOf(formula);
    return guess && *guess <= counters[Counter::kSteps] ? guess : std::nullopt;
  };
  if (std::optional<std::uint64_t> written = valueOf(written_)) {
    counts.written = *written;
    counts.writtenExact = true;
  } else {
    counts.written = guessOf(likelyWritten_).value_or(counts.written);
  }
  std::optional<std::uint64_t> read = valueOf(read_);
  std::optional<std::uint64_t> toEnd = valueOf(seeksToEnd_);
  counts.readExact = read && toEnd && *toEnd <= 1 && valueOf(doubtfulLookups_) == 0 &&
                     (!counters.strangeKeys || valueOf(strangeLookups_) == 0);
  if (!read) read = guessOf(likelyRead_);
  if (!toEnd) toEnd = guessOf(likelySeeksToEnd_);
  // Mostly two: on the empty index, and on the one that has just got its first page.
  if (read) counts.read = *read + std::min<std::uint64_t>(toEnd.value_or(0), 2);
  return counts;
}

}  // namespace cairn::sql
