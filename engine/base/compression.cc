#include "engine/base/compression.h"

#include <new>
#include <string>

#include <zstd.h>

#include "engine/base/coding.h"

namespace cairn {

Compressor::Compressor(int level) : context_(ZSTD_createCCtx()) {
  if (context_ == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
}

Compressor::~Compressor() { ZSTD_freeCCtx(context_); }

std::size_t Compressor::compress(std::string_view input, std::span<char> out) {
  std::size_t size = ZSTD_compress2(context_, out.data(), out.size(), input.data(), input.size());
  return ZSTD_isError(size) != 0 ? 0 : size;
}

std::size_t Compressor::compress(std::string_view input, Buffer& out) {
  std::size_t before = out.size();
  std::size_t bound = ZSTD_compressBound(input.size());
  char* begin = out.extend(bound);
  std::size_t size = compress(input, std::span(begin, bound));
  CAIRN_CHECK(size != 0);
  out.truncate(before + size);
  return size;
}

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {
  if (context_ == nullptr) throw std::bad_alloc();
}

Decompressor::~Decompressor() { ZSTD_freeDCtx(context_); }

void Decompressor::decompress(std::string_view input, std::span<char> out) {
  std::size_t size =
      ZSTD_decompressDCtx(context_, out.data(), out.size(), input.data(), input.size());
  if (ZSTD_isError(size) != 0) {
    throw DecodeError(std::string("zstd: ") + ZSTD_getErrorName(size), 0);
  }
  if (size != out.size()) throw DecodeError("zstd frame is shorter than stated", size);
}

}  // namespace cairn
