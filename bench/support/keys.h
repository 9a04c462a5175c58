// Keys, values and the order in which they are asked for. Everything follows from the seed.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// SplitMix64: small, fast, the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15ULL); }
  std::uint64_t below(std::uint64_t bound) {
    // Half of the bits are enough for any bound used here, and a product of halves fits.
    return ((next() >> 32) * bound) >> 32;
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

/// "k" and 15 digits: in byte order as in number order.
class Key {
 public:
  static constexpr std::size_t kBytes = 16;

  explicit Key(std::uint64_t number) {
    bytes_[0] = 'k';
    for (std::size_t i = kBytes; i-- > 1; number /= 10)
      bytes_[i] = static_cast<char>('0' + number % 10);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), kBytes}; }
  operator std::string_view() const { return view(); }

 private:
  std::array<char, kBytes> bytes_;
};

/// Values of 100 bytes that do not compress much; the number picks one of 256.
class Values {
 public:
  static constexpr std::size_t kBytes = 100;

  Values() : bytes_(256 + kBytes, '\0') {
    Random random(7);
    for (char& c : bytes_) c = static_cast<char>(' ' + random.below(95));
  }
  [[nodiscard]] std::string_view of(std::uint64_t number) const {
    return std::string_view(bytes_).substr(number % 256, kBytes);
  }

 private:
  std::string bytes_;
};

/// YCSB's scrambled Zipf distribution, constant 0.99, over [0, count).
class Zipf {
 public:
  explicit Zipf(std::uint64_t count) : count_(count) {
    for (std::uint64_t i = 1; i <= count; ++i)
      zeta_ += 1.0 / std::pow(static_cast<double>(i), kTheta);
    double zeta2 = 1.0 + std::pow(0.5, kTheta);
    eta_ = (1 - std::pow(2.0 / static_cast<double>(count), 1 - kTheta)) / (1 - zeta2 / zeta_);
  }
  /// The most popular is 0.
  std::uint64_t rank(Random& random) const {
    double u = random.unit();
    double uz = u * zeta_;
    if (uz < 1) return 0;
    if (uz < 1 + std::pow(0.5, kTheta)) return 1;
    double share = std::pow(eta_ * u - eta_ + 1, 1 / (1 - kTheta));
    auto rank = static_cast<std::uint64_t>(static_cast<double>(count_) * share);
    return rank < count_ ? rank : count_ - 1;
  }
  /// The popular ones are spread over the whole range.
  std::uint64_t scrambled(Random& random) const { return Random::mix(rank(random)) % count_; }

 private:
  static constexpr double kTheta = 0.99;
  std::uint64_t count_;
  double zeta_ = 0;
  double eta_ = 0;
};

}  // namespace bench
