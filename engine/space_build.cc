#include "engine/space_build.h"

#include <algorithm>
#include <cairn/error.h>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/base/mutant.h"
#include "kv/keys.h"
#include "pitr/digest.h"
#include "pitr/past_state.h"
#include "sql_frontend/page_delta.h"

namespace cairn {

using kv::Table;
using sql::kPageBytes;

namespace {

// What one write to the store, or one look at it, covers.
constexpr std::size_t kPortionBytesMax = std::size_t{4} << 20;
constexpr std::size_t kPortionBytesMin = std::size_t{64} << 10;
constexpr std::size_t kPagesAtOnce = 64;
constexpr std::size_t kRunsAtOnce = 64;
// Of an entry of a map of keys beside its strings.
constexpr std::size_t kEntryBytes = 96;

// The rows of one space, by what stands behind its number.
class Rows {
 public:
  Rows(const kv::ReadAccess& store, SpaceId space, std::string_view from)
      : cursor_(store.cursor(Table::kKv)), prefix_(kv::numberKey(space)) {
    valid_ = cursor_.seek(prefix_ + std::string(from)) && cursor_.key().starts_with(prefix_);
  }

  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] std::string_view key() const { return cursor_.key().substr(kv::kSpaceBytes); }
  [[nodiscard]] std::string_view value() const { return cursor_.value(); }
  void next() { valid_ = cursor_.next() && cursor_.key().starts_with(prefix_); }

 private:
  kv::Cursor cursor_;
  std::string prefix_;
  bool valid_;
};

template <typename Visit>
void visitKeys(std::string_view rowKey, std::string_view value, Visit&& visit) {
  if (rowKey.size() <= kv::kInlineKeyBytes) {
    visit(kv::BucketEntry{rowKey, value});
  } else {
    kv::visitBucket(value, visit);
  }
}

}  // namespace

SpaceBuild::SpaceBuild(EngineCore& engine, Source source, std::uint64_t bytesMax)
    : engine_(engine),
      source_(std::move(source)),
      portionBytes_(std::clamp<std::uint64_t>(bytesMax / 4, kPortionBytesMin, kPortionBytesMax)),
      space_(engine.newSpace()),
      claim_(engine, source_.object, space_),
      pageCount_(source_.row.sqlPages) {
  row_.object = source_.object;
  row_.dropped = kNeverEntered;
  row_.keepsHistory = false;
}

void SpaceBuild::run(const Recorded& recorded) {
  engine_.listSpace(space_, row_);
  copyKeys();
  copyPages();
  undo();
  finishPages();
  compareKeys();
  comparePages();
  checkDigest(recorded);
  writeRow();
}

void SpaceBuild::copyKeys() {
  std::string prefix = kv::numberKey(space_);
  std::string from;
  for (bool more = true; more;) {
    std::vector<std::pair<std::string, std::string>> rows;
    {
      kv::Snapshot snapshot = engine_.lmdb().snapshot();
      Rows source(snapshot, source_.space, from);
      for (std::size_t bytes = 0; source.valid() && bytes < portionBytes_; source.next()) {
        rows.emplace_back(prefix + std::string(source.key()), source.value());
        bytes += source.key().size() + source.value().size() + kEntryBytes;
      }
      more = source.valid();
      if (more) from = source.key();
    }
    engine_.changeStores([&](const Stores& stores) {
      stores.lmdb.write([&](kv::WriteTransaction& transaction) {
        kv::Cursor cursor = transaction.cursor(Table::kKv);
        for (const auto& [key, value] : rows) cursor.put(key, value);
      });
    });
  }
}

void SpaceBuild::copyPages() {
  if (source_.row.sqlPages == 0) return;
  std::unique_ptr<File> source = engine_.pageFiles().openForReading(source_.space);
  if (!source) {
    throw Error(ErrorCode::kDamaged,
                fmt::format("{} is missing, {} pages should be in it",
                            engine_.pageFiles().path(source_.space), source_.row.sqlPages));
  }
  std::vector<char> pages(kPagesAtOnce * kPageBytes);
  std::uint64_t end = std::uint64_t{source_.row.sqlPages} * kPageBytes;
  for (std::uint64_t at = 0; at < end; at += pages.size()) {
    std::size_t wanted = std::min<std::uint64_t>(pages.size(), end - at);
    std::size_t got = source->read(at, {pages.data(), wanted});
    file().write(at, {pages.data(), got});
  }
}

// ---- undoing what later commits changed

