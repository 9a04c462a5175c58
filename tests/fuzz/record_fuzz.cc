// Goal: ops of a commit record, a page delta, a page undo and a packed page either decode or throw
// DecodeError, read nothing beyond their bytes, and what decodes encodes to ops that decode alike.
//
// The first byte chooses: 0 ops of a record, 1 page delta, 2 page undo, 3 packed page.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/commit_record.h"
#include "pitr/packed_page.h"
#include "pitr/page_undo.h"
#include "sql_frontend/page_delta.h"
#include "tests/fuzz/fuzz_check.h"

namespace {

using namespace cairn;

/// Ops encoded again, one by one; skipped ones leave nothing.
Buffer encodedAgain(std::string_view ops) {
  Buffer out;
  visitOps(ops, [&](const auto& op) {
    using Op = std::decay_t<decltype(op)>;
    if constexpr (std::is_same_v<Op, PutOp>) {
      RecordSlice value = appendPut(out, op.key, op.value);
      fuzz::require(out.view().substr(value.offset, value.length) == op.value,
                    "the slice of a put is its value");
    } else if constexpr (std::is_same_v<Op, EraseOp>) {
      appendErase(out, op.key);
    } else {
      appendOp(out, op);
    }
  });
  return out;
}

void checkOps(std::string_view ops) {
  Buffer once = encodedAgain(ops);
  Buffer twice = encodedAgain(once.view());
  fuzz::require(once.view() == twice.view(), "encoding of ops is stable");
}

/// A page of bytes that repeat but are not all alike.
std::vector<char> somePage() {
  std::vector<char> page(sql::kPageBytes);
  for (std::size_t i = 0; i < page.size(); ++i) page[i] = static_cast<char>(i * 7 + i / 256);
  return page;
}

void checkDelta(std::string_view delta) {
  std::vector<char> before = somePage();
  std::vector<char> after = before;
  sql::applyDelta(delta, after.data());
  Buffer encoded;
  sql::encodeDelta(before.data(), after.data(), encoded);
  sql::applyDelta(encoded.view(), after.data());
  fuzz::require(before == after, "a delta is its own inverse");
}

void checkUndo(std::string_view undo) {
  std::vector<char> after = somePage();
  std::vector<char> before = after;
  pitr::applyPageUndo(undo, before.data());
  Buffer encoded;
  pitr::encodePageUndo(before.data(), after.data(), encoded);
  pitr::applyPageUndo(encoded.view(), after.data());
  fuzz::require(before == after, "an undo leads back");
}

void checkPacked(std::string_view packed) {
  std::vector<char> after = somePage();
  std::vector<char> page(sql::kPageBytes);
  pitr::unpackPage(packed, {after.data(), after.size()}, page.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy without spare room, so that reading past its end is seen.
  std::vector<char> exact(data + 1, data + size);
  std::string_view bytes(exact.data(), exact.size());
  try {
    switch (data[0] % 4) {
      case 0:
        checkOps(bytes);
        break;
      case 1:
        checkDelta(bytes);
        break;
      case 2:
        checkUndo(bytes);
        break;
      default:
        checkPacked(bytes);
    }
  } catch (const DecodeError&) {
  }
  return 0;
}
