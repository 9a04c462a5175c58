#include "sql_frontend/bytecode.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "sql_frontend/sqlite_handle.h"

namespace cairn::sql {

namespace {

// Larger programs are not looked at: the equations of one are solved in time that grows faster than
// it does.
constexpr std::size_t kInstructionsMax = 4'000;

struct Group {
  Op op;
  const char* names;
};

constexpr Group kGroups[] = {
    {Op::kGoto, "Goto Init"},
    {Op::kCompareJump, "Jump"},
    {Op::kIsNull, "IsNull"},
    {Op::kSeekScan, "SeekScan"},
    {Op::kHalt, "Halt"},
    {Op::kGosub, "Gosub"},
    {Op::kReturn, "Return"},
    {Op::kInitCoroutine, "InitCoroutine"},
    {Op::kEndCoroutine, "EndCoroutine"},
    {Op::kYield, "Yield"},
    {Op::kProgram, "Program"},
    {Op::kOnce, "Once"},
    {Op::kResultRow, "ResultRow"},
    {Op::kNext, "Next Prev SorterNext"},
    {Op::kVNext, "VNext"},
    {Op::kRewind, "Rewind Last"},
    {Op::kSort, "Sort SorterSort"},
    {Op::kSeekEnd, "SeekEnd"},
    {Op::kSeek, "SeekLT SeekLE SeekGE SeekGT"},
    {Op::kSeekRowid, "SeekRowid"},
    {Op::kNotExists, "NotExists"},
    {Op::kFilter, "Filter"},
    {Op::kCount, "Count"},
    {Op::kInsert, "Insert"},
    {Op::kIdxInsert, "IdxInsert"},
    {Op::kDelete, "Delete"},
    {Op::kVUpdate, "VUpdate"},
    {Op::kClear, "Clear"},
    {Op::kOpen, "OpenRead OpenWrite ReopenIdx"},
    {Op::kOpenOwn, "OpenEphemeral OpenAutoindex OpenDup"},
    {Op::kInteger, "Integer Int64 Rowid IdxRowid NewRowid Sequence"},
    {Op::kVariable, "Variable"},
    {Op::kColumn, "Column VColumn"},
    {Op::kCopy, "Copy SCopy IntCopy Move"},
    {Op::kMakeRecord, "MakeRecord"},
    {Op::kBranch,
     "ElseEq Eq FkIfZero Found Ge Gt IdxGE IdxGT IdxLE IdxLT If IfNoHope IfNot IfNotOpen IfNotZero "
     "IfNullRow IfPos IfSmaller IncrVacuum IsType Le Lt MustBeInt Ne NoConflict NotFound "
     "NotNull RowSetRead RowSetTest SequenceTest SorterCompare VFilter DecrJumpZero"},
    {Op::kCompute,
     "Add AddImm AggFinal AggValue And BitAnd BitNot BitOr Blob Cast Concat Divide Function IsTrue "
     "MemMax Multiply Not Null Offset OffsetLimit Or Pagecount Param PureFunc ReadCookie Real "
     "RealAffinity Remainder RowCell RowData ShiftLeft ShiftRight SoftNull SorterData String "
     "String8 Subtract ZeroOrNull"},
    {Op::kPlain,
     "Abortable Affinity AggInverse AggStep AggStep1 AutoCommit BeginSubrtn Checkpoint Close "
     "ClrSubtype CollSeq ColumnsUsed Compare CreateBtree CursorHint CursorLock CursorUnlock "
     "DeferredSeek Destroy DropIndex DropTable DropTrigger Expire Explain FilterAdd FinishSeek "
     "FkCheck FkCounter HaltIfNull IdxDelete IntegrityCk JournalMode LoadAnalysis MaxPgcnt Noop "
     "NullRow OpenPseudo ParseSchema Permutation ReleaseReg ResetCount ResetSorter RowSetAdd "
     "Savepoint SeekHit SetCookie SorterInsert SorterOpen SqlExec TableLock Trace Transaction "
     "TypeCheck VBegin VCreate VDestroy VInitIn VOpen VRename Vacuum"},
};

const std::unordered_map<std::string_view, Op>& opsByName() {
  static const auto* ops = [] {
    auto* map = new std::unordered_map<std::string_view, Op>();
    for (const Group& group : kGroups) {
      std::string_view names = group.names;
      while (!names.empty()) {
        std::size_t end = std::min(names.find(' '), names.size());
        map->emplace(names.substr(0, end), group.op);
        names.remove_prefix(std::min(end + 1, names.size()));
      }
    }
    return map;
  }();
  return *ops;
}

// Calls are listed in the order in which the called programs follow. Two calls of one program
// cannot be told from the listing.
bool linkCalls(Bytecode& code) {
  int next = 1;
  for (std::size_t i = 0; i < code.programs.size(); ++i) {
    for (Instruction& instruction : code.programs[i]) {
      if (instruction.op == Op::kProgram) instruction.callee = next++;
    }
  }
  return next == static_cast<int>(code.programs.size());
}

}  // namespace

Bytecode loadBytecode(sqlite3* db, const std::string& explain) {
  Bytecode code;
  sqlite3_stmt* listing = nullptr;
  if (sqlite3_prepare_v2(db, explain.c_str(), -1, &listing, nullptr) != SQLITE_OK) return code;
  StatementHandle owner(listing);
  bool known = true;
  std::size_t count = 0;
  while (known && sqlite3_step(listing) == SQLITE_ROW) {
    auto text = [&](int column) {
      const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(listing, column));
      return bytes == nullptr ? std::string_view() : std::string_view(bytes);
    };
    if (sqlite3_column_int(listing, 0) == 0) code.programs.emplace_back();
    auto found = opsByName().find(text(1));
    known = found != opsByName().end() && ++count <= kInstructionsMax && !code.programs.empty();
    if (!known) break;
    code.programs.back().push_back({.op = found->second,
                                    .p1 = sqlite3_column_int(listing, 2),
                                    .p2 = sqlite3_column_int(listing, 3),
                                    .p3 = sqlite3_column_int(listing, 4),
                                    .p5 = sqlite3_column_int(listing, 6),
                                    .p4 = std::string(text(5))});
  }
  known = sqlite3_finalize(owner.release()) == SQLITE_OK && known;
  code.understood = known && !code.programs.empty() && linkCalls(code);
  return code;
}

}  // namespace cairn::sql
