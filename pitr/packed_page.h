// Pages whose change is large: a B-tree that splits or merges moves cells between pages, so the old
// page is compressed with all pages of the commit as a prefix. Measured in pitr/FORMAT.md.
#pragma once

#include <string_view>

#include "engine/base/buffer.h"

struct ZSTD_CCtx_s;

namespace cairn::pitr {

/// Below this a page undo is kept as it is.
inline constexpr std::size_t kPackFrom = 512;
/// Pages of one commit beyond this many are not packed: the prefix would cost more than it saves.
inline constexpr std::size_t kPackPagesMax = 16;

class PagePacker {
 public:
  PagePacker();
  ~PagePacker();
  PagePacker(const PagePacker&) = delete;
  PagePacker& operator=(const PagePacker&) = delete;

  /// Appends the packed old page if that takes at most a third of `plainBytes`; else returns false
  /// with `out` as it was.
  bool pack(const char* before, std::string_view pagesAfter, std::size_t plainBytes, Buffer& out);

 private:
  ZSTD_CCtx_s* context_;
};

/// Throws: DecodeError.
void unpackPage(std::string_view packed, std::string_view pagesAfter, char* page);

}  // namespace cairn::pitr
