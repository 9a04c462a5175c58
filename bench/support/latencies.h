// How long requests took, in buckets that are 1/32 of their value wide.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace bench {

inline std::int64_t nowNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// One thread at a time.
class Latencies {
 public:
  void add(std::int64_t nanoseconds) {
    ++buckets_[bucketOf(static_cast<std::uint64_t>(nanoseconds < 0 ? 0 : nanoseconds))];
    ++count_;
  }
  void add(const Latencies& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// The time, in microseconds, within which this share of the requests was answered.
  [[nodiscard]] double quantileUs(double share) const {
    auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted) return static_cast<double>(upperEnd(i)) / 1e3;
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 5;

  static std::size_t bucketOf(std::uint64_t value) {
    if (value < (1U << kBits)) return value;
    auto shift = static_cast<unsigned>(std::bit_width(value)) - kBits - 1;
    return (std::size_t{shift + 1} << kBits) + ((value >> shift) & ((1U << kBits) - 1));
  }
  static std::uint64_t upperEnd(std::size_t bucket) {
    if (bucket < (1U << kBits)) return bucket;
    std::size_t shift = (bucket >> kBits) - 1;
    return ((std::uint64_t{1} << kBits) + (bucket & ((1U << kBits) - 1)) + 1) << shift;
  }

  std::array<std::uint64_t, 60 << kBits> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace bench
