// The pages of a checkpoint round, saved before any SQLite file is overwritten (I5): a power loss
// while pages are written in place may tear them, and a torn page cannot be repaired from
// differences.
//
// One file, written anew by each round. engine/DESIGN.md, "Scratch", has the byte tables.
#pragma once

#include <cairn/file_system.h>
#include <cairn/types.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/buffer.h"
#include "sql_frontend/page_files.h"

namespace cairn::sql {

class Scratch {
 public:
  /// What a round needs to know when it is ended after a crash; the scratch only carries it.
  struct Note {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint64_t third = 0;
  };
  struct Complete {
    Lsn lsn;
    Note note;
  };

  /// `seed` starts every checksum, so another root's scratch never passes for this one's.
  Scratch(FileSystem& fileSystem, std::string path, std::uint64_t seed)
      : fileSystem_(fileSystem), path_(std::move(path)), seed_(seed) {}

  /// Collects the round's pages. Nothing is promised until `finish` returns.
  class Writer {
   public:
    Writer(Scratch& scratch, Lsn lsn);
    /// Every page that follows belongs to this space, whose database will have `pageCount` pages.
    void beginSpace(SpaceId space, std::uint32_t pageCount);
    void page(std::uint32_t number, const char* bytes);
    /// Makes the whole scratch durable.
    void finish(const Note& note);
    [[nodiscard]] std::uint64_t bytes() const { return offset_; }

   private:
    void flush();

    Scratch& scratch_;
    Lsn lsn_;
    std::unique_ptr<File> file_;
    Buffer chunk_;
    std::uint64_t offset_;
    std::uint64_t checksum_;
  };

  /// What a whole scratch on disk belongs to; nullopt when there is none or its round was cut short
  /// while writing it.
  [[nodiscard]] std::optional<Complete> complete();

  /// The LSN of the last round that got as far as its SQLite files, or further; zero: none did. For
  /// readers beside the process that writes it.
  [[nodiscard]] Lsn begunThrough();

  /// Takes away, durably, one whose header is newer than the round to `stored` and whose body is
  /// not whole. The round that follows writes the same pages again, and they would complete it,
  /// though the change log that its header speaks of is written anew as well.
  void dropTorn(Lsn stored);

  /// Makes what `complete` found durable: the process that wrote it may have died before it did.
  void makeDurable();

  /// Writes every page of the scratch on disk, which is whole, into its file, and makes the files
  /// durable.
  void apply(PageFiles& files);

  /// Gives the space of an unusually large round back; its round is complete.
  void shrink(std::uint64_t keepBytes);

 private:
  struct Header;
  void syncEntry();
  std::optional<Header> readHeader(File& file);

  FileSystem& fileSystem_;
  std::string path_;
  std::uint64_t seed_;
  bool entryDurable_ = false;  ///< The directory was synced since this process began.
};

}  // namespace cairn::sql
