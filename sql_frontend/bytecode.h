// A compiled statement as EXPLAIN lists it: the instructions, what each may do next, and the
// programs of the triggers and foreign key actions it calls.
//
// SQLite does not promise its instructions. Only those known here are understood; a program with
// any other is reported as such and nothing is concluded from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct sqlite3;

namespace cairn::sql {

enum class Op : std::uint8_t {
  kUnknown,
  kPlain,    ///< Goes on with the next instruction, and is of no interest otherwise.
  kCompute,  ///< The same, but may write the register in p2 or p3.
  kGoto,     ///< To p2 always.
  kBranch,   ///< To p2 or on; without p2 only on.
  kIsNull,   ///< The same.
  kCompareJump,
  kSeekScan,
  kHalt,
  kGosub,
  kReturn,
  kInitCoroutine,
  kEndCoroutine,
  kYield,
  kProgram,
  kOnce,
  kResultRow,
  // Loops and lookups.
  kNext,  ///< Next, Prev, SorterNext.
  kVNext,
  kRewind,  ///< Rewind, Last, Sort, SorterSort.
  kSort,    ///< A Rewind that SQLite counts.
  kSeekEnd,
  kSeek,  ///< SeekLT, SeekLE, SeekGE, SeekGT.
  kSeekRowid,
  kNotExists,
  kFilter,
  kCount,
  // Writes.
  kInsert,
  kIdxInsert,
  kDelete,
  kVUpdate,
  kClear,
  // Cursors.
  kOpen,     ///< OpenRead, OpenWrite, ReopenIdx.
  kOpenOwn,  ///< Of a table that only this statement has: OpenEphemeral, OpenAutoindex, OpenDup.
  // Where a register's value comes from.
  kInteger,  ///< Integer, Int64, Rowid and the like: always an integer, in p2.
  kVariable,
  kColumn,
  kCopy,
  kMakeRecord,
};

struct Instruction {
  Op op = Op::kUnknown;
  int p1 = 0;
  int p2 = 0;
  int p3 = 0;
  int p5 = 0;
  int callee = -1;  ///< For kProgram: which of the programs.
  std::string p4;
};

struct Bytecode {
  /// The statement's own program, then those it calls.
  std::vector<std::vector<Instruction>> programs;
  /// False when some instruction, or which program is called where, is not known.
  bool understood = false;
};

/// Has SQLite list the program of a statement; `explain` begins with EXPLAIN. Not understood when
/// SQLite refuses.
[[nodiscard]] Bytecode loadBytecode(sqlite3* db, const std::string& explain);

}  // namespace cairn::sql
