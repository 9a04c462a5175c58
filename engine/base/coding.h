// Numbers and strings as bytes. Fixed-width numbers are little-endian, except in LMDB keys, where
// they are big-endian so that byte order is number order. A decoder never reads past its input: it
// throws DecodeError.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cairn {

static_assert(std::endian::native == std::endian::little, "on-disk numbers are copied as they are");

/// Bytes that do not follow their format. Caught where file, offset and LSN are known, and rethrown
/// as Error.
class DecodeError : public std::runtime_error {
 public:
  DecodeError(const std::string& what, std::size_t offset)
      : std::runtime_error(what + " at byte " + std::to_string(offset)) {}
};

inline constexpr std::size_t kMaxVarintBytes = 10;

/// Writes `value` at `out`, low seven bits first, and returns the end. `out` has room for
/// kMaxVarintBytes.
inline char* encodeVarint(char* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

[[nodiscard]] inline std::size_t varintLength(std::uint64_t value) {
  return static_cast<std::size_t>((std::bit_width(value | 1) + 6) / 7);
}

/// Signed to unsigned so that small magnitudes stay small.
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

/// Sinks are Buffer and std::string.
template <typename Sink>
void putVarint(Sink& sink, std::uint64_t value) {
  char bytes[kMaxVarintBytes];
  sink.append(
      std::string_view(bytes, static_cast<std::size_t>(encodeVarint(bytes, value) - bytes)));
}

template <typename Sink>
void putString(Sink& sink, std::string_view bytes) {
  putVarint(sink, bytes.size());
  sink.append(bytes);
}

template <std::unsigned_integral T, typename Sink>
void putFixed(Sink& sink, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  sink.append(std::string_view(bytes, sizeof(T)));
}

template <std::unsigned_integral T>
void storeFixed(char* out, T value) {
  std::memcpy(out, &value, sizeof(T));
}
template <std::unsigned_integral T>
[[nodiscard]] T loadFixed(const char* in) {
  T value;
  std::memcpy(&value, in, sizeof(T));
  return value;
}

inline void storeBigEndian64(char* out, std::uint64_t value) {
  storeFixed(out, __builtin_bswap64(value));
}
[[nodiscard]] inline std::uint64_t loadBigEndian64(const char* in) {
  return __builtin_bswap64(loadFixed<std::uint64_t>(in));
}
inline void storeBigEndian32(char* out, std::uint32_t value) {
  storeFixed(out, __builtin_bswap32(value));
}
[[nodiscard]] inline std::uint32_t loadBigEndian32(const char* in) {
  return __builtin_bswap32(loadFixed<std::uint32_t>(in));
}

/// Reads forward through bytes it does not own.
class Decoder {
 public:
  explicit Decoder(std::string_view input) : input_(input) {}

  [[nodiscard]] bool done() const { return position_ == input_.size(); }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return input_.size() - position_; }

  std::uint8_t byte(const char* what) {
    if (done()) fail(what);
    return static_cast<std::uint8_t>(input_[position_++]);
  }
  std::uint64_t varint(const char* what) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      std::uint8_t next = byte(what);
      if (shift == 63 && next > 1) break;
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    fail(what);
  }
  /// A varint that must not pass `max`.
  std::uint64_t varint(const char* what, std::uint64_t max) {
    std::uint64_t value = varint(what);
    if (value > max) fail(what);
    return value;
  }
  template <std::unsigned_integral T>
  T fixed(const char* what) {
    return loadFixed<T>(bytes(what, sizeof(T)).data());
  }
  std::string_view bytes(const char* what, std::size_t count) {
    if (count > remaining()) fail(what);
    std::string_view result = input_.substr(position_, count);
    position_ += count;
    return result;
  }
  std::string_view string(const char* what) { return bytes(what, varint(what, remaining())); }

  [[noreturn]] void fail(const char* what) const {
    throw DecodeError(std::string("malformed ") + what, position_);
  }

 private:
  std::string_view input_;
  std::size_t position_ = 0;
};

}  // namespace cairn
