// Growable bytes without the zero-filling of std::string, for commit records and blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "engine/base/check.h"

namespace cairn {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  [[nodiscard]] const char* data() const { return data_; }
  [[nodiscard]] char* data() { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::string_view view() const { return {data_, size_}; }
  [[nodiscard]] std::string_view view(std::size_t offset, std::size_t length) const {
    return {data_ + offset, length};
  }

  void clear() { size_ = 0; }
  /// Keeps the first `size` bytes.
  void truncate(std::size_t size) {
    CAIRN_CHECK(size <= size_);
    size_ = size;
  }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) reallocate(capacity);
  }
  /// Gives memory beyond the content back.
  void shrinkToFit() {
    if (capacity_ > size_) reallocate(size_);
  }

  /// The next `count` bytes will not need memory, hence not throw.
  void ensureRoom(std::size_t count) {
    if (capacity_ - size_ < count)
      reallocate(size_ + count > 2 * capacity_ ? size_ + count : 2 * capacity_);
  }

  /// Adds `count` bytes of unspecified content and returns where they begin.
  char* extend(std::size_t count) {
    ensureRoom(count);
    char* begin = data_ + size_;
    size_ += count;
    return begin;
  }
  void append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void push_back(char byte) { *extend(1) = byte; }

 private:
  void reallocate(std::size_t capacity) {
    if (capacity == 0) {
      std::free(data_);
      data_ = nullptr;
    } else {
      void* moved = std::realloc(data_, capacity);
      if (moved == nullptr) throw std::bad_alloc();
      data_ = static_cast<char*>(moved);
    }
    capacity_ = capacity;
  }

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// A fixed run of bytes at a page boundary, as direct writes need it.
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignment = 4096;

  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size)
      : data_(static_cast<char*>(std::aligned_alloc(kAlignment, roundUp(size)))),
        size_(roundUp(size)) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { std::free(data_); }

  [[nodiscard]] char* data() { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::string_view view(std::size_t length) const { return {data_, length}; }

  [[nodiscard]] static constexpr std::size_t roundUp(std::size_t size) {
    return (size + kAlignment - 1) / kAlignment * kAlignment;
  }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cairn
