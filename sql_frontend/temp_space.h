// SQLite's temporary files: what sorting, DISTINCT, GROUP BY, materialised subqueries and RETURNING
// do not keep in their page caches. They live in memory, and what one connection's take together is
// bounded, so that no statement can fill the machine's memory with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace cairn::sql {

/// The temporary files of one connection. One thread at a time.
class TempSpace {
 public:
  explicit TempSpace(std::uint64_t bytesMax) : bytesMax_(bytesMax) {}
  ~TempSpace();
  TempSpace(const TempSpace&) = delete;
  TempSpace& operator=(const TempSpace&) = delete;

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t bytesMax() const { return bytesMax_; }

  /// SQLite opens temporary files without saying for which connection: they go to the one whose
  /// scope was entered last on this thread.
  class Scope {
   public:
    explicit Scope(TempSpace& space);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    TempSpace* outer_;
  };
  /// Null outside of every scope.
  [[nodiscard]] static TempSpace* current();

 private:
  friend class TempFile;
  /// Throws: kLimitExceeded.
  void charge(std::uint64_t bytes);

  const std::uint64_t bytesMax_;
  std::uint64_t bytes_ = 0;
};

/// One temporary file. Its space outlives it.
class TempFile {
 public:
  explicit TempFile(TempSpace& space) : space_(space) {}
  ~TempFile();
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Returns how many bytes there were; fewer than `count` only at the end.
  std::size_t read(std::uint64_t offset, char* out, std::size_t count) const;
  /// A gap between the old end and `offset` reads as zero. Throws: kLimitExceeded.
  void write(std::uint64_t offset, const char* bytes, std::size_t count);
  void truncate(std::uint64_t size);

 private:
  using Chunk = std::unique_ptr<char[]>;

  TempSpace& space_;
  std::uint64_t size_ = 0;
  std::vector<Chunk> chunks_;
};

}  // namespace cairn::sql
