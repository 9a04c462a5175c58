#include "pitr/packed_page.h"

#include <memory>
#include <new>

#include <zstd.h>

#include "engine/base/coding.h"
#include "sql_frontend/page_delta.h"

namespace cairn::pitr {

PagePacker::PagePacker() : context_(ZSTD_createCCtx()) {
  if (context_ == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, 1);
  ZSTD_CCtx_setParameter(context_, ZSTD_c_contentSizeFlag, 0);
}

PagePacker::~PagePacker() { ZSTD_freeCCtx(context_); }

bool PagePacker::pack(const char* before, std::string_view pagesAfter, std::size_t plainBytes,
                      Buffer& out) {
  std::size_t start = out.size();
  std::size_t room = plainBytes / 3;
  ZSTD_CCtx_refPrefix(context_, pagesAfter.data(), pagesAfter.size());
  std::size_t size = ZSTD_compress2(context_, out.extend(room), room, before, sql::kPageBytes);
  if (ZSTD_isError(size) != 0) {
    ZSTD_CCtx_reset(context_, ZSTD_reset_session_only);
    out.truncate(start);
    return false;
  }
  out.truncate(start + size);
  return true;
}

void unpackPage(std::string_view packed, std::string_view pagesAfter, char* page) {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) throw std::bad_alloc();
  ZSTD_DCtx_refPrefix(context.get(), pagesAfter.data(), pagesAfter.size());
  std::size_t size =
      ZSTD_decompressDCtx(context.get(), page, sql::kPageBytes, packed.data(), packed.size());
  if (ZSTD_isError(size) != 0 || size != sql::kPageBytes)
    throw DecodeError("malformed packed page", 0);
}

}  // namespace cairn::pitr
