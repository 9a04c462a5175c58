// zstd with contexts that are kept between calls. One Compressor or Decompressor per thread of
// work.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "engine/base/buffer.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace cairn {

class Compressor {
 public:
  explicit Compressor(int level);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  /// Compresses into `out`; returns the compressed size, or 0 when it does not fit.
  [[nodiscard]] std::size_t compress(std::string_view input, std::span<char> out);
  /// Appends the compressed bytes to `out` and returns how many they are.
  std::size_t compress(std::string_view input, Buffer& out);

 private:
  ZSTD_CCtx_s* context_;
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Fills `out` exactly. Throws: DecodeError when the input is not a frame of exactly that size.
  void decompress(std::string_view input, std::span<char> out);

 private:
  ZSTD_DCtx_s* context_;
};

}  // namespace cairn
