// How LMDB 0.9 lays out its file on a 64-bit little-endian machine: for checking a file before it
// is trusted, and for stepping from entry to entry of a leaf page without a call for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/coding.h"

namespace cairn::kv::lmdb {

inline constexpr std::size_t kPageHeader = 16;
inline constexpr std::uint16_t kBranch = 0x01;
inline constexpr std::uint16_t kLeaf = 0x02;
inline constexpr std::uint16_t kOverflow = 0x04;
inline constexpr std::uint16_t kMeta = 0x08;
inline constexpr std::uint16_t kLeaf2 = 0x20;
inline constexpr std::uint16_t kTransient = 0xc010;  ///< Dirty, loose, keep: nothing on disk.
inline constexpr std::size_t kNodeHeader = 8;
inline constexpr std::uint16_t kNodeBig = 0x01;
inline constexpr std::uint16_t kNodeSubTree = 0x02;

inline std::uint16_t pageFlags(const char* page) {
  return loadFixed<std::uint16_t>(page + 10) & static_cast<std::uint16_t>(~kTransient);
}
inline std::uint16_t pageLower(const char* page) { return loadFixed<std::uint16_t>(page + 12); }
inline std::uint16_t pageUpper(const char* page) { return loadFixed<std::uint16_t>(page + 14); }
/// Where entry `index` of a branch or leaf page begins.
inline std::size_t nodeAt(const char* page, std::size_t index) {
  return loadFixed<std::uint16_t>(page + kPageHeader + 2 * index);
}

struct Node {
  const char* bytes;

  /// Of the value in a leaf; the low part of the child's page in a branch.
  [[nodiscard]] std::uint64_t low() const {
    return loadFixed<std::uint16_t>(bytes) | std::uint64_t{loadFixed<std::uint16_t>(bytes + 2)}
                                                 << 16;
  }
  [[nodiscard]] std::uint16_t flags() const { return loadFixed<std::uint16_t>(bytes + 4); }
  [[nodiscard]] std::size_t keyBytes() const { return loadFixed<std::uint16_t>(bytes + 6); }
  [[nodiscard]] const char* key() const { return bytes + kNodeHeader; }
  /// Or, of a big value, the page where it begins.
  [[nodiscard]] const char* value() const { return key() + keyBytes(); }
};

/// A leaf page where it stands in the map.
class LeafPage {
 public:
  struct Entry {
    std::string_view key;
    std::string_view value;
  };

  LeafPage() = default;
  /// The page that holds the key of an entry, in a map that begins at a multiple of `pageBytes`.
  /// Empty when that is not what stands there.
  static LeafPage around(const char* key, std::size_t pageBytes) {
    const char* page = key - (reinterpret_cast<std::uintptr_t>(key) & (pageBytes - 1));
    LeafPage leaf;
    std::size_t lower = pageLower(page);
    if (pageFlags(page) != kLeaf || lower < kPageHeader || lower > pageBytes) return leaf;
    leaf.page_ = page;
    leaf.pageBytes_ = pageBytes;
    leaf.count_ = (lower - kPageHeader) / 2;
    return leaf;
  }

  explicit operator bool() const { return page_ != nullptr; }
  [[nodiscard]] std::size_t count() const { return count_; }

  /// Nothing when the entry is none that this understands.
  [[nodiscard]] std::optional<Entry> entry(std::size_t index) const {
    std::size_t at = nodeAt(page_, index);
    if (at < kPageHeader || at + kNodeHeader > pageBytes_) return std::nullopt;
    Node node{page_ + at};
    bool isBig = node.flags() == kNodeBig;
    if (!isBig && node.flags() != 0) return std::nullopt;
    std::size_t held = isBig ? sizeof(std::uint64_t) : node.low();
    if (at + kNodeHeader + node.keyBytes() + held > pageBytes_) return std::nullopt;
    const char* value = node.value();
    if (isBig) {
      // Pages stand in the map in the order of their numbers, and each knows its own.
      std::uint64_t distance = loadFixed<std::uint64_t>(value) - loadFixed<std::uint64_t>(page_);
      value = page_ + static_cast<std::int64_t>(distance * pageBytes_) + kPageHeader;
    }
    return Entry{{node.key(), node.keyBytes()}, {value, node.low()}};
  }

  /// Which entry has its key there.
  [[nodiscard]] std::optional<std::size_t> find(const char* key) const {
    auto at = static_cast<std::size_t>(key - page_) - kNodeHeader;
    if (count_ > 0 && nodeAt(page_, count_ - 1) == at) return count_ - 1;
    for (std::size_t index = 0; index < count_; ++index) {
      if (nodeAt(page_, index) == at) return index;
    }
    return std::nullopt;
  }

 private:
  const char* page_ = nullptr;
  std::size_t pageBytes_ = 0;
  std::size_t count_ = 0;
};

}  // namespace cairn::kv::lmdb
