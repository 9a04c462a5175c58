#include "sql_frontend/scratch.h"

#include <algorithm>
#include <cairn/error.h>

#include "engine/base/checksum.h"
#include "engine/base/coding.h"
#include "engine/base/mutant.h"
#include "sql_frontend/page_delta.h"

namespace cairn::sql {

namespace {

constexpr std::string_view kMagic = "CAIRNSCR";
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 72;
constexpr std::uint64_t kBodyAt = 4096;
// Checksums and writes go chunk by chunk; a chunk ends between two entries.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
// An entry is a tag, then for a space its number and page count, for a page its number and bytes.
constexpr std::uint32_t kSpaceTag = 1;
constexpr std::uint32_t kPageTag = 2;
constexpr std::size_t kSpaceEntryBytes = 4 + 8 + 4;
constexpr std::size_t kPageEntryBytes = 4 + 4 + kPageBytes;

}  // namespace

struct Scratch::Header {
  Lsn lsn;
  std::uint64_t bodyBytes = 0;
  std::uint64_t bodyChecksum = 0;
  Note note;
};

Scratch::Writer::Writer(Scratch& scratch, Lsn lsn)
    : scratch_(scratch),
      lsn_(lsn),
      file_(scratch.fileSystem_.open(scratch.path_, {.write = true, .create = true})),
      offset_(kBodyAt),
      checksum_(scratch.seed_) {}

void Scratch::Writer::beginSpace(SpaceId space, std::uint32_t pageCount) {
  putFixed<std::uint32_t>(chunk_, kSpaceTag);
  putFixed<std::uint64_t>(chunk_, space.value());
  putFixed<std::uint32_t>(chunk_, pageCount);
  if (chunk_.size() >= kChunkBytes) flush();
}

void Scratch::Writer::page(std::uint32_t number, const char* bytes) {
  putFixed<std::uint32_t>(chunk_, kPageTag);
  putFixed<std::uint32_t>(chunk_, number);
  chunk_.append({bytes, kPageBytes});
  if (chunk_.size() >= kChunkBytes) flush();
}

void Scratch::Writer::flush() {
  if (chunk_.empty()) return;
  file_->write(offset_, chunk_.view());
  checksum_ = checksum64(chunk_.view(), checksum_);
  offset_ += chunk_.size();
  chunk_.clear();
}

// The header goes out together with the body: it only passes when all of the body is there too.
void Scratch::Writer::finish(const Note& note) {
  flush();
  std::string header(mutantActive(Mutant::kScratchNotWritten) ? "no scratch" : kMagic);
  putFixed<std::uint32_t>(header, kVersion);
  putFixed<std::uint32_t>(header, kHeaderBytes);
  putFixed<std::uint64_t>(header, lsn_.value());
  putFixed<std::uint64_t>(header, offset_ - kBodyAt);
  putFixed<std::uint64_t>(header, checksum_);
  for (std::uint64_t number : {note.first, note.second, note.third})
    putFixed<std::uint64_t>(header, number);
  putFixed<std::uint64_t>(header, checksum64(header, scratch_.seed_));
  file_->write(0, header);
  if (mutantActive(Mutant::kScratchUnsynced)) return;
  file_->syncData();
  scratch_.syncEntry();
}

void Scratch::dropTorn(Lsn stored) {
  if (!fileSystem_.exists(path_)) return;
  std::unique_ptr<File> file = fileSystem_.open(path_, {.write = true});
  std::optional<Header> header = readHeader(*file);
  if (!header || header->lsn <= stored) return;
  file->truncate(0);
  file->syncData();
}

void Scratch::makeDurable() {
  fileSystem_.open(path_, {.write = true})->syncData();
  syncEntry();
}

// A file that is there may have been made by a process that died before it came to this.
void Scratch::syncEntry() {
  if (entryDurable_) return;
  fileSystem_.syncDirectory(path_.substr(0, path_.rfind('/')));
  entryDurable_ = true;
}

std::optional<Scratch::Header> Scratch::readHeader(File& file) {
  std::string bytes(kHeaderBytes, '\0');
  if (file.read(0, bytes) < bytes.size() || !bytes.starts_with(kMagic)) return std::nullopt;
  Decoder in(std::string_view(bytes).substr(kMagic.size()));
  if (in.fixed<std::uint32_t>("version") != kVersion ||
      in.fixed<std::uint32_t>("size") != kHeaderBytes)
    return std::nullopt;
  Header header;
  header.lsn = Lsn(in.fixed<std::uint64_t>("LSN"));
  header.bodyBytes = in.fixed<std::uint64_t>("body size");
  header.bodyChecksum = in.fixed<std::uint64_t>("body checksum");
  for (std::uint64_t* number : {&header.note.first, &header.note.second, &header.note.third})
    *number = in.fixed<std::uint64_t>("note");
  std::uint64_t own = in.fixed<std::uint64_t>("checksum");
  if (own != checksum64({bytes.data(), kHeaderBytes - 8}, seed_)) return std::nullopt;
  return header;
}

std::optional<Scratch::Complete> Scratch::complete() {
  if (!fileSystem_.exists(path_)) return std::nullopt;
  std::unique_ptr<File> file = fileSystem_.open(path_, {});
  std::optional<Header> header = readHeader(*file);
  if (!header || kBodyAt + header->bodyBytes > file->size()) return std::nullopt;
  // The body is checked in the chunks it was written in: read on until an entry ends at or past a
  // chunk's size.
  std::uint64_t checksum = seed_;
  std::uint64_t at = 0;
  Buffer chunk;
  while (at < header->bodyBytes) {
    chunk.clear();
    std::size_t want =
        std::min<std::uint64_t>(kChunkBytes + kPageEntryBytes, header->bodyBytes - at);
    if (file->read(kBodyAt + at, {chunk.extend(want), want}) < want) return std::nullopt;
    std::size_t end = 0;
    while (end < want && end < kChunkBytes) {
      if (want - end < 4) return std::nullopt;
      std::uint32_t tag = loadFixed<std::uint32_t>(chunk.data() + end);
      end += tag == kSpaceTag ? kSpaceEntryBytes : kPageEntryBytes;
      if ((tag != kSpaceTag && tag != kPageTag) || end > want) return std::nullopt;
    }
    checksum = checksum64(chunk.view(0, end), checksum);
    at += end;
  }
  if (checksum != header->bodyChecksum && !mutantActive(Mutant::kScratchChecksumUnchecked))
    return std::nullopt;
  return Complete{header->lsn, header->note};
}

// The header is written before any SQLite file is, and stays.
Lsn Scratch::begunThrough() {
  if (!fileSystem_.exists(path_)) return {};
  std::unique_ptr<File> file = fileSystem_.open(path_, {});
  std::string magic(kMagic.size(), '\0');
  if (file->read(0, magic) < magic.size() || magic != kMagic) return {};
  std::optional<Header> header = readHeader(*file);
  // One that does not hold is just being written.
  return header ? header->lsn : Lsn(UINT64_MAX);
}

void Scratch::apply(PageFiles& files) {
  std::unique_ptr<File> file = fileSystem_.open(path_, {});
  std::optional<Header> header = readHeader(*file);
  CAIRN_CHECK(header);
  PageFiles::Writer writer(files);
  File* target = nullptr;
  Buffer entry;
  for (std::uint64_t at = kBodyAt; at < kBodyAt + header->bodyBytes;) {
    entry.clear();
    std::size_t got = file->read(at, {entry.extend(kPageEntryBytes), kPageEntryBytes});
    std::uint32_t tag = got >= kSpaceEntryBytes ? loadFixed<std::uint32_t>(entry.data()) : 0;
    if (tag == kSpaceTag) {
      target = &writer.file(SpaceId(loadFixed<std::uint64_t>(entry.data() + 4)));
      target->truncate(std::uint64_t{loadFixed<std::uint32_t>(entry.data() + 12)} * kPageBytes);
      at += kSpaceEntryBytes;
    } else {
      CAIRN_CHECK(tag == kPageTag && got == kPageEntryBytes && target != nullptr);
      std::uint64_t number = loadFixed<std::uint32_t>(entry.data() + 4);
      target->write((number - 1) * kPageBytes, entry.view(8, kPageBytes));
      at += kPageEntryBytes;
    }
  }
  writer.sync();
}

void Scratch::shrink(std::uint64_t keepBytes) {
  if (!fileSystem_.exists(path_)) return;
  std::unique_ptr<File> file = fileSystem_.open(path_, {.write = true});
  if (file->size() > keepBytes) file->truncate(kBodyAt);
}

}  // namespace cairn::sql