void SpaceBuild::undo() {
  Lsn through = source_.through;
  for (;;) {
    std::vector<pitr::IndexedRun> runs;
    {
      kv::Snapshot snapshot = engine_.lmdb().snapshot();
      runs = pitr::History(snapshot, engine_.changeReader())
                 .newestRuns(source_.space, source_.at, through, kRunsAtOnce);
    }
    if (runs.empty()) break;
    for (const pitr::IndexedRun& run : runs) {
      pitr::ChangeLogReader::Run keep;
      std::vector<pitr::CommitUndo> commits = pitr::readCommits(engine_.changeReader(), run, keep);
      for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit) {
        if (commit->lsn > source_.at) undoCommit(*commit);
      }
    }
    through = Lsn(runs.back().place.firstLsn.value() - 1);
  }
  writeKeys();
}

void SpaceBuild::undoCommit(const pitr::CommitUndo& commit) {
  struct KeyUndo {
    std::string_view key;
    std::optional<std::string_view> before;
  };
  std::vector<KeyUndo> keys;
  bool pages = false;
  pitr::visitUndos(commit.undos, [&](const pitr::Undo& undo) {
    switch (undo.kind) {
      case pitr::UndoKind::kKeyAbsent:
        keys.push_back({undo.name, std::nullopt});
        return;
      case pitr::UndoKind::kKeyValue:
        keys.push_back({undo.name, undo.bytes});
        return;
      case pitr::UndoKind::kPage:
      case pitr::UndoKind::kPagePacked:
      case pitr::UndoKind::kPageCount:
        pages = true;
        return;
      default:
        return;
    }
  });
  // A commit may have written a key more than once: going back, the first time comes last.
  for (auto undo = keys.rbegin(); undo != keys.rend(); ++undo) undoKey(undo->key, undo->before);
  if (!pages) return;
  pageCount_ = pitr::undoCommitPages(commit, pageCount_,
                                     [this](std::uint32_t number) { return pageImage(number); });
  writeImage();
}

// Going back, the older undo of a key replaces the newer one.
void SpaceBuild::undoKey(std::string_view key, std::optional<std::string_view> before) {
  keys_.insert_or_assign(std::string(key), std::optional<std::string>(before));
  keysBytes_ += key.size() + (before ? before->size() : 0) + kEntryBytes;
  if (keysBytes_ >= portionBytes_) writeKeys();
}

void SpaceBuild::writeKeys() {
  if (keys_.empty()) return;
  engine_.changeStores([&](const Stores& stores) {
    stores.lmdb.write([&](kv::WriteTransaction& transaction) {
      kv::Cursor cursor = transaction.cursor(Table::kKv);
      for (const auto& [key, before] : keys_) kv::writeKey(cursor, space_, key, before);
    });
  });
  keys_.clear();
  keysBytes_ = 0;
}

char* SpaceBuild::pageImage(std::uint32_t number) {
  writeImage();
  image_.clear();
  char* page = image_.extend(kPageBytes);
  std::size_t got = file().read(std::uint64_t{number - 1} * kPageBytes, {page, kPageBytes});
  std::memset(page + got, 0, kPageBytes - got);
  imageNumber_ = number;
  return page;
}

void SpaceBuild::writeImage() {
  if (imageNumber_ == 0) return;
  file().write(std::uint64_t{imageNumber_ - 1} * kPageBytes, image_.view());
  imageNumber_ = 0;
}

File& SpaceBuild::file() {
  if (file_) return *file_;
  engine_.changeStores([&](const Stores& stores) {
    sql::PageFiles::Writer writer(stores.pages);
    writer.file(space_).truncate(0);
    writer.sync();
  });
  std::string path = engine_.pageFiles().path(space_);
  file_ = engine_.options().fileSystem->open(path, {.write = true});
  return *file_;
}

void SpaceBuild::finishPages() {
  row_.sqlPages = pageCount_;
  if (!file_) return;
  file_->truncate(std::uint64_t{pageCount_} * kPageBytes);
  if (!mutantActive(Mutant::kBuiltPagesUnsynced)) file_->syncData();
}

// ---- reading it back

