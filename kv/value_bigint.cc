#include <algorithm>
#include <cairn/error.h>
#include <cairn/value_bigint.h>
#include <charconv>

namespace cairn {

namespace {

constexpr std::uint64_t kChunk =
    10'000'000'000'000'000'000ULL;  // The largest power of ten in a word.
constexpr int kChunkDigits = 19;
__extension__ typedef unsigned __int128 Wide;

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  std::string shown(text.substr(0, 40));
  throw Error(ErrorCode::kInvalidArgument,
              "BigInt \"" + shown + (text.size() > 40 ? "…" : "") + "\" " + std::string(why));
}

void requireSize(std::size_t words) {
  if (words <= BigInt::kBitsMax / 64) return;
  throw Error(ErrorCode::kOutOfRange, "BigInt of " + std::to_string(words * 64) +
                                          " bits; the most is " + std::to_string(BigInt::kBitsMax));
}

void multiplyAdd(std::vector<std::uint64_t>& words, std::uint64_t factor, std::uint64_t summand) {
  Wide carry = summand;
  for (std::uint64_t& word : words) {
    carry += static_cast<Wide>(word) * factor;
    word = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
  if (carry != 0) words.push_back(static_cast<std::uint64_t>(carry));
}

/// Divides in place and returns the remainder.
std::uint64_t divide(std::vector<std::uint64_t>& words, std::uint64_t divisor) {
  Wide remainder = 0;
  for (std::size_t i = words.size(); i-- > 0;) {
    remainder = remainder << 64 | words[i];
    words[i] = static_cast<std::uint64_t>(remainder / divisor);
    remainder %= divisor;
  }
  while (!words.empty() && words.back() == 0) words.pop_back();
  return static_cast<std::uint64_t>(remainder);
}

std::uint64_t parseChunk(std::string_view text, std::string_view whole, int base) {
  std::uint64_t chunk = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), chunk, base);
  if (error != std::errc() || end != text.data() + text.size())
    refuse(whole, "has a character that is no digit");
  return chunk;
}

std::vector<std::uint64_t> parseDecimal(std::string_view digits, std::string_view whole) {
  requireSize(digits.size() / kChunkDigits);
  std::vector<std::uint64_t> words;
  while (!digits.empty()) {
    // The first chunk takes the odd digits, so that the others are whole.
    std::size_t odd = digits.size() % kChunkDigits;
    std::size_t take = odd != 0 ? odd : kChunkDigits;
    std::uint64_t factor = 1;
    for (std::size_t i = 0; i < take; ++i) factor *= 10;
    multiplyAdd(words, factor, parseChunk(digits.substr(0, take), whole, 10));
    digits.remove_prefix(take);
  }
  return words;
}

std::vector<std::uint64_t> parseHexadecimal(std::string_view digits, std::string_view whole) {
  requireSize(digits.size() / 16);
  std::vector<std::uint64_t> words;
  while (!digits.empty()) {
    std::size_t take = std::min<std::size_t>(digits.size(), 16);
    words.push_back(parseChunk(digits.substr(digits.size() - take), whole, 16));
    digits.remove_suffix(take);
  }
  return words;
}

}  // namespace

BigInt BigInt::fromWords(std::span<const std::uint64_t> words, bool isNegative) {
  while (!words.empty() && words.back() == 0) words = words.first(words.size() - 1);
  requireSize(words.size());
  BigInt result;
  result.words_.assign(words.begin(), words.end());
  result.isNegative_ = isNegative && !words.empty();
  return result;
}

BigInt BigInt::parse(std::string_view text) {
  std::string_view digits = text;
  bool isNegative = digits.starts_with('-');
  if (isNegative) digits.remove_prefix(1);
  bool isHexadecimal = digits.starts_with("0x");
  if (isHexadecimal) digits.remove_prefix(2);
  if (digits.empty()) refuse(text, "has no digits");
  return fromWords(isHexadecimal ? parseHexadecimal(digits, text) : parseDecimal(digits, text),
                   isNegative);
}

std::optional<std::int64_t> BigInt::toInt64() const {
  if (isZero()) return 0;
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  if (words_.size() > 1 || words_[0] > kSign || (words_[0] == kSign && !isNegative_))
    return std::nullopt;
  return static_cast<std::int64_t>(isNegative_ ? ~words_[0] + 1 : words_[0]);
}

std::optional<std::uint64_t> BigInt::toUint64() const {
  if (isZero()) return 0;
  if (words_.size() > 1 || isNegative_) return std::nullopt;
  return words_[0];
}

std::string BigInt::toString() const {
  if (isZero()) return "0";
  std::string reversed;
  for (std::vector<std::uint64_t> rest = words_; !rest.empty();) {
    std::uint64_t chunk = divide(rest, kChunk);
    for (int i = 0; i < kChunkDigits && (!rest.empty() || chunk != 0); ++i, chunk /= 10) {
      reversed.push_back(static_cast<char>('0' + chunk % 10));
    }
  }
  if (isNegative_) reversed.push_back('-');
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

std::string BigInt::toHexString() const {
  std::string result = isNegative_ ? "-0x" : "0x";
  if (isZero()) return result + "0";
  for (std::size_t i = words_.size(); i-- > 0;) {
    char digits[16];
    auto [end, error] = std::to_chars(digits, digits + sizeof(digits), words_[i], 16);
    auto count = static_cast<std::size_t>(end - digits);
    if (i + 1 != words_.size()) result.append(16 - count, '0');
    result.append(digits, count);
  }
  return result;
}

}  // namespace cairn
