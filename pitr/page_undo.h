// How a page was before a commit, told from how it was after: the change log's page difference
// (pitr/FORMAT.md, "Page undo", has the measurements that chose it over XOR and over zstd with the
// new page as a prefix).
//
//   undo := (varint unchanged bytes to skip, varint length * 4 + kind, kind's fields)*
//   kind 0 bytes: the old bytes             kind 1 zeros: the old bytes were zero
//   kind 2 moved: zigzag varint distance    the old bytes stand in the new page, `distance` further
//   on kind 3 step:  zigzag varint difference  a big-endian number of `length` bytes; old = new -
//   difference
#pragma once

#include <span>
#include <string_view>

#include "engine/base/buffer.h"
#include "sql_frontend/page_delta.h"

namespace cairn::pitr {

/// Appends what leads from `after` back to `before`; nothing when they are equal. Both have
/// sql::kPageBytes.
void encodePageUndo(const char* before, const char* after, Buffer& out);
/// The same of pages whose sql::findChanges is known.
void encodePageUndo(const char* before, const char* after, std::span<const sql::PageRange> changed,
                    Buffer& out);

/// Turns the page after the commit into the page before it. Throws: DecodeError; the page is then
/// in an unspecified state.
void applyPageUndo(std::string_view undo, char* page);

}  // namespace cairn::pitr