void SpaceBuild::compareKeys() {
  Hash128 digest;
  auto both = [&](std::string_view rowKey, std::optional<std::string_view> was,
                  std::optional<std::string_view> is) {
    if (was) {
      visitKeys(rowKey, *was, [&](const kv::BucketEntry& entry) {
        sourceDigest_ += pitr::kvDigest(entry.key, entry.value);
      });
    }
    if (is) {
      visitKeys(rowKey, *is, [&](const kv::BucketEntry& entry) {
        digest += pitr::kvDigest(entry.key, entry.value);
        row_.kvKeys += 1;
        row_.kvBytes += entry.key.size() + entry.value.size();
      });
    }
    if (was == is) return;
    Keys before;
    if (was) {
      visitKeys(rowKey, *was,
                [&](const kv::BucketEntry& entry) { before.emplace(entry.key, entry.value); });
    }
    if (is) {
      visitKeys(rowKey, *is, [&](const kv::BucketEntry& entry) {
        auto found = before.find(entry.key);
        if (found == before.end() || *found->second != entry.value) ++keysChanged_;
        if (found != before.end()) before.erase(found);
      });
    }
    keysChanged_ += before.size();
  };
  std::string from;
  for (bool more = true; more;) {
    kv::Snapshot snapshot = engine_.lmdb().snapshot();
    Rows was(snapshot, source_.space, from);
    Rows is(snapshot, space_, from);
    for (std::size_t bytes = 0; (was.valid() || is.valid()) && bytes < kPortionBytesMax;) {
      bool takeWas = was.valid() && (!is.valid() || was.key() <= is.key());
      bool takeIs = is.valid() && (!was.valid() || is.key() <= was.key());
      bytes += takeWas ? was.value().size() : is.value().size();
      both(takeWas ? was.key() : is.key(), takeWas ? std::optional(was.value()) : std::nullopt,
           takeIs ? std::optional(is.value()) : std::nullopt);
      if (takeWas) was.next();
      if (takeIs) is.next();
    }
    more = was.valid() || is.valid();
    if (more) from = was.valid() && (!is.valid() || was.key() <= is.key()) ? was.key() : is.key();
  }
  row_.dataDigest += digest;
}

void SpaceBuild::comparePages() {
  std::unique_ptr<File> source;
  if (source_.row.sqlPages > 0) source = engine_.pageFiles().openForReading(source_.space);
  std::vector<char> was(kPagesAtOnce * kPageBytes);
  std::vector<char> is(was.size());
  auto read = [](File* file, std::uint64_t at, std::uint64_t end, std::vector<char>& pages) {
    std::size_t got = 0;
    if (file != nullptr && at < end)
      got = file->read(at, {pages.data(), std::min<std::uint64_t>(pages.size(), end - at)});
    std::fill(pages.begin() + static_cast<std::ptrdiff_t>(got), pages.end(), '\0');
  };
  std::uint64_t wasEnd = std::uint64_t{source_.row.sqlPages} * kPageBytes;
  std::uint64_t isEnd = std::uint64_t{row_.sqlPages} * kPageBytes;
  for (std::uint64_t at = 0; at < std::max(wasEnd, isEnd); at += was.size()) {
    read(source.get(), at, wasEnd, was);
    read(file_.get(), at, isEnd, is);
    for (std::size_t i = 0; i < kPagesAtOnce; ++i) {
      auto number = static_cast<std::uint32_t>(at / kPageBytes + i + 1);
      const char* before = was.data() + i * kPageBytes;
      const char* after = is.data() + i * kPageBytes;
      sourceDigest_ += pitr::pageDigest(number, before);
      row_.dataDigest += pitr::pageDigest(number, after);
      if (number <= row_.sqlPages && std::memcmp(before, after, kPageBytes) != 0) ++pagesChanged_;
    }
  }
  sourceDigest_ += pitr::pageCountDigest(source_.row.sqlPages);
  row_.dataDigest += pitr::pageCountDigest(row_.sqlPages);
}

// Where history was switched on late, digests lack what the space held by then.
void SpaceBuild::checkDigest(const Recorded& recorded) const {
  Hash128 digest = row_.dataDigest;
  if (!source_.row.historyFrom.isZero()) {
    digest += source_.row.dataDigest;
    digest -= sourceDigest_;
  }
  digest += recorded.alarms;
  if (digest.low == recorded.digest) return;
  throw Error(ErrorCode::kDigestMismatch,
              fmt::format("object {}: the state at LSN {}, made in space {}, has digest {:016x}, "
                          "recorded is {:016x}; nothing was changed",
                          source_.object.value(), source_.at.value(), space_.value(), digest.low,
                          recorded.digest));
}

void SpaceBuild::writeRow() {
  row_.keepsHistory = true;
  engine_.listSpace(space_, row_);
}

}  // namespace cairn
