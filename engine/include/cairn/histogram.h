// Counts by powers of two.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace cairn {

/// Bucket i holds values below 2^i and at or above 2^(i-1), the last one all that are larger.
struct Histogram {
  static constexpr std::size_t kBuckets = 40;
  std::array<std::uint64_t, kBuckets> counts{};
  std::uint64_t sum = 0;

  [[nodiscard]] static constexpr std::size_t bucketOf(std::uint64_t value) {
    return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(value)), kBuckets - 1);
  }
  void add(std::uint64_t value) {
    ++counts[bucketOf(value)];
    sum += value;
  }
  [[nodiscard]] std::uint64_t count() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  }
  /// The upper bound of the bucket that the quantile falls into; 0 when nothing was counted.
  [[nodiscard]] std::uint64_t quantile(double q) const {
    auto wanted = static_cast<std::uint64_t>(q * static_cast<double>(count()));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts[i];
      if (seen > wanted) return std::uint64_t{1} << i;
    }
    return 0;
  }
};

}  // namespace cairn
